#include "fs/control_json.h"

#include <nlohmann/json.hpp>

namespace tdefs {
namespace {

bool IsUtf8(const std::string& text) {
  try {
    (void)Json(text).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

bool IsBelow(std::string_view path, std::string_view dir) {
  if (dir == "/") return true;
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

}  // namespace

std::string EncodeJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Json> DecodeJson(std::string_view line) {
  Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

Json StoreJson(const StoreInfo& info) {
  Json wraps = Json::array();
  for (const StoreInfo::WrapInfo& wrap : info.wraps) {
    wraps.push_back({{"provider", wrap.provider},
                     {"key_id", wrap.key_id},
                     {"uri", wrap.uri},
                     {"key_version", wrap.key_version},
                     {"created_unix_s", wrap.created_unix_s}});
  }
  return {{"store_id", ToHex(info.store_id)}, {"generation", info.generation}, {"master_keys", std::move(wraps)}};
}

Json DataKeysJson(const KeyManager& keys) {
  Json list = Json::array();
  for (const DataKeyInfo& key : keys.ListKeys()) {
    list.push_back({{"key_id", std::to_string(key.id)},
                    {"method", MethodName(key.method)},
                    {"created_unix_s", key.created_unix_s},
                    {"current", key.current},
                    {"exposed", key.exposed}});
  }
  return list;
}

Json DictionaryJson(const FileDictionary::Statistics& s) {
  return {{"names", s.names},
          {"records", s.records},
          {"memory_bytes", s.memory_bytes},
          {"log_bytes", s.log_bytes},
          {"log_records", s.log_records},
          {"dead_records", s.dead_records},
          {"generation", s.generation},
          {"appends", s.appends},
          {"flushes", s.flushes},
          {"compactions", s.compactions},
          {"failed_appends", s.failed_appends},
          {"failed_compactions", s.failed_compactions},
          {"last_sequence", s.last},
          {"durable_sequence", s.durable}};
}

Json VolumeJson(const VolumeStatistics& s) {
  return {{"reads", s.reads.load()},
          {"writes", s.writes.load()},
          {"read_bytes", s.read_bytes.load()},
          {"written_bytes", s.written_bytes.load()},
          {"syncs", s.syncs.load()},
          {"creates", s.creates.load()},
          {"removes", s.removes.load()},
          {"renames", s.renames.load()},
          {"ctr_overwritten_bytes", s.ctr_overwritten_bytes.load()},
          {"healed_files", s.healed_files.load()},
          {"tampered_files", s.tampered_files.load()},
          {"foreign_files", s.foreign_files.load()},
          {"known_inodes", s.known_inodes.load()},
          {"open_files", s.open_files.load()}};
}

std::vector<ListedFile> ListFiles(const FileDictionary& files, std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  std::vector<ListedFile> listed;
  if (auto record = files.FindPath(path)) {
    listed.push_back({std::string(path), record->method, record->key_id, false});
    return listed;
  }
  files.ForEach([&](const std::string& name, RecordId, const FileRecord& record, bool first) {
    if (IsBelow(name, path)) listed.push_back({name, record.method, record.key_id, !first});
    return true;
  });
  return listed;
}

Json FileJson(const ListedFile& file) {
  Json json = {{"path", file.path}, {"method", MethodName(file.method)}};
  json["key_id"] = file.key_id == 0 ? Json(nullptr) : Json(std::to_string(file.key_id));
  json["hard_link"] = file.is_further_link;
  if (!IsUtf8(file.path)) json["path_hex"] = ToHex(AsBytes(file.path));
  return json;
}

Json ErrorJson(const Error& error) {
  return {{"error", {{"code", TraitsOf(error.code).label}, {"errno", error.sys_errno}, {"message", error.message}}}};
}

std::optional<Error> ErrorFromJson(const Json& json) {
  if (!json.is_object() || !json.contains("error") || !json["error"].is_object()) return std::nullopt;
  const Json& body = json["error"];
  Error error{ErrorCode::kSystem, EIO, "control socket: an error without a message"};
  if (body.contains("message") && body["message"].is_string()) error.message = body["message"].get<std::string>();
  if (body.contains("errno") && body["errno"].is_number_integer()) error.sys_errno = body["errno"].get<int>();
  if (!body.contains("code") || !body["code"].is_string()) return error;
  for (int i = 0; i < kErrorCodeCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (TraitsOf(code).label == body["code"].get<std::string>()) error.code = code;
  }
  if (error.code != ErrorCode::kSystem) error.sys_errno = 0;
  return error;
}

}  // namespace tdefs
