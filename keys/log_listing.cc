#include "keys/log_listing.h"

#include <unordered_map>
#include <vector>

namespace tdefs {

Status LogPacker::Add(const LogChange& change) {
  EncodeLogChange(change, body_);
  if (body_.size() >= kBodyBytes) return Finish();
  return {};
}

Status LogPacker::AddEncoded(ByteView change) {
  if (body_.size() > 0 && body_.size() + change.size() > kBodyBytes) TRY(Finish());
  body_.PutBytes(change);
  return {};
}

Status LogPacker::Finish() {
  if (body_.size() == 0) return {};
  const Bytes body = body_.Take();
  body_ = ByteWriter{};
  return log_.Append(body);
}

Status WriteLogListing(const FileTreeSnapshot& tree, LogWriter& log, const std::atomic<bool>& stop) {
  LogPacker packer(log);
  Status status;
  std::vector<uint32_t> enclosing = {0};  // numbers of the directories around the current place
  uint32_t directories = 0, shared_files = 0;
  std::unordered_map<RecordId, uint32_t> shared_numbers;
  FileTreeSnapshot::Visitor visitor;
  visitor.enter = [&](std::string_view name) {
    if (status) status = packer.Add({.kind = LogChangeKind::kDirectory, .directory = enclosing.back(), .path = name});
    enclosing.push_back(++directories);
  };
  visitor.leave = [&] { enclosing.pop_back(); };
  visitor.file = [&](std::string_view name, RecordId id, const FileRecord& record, bool shared, bool first) {
    if (!status) return false;
    if (stop) {
      status = FailErrno(EINTR, "file dictionary: compaction was stopped");
      return false;
    }
    LogChange change{.directory = enclosing.back(), .path = name, .record = record};
    change.kind = !shared ? LogChangeKind::kListedFile
                  : first ? LogChangeKind::kSharedFile
                          : LogChangeKind::kSharedName;
    if (shared && first) shared_numbers[id] = shared_files++;
    if (shared && !first) change.shared = shared_numbers[id];
    status = packer.Add(change);
    return status.has_value();
  };
  tree.Walk(visitor);
  if (!status) return status;
  return packer.Finish();
}

}  // namespace tdefs
