#include "keys/log_change.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/keys/log_test_store.h"

namespace tdefs {
namespace {

Bytes Encoded(const LogChange& change) {
  ByteWriter out;
  EncodeLogChange(change, out);
  return out.Take();
}

std::string RefusalOf(ByteView bytes) {
  ByteReader reader(bytes);
  auto decoded = DecodeLogChange(reader);
  if (decoded) return "accepted";
  EXPECT_EQ(decoded.error().code, ErrorCode::kCorrupt);
  return decoded.error().message;
}

TEST(LogChangeTest, EveryKindRoundTripsAndIsRefusedAtEachShorterLength) {
  const FileRecord record = TestRecord(3);
  const LogChange changes[] = {
      {.kind = LogChangeKind::kInsert, .path = "/a/b", .record = record},
      {.kind = LogChangeKind::kInsert, .path = "/plain", .record = {}},
      {.kind = LogChangeKind::kLink, .path = "/a", .to = "/b"},
      {.kind = LogChangeKind::kRemove, .path = "/a"},
      {.kind = LogChangeKind::kRename, .path = "/a", .to = "/b/c"},
      {.kind = LogChangeKind::kExchange, .path = "/a", .to = "/b"},
      {.kind = LogChangeKind::kUpdate, .path = "/a", .record = record},
      {.kind = LogChangeKind::kMark, .mark = LogMark::kCleanUnhealed},
      {.kind = LogChangeKind::kMark, .mark = LogMark::kClean},
      {.kind = LogChangeKind::kMark, .mark = LogMark::kInUse},
      {.kind = LogChangeKind::kDirectory, .directory = 4, .path = "dir"},
      {.kind = LogChangeKind::kListedFile, .directory = 5, .path = "file", .record = record},
      {.kind = LogChangeKind::kSharedFile, .directory = 6, .path = "file", .record = record},
      {.kind = LogChangeKind::kSharedName, .directory = 7, .shared = 9, .path = "file"},
  };
  for (const LogChange& change : changes) {
    const Bytes bytes = Encoded(change);
    ByteReader reader(bytes);
    auto decoded = DecodeLogChange(reader);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(reader.remaining(), 0u);
    EXPECT_EQ(decoded->kind, change.kind);
    EXPECT_EQ(decoded->path, change.path);
    EXPECT_EQ(decoded->to, change.to);
    EXPECT_EQ(decoded->record, change.record);
    EXPECT_EQ(decoded->mark, change.mark);
    EXPECT_EQ(decoded->directory, change.directory);
    EXPECT_EQ(decoded->shared, change.shared);
    for (size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_NE(RefusalOf(ByteView(bytes).first(length)), "accepted") << length;
    }
  }
}

TEST(LogChangeTest, UnknownKindsAreRefused) {
  for (unsigned kind : {0u, 12u, 255u}) {
    Bytes bytes = Encoded({.kind = LogChangeKind::kRemove, .path = "/a"});
    bytes[0] = static_cast<std::byte>(kind);
    EXPECT_EQ(RefusalOf(bytes), "malformed change: unknown kind " + std::to_string(kind));
  }
}

TEST(LogChangeTest, UnknownMarkIsRefused) {
  EXPECT_EQ(RefusalOf(AsBytes("\x07\x03")), "malformed change: mark without a valid state");
}

// An insert of "/a" with any method, key id and IV length.
Bytes InsertWith(uint8_t method, uint64_t key_id, uint8_t iv_length) {
  ByteWriter out;
  out.Put(uint8_t{1});
  out.Put(uint16_t{2});
  out.PutBytes(AsBytes("/a"));
  out.Put(method);
  out.Put(key_id);
  out.Put(iv_length);
  out.PutBytes(Bytes(iv_length, std::byte{1}));
  return out.Take();
}

TEST(LogChangeTest, FileRecordsThatMakeNoSenseAreRefused) {
  EXPECT_EQ(RefusalOf(InsertWith(4, 1, 12)), "malformed change: iv is 12 bytes, aes256-ctr needs 16");
  EXPECT_EQ(RefusalOf(InsertWith(4, 1, 0)), "malformed change: iv is 0 bytes, aes256-ctr needs 16");
  EXPECT_EQ(RefusalOf(InsertWith(1, 0, 16)), "malformed change: iv is 16 bytes, plaintext needs 0");
  EXPECT_EQ(RefusalOf(InsertWith(0, 1, 16)), "malformed change: unknown method 0");
  EXPECT_EQ(RefusalOf(InsertWith(77, 1, 16)), "malformed change: unknown method 77");
  EXPECT_EQ(RefusalOf(InsertWith(1, 5, 0)), "malformed change: plaintext with a data key");
  EXPECT_EQ(RefusalOf(InsertWith(2, 0, 16)), "malformed change: data key id 0 for an encrypted file");
  EXPECT_EQ(RefusalOf(InsertWith(2, 1, 16)), "accepted");
  EXPECT_EQ(RefusalOf(InsertWith(1, 0, 0)), "accepted");
}

TEST(LogChangeTest, PathsThatLeaveTheMountOrNameNothingAreRefused) {
  const std::string long_name(256, 'x');
  for (const std::string& path : {std::string("../x"), std::string("/../x"), std::string("abs"), std::string(""),
                                  std::string("/"), std::string("/a//b"), std::string("/a/"), std::string("/./a"),
                                  std::string("/a\0b", 4), "/" + long_name, std::string(40'000, 'x')}) {
    EXPECT_FALSE(ValidateLogPath(path)) << path;
    EXPECT_NE(RefusalOf(Encoded({.kind = LogChangeKind::kRemove, .path = path})), "accepted") << path;
  }
  for (const std::string& path :
       {std::string("/a"), std::string("/.../x"), std::string("/\xff\xfe/\n"), "/" + long_name.substr(1)}) {
    EXPECT_TRUE(ValidateLogPath(path)) << path;
  }
}

TEST(LogChangeTest, NamesOfAListingAreValidated) {
  for (const std::string& name :
       {std::string(""), std::string("."), std::string(".."), std::string("a/b"), std::string("\0", 1)}) {
    const Bytes bytes = Encoded({.kind = LogChangeKind::kDirectory, .path = name});
    EXPECT_NE(RefusalOf(bytes), "accepted") << name;
  }
}

TEST(LogChangeTest, TwoLongestPathsAndARecordFitABody) {
  std::string path;
  while (path.size() + 256 <= kLogPathBytesMax) path += "/" + std::string(255, 'x');
  ASSERT_TRUE(ValidateLogPath(path));
  EXPECT_LE(2 * kLogPathBytesMax + 64, kLogBodyBytesMax);
  EXPECT_EQ(RefusalOf(Encoded({.kind = LogChangeKind::kRename, .path = path, .to = path})), "accepted");
}

}  // namespace
}  // namespace tdefs
