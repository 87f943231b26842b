#include "base/failpoint.h"

#ifdef TDEFS_FAILPOINTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tdefs {
namespace {

enum class Action { kKillBefore, kKillAfter, kKillTorn, kShort, kError };

constexpr uint32_t kForever = UINT32_MAX;

struct Rule {
  Action action = Action::kError;
  int error = 0;
  uint32_t first = 1, last = kForever;  // hits, from 1
};

constexpr std::array<std::pair<std::string_view, int>, 6> kErrors = {
    {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR}}};

constexpr std::array<std::pair<std::string_view, Action>, 4> kActions = {{{"kill-before", Action::kKillBefore},
                                                                          {"kill-after", Action::kKillAfter},
                                                                          {"kill-torn", Action::kKillTorn},
                                                                          {"short", Action::kShort}}};

constexpr std::array<const char*, 7> kKindNames = {"write", "read", "sync", "name", "attribute", "size", "other"};

std::optional<uint32_t> ParseCount(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

// "ACTION", "ACTION@N" or "ACTION@N+".
std::optional<Rule> ParseRule(std::string_view text) {
  Rule rule;
  const size_t at = text.find('@');
  const std::string_view what = text.substr(0, at);
  if (at != std::string_view::npos) {
    std::string_view when = text.substr(at + 1);
    const bool on = when.ends_with('+');
    if (on) when.remove_suffix(1);
    const auto count = ParseCount(when);
    if (!count) return std::nullopt;
    rule.first = *count;
    rule.last = on ? kForever : *count;
  }
  for (const auto& [name, action] : kActions) {
    if (name != what) continue;
    rule.action = action;
    return rule;
  }
  for (const auto& [name, error] : kErrors) {
    if (name != what) continue;
    rule.error = error;
    return rule;
  }
  return std::nullopt;
}

[[noreturn]] void EndNow() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace

struct FailpointState {
  CallKind kind = CallKind::kOther;
  std::mutex mutex;
  std::optional<Rule> rule;
  uint32_t hits = 0;

  // The rule that holds for this hit, counted by Before.
  std::optional<Rule> Current() {
    std::lock_guard lock(mutex);
    if (!rule || hits < rule->first || hits > rule->last) return std::nullopt;
    return rule;
  }
};

namespace {

// Points register before main, from any object file; none is registered later, so that reading needs no lock.
std::map<std::string, FailpointState, std::less<>>& Registry() {
  static auto* registry = new std::map<std::string, FailpointState, std::less<>>();
  return *registry;
}

std::atomic<bool> any_armed{false};
std::once_flag environment_once;

bool Arm(std::string_view text) {
  std::map<std::string_view, Rule> rules;
  while (!text.empty()) {
    const size_t end = std::min(text.find(';'), text.size());
    const std::string_view one = text.substr(0, end);
    const size_t colon = one.find(':');
    if (colon == std::string_view::npos || !Registry().contains(one.substr(0, colon))) return false;
    const auto rule = ParseRule(one.substr(colon + 1));
    if (!rule) return false;
    rules[one.substr(0, colon)] = *rule;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  for (auto& [name, state] : Registry()) {
    std::lock_guard lock(state.mutex);
    const auto rule = rules.find(name);
    state.rule = rule == rules.end() ? std::nullopt : std::optional(rule->second);
    state.hits = 0;
  }
  any_armed = !rules.empty();
  return true;
}

void ArmFromEnvironment() {
  const char* text = ::getenv("TDEFS_FAILPOINTS");
  if (text == nullptr || Arm(text)) return;
  ::fprintf(stderr, "error: TDEFS_FAILPOINTS: %s\n", text);
  ::_exit(2);
}

}  // namespace

Failpoint::Failpoint(const char* name, CallKind kind) : state_(&Registry()[name]) {
  state_->kind = kind;
}

int Failpoint::Before() const {
  std::call_once(environment_once, ArmFromEnvironment);
  if (!any_armed.load(std::memory_order_relaxed)) return 0;
  {
    std::lock_guard lock(state_->mutex);
    ++state_->hits;
  }
  const auto rule = state_->Current();
  if (!rule) return 0;
  if (rule->action == Action::kKillBefore) EndNow();
  return rule->error;
}

size_t Failpoint::ShortSize(size_t size) const {
  if (!any_armed.load(std::memory_order_relaxed)) return size;
  const auto rule = state_->Current();
  const bool cut = rule && (rule->action == Action::kShort || rule->action == Action::kKillTorn);
  return cut ? std::max<size_t>(1, size / 2) : size;
}

void Failpoint::After() const {
  if (!any_armed.load(std::memory_order_relaxed)) return;
  const int error = errno;
  const auto rule = state_->Current();
  if (rule && (rule->action == Action::kKillAfter || rule->action == Action::kKillTorn)) EndNow();
  errno = error;
}

bool ArmFailpoints(std::string_view text) {
  std::call_once(environment_once, [] {});  // what is armed by hand replaces the environment
  return Arm(text);
}

std::map<std::string, bool> FailpointNames() {
  std::map<std::string, bool> names;
  for (const auto& [name, state] : Registry()) {
    names[name] = state.kind == CallKind::kWrite || state.kind == CallKind::kRead;
  }
  return names;
}

uint32_t FailpointHits(std::string_view name) {
  const auto point = Registry().find(name);
  if (point == Registry().end()) return 0;
  std::lock_guard lock(point->second.mutex);
  return point->second.hits;
}

bool ListFailpointsIfAsked() {
  const char* text = ::getenv("TDEFS_FAILPOINTS");
  if (text == nullptr || std::string_view(text) != "list") return false;
  for (const auto& [name, state] : Registry()) {
    ::printf("%s %s\n", name.c_str(), kKindNames[static_cast<size_t>(state.kind)]);
  }
  return true;
}

}  // namespace tdefs

#endif
