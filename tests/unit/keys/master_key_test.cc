#include "keys/master_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/random.h"
#include "keys/file_master_key.h"
#include "keys/key_dictionary.h"
#include "keys/plaintext_master_key.h"
#include "tests/unit/keys/temp_store.h"

namespace tdefs {
namespace {

using testing::HasSubstr;

class MasterKeyTest : public testing::Test {
 protected:
  std::unique_ptr<MasterKeyProvider> OpenFile(std::string_view name) {
    return *OpenMasterKey(*store_.WithKey(name).master_key, store_.backing());
  }

  TempStore store_;
  SecretBytes root_key_ = *RandomSecret(kRootKeyBytes);
  StoreId store_id_{std::byte{1}, std::byte{2}};
};

TEST_F(MasterKeyTest, FileWrapOpensWithItsKeyOnly) {
  auto master = OpenFile("a");
  auto wrap = master->WrapRootKey(root_key_, store_id_);
  ASSERT_TRUE(wrap);
  EXPECT_EQ(wrap->provider, "file");
  EXPECT_EQ(wrap->uri, "file:" + store_.KeyFile("a"));
  EXPECT_EQ(wrap->key_id.size(), 32U);
  EXPECT_EQ(wrap->wrapped_root_key.size(), 60U);
  EXPECT_TRUE(master->Owns(*wrap));
  EXPECT_TRUE(master->IsSecure());
  auto opened = master->UnwrapRootKey(*wrap, store_id_);
  ASSERT_TRUE(opened) << opened.error().Text();
  EXPECT_TRUE(SecretsEqual(opened->view(), root_key_.view()));

  auto other = OpenFile("b");
  EXPECT_FALSE(other->Owns(*wrap));
  auto refused = other->UnwrapRootKey(*wrap, store_id_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kWrongKey);
  EXPECT_THAT(refused.error().message, HasSubstr(wrap->key_id));
}

TEST_F(MasterKeyTest, SameKeyElsewhereOwnsTheWrap) {
  auto wrap = OpenFile("a")->WrapRootKey(root_key_, store_id_);
  WriteTextFile(store_.KeyFile("moved"), ReadTextFile(store_.KeyFile("a")));
  auto moved = OpenFile("moved");
  EXPECT_TRUE(moved->Owns(*wrap));
  EXPECT_TRUE(moved->UnwrapRootKey(*wrap, store_id_));
}

TEST_F(MasterKeyTest, WrapsOfOneKeyDiffer) {
  auto master = OpenFile("a");
  EXPECT_NE(master->WrapRootKey(root_key_, store_id_)->wrapped_root_key,
            master->WrapRootKey(root_key_, store_id_)->wrapped_root_key);
}

TEST_F(MasterKeyTest, FileWrapHoldsNeitherKey) {
  auto wrap = OpenFile("a")->WrapRootKey(root_key_, store_id_);
  EXPECT_TRUE(std::ranges::search(wrap->wrapped_root_key, root_key_.view()).empty());
}

TEST_F(MasterKeyTest, FileWrapIsBoundToItsStoreAndDomain) {
  auto master = OpenFile("a");
  Wrap wrap = *master->WrapRootKey(root_key_, store_id_);
  auto refused = master->UnwrapRootKey(wrap, StoreId{std::byte{9}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
  wrap.domain = 1;
  EXPECT_FALSE(master->UnwrapRootKey(wrap, store_id_));
}

TEST_F(MasterKeyTest, EveryFlippedBitOfAFileWrapIsCorrupt) {
  auto master = OpenFile("a");
  const Wrap wrap = *master->WrapRootKey(root_key_, store_id_);
  for (size_t bit = 0; bit < wrap.wrapped_root_key.size() * 8; ++bit) {
    Wrap flipped = wrap;
    flipped.wrapped_root_key[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    auto refused = master->UnwrapRootKey(flipped, store_id_);
    ASSERT_FALSE(refused) << "bit " << bit;
    EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
  }
  Wrap cut = wrap;
  cut.wrapped_root_key.pop_back();
  auto refused = master->UnwrapRootKey(cut, store_id_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("59 bytes, expected 60"));
}

TEST_F(MasterKeyTest, PlaintextWrapIsTheRootKeyInTheClear) {
  auto master = *OpenMasterKey({.type = MasterKeyConfig::Type::kPlaintext, .path = {}}, store_.backing());
  EXPECT_FALSE(master->IsSecure());
  EXPECT_EQ(master->Describe(), "plaintext");
  Wrap wrap = *master->WrapRootKey(root_key_, store_id_);
  EXPECT_TRUE(IsPlaintext(wrap));
  EXPECT_TRUE(std::ranges::equal(wrap.wrapped_root_key, root_key_.view()));
  auto opened = master->UnwrapRootKey(wrap, store_id_);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(SecretsEqual(opened->view(), root_key_.view()));
  wrap.wrapped_root_key.pop_back();
  auto corrupt = master->UnwrapRootKey(wrap, store_id_);
  ASSERT_FALSE(corrupt);
  EXPECT_EQ(corrupt.error().code, ErrorCode::kCorrupt);
}

TEST_F(MasterKeyTest, PlaintextOpensNoFileWrap) {
  auto master = *OpenMasterKey({.type = MasterKeyConfig::Type::kPlaintext, .path = {}}, store_.backing());
  auto refused = master->UnwrapRootKey(*OpenFile("a")->WrapRootKey(root_key_, store_id_), store_id_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kWrongKey);
}

TEST_F(MasterKeyTest, WrapNamesTheConfigurationThatOpensIt) {
  auto config = MasterKeyFromWrap(*OpenFile("a")->WrapRootKey(root_key_, store_id_));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->type, MasterKeyConfig::Type::kFile);
  EXPECT_EQ(config->path, store_.KeyFile("a"));
  Wrap wrap;
  wrap.provider = "plaintext";
  ASSERT_TRUE(MasterKeyFromWrap(wrap));
  EXPECT_EQ(MasterKeyFromWrap(wrap)->type, MasterKeyConfig::Type::kPlaintext);
  wrap.provider = "aws-kms";
  EXPECT_FALSE(MasterKeyFromWrap(wrap));
  wrap.provider = "file";
  for (const char* uri : {"", "file:", "file:relative", "/no/scheme"}) {
    wrap.uri = uri;
    EXPECT_FALSE(MasterKeyFromWrap(wrap)) << uri;
  }
}

TEST_F(MasterKeyTest, KeyFileInsideTheStoreIsRefused) {
  const std::string path = store_.backing() + "/key";
  WriteTextFile(path, ReadTextFile(store_.KeyFile("a")));
  auto refused = OpenMasterKey({.type = MasterKeyConfig::Type::kFile, .path = path}, store_.backing());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBadPath);
}

TEST_F(MasterKeyTest, BadKeyFileIsRefused) {
  auto refused =
      OpenMasterKey({.type = MasterKeyConfig::Type::kFile, .path = store_.backing() + "-absent"}, store_.backing());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBadKeyFile);
}

TEST_F(MasterKeyTest, OnlyPlaintextMayStandUnderAnInsecureMasterKey) {
  for (Method method : kAllMethods) {
    EXPECT_TRUE(CheckMethodAllowed(method, true));
    EXPECT_EQ(CheckMethodAllowed(method, false).has_value(), method == Method::kPlaintext);
  }
  EXPECT_EQ(CheckMethodAllowed(Method::kSm4Ctr, false).error().code, ErrorCode::kInsecureKey);
}

}  // namespace
}  // namespace tdefs
