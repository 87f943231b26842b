#include <gtest/gtest.h>

#include "config/load.h"

namespace tdefs {
namespace {

Config Apply(std::initializer_list<const char*> options) {
  Config config;
  for (const char* option : options) {
    Status status = ApplyMountOption(option, config);
    EXPECT_TRUE(status) << option << ": " << status.error().message;
  }
  return config;
}

std::string Refusal(const std::string& option) {
  Config config;
  Status status = ApplyMountOption(option, config);
  if (status) return {};
  EXPECT_EQ(status.error().code, ErrorCode::kBadConfig);
  return status.error().message;
}

TEST(MountOptionTest, SplitsAtCommasThatAreNotEscaped) {
  EXPECT_EQ(SplitMountOptions("ro,key-file=/a\\,b,,x-\\\\"), (std::vector<std::string>{"ro", "key-file=/a,b", "x-\\"}));
  EXPECT_TRUE(SplitMountOptions("").empty());
  EXPECT_EQ(SplitMountOptions("a\\"), (std::vector<std::string>{"a\\"}));
}

TEST(MountOptionTest, SwitchesAndTheirOpposites) {
  EXPECT_TRUE(Apply({"ro"}).mount.read_only);
  EXPECT_FALSE(Apply({"ro", "rw"}).mount.read_only);
  EXPECT_TRUE(Apply({"dev", "suid"}).mount.dev);
  EXPECT_TRUE(Apply({"suid"}).mount.suid);
  EXPECT_FALSE(Apply({"suid", "nosuid"}).mount.suid);
  EXPECT_FALSE(Apply({"dev", "nodev"}).mount.dev);
  EXPECT_FALSE(Apply({"noexec"}).mount.exec);
  EXPECT_TRUE(Apply({"noexec", "exec"}).mount.exec);
  EXPECT_TRUE(Apply({"noatime"}).mount.noatime);
  EXPECT_FALSE(Apply({"no-direct-io"}).mount.direct_io);
  EXPECT_FALSE(Apply({"no_direct_io"}).mount.direct_io);
  EXPECT_FALSE(Apply({"noacl"}).mount.acl);
  EXPECT_FALSE(Apply({"no-allow-other"}).mount.allow_other);
  EXPECT_TRUE(Apply({"no-allow-other", "allow_other"}).mount.allow_other);
  EXPECT_TRUE(Apply({"writeback-cache"}).mount.writeback_cache);
}

TEST(MountOptionTest, NumbersHaveRanges) {
  EXPECT_EQ(Apply({"threads=4"}).mount.threads, 4U);
  EXPECT_EQ(Apply({"read_ahead_kib=0"}).mount.read_ahead_kib, 0U);
  EXPECT_EQ(Apply({"flush-interval-ms=10"}).mount.flush_interval_ms, 10U);
  for (const char* option : {"threads=257", "threads=-1", "threads=", "threads=4x", "threads=1e2",
                             "threads=99999999999", "flush-interval-ms=9", "max-background=0"}) {
    EXPECT_NE(Refusal(option).find("expected"), std::string::npos) << option;
  }
  EXPECT_EQ(Refusal("threads"), "mount option `threads`: needs a value: threads=…");
}

TEST(MountOptionTest, KeyFileAndMethod) {
  const Config config = Apply({"key-file=/etc/tdefs/key", "method=SM4-CTR", "config=/etc/tdefs/x.toml"});
  ASSERT_TRUE(config.encryption.master_key);
  EXPECT_EQ(config.encryption.master_key->type, MasterKeyConfig::Type::kFile);
  EXPECT_EQ(config.encryption.master_key->path, "/etc/tdefs/key");
  EXPECT_EQ(config.encryption.data_encryption_method, Method::kSm4Ctr);
  EXPECT_NE(Refusal("key-file=etc/key").find("must be absolute"), std::string::npos);
  EXPECT_NE(Refusal("key-file=~/key").find("not expanded"), std::string::npos);
  EXPECT_NE(Refusal("key-file=").find("empty"), std::string::npos);
  EXPECT_NE(Refusal("method=aes").find("expected one of plaintext aes128-ctr"), std::string::npos);
  EXPECT_NE(Refusal("key-file").find("needs a value"), std::string::npos);
}

TEST(MountOptionTest, GenericOptionsAreIgnored) {
  for (const char* option :
       {"defaults", "auto", "noauto", "user", "nouser", "users", "_netdev", "nofail", "atime", "relatime",
        "x-systemd.automount", "X-mount.mkdir=0700", "comment=anything", "default_permissions"}) {
    EXPECT_EQ(Refusal(option), "") << option;
  }
}

TEST(MountOptionTest, LongOptionsAreRefusedInOneShortLine) {
  Config config;
  const std::string longest = "x-" + std::string(kMountOptionBytesMax - 2, 'a');
  EXPECT_TRUE(ApplyMountOption(longest, config));
  const Status refused = ApplyMountOption(longest + "a", config);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBadConfig);
  EXPECT_TRUE(refused.error().message.ends_with("it has 8193 bytes, at most 8192")) << refused.error().message;
  EXPECT_LT(refused.error().message.size(), 200u);
  const Status broken = ApplyMountOption("two\nlines", config);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message.find('\n'), std::string::npos);
}

TEST(MountOptionTest, UnknownOptionsAreRefusedWithASuggestion) {
  EXPECT_EQ(Refusal("thread=4"), "mount option `thread=4`: unknown; did you mean `threads`?");
  EXPECT_EQ(Refusal("keyfile=/k"), "mount option `keyfile=/k`: unknown; did you mean `key-file`?");
  EXPECT_EQ(Refusal("qqqqqq"), "mount option `qqqqqq`: unknown");
  EXPECT_EQ(Refusal("acl=yes"), "mount option `acl=yes`: takes no value");
  EXPECT_NE(Refusal("no"), "");
  EXPECT_NE(Refusal("no-"), "");
  EXPECT_NE(Refusal("=x"), "");
}

}  // namespace
}  // namespace tdefs
