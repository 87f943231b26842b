// tdefs keys list, tdefs keys rotate: the data keys of a store, by their ids.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "keys/key_manager.h"

namespace tdefs {
namespace {

Result<Json> OfflineKeys(const Target& target, const StoreArguments& store) {
  const auto keys = TRY(OpenOffline(target, store, KeyManager::Access::kReadOnly));
  return Json{{"schema_version", kJsonSchemaVersion},
              {"store_id", ToHex(keys->Info().store_id)},
              {"current_key_id", std::to_string(keys->current_key_id())},
              {"keys", DataKeysJson(*keys)}};
}

Result<Json> OfflineRotate(const Target& target, const StoreArguments& store) {
  auto keys = TRY(OpenOffline(target, store, KeyManager::Access::kExclusive));
  const DataKeyId id = TRY(keys->RotateDataKey());
  TRY(keys->Close());
  return Json{{"schema_version", kJsonSchemaVersion}, {"key_id", std::to_string(id)}};
}

// The one-line answer of the mount, or of the store itself if it is not mounted.
Result<Json> AskOrOpen(const KeysArguments& arguments, std::string_view request,
                       Result<Json> (*offline)(const Target&, const StoreArguments&)) {
  const Target target = TRY(ResolveTarget(arguments.path));
  std::optional<Json> answer;
  const bool is_live = TRY(AskMount(target, request, [&](std::string_view line) { answer = DecodeJson(line); }));
  if (!is_live) return offline(target, arguments.store);
  if (!answer) return Fail(ErrorCode::kCorrupt, target.backing_dir + ": the daemon's answer is not JSON");
  return *answer;
}

std::string StateText(const Json& key) {
  std::string state = key.value("current", false) ? "current" : "retired";
  return key.value("exposed", false) ? state + ", exposed" : state;
}

}  // namespace

Status RunKeysList(const KeysArguments& arguments) {
  const Json answer = TRY(AskOrOpen(arguments, R"({"command":"keys-list"})", OfflineKeys));
  if (arguments.json) {
    PrintJson(answer);
    return {};
  }
  fmt::print("{:<20}  {:<10}  {:<23}  {}\n", "KEY ID", "METHOD", "CREATED", "STATE");
  for (const Json& key : answer.value("keys", Json::array())) {
    fmt::print("{:<20}  {:<10}  {:<23}  {}\n", key.value("key_id", ""), key.value("method", ""),
               TimeText(key.value("created_unix_s", uint64_t{0})), StateText(key));
  }
  return {};
}

Status RunKeysRotate(const KeysArguments& arguments) {
  const Json answer = TRY(AskOrOpen(arguments, R"({"command":"keys-rotate"})", OfflineRotate));
  if (arguments.json) {
    PrintJson(answer);
  } else {
    fmt::print("new files use data key {}\n", answer.value("key_id", ""));
  }
  return {};
}

}  // namespace tdefs
