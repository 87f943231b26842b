#include "fs/control_answer.h"

#include <fmt/core.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "fs/control_json.h"

namespace tdefs {
namespace {

// What an operator should look at; empty means healthy.
Json Problems(const KeyManager& keys, const VolumeStatistics& volume, const FileDictionary::Statistics& dictionary) {
  Json problems = Json::array();
  auto note = [&](uint64_t count, const char* what) {
    if (count > 0) problems.push_back(fmt::format("{} {}", count, what));
  };
  note(volume.tampered_files.load(), "files refused: tag and dictionary disagree");
  note(volume.foreign_files.load(), "files refused: content without a record");
  note(keys.failed_rotations(), "data key rotations failed");
  note(dictionary.failed_appends, "appends to the file dictionary failed");
  return problems;
}

Json StatusJson(const ControlServer::Subject& subject, std::chrono::steady_clock::time_point started) {
  KeyManager& keys = *subject.keys;
  const FileDictionary::Statistics dictionary = keys.files().statistics();
  const Json problems = Problems(keys, *subject.statistics, dictionary);
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started);
  Json status = {{"schema_version", kJsonSchemaVersion},
                 {"version", TDEFS_VERSION},
                 {"state", "mounted"},
                 {"health", problems.empty() ? "healthy" : "degraded"},
                 {"problems", problems},
                 {"backing_dir", subject.config->store.backing_dir},
                 {"mount_point", subject.config->store.mount_point},
                 {"pid", ::getpid()},
                 {"uptime_s", uptime.count()}};
  const std::vector<DataKeyInfo> data_keys = keys.ListKeys();
  for (const DataKeyInfo& key : data_keys) {
    if (key.current) status["method"] = MethodName(key.method);
  }
  status["current_key_id"] = std::to_string(keys.current_key_id());
  status["data_keys"] = data_keys.size();
  status["failed_rotations"] = keys.failed_rotations();
  status["healing"] = keys.healing();
  status.update(StoreJson(keys.Info()));
  status["dictionary"] = DictionaryJson(dictionary);
  status["volume"] = VolumeJson(*subject.statistics);
  return status;
}

Json KeysJson(const KeyManager& keys) {
  return {{"schema_version", kJsonSchemaVersion},
          {"store_id", ToHex(keys.Info().store_id)},
          {"current_key_id", std::to_string(keys.current_key_id())},
          {"keys", DataKeysJson(keys)}};
}

Status SendFiles(const FileDictionary& files, const Json& request, ControlReply& reply) {
  const std::string path = request.value("path", "/");
  if (!path.starts_with('/'))
    return Fail(ErrorCode::kUsage, "files: the path must start with /, the root of the mount");
  for (const ListedFile& file : ListFiles(files, path)) TRY(reply.Send(EncodeJson(FileJson(file))));
  return reply.Send(EncodeJson({{"end", true}}));
}

Status Answer(const ControlServer::Subject& subject, std::chrono::steady_clock::time_point started, const Json& request,
              ControlReply& reply) {
  const std::string command = request["command"].get<std::string>();
  if (command == "status") return reply.Send(EncodeJson(StatusJson(subject, started)));
  if (command == "keys-list") return reply.Send(EncodeJson(KeysJson(*subject.keys)));
  if (command == "files") return SendFiles(subject.keys->files(), request, reply);
  if (command == "keys-rotate") {
    const DataKeyId id = TRY(subject.keys->RotateDataKey());
    return reply.Send(EncodeJson({{"schema_version", kJsonSchemaVersion}, {"key_id", std::to_string(id)}}));
  }
  return Fail(ErrorCode::kUsage, fmt::format("control socket: unknown command {}", EncodeJson(command)));
}

// An object with a command and, at most, a path, both strings.
bool IsRequest(const std::optional<Json>& request) {
  if (!request || !request->is_object() || !request->contains("command")) return false;
  for (const auto& [key, value] : request->items()) {
    if ((key != "command" && key != "path") || !value.is_string()) return false;
  }
  return true;
}

}  // namespace

void AnswerControl(const ControlServer::Subject& subject, std::chrono::steady_clock::time_point started,
                   std::string_view line, ControlReply& reply) {
  const std::optional<Json> request = DecodeJson(line);
  Status status = IsRequest(request)
                      ? Answer(subject, started, *request, reply)
                      : Fail(ErrorCode::kUsage, "control socket: the request is not {\"command\":…} in one line");
  // Where the client is gone, nobody reads this.
  if (!status) (void)reply.Send(EncodeJson(ErrorJson(status.error())));
}

}  // namespace tdefs
