// Each file of a store with one defect, exhaustively: each bit, each length, zeros, other stores' and older files. A
// mount and a reader refuse by a message that names the file and the place, and write nothing; only a torn tail of
// file.dict opens. (Readers of single formats: key_dictionary_test, log_reader_test, log_format_test, key_file_test.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "keys/log_format.h"
#include "tests/unit/keys/key_manager_fixture.h"

namespace tdefs {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

class StoreDamageTest : public KeyManagerTest {
 protected:
  void SetUp() override {
    KeyManagerTest::SetUp();
    const Manager keys = Open();
    for (const char* name : {"a", "b", "c"}) {
      const FileRecord record = *keys->NewRecord();
      ASSERT_TRUE(keys->files().Insert(FileTree::kRoot, name, record));
    }
    ASSERT_TRUE(keys->Close());
    key_dict_ = KeyDict();
    file_dict_ = FileDict();
  }

  std::string FileDict() { return ReadTextFile(store_.FileDictPath()); }
  void Restore() {
    WriteTextFile(store_.KeyDictPath(), key_dict_);
    WriteTextFile(store_.FileDictPath(), file_dict_);
  }
  // The error of opening what is there now, the same for a mount and a reader; nothing was written.
  Error Refusal(const std::string& what) {
    const auto before = Snapshot(store_.backing());
    const Error error = OpenError(Access::kMount);
    const Error reader = OpenError(Access::kReadOnly);
    EXPECT_EQ(error.Text(), reader.Text()) << what;
    EXPECT_TRUE(Snapshot(store_.backing()) == before) << what << ": something was written";
    return error;
  }
  // As Refusal, and of a damaged file: named by its path.
  Error DamageOf(const std::string& path, const std::string& what) {
    const Error error = Refusal(what);
    EXPECT_THAT(error.code, AnyOf(ErrorCode::kCorrupt, ErrorCode::kUnsupported, ErrorCode::kWrongKey)) << what;
    if (error.code != ErrorCode::kWrongKey) {
      EXPECT_THAT(error.message, StartsWith(path + ": ")) << what;
    }
    return error;
  }
  Error KeyDictDamage(const std::string& content, const std::string& what) {
    WriteTextFile(store_.KeyDictPath(), content);
    return DamageOf(store_.KeyDictPath(), what);
  }
  Error FileDictDamage(const std::string& content, const std::string& what) {
    WriteTextFile(store_.FileDictPath(), content);
    return DamageOf(store_.FileDictPath(), what);
  }
  // A reader opens what is there and writes nothing; so does a mount, which then may write. How many files are left.
  uint64_t OpensWith(const std::string& file_dict, const std::string& what) {
    WriteTextFile(store_.FileDictPath(), file_dict);
    const auto before = Snapshot(store_.backing());
    auto reader = TryOpen(Access::kReadOnly);
    EXPECT_TRUE(reader) << what << ": " << reader.error().Text();
    EXPECT_TRUE(Snapshot(store_.backing()) == before) << what << ": a reader wrote";
    auto mount = TryOpen(Access::kMount);
    EXPECT_TRUE(mount) << what << ": " << mount.error().Text();
    return mount ? (*mount)->files().statistics().names : 0;
  }
  size_t LastRecordOffset() {
    size_t offset = kLogHeaderBytes;
    for (size_t next = offset; next < file_dict_.size();) {
      offset = next;
      const ByteView head = AsBytes(std::string_view(file_dict_).substr(offset));
      next += LogRecordHead::Decode(head).record_bytes();
    }
    return offset;
  }
  std::string FlipBit(std::string content, size_t bit) {
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << bit % 8));
    return content;
  }

  std::string key_dict_, file_dict_;
};

// ------------------------------------------------------------------------------------------------------- key.dict

TEST_F(StoreDamageTest, EachBitOfKeyDict) {
  for (size_t bit = 0; bit < key_dict_.size() * 8; ++bit) {
    (void)KeyDictDamage(FlipBit(key_dict_, bit),
                        "bit " + std::to_string(bit % 8) + " of byte " + std::to_string(bit / 8));
  }
  Restore();
  OpenAndClose();
}

TEST_F(StoreDamageTest, KeyDictOfEachLength) {
  for (size_t length = 0; length < key_dict_.size(); ++length) {
    const Error error = KeyDictDamage(key_dict_.substr(0, length), "cut at " + std::to_string(length));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << length;
  }
  for (const size_t more : {1U, 512U, 4096U}) {
    EXPECT_THAT(KeyDictDamage(key_dict_ + std::string(more, '\0'), "zeros behind it").message, HasSubstr("expected"));
  }
  (void)KeyDictDamage(key_dict_ + key_dict_, "twice");
  (void)KeyDictDamage(std::string(key_dict_.size(), '\0'), "zeros");
}

