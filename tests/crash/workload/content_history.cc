#include "tests/crash/workload/content_history.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/crash/workload/codec.h"
#include "tests/crash/workload/units.h"

namespace tdefs::crash {
namespace {

using Kind = ContentChange::Kind;

// The bytes that a change touches in a file that is `before` bytes long and becomes `after` bytes long.
struct Range {
  uint64_t begin = 0, end = 0;
};
Range Touched(const ContentChange& change, uint64_t before, uint64_t after) {
  const Range resized = {std::min(before, after), std::max(before, after)};
  if (change.kind == Kind::kTruncate || change.kind == Kind::kAllocate) return resized;
  const Range changed = {change.offset, std::min(change.offset + change.length, after)};
  if (before == after) return changed;
  return {std::min(changed.begin, resized.begin), std::max(changed.end, resized.end)};
}

// Which bytes may be zero, and how long the file may be.
struct Bounds {
  std::vector<bool> zero;
  uint64_t size_min = 0, size_max = 0;
  void MayBeZero(uint64_t begin, uint64_t end, bool may) {
    for (uint64_t at = begin; at < std::min<uint64_t>(end, zero.size()); ++at) zero[at] = may;
  }
};

bool Matches(std::string_view found, const std::string& content, uint64_t begin, const std::vector<bool>& zero) {
  for (uint64_t at = begin; at < std::min<uint64_t>(begin + kUnit, found.size()); ++at) {
    const char expected = at < content.size() ? content[at] : '\0';
    if (found[at] != expected && !(found[at] == 0 && zero[at])) return false;
  }
  return true;
}

void SaveChange(const ContentChange& change, ByteWriter& out) {
  out.Put(static_cast<uint8_t>(change.kind));
  out.Put(change.offset);
  out.Put(change.length);
  out.Put(change.version);
  out.Put(static_cast<uint8_t>(change.durable));
}

bool LoadChange(ByteReader& in, ContentChange& change) {
  uint8_t kind = 0, durable = 0;
  const bool read = GetNumber(in, kind) && GetNumber(in, change.offset) && GetNumber(in, change.length) &&
                    GetNumber(in, change.version) && GetNumber(in, durable);
  change.kind = static_cast<Kind>(kind);
  change.durable = durable != 0;
  return read && kind <= static_cast<uint8_t>(Kind::kAllocate);
}

std::string Text(const ContentChange& change) {
  static constexpr const char* kWords[] = {"write", "truncate", "zero", "allocate"};
  return fmt::format("{} at {}, {} bytes, version {}{}", kWords[static_cast<size_t>(change.kind)], change.offset,
                     change.length, change.version, change.durable ? ", durable" : "");
}

}  // namespace

void ContentHistory::Save(ByteWriter& out) const {
  out.Put(file_);
  PutText(out, durable_);
  out.Put(static_cast<uint32_t>(changes_.size()));
  for (const ContentChange& change : changes_) SaveChange(change, out);
  out.Put(static_cast<uint8_t>(in_flight_.has_value()));
  if (in_flight_) SaveChange(*in_flight_, out);
}

bool ContentHistory::Load(ByteReader& in) {
  uint32_t count = 0;
  if (!GetNumber(in, file_) || !GetText(in, durable_) || !GetNumber(in, count)) return false;
  now_ = durable_;
  for (uint32_t at = 0; at < count; ++at) {
    if (!LoadChange(in, changes_.emplace_back())) return false;
    Apply(changes_.back(), now_);
  }
  uint8_t in_flight = 0;
  if (!GetNumber(in, in_flight)) return false;
  return in_flight == 0 || LoadChange(in, in_flight_.emplace());
}

void ContentHistory::Apply(const ContentChange& change, std::string& content) const {
  const uint64_t end = change.offset + change.length;
  switch (change.kind) {
    case Kind::kWrite:
      if (end > content.size()) content.resize(end);
      content.replace(change.offset, change.length, StreamOf(file_, change.version, change.offset, change.length));
      break;
    case Kind::kTruncate:
      content.resize(change.offset);
      break;
    case Kind::kZero:
      for (uint64_t at = change.offset; at < std::min<uint64_t>(end, content.size()); ++at) content[at] = 0;
      break;
    case Kind::kAllocate:
      if (end > content.size()) content.resize(end);
      break;
  }
}

void ContentHistory::Acknowledge() {
  Apply(*in_flight_, now_);
  changes_.push_back(*in_flight_);
  in_flight_.reset();
}

void ContentHistory::Synced() {
  durable_ = now_;
  changes_.clear();
}

void ContentHistory::Rebase(const std::string& found) {
  now_ = found;
  in_flight_.reset();
  Synced();
}

std::vector<ContentChange> ContentHistory::Since(After after) const {
  std::vector<ContentChange> since = after == After::kPowerCut ? changes_ : std::vector<ContentChange>();
  if (in_flight_) {
    since.push_back(*in_flight_);
    since.back().durable = false;
  }
  return since;
}

// The durable size and the changes since, for a message.
std::string ContentHistory::Story(const std::vector<ContentChange>& since) const {
  std::string story = fmt::format("\n      durable: {} bytes", durable_.size());
  for (const ContentChange& change : since) story += "\n      " + Text(change);
  return story + (in_flight_ ? " (in flight)" : "");
}

std::optional<std::string> ContentHistory::Wrong(const std::string& found, After after) const {
  const std::string& base = after == After::kPowerCut ? durable_ : now_;
  const std::vector<ContentChange> since = Since(after);

  Bounds bounds{std::vector<bool>(found.size()), base.size(), base.size()};
  for (uint64_t at = 0; at < found.size(); ++at) bounds.zero[at] = at >= base.size() || base[at] == 0;
  std::vector<bool> good((found.size() + kUnit - 1) / kUnit);
  std::string content = base;
  for (const ContentChange& change : since) {
    const uint64_t before = content.size();
    Apply(change, content);
    const Range touched = Touched(change, before, content.size());
    bounds.size_min = std::min<uint64_t>(bounds.size_min, content.size());
    bounds.size_max = std::max<uint64_t>(bounds.size_max, content.size());
    if (change.kind == Kind::kWrite) {
      if (before < change.offset) bounds.MayBeZero(before, change.offset, true);
    } else {
      bounds.MayBeZero(touched.begin, touched.end, true);
    }
    if (change.durable) {
      bounds.MayBeZero(change.offset, change.offset + change.length, false);
      bounds.size_min = change.offset + change.length;
    }
  }
  if (found.size() < bounds.size_min || found.size() > bounds.size_max) {
    return fmt::format("it has {} bytes, {} to {} were expected{}", found.size(), bounds.size_min, bounds.size_max,
                       Story(since));
  }
  content = base;
  for (uint64_t unit = 0; unit < good.size(); ++unit) {
    const uint64_t end = std::min<uint64_t>((unit + 1) * kUnit, found.size());
    // Beyond the durable end, a file that grows again may show what it held there before it was cut (ext4 does).
    const bool beyond = after == After::kPowerCut && end > base.size() && bounds.zero[end - 1];
    good[unit] = Matches(found, content, unit * kUnit, bounds.zero) ||
                 (beyond && IsUnitAt(std::string_view(found).substr(unit * kUnit, kUnit), file_, unit * kUnit));
  }
  for (const ContentChange& change : since) {
    const uint64_t before = content.size();
    Apply(change, content);
    const Range touched = Touched(change, before, content.size());
    for (uint64_t unit = touched.begin / kUnit; unit < good.size() && unit * kUnit < touched.end; ++unit) {
      const bool matches = Matches(found, content, unit * kUnit, bounds.zero);
      const bool durable = change.durable && (unit + 1) * kUnit > change.offset;
      good[unit] = matches || (good[unit] && !durable);
    }
    // A known limit (docs/reliability.md): a cut through a unit, itself lost, whose zeros behind the cut are not.
    const uint64_t cut = content.size();
    if (after == After::kPowerCut && cut < before && cut % kUnit != 0 && cut < found.size()) good[cut / kUnit] = true;
  }
  const auto bad = static_cast<uint64_t>(std::ranges::count(good, false));
  if (bad == 0 || (bad == 1 && in_flight_ && after == After::kTornKill)) return std::nullopt;
  const auto first = static_cast<uint64_t>(std::ranges::find(good, false) - good.begin()) * kUnit;
  const std::string_view text(found);
  std::string last = first < now_.size() ? Describe(std::string_view(now_).substr(first, kUnit)) : "nothing";
  return fmt::format("{} of {} units are illegal, the first at {} of {} bytes: found {}; durable {}, last {}{}", bad,
                     good.size(), first, found.size(), Describe(text.substr(first, kUnit)),
                     first < durable_.size() ? Describe(std::string_view(durable_).substr(first, kUnit)) : "nothing",
                     last, Story(since));
}

}  // namespace tdefs::crash
