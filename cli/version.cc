// tdefs version: this build, the formats it reads and writes, the libraries it runs on.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "crypto/speed.h"
#include "fs/fuse_version.h"

namespace tdefs {
namespace {

constexpr int kKeyDictionaryFormat = 1, kFileDictionaryFormat = 1, kTagFormat = 1;

}  // namespace

Status RunVersion(const VersionArguments& arguments) {
  if (arguments.json) {
    PrintJson(
        {{"schema_version", kJsonSchemaVersion},
         {"version", TDEFS_VERSION},
         {"formats", {{"key.dict", kKeyDictionaryFormat}, {"file.dict", kFileDictionaryFormat}, {"tag", kTagFormat}}},
         {"libraries", {{"crypto", CryptoLibraryVersion()}, {"fuse", FuseLibraryVersion()}}}});
    return {};
  }
  fmt::print("tdefs {}\n", TDEFS_VERSION);
  PrintField("formats",
             fmt::format("key.dict {}, file.dict {}, tag {}", kKeyDictionaryFormat, kFileDictionaryFormat, kTagFormat));
  PrintField("crypto", CryptoLibraryVersion());
  PrintField("fuse", FuseLibraryVersion());
  return {};
}

}  // namespace tdefs