TEST_F(StoreDamageTest, EachFieldOfKeyDictsHeaderHasItsOwnMessage) {
  struct Case {
    size_t offset;
    std::string_view text;
  };
  const std::vector<Case> cases = {
      {0, "magic 75"},
      {11, "format 0, this build reads 1"},
      {15, "unknown feature bit 0"},
      {16, "does not"},
      {41, "0 wraps, expected 1 to 16"},
      {55, "key dictionary: "},
      {56, "does not open this store"},
      {220, "payload at offset"},
  };
  std::set<std::string> messages;
  for (const Case& field : cases) {
    // 220 is the last byte of the payload's size in the example of docs/format.md; here the path of the key differs.
    const size_t at = field.offset == 220 ? key_dict_.size() - 150 - 1 : field.offset;
    const Error error = KeyDictDamage(FlipBit(key_dict_, at * 8), std::string(field.text));
    EXPECT_THAT(error.Text(), HasSubstr(field.text)) << "at " << at;
    EXPECT_TRUE(messages.insert(error.Text()).second) << error.Text();
  }
}

TEST_F(StoreDamageTest, AnOlderKeyDictOpensAndItsFilesNameTheMissingKey) {
  OpenAndClose();
  const std::string older = KeyDict();
  FileRecord record;
  {
    const Manager keys = Open();
    ASSERT_TRUE(keys->RotateDataKey());
    record = *keys->NewRecord();
    ASSERT_TRUE(keys->Close());
  }
  WriteTextFile(store_.KeyDictPath(), older);
  const Manager keys = Open(Access::kReadOnly);
  const auto cipher = keys->CipherFor(record);
  ASSERT_FALSE(cipher);
  EXPECT_EQ(cipher.error().code, ErrorCode::kDataKeyMissing);
  EXPECT_THAT(cipher.error().message, HasSubstr(std::to_string(record.key_id)));
}

TEST_F(StoreDamageTest, AnotherStoresFiles) {
  TempStore other;
  ASSERT_TRUE(KeyManager::InitStore(other.backing(), config_));  // under the same master key
  (void)FileDictDamage(ReadTextFile(other.FileDictPath()), "another store's file.dict");
  EXPECT_THAT(Refusal("file.dict").message, HasSubstr("store id at offset 16 is"));
  Restore();
  WriteTextFile(store_.KeyDictPath(), ReadTextFile(other.KeyDictPath()));
  EXPECT_THAT(Refusal("key.dict").message, HasSubstr("store id at offset 16 is"));
  ASSERT_EQ(::unlink(store_.FileDictPath().c_str()), 0);
  EXPECT_EQ(Refusal("file.dict missing").code, ErrorCode::kStoreIncomplete);
}

// ------------------------------------------------------------------------------------------------------- file.dict

TEST_F(StoreDamageTest, EachBitOfFileDictIsDamageOrATornTail) {
  const size_t last = LastRecordOffset();
  for (size_t bit = 0; bit < file_dict_.size() * 8; ++bit) {
    const std::string what = "bit " + std::to_string(bit % 8) + " of byte " + std::to_string(bit / 8);
    const std::string damaged = FlipBit(file_dict_, bit);
    if (bit / 8 < last) {
      (void)FileDictDamage(damaged, what);
      continue;
    }
    WriteTextFile(store_.FileDictPath(), damaged);
    auto opened = TryOpen(Access::kReadOnly);
    if (opened) {
      EXPECT_EQ(OpensWith(damaged, what), 3U) << what;
    } else {
      (void)DamageOf(store_.FileDictPath(), what);  // a length that no record has
    }
  }
}

TEST_F(StoreDamageTest, FileDictOfEachLength) {
  EXPECT_EQ(OpensWith("", "empty"), 0U) << "one whose making was cut short: healed from the tags";
  for (size_t length = 1; length < kLogHeaderBytes; ++length) {
    const Error error = FileDictDamage(file_dict_.substr(0, length), "cut at " + std::to_string(length));
    EXPECT_THAT(error.message, HasSubstr("header is " + std::to_string(length) + " bytes, expected 104"));
  }
  for (size_t length = kLogHeaderBytes; length <= file_dict_.size(); ++length) {
    EXPECT_LE(OpensWith(file_dict_.substr(0, length), "cut at " + std::to_string(length)), 3U);
  }
}

