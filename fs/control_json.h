// What tdefs tells of a store as JSON: the same documents from a live mount's control socket and from an offline tool.
// They are a contract with scripts: fields are only added. No key, IV or MAC is in any of them. Data key ids are
// decimal strings, since they exceed what JSON readers keep exact; times are seconds since 1970.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "fs/statistics.h"
#include "keys/key_manager.h"

namespace tdefs {

using Json = nlohmann::ordered_json;

inline constexpr int kJsonSchemaVersion = 1;

// One line; bytes that are not UTF-8 are replaced.
std::string EncodeJson(const Json& json);

Json StoreJson(const StoreInfo& info);  // store id, generation, master_keys
Json DataKeysJson(const KeyManager& keys);
Json DictionaryJson(const FileDictionary::Statistics& statistics);
Json VolumeJson(const VolumeStatistics& statistics);

struct ListedFile {
  std::string path;  // within the mount
  Method method = Method::kPlaintext;
  DataKeyId key_id = 0;
  bool is_further_link = false;  // another name of a file that was listed before
};
// The file at `path` or all below the directory `path` ("/": all). Collected at once, so that the dictionary, which
// lets no change in while it is walked, does not wait for whoever reads the list.
std::vector<ListedFile> ListFiles(const FileDictionary& files, std::string_view path);
// {"path", "method", "key_id", "hard_link"}; a path that is not UTF-8 also as "path_hex".
Json FileJson(const ListedFile& file);

// {"error":{…}}, and back: nothing if the document is no error.
Json ErrorJson(const Error& error);
std::optional<Error> ErrorFromJson(const Json& json);
// The document of a line; nothing if it is not JSON.
std::optional<Json> DecodeJson(std::string_view line);

}  // namespace tdefs
