// tdefs files: which method and data key each file has (TiKV's `encryption-meta dump-file`).
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "keys/key_manager.h"

namespace tdefs {
namespace {

// Prints one file after the other, as lines or as the elements of one JSON document.
class FilePrinter {
 public:
  FilePrinter(const std::string& backing_dir, bool json) : json_(json) {
    if (!json_) return;
    fmt::print("{{\"schema_version\":{},\"backing_dir\":{},\"files\":[", kJsonSchemaVersion, EncodeJson(backing_dir));
  }
  void Print(const Json& file) {
    if (json_) {
      fmt::print("{}\n{}", count_ > 0 ? "," : "", EncodeJson(file));
    } else {
      const Json key = file.value("key_id", Json());
      fmt::print("{}\t{}\t{}\n", Printable(file.value("path", "")), file.value("method", ""),
                 key.is_string() ? key.get<std::string>() : "-");
    }
    ++count_;
  }
  void End() {
    if (json_) fmt::print("\n]}}\n");
  }

 private:
  bool json_;
  uint64_t count_ = 0;
};

}  // namespace

Status RunFiles(const FilesArguments& arguments) {
  const Target target = TRY(ResolveTarget(arguments.path));
  const std::string below = arguments.below.starts_with('/') ? arguments.below : "/" + arguments.below;
  const Json request = {{"command", "files"}, {"path", below}};
  std::optional<FilePrinter> printer;
  bool ended = false, readable = true;
  const bool is_live = TRY(AskMount(target, EncodeJson(request), [&](std::string_view line) {
    const std::optional<Json> json = DecodeJson(line);
    readable &= json && json->is_object();
    if (!readable || ended) return;
    if (!printer) printer.emplace(target.backing_dir, arguments.json);
    ended = json->contains("end");
    if (!ended) printer->Print(*json);
  }));
  if (is_live) {
    if (!readable || !ended) return Fail(ErrorCode::kCorrupt, target.backing_dir + ": the daemon's list broke off");
    printer->End();
    return {};
  }
  const auto keys = TRY(OpenOffline(target, arguments.store, KeyManager::Access::kReadOnly));
  printer.emplace(target.backing_dir, arguments.json);
  for (const ListedFile& file : ListFiles(keys->files(), below)) printer->Print(FileJson(file));
  printer->End();
  return {};
}

}  // namespace tdefs
