#include "tests/crash/workload/name_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/crash/workload/codec.h"

namespace tdefs::crash {
namespace {

using Kind = NameChange::Kind;

// Takes a path and what is below it out of the names.
Names Take(Names& names, const std::string& path) {
  Names taken;
  for (auto at = names.lower_bound(path); at != names.end() && at->first.starts_with(path);) {
    const bool below = at->first.size() == path.size() || at->first[path.size()] == '/';
    if (below) taken.insert(*at);
    at = below ? names.erase(at) : std::next(at);
  }
  return taken;
}

void Put(Names& names, const Names& taken, const std::string& from, const std::string& to) {
  for (const auto& [path, id] : taken) names[to + path.substr(from.size())] = id;
}

void Apply(const NameChange& change, Names& names) {
  switch (change.kind) {
    case Kind::kMake:
      names[change.from] = change.object;
      break;
    case Kind::kRemove:
      names.erase(change.from);
      break;
    case Kind::kRename: {
      const Names moved = Take(names, change.from);
      names.erase(change.to);
      Put(names, moved, change.from, change.to);
      break;
    }
    case Kind::kExchange: {
      const Names first = Take(names, change.from);
      const Names second = Take(names, change.to);
      Put(names, first, change.from, change.to);
      Put(names, second, change.to, change.from);
      break;
    }
  }
}

bool Concerns(const NameChange& change, ObjectId object) {
  return change.object == object || change.from_directory == object || change.to_directory == object ||
         (change.kind == Kind::kExchange && change.other == object);
}

void SaveNames(const Names& names, ByteWriter& out) {
  out.Put(static_cast<uint32_t>(names.size()));
  for (const auto& [path, id] : names) {
    PutText(out, path);
    out.Put(id);
  }
}

bool LoadNames(ByteReader& in, Names& names) {
  uint32_t count = 0;
  if (!GetNumber(in, count)) return false;
  for (uint32_t at = 0; at < count; ++at) {
    std::string path;
    if (!GetText(in, path) || !GetNumber(in, names[path])) return false;
  }
  return true;
}

void SaveChange(const NameChange& change, ByteWriter& out) {
  out.Put(static_cast<uint8_t>(change.kind));
  PutText(out, change.from);
  PutText(out, change.to);
  for (ObjectId id : {change.object, change.other, change.from_directory, change.to_directory}) out.Put(id);
}

bool LoadChange(ByteReader& in, NameChange& change) {
  uint8_t kind = 0;
  const bool read = GetNumber(in, kind) && GetText(in, change.from) && GetText(in, change.to) &&
                    GetNumber(in, change.object) && GetNumber(in, change.other) &&
                    GetNumber(in, change.from_directory) && GetNumber(in, change.to_directory);
  change.kind = static_cast<Kind>(kind);
  return read && kind <= static_cast<uint8_t>(Kind::kExchange);
}

}  // namespace

void NameHistory::Save(ByteWriter& out) const {
  SaveNames(durable_, out);
  SaveNames(now_, out);
  out.Put(static_cast<uint32_t>(changes_.size()));
  for (const NameChange& change : changes_) SaveChange(change, out);
  out.Put(static_cast<uint8_t>(in_flight_.has_value()));
  if (in_flight_) SaveChange(*in_flight_, out);
}

bool NameHistory::Load(ByteReader& in) {
  uint32_t count = 0;
  if (!LoadNames(in, durable_) || !LoadNames(in, now_) || !GetNumber(in, count)) return false;
  for (uint32_t at = 0; at < count; ++at) {
    if (!LoadChange(in, changes_.emplace_back())) return false;
  }
  uint8_t in_flight = 0;
  if (!GetNumber(in, in_flight)) return false;
  return in_flight == 0 || LoadChange(in, in_flight_.emplace());
}

std::string Text(const NameChange& change) {
  static constexpr const char* kWords[] = {"make", "remove", "rename", "exchange"};
  return fmt::format("{} {} {}{}{}", kWords[static_cast<size_t>(change.kind)], change.object & ~kDirectoryBit,
                     change.from, change.to.empty() ? "" : " ", change.to);
}

void NameHistory::Acknowledge() {
  Apply(*in_flight_, now_);
  changes_.push_back(std::move(*in_flight_));
  in_flight_.reset();
}

void NameHistory::Synced(ObjectId object) {
  const auto last = std::find_if(changes_.rbegin(), changes_.rend(),
                                 [&](const NameChange& change) { return Concerns(change, object); });
  for (auto at = changes_.begin(); at != last.base(); ++at) Apply(*at, durable_);
  changes_.erase(changes_.begin(), last.base());
}

std::vector<NameHistory::Candidate> NameHistory::Candidates(bool acknowledged_only) const {
  std::vector<Candidate> all;
  Names names = durable_;
  size_t count = 0;
  if (!acknowledged_only) all.push_back({names, count});
  for (const NameChange& change : changes_) {
    Apply(change, names);
    ++count;
    if (!acknowledged_only) all.push_back({names, count});
  }
  if (acknowledged_only) all.push_back({names, count});
  if (in_flight_) {
    Apply(*in_flight_, names);
    all.push_back({names, count + 1});
  }
  std::ranges::reverse(all);
  return all;
}

std::string NameHistory::Tail(size_t count) const {
  std::string text;
  for (size_t at = changes_.size() - std::min(count, changes_.size()); at < changes_.size(); ++at) {
    text += "\n    " + Text(changes_[at]);
  }
  if (in_flight_) text += "\n    in flight: " + Text(*in_flight_);
  return text;
}

void NameHistory::Rebase(Names found) {
  durable_ = std::move(found);
  now_ = durable_;
  changes_.clear();
  in_flight_.reset();
}

}  // namespace tdefs::crash
