#include "config/load.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/toml_limits.h"

namespace tdefs {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Refusal(const std::string& text) {
  Result<Config> config = ParseConfig(text, "f.toml");
  if (config) return {};
  EXPECT_EQ(config.error().code, ErrorCode::kBadConfig);
  EXPECT_EQ(config.error().message.find('\n'), std::string::npos) << config.error().message;
  return config.error().message;
}

Config Parse(const std::string& text) {
  Result<Config> config = ParseConfig(text, "f.toml");
  EXPECT_TRUE(config) << config.error().message;
  return config.value_or(Config{});
}

TEST(LoadTest, EmptyTextMeansTheDefaults) {
  const Config config = Parse("");
  EXPECT_EQ(config.store.backing_dir, "");
  EXPECT_TRUE(config.mount.allow_other);
  EXPECT_EQ(config.mount.flush_interval_ms, 1000U);
  EXPECT_EQ(config.encryption.data_encryption_method, std::nullopt);
  EXPECT_EQ(config.encryption.data_key_rotation_period, std::chrono::days(7));
  EXPECT_EQ(config.encryption.file_dictionary_rewrite_threshold, 1'000'000U);
  EXPECT_FALSE(config.encryption.master_key);
}

TEST(LoadTest, EverySettingIsRead) {
  const Config config = Parse(R"(
[store]
backing-dir = "/var/lib/x"
mount-point = "/mnt/x"
[mount]
allow-other = false
read-only = true
writeback-cache = true
direct-io = false
acl = false
dev = true
suid = true
exec = false
noatime = true
threads = 256
read-ahead-kib = 0
max-background = 1
cache-timeout-s = 5
flush-interval-ms = 60000
[log]
level = "debug"
format = "json"
file = "/var/log/tdefs.log"
redact-paths = false
)");
  EXPECT_EQ(config.store.backing_dir, "/var/lib/x");
  EXPECT_EQ(config.store.mount_point, "/mnt/x");
  EXPECT_FALSE(config.mount.allow_other);
  EXPECT_TRUE(config.mount.read_only);
  EXPECT_TRUE(config.mount.writeback_cache);
  EXPECT_FALSE(config.mount.direct_io);
  EXPECT_FALSE(config.mount.acl);
  EXPECT_TRUE(config.mount.dev);
  EXPECT_TRUE(config.mount.suid);
  EXPECT_FALSE(config.mount.exec);
  EXPECT_TRUE(config.mount.noatime);
  EXPECT_EQ(config.mount.threads, 256U);
  EXPECT_EQ(config.mount.read_ahead_kib, 0U);
  EXPECT_EQ(config.mount.max_background, 1U);
  EXPECT_EQ(config.mount.cache_timeout_s, 5U);
  EXPECT_EQ(config.mount.flush_interval_ms, 60'000U);
  EXPECT_EQ(config.log.level, LogLevel::kDebug);
  EXPECT_TRUE(config.log.json);
  EXPECT_EQ(config.log.file, "/var/log/tdefs.log");
  EXPECT_FALSE(config.log.redact_paths);
}

TEST(LoadTest, TikvsTableIsTakenAsItIs) {
  const Config config = Parse(R"(
[security]
redact-info-log = "marker"

[security.encryption]
## Data encryption method to use for data files.
data-encryption-method = "aes128-ctr"
data-key-rotation-period = "1h30m"
enable-file-dictionary-log = false
file-dictionary-rewrite-threshold = 5

[security.encryption.master-key]
type = "file"
path = "/path/to/key/file"

[security.encryption.previous-master-key]
type = "plaintext"
)");
  EXPECT_EQ(config.encryption.data_encryption_method, Method::kAes128Ctr);
  EXPECT_EQ(config.encryption.data_key_rotation_period, std::chrono::minutes(90));
  EXPECT_FALSE(config.encryption.enable_file_dictionary_log);
  EXPECT_EQ(config.encryption.file_dictionary_rewrite_threshold, 5U);
  ASSERT_TRUE(config.encryption.master_key);
  EXPECT_EQ(config.encryption.master_key->type, MasterKeyConfig::Type::kFile);
  EXPECT_EQ(config.encryption.master_key->path, "/path/to/key/file");
  ASSERT_TRUE(config.encryption.previous_master_key);
  EXPECT_EQ(config.encryption.previous_master_key->type, MasterKeyConfig::Type::kPlaintext);
}

TEST(LoadTest, MasterKeyDefects) {
  const std::string table = "[security.encryption.master-key]\n";
  EXPECT_THAT(Refusal(table + "type = \"kms\"\nkey-id = \"x\"\n"),
              AllOf(StartsWith("f.toml:2:1: type: "), HasSubstr("not in this build yet")));
  EXPECT_THAT(Refusal(table + "path = \"/k\"\n"), HasSubstr("found no type"));
  EXPECT_THAT(Refusal(table + "type = \"file\"\n"), HasSubstr("found no path"));
  EXPECT_THAT(Refusal(table + "type = \"plaintext\"\npath = \"/k\"\n"), HasSubstr("no meaning"));
  EXPECT_THAT(Refusal(table + "type = \"fiel\"\n"), HasSubstr("did you mean `file`?"));
  EXPECT_THAT(Refusal(table + "type = \"file\"\npath = \"k\"\n"), HasSubstr("must be absolute"));
}

TEST(LoadTest, RedactInfoLogTurnsPathRedactionOnAndNeverOff) {
  const std::string open = "[log]\nredact-paths = false\n[security]\n";
  EXPECT_TRUE(Parse(open + "redact-info-log = true").log.redact_paths);
  EXPECT_TRUE(Parse(open + "redact-info-log = \"on\"").log.redact_paths);
  EXPECT_FALSE(Parse(open + "redact-info-log = \"off\"").log.redact_paths);
  EXPECT_TRUE(Parse("[security]\nredact-info-log = false").log.redact_paths);
  EXPECT_THAT(Refusal("[security]\nredact-info-log = 1"), HasSubstr("expected true or false"));
  EXPECT_THAT(Refusal("[security]\nredact-info-log = \"maybe\""), HasSubstr("expected one of"));
}

TEST(LoadTest, SyntaxErrorsNameTheirPlace) {  // security.md row 31
  EXPECT_EQ(Refusal("[store]\na b\n"), "f.toml:2:2: missing key-value separator `=` (should be `=`)");
  EXPECT_THAT(Refusal("[mount]\nthreads = \n"), StartsWith("f.toml:2:"));
  EXPECT_THAT(Refusal("[store\n"), StartsWith("f.toml:1:1: "));
  EXPECT_THAT(Refusal("a = \"open\n"), StartsWith("f.toml:1:"));
}

TEST(LoadTest, UnknownKeysAreRefusedWithASuggestion) {  // row 32
  EXPECT_EQ(Refusal("[security.encryption]\n  data-key-rotation-perod = \"7d\"\n"),
            "f.toml:2:3: data-key-rotation-perod: unknown key in [security.encryption]; did you mean "
            "`data-key-rotation-period`?");
  EXPECT_EQ(Refusal("[stor]\nbacking-dir = \"/x\"\n"), "f.toml:1:2: stor: unknown table; did you mean `store`?");
  EXPECT_EQ(Refusal("[mount]\nthreads = 1\ntheads = 2\n"),
            "f.toml:3:1: theads: unknown key in [mount]; did you mean `threads`?");
  EXPECT_EQ(Refusal("[log]\nqqqqqq = 2\n"), "f.toml:2:1: qqqqqq: unknown key in [log]");
  EXPECT_EQ(Refusal("mount.theads = 2\n"), "f.toml:1:7: theads: unknown key in [mount]; did you mean `threads`?");
  EXPECT_THAT(Refusal("[security.encryption.master-key]\ntype = \"file\"\npath = \"/k\"\nkey-id = \"x\"\n"),
              StartsWith("f.toml:4:1: key-id: unknown key in [security.encryption.master-key]"));
  EXPECT_THAT(Refusal("\"a\\nb\" = 1\n"), HasSubstr("a?b: unknown key"));
}

TEST(LoadTest, TypesAndRangesNameTheUnit) {  // row 33
  const std::string table = "[security.encryption]\ndata-key-rotation-period = ";
  EXPECT_EQ(Refusal(table + "7"),
            "f.toml:2:1: data-key-rotation-period: found the integer 7, expected a duration of at least a second, such "
            "as \"7d\" or \"1h30m\"");
  for (const char* value : {"-7", "1e400", "nan", "\"-7d\"", "\"500ms\"", "\"0s\"", "\"7\"", "\"1e400d\"", "\"nan\"",
                            "\"999999999999999999d\"", "\"\"", "true", "[]", "{}", "1979-05-27"}) {
    EXPECT_THAT(Refusal(table + value), HasSubstr("expected a duration")) << value;
  }
  EXPECT_EQ(Parse(table + "\"1.5s\"").encryption.data_key_rotation_period, std::chrono::seconds(2));
  EXPECT_EQ(Refusal("[mount]\nflush-interval-ms = \"7d\"\n"),
            "f.toml:2:1: flush-interval-ms: found \"7d\", expected 10 to 60000 milliseconds");
  EXPECT_EQ(Refusal("[mount]\nmax-background = 0\n"),
            "f.toml:2:1: max-background: found 0, expected 1 to 65535 requests");
  for (const char* value : {"-1", "9", "60001", "1e400", "nan", "99999999999999999999999", "0x7fffffffffffffff"}) {
    EXPECT_THAT(Refusal(std::string("[mount]\nflush-interval-ms = ") + value), HasSubstr("milliseconds")) << value;
  }
  EXPECT_THAT(Refusal("[mount]\nacl = 1\n"), HasSubstr("found the integer 1, expected true or false"));
  EXPECT_THAT(Refusal("[log]\nlevel = \"trace\"\n"), HasSubstr("expected one of \"debug\" \"info\""));
  EXPECT_THAT(Refusal("[security.encryption]\ndata-encryption-method = \"aes256ctr\"\n"),
              HasSubstr("did you mean `aes256-ctr`?"));
  EXPECT_THAT(Refusal("store = 1\n"), HasSubstr("expected a table"));
  EXPECT_THAT(Refusal("[[store]]\n"), HasSubstr("found an array, expected a table"));
}

TEST(LoadTest, DuplicateTablesAreRefused) {  // row 34
  EXPECT_THAT(Refusal("[log]\n[store]\n[log]\n"), AllOf(StartsWith("f.toml:3:1: "), HasSubstr("already exists")));
  EXPECT_THAT(Refusal("[log]\nlevel = \"info\"\nlevel = \"warn\"\n"), HasSubstr("already exists"));
}

TEST(LoadTest, ByteOrderMarkIsSkipped) {  // row 34
  EXPECT_TRUE(Parse("\xEF\xBB\xBF[mount]\nread-only = true\n").mount.read_only);
  EXPECT_THAT(Refusal("\xEF\xBB\xBF[stor]\n"), StartsWith("f.toml:1:2: stor"));
}

TEST(LoadTest, DeepNestingNeverReachesTheParser) {  // row 34
  EXPECT_THAT(Refusal("a = " + std::string(100'000, '[')), HasSubstr("nesting deeper than 32"));
  EXPECT_THAT(Refusal(std::string(100'000, '[')), HasSubstr("nesting deeper than 32"));
}

TEST(LoadTest, PathsMustBeAbsolute) {  // row 36
  for (const char* path : {"data", "./data", "~/data", "~root/data", "${HOME}/data", "/data/$USER", "", "/a\\nb"}) {
    EXPECT_THAT(Refusal(std::string("[store]\nbacking-dir = \"") + path + "\"\n"),
                StartsWith("f.toml:2:1: backing-dir"))
        << path;
    EXPECT_THAT(Refusal(std::string("[log]\nfile = \"") + path + "\"\n"), HasSubstr("found the path")) << path;
  }
  EXPECT_THAT(Refusal("[store]\nmount-point = \"/" + std::string(5000, 'a') + "\"\n"), HasSubstr("at most 4095"));
}

class LoadFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/var/tmp/tdefs-config-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string Write(const std::string& text) {
    std::ofstream(dir_ + "/f.toml") << text;
    return dir_ + "/f.toml";
  }
  std::string dir_;
};

TEST_F(LoadFileTest, ReadsAFileThroughASymlink) {
  const std::string path = Write("[mount]\nthreads = 3\n");
  std::filesystem::create_symlink(path, dir_ + "/link");
  EXPECT_EQ(LoadConfig(path)->mount.threads, 3U);
  EXPECT_EQ(LoadConfig(dir_ + "/link")->mount.threads, 3U);
}

TEST_F(LoadFileTest, RefusesWhatIsNoFile) {
  ASSERT_EQ(::mkfifo((dir_ + "/fifo").c_str(), 0600), 0);
  for (const std::string& path : {dir_, dir_ + "/fifo", dir_ + "/missing", std::string("/dev/null")}) {
    Result<Config> config = LoadConfig(path);
    ASSERT_FALSE(config) << path;
    EXPECT_EQ(config.error().code, ErrorCode::kBadConfig);
    EXPECT_THAT(config.error().message, HasSubstr(path));
  }
}

TEST_F(LoadFileTest, RefusesAHugeFileWithoutReadingAllOfIt) {  // row 34
  const std::string path = Write("");
  std::filesystem::resize_file(path, 100 << 20);
  Result<Config> config = LoadConfig(path);
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("at most 1048576"));
}

}  // namespace
}  // namespace tdefs
