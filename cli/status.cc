// tdefs status: one store, or all mounts.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "fs/mount_table.h"
#include "keys/key_manager.h"

namespace tdefs {
namespace {

// What the daemon says of itself; for a mount that does not answer, what is known from outside.
Result<Json> LiveStatus(const Target& target) {
  std::optional<Json> status;
  Result<bool> answered =
      AskMount(target, R"({"command":"status"})", [&](std::string_view line) { status = DecodeJson(line); });
  if (answered && *answered && status) return *status;
  if (answered && *answered) return Fail(ErrorCode::kCorrupt, target.backing_dir + ": the daemon's status is not JSON");
  if (answered) return Fail(ErrorCode::kNotMounted, target.backing_dir + ": not mounted");
  return std::unexpected(std::move(answered).error());
}

Json DeadStatus(const MountEntry& mount, const Error& error) {
  return {{"schema_version", kJsonSchemaVersion},
          {"state", "dead"},
          {"health", "degraded"},
          {"problems", Json::array({error.Text()})},
          {"backing_dir", mount.backing_dir},
          {"mount_point", mount.mount_point}};
}

Result<Json> OfflineStatus(const std::string& backing_dir) {
  Json status = {{"schema_version", kJsonSchemaVersion}, {"state", "unmounted"}, {"backing_dir", backing_dir}};
  const StoreInfo info = TRY(ReadStoreInfo(backing_dir));
  status.update(StoreJson(info));
  return status;
}

Result<Json> StatusOf(const Target& target) {
  Result<Json> live = LiveStatus(target);
  if (live) return live;
  if (target.mount) return DeadStatus(*target.mount, live.error());
  if (live.error().code != ErrorCode::kNotMounted) return live;
  return OfflineStatus(target.backing_dir);
}

std::string Text(const Json& json, const char* key) {
  if (!json.contains(key)) return {};
  return json[key].is_string() ? json[key].get<std::string>() : EncodeJson(json[key]);
}

void PrintMasterKeys(const Json& status) {
  if (!status.contains("master_keys")) return;
  for (const Json& key : status["master_keys"]) {
    PrintField("master key", fmt::format("{} (key id {}, wrapped {})", Printable(Text(key, "uri")), Text(key, "key_id"),
                                         TimeText(key.value("created_unix_s", uint64_t{0}))));
  }
}

void PrintLive(const Json& status) {
  PrintField("method", Text(status, "method"));
  PrintField("current key",
             fmt::format("{} (data keys: {})", Text(status, "current_key_id"), Text(status, "data_keys")));
  PrintMasterKeys(status);
  PrintField("healing", status.value("healing", false) ? "yes" : "no");
  const Json dictionary = status.value("dictionary", Json::object());
  PrintField("files",
             fmt::format("{} names, {} records", dictionary.value("names", 0U), dictionary.value("records", 0U)));
  PrintField("dictionary", fmt::format("{} on disk, {} in memory, generation {}",
                                       SizeText(dictionary.value("log_bytes", uint64_t{0})),
                                       SizeText(dictionary.value("memory_bytes", uint64_t{0})),
                                       dictionary.value("generation", uint64_t{0})));
  const Json volume = status.value("volume", Json::object());
  PrintField("read", SizeText(volume.value("read_bytes", uint64_t{0})));
  PrintField("written",
             fmt::format("{}, of it over older content {}", SizeText(volume.value("written_bytes", uint64_t{0})),
                         SizeText(volume.value("ctr_overwritten_bytes", uint64_t{0}))));
}

void PrintStatus(const Json& status) {
  const std::string state = Text(status, "state");
  PrintField("store", Printable(Text(status, "backing_dir")));
  if (status.contains("mount_point")) PrintField("mount point", Printable(Text(status, "mount_point")));
  if (state == "mounted") {
    PrintField("state", fmt::format("mounted, {} (tdefs {}, process {}, up {} s)", Text(status, "health"),
                                    Text(status, "version"), Text(status, "pid"), Text(status, "uptime_s")));
  } else {
    PrintField("state", state);
  }
  for (const Json& problem : status.value("problems", Json::array()))
    PrintField("problem", PrintableText(problem.get<std::string>()));
  if (status.contains("store_id")) PrintField("store id", Text(status, "store_id"));
  if (state == "mounted") {
    PrintLive(status);
  } else {
    PrintMasterKeys(status);
  }
}

Status AllStatus(bool json) {
  Json mounts = Json::array();
  for (const MountEntry& mount : TRY(ListMounts())) mounts.push_back(TRY(StatusOf({mount.backing_dir, mount})));
  if (json) {
    PrintJson({{"schema_version", kJsonSchemaVersion}, {"mounts", mounts}});
    return {};
  }
  if (mounts.empty()) fmt::print("no tdefs mounts\n");
  for (size_t i = 0; i < mounts.size(); ++i) {
    if (i > 0) fmt::print("\n");
    PrintStatus(mounts[i]);
  }
  return {};
}

}  // namespace

Status RunStatus(const StatusArguments& arguments) {
  if (arguments.path.empty()) return AllStatus(arguments.json);
  const Target target = TRY(ResolveTarget(arguments.path));
  const Json status = TRY(StatusOf(target));
  if (arguments.json) {
    PrintJson(status);
  } else {
    PrintStatus(status);
  }
  return {};
}

}  // namespace tdefs