TEST_F(StoreDamageTest, FileDictWithAZeroFilledTail) {
  for (const size_t zeros : {1U, 39U, 512U, 5000U, 1U << 20}) {
    EXPECT_EQ(OpensWith(file_dict_ + std::string(zeros, '\0'), std::to_string(zeros) + " zeros"), 3U);
    EXPECT_LT(FileDict().size(), file_dict_.size() + 512) << "the mount cut them off";
  }
}

TEST_F(StoreDamageTest, FileDictTwiceOrWithARecordTwice) {
  EXPECT_THAT(FileDictDamage(file_dict_ + file_dict_, "twice").message, HasSubstr("a second header"));
  const std::string last = file_dict_.substr(LastRecordOffset());
  EXPECT_THAT(FileDictDamage(file_dict_ + last, "the last record twice").message, HasSubstr(" after "));
  const std::string first_cut = file_dict_.substr(0, kLogHeaderBytes) + file_dict_.substr(kLogHeaderBytes + 42);
  EXPECT_THAT(FileDictDamage(first_cut, "without its first record").message, HasSubstr("record 0 at offset 104"));
}

TEST_F(StoreDamageTest, AnOlderFileDictOpensAsItIs) {
  {
    const Manager keys = Open();
    ASSERT_TRUE(keys->files().Insert(FileTree::kRoot, "newer", *keys->NewRecord()));
    ASSERT_TRUE(keys->Close());
  }
  EXPECT_EQ(OpensWith(file_dict_, "older"), 3U) << "a check tells by the tags; see RepairTest";
}

TEST_F(StoreDamageTest, OtherKindsOfFilesInPlaceOfADictionary) {
  for (const std::string& path : {store_.KeyDictPath(), store_.FileDictPath()}) {
    for (const auto& make :
         {+[](const char* name) { return ::mkdir(name, 0700); }, +[](const char* name) { return ::mkfifo(name, 0600); },
          +[](const char* name) { return ::symlink("/dev/zero", name); }}) {
      ASSERT_EQ(::unlink(path.c_str()), 0);
      ASSERT_EQ(make(path.c_str()), 0);
      const Error error = Refusal(path);
      EXPECT_EQ(error.code, ErrorCode::kCorrupt);
      EXPECT_THAT(error.message, HasSubstr("is not a regular file"));
      std::filesystem::remove(path);
      Restore();
    }
  }
}

// ------------------------------------------------------------------------------------------------------- the others

TEST_F(StoreDamageTest, EachBitOfTheKeyFileIsAnotherKeyOrNone) {
  const std::string path = store_.KeyFile("a");
  const std::string key = ReadTextFile(path);
  for (size_t bit = 0; bit < key.size() * 8; ++bit) {
    const std::string damaged = FlipBit(key, bit);
    WriteTextFile(path, damaged);
    const bool same_digit = bit % 8 == 5 && std::isxdigit(static_cast<unsigned char>(damaged[bit / 8])) &&
                            std::isalpha(static_cast<unsigned char>(damaged[bit / 8]));
    if (same_digit) continue;  // upper and lower case mean the same
    EXPECT_THAT(Refusal("bit " + std::to_string(bit)).code, AnyOf(ErrorCode::kBadKeyFile, ErrorCode::kWrongKey));
  }
  for (size_t length = 0; length < key.size(); ++length) {
    WriteTextFile(path, key.substr(0, length));
    EXPECT_EQ(Refusal("cut at " + std::to_string(length)).code, ErrorCode::kBadKeyFile);
  }
  WriteTextFile(path, key);
  OpenAndClose();
}

TEST_F(StoreDamageTest, TheContentOfTheLockMeansNothing) {
  const std::string path = store_.dir() + "/lock";
  for (const std::string& content : {std::string(), std::string("1\n"), std::string("99999999999999999999\n"),
                                     std::string("-1"), std::string(100'000, '\0'), std::string("no number")}) {
    WriteTextFile(path, content);
    OpenAndClose();
  }
  ASSERT_EQ(::unlink(path.c_str()), 0);
  OpenAndClose();
}

TEST_F(StoreDamageTest, WhatACrashLeftBesideTheDictionariesMeansNothing) {
  for (const char* name : {"/key.dict.tmp", "/file.dict.new"}) WriteTextFile(store_.dir() + name, "rubbish");
  EXPECT_EQ(Open(Access::kReadOnly)->files().statistics().names, 3U);
  OpenAndClose();
}

}  // namespace
}  // namespace tdefs
