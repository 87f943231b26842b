// The -o options: see config/load.h.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "config/load.h"
#include "config/mount_settings.h"
#include "config/nearest.h"

namespace tdefs {
namespace {

// Options of mount(8) and of libmount that are for them, or that say what holds anyway.
constexpr std::string_view kIgnored[] = {"defaults", "auto",       "noauto",      "user",     "nouser",
                                         "users",    "nousers",    "owner",       "noowner",  "group",
                                         "nogroup",  "_netdev",    "nofail",      "async",    "atime",
                                         "relatime", "norelatime", "strictatime", "diratime", "default-permissions"};
constexpr std::string_view kValued[] = {"key-file", "method", "config", "comment"};
// What libmount adds for itself when it remounts, and systemd's and users' own options.
bool IsForeign(std::string_view name) {
  return name.starts_with("x-") || name.starts_with("X-") || name == "comment";
}

std::unexpected<Error> Refuse(std::string_view option, const std::string& what) {
  return Fail(ErrorCode::kBadConfig, fmt::format("mount option `{}`: {}", OneLine(option), what));
}

std::vector<std::string_view> KnownNames() {
  std::vector<std::string_view> names = {"ro", "rw"};
  names.insert(names.end(), std::begin(kIgnored), std::end(kIgnored));
  names.insert(names.end(), std::begin(kValued), std::end(kValued));
  for (const MountSwitch& known : kMountSwitches) names.push_back(known.name);
  for (const MountNumber& known : kMountNumbers) names.push_back(known.name);
  return names;
}

// "acl" → (acl, true); "no-acl" and "noacl" → (acl, false).
bool ApplySwitch(std::string_view name, MountConfig& mount) {
  for (const MountSwitch& known : kMountSwitches) {
    std::string_view negated = name;
    if (negated.starts_with("no-")) {
      negated.remove_prefix(3);
    } else if (negated.starts_with("no")) {
      negated.remove_prefix(2);
    }
    if (name != known.name && negated != known.name) continue;
    mount.*known.member = name == known.name;
    return true;
  }
  return false;
}

Status ApplyNumber(std::string_view option, const MountNumber& known, std::string_view value, MountConfig& mount) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = error == std::errc() && end == value.data() + value.size();
  if (!is_number || number < known.range.least || number > known.range.most) {
    return Refuse(option, fmt::format("expected {} to {} {}", known.range.least, known.range.most, known.range.unit));
  }
  mount.*known.member = static_cast<uint32_t>(number);
  return {};
}

Status ApplyValued(std::string_view option, const std::string& name, std::string_view value, Config& config) {
  if (name == "key-file") {
    if (std::string defect = PathDefect(value); !defect.empty()) return Refuse(option, defect);
    config.encryption.master_key = MasterKeyConfig{MasterKeyConfig::Type::kFile, std::string(value)};
    return {};
  }
  if (name == "method") {
    config.encryption.data_encryption_method = MethodFromName(value);
    if (config.encryption.data_encryption_method) return {};
    std::string expected = "expected one of";
    for (Method method : kAllMethods) expected += fmt::format(" {}", MethodName(method));
    return Refuse(option, expected);
  }
  if (name == "config") return {};
  for (const MountNumber& known : kMountNumbers) {
    if (name == known.name) return ApplyNumber(option, known, value, config.mount);
  }
  const std::vector<std::string_view> names = KnownNames();
  if (std::ranges::find(names, name) != names.end()) return Refuse(option, "takes no value");
  return Refuse(option, "unknown" + Suggestion(name, names));
}

}  // namespace

std::vector<std::string> SplitMountOptions(std::string_view options) {
  std::vector<std::string> split(1);
  for (size_t i = 0; i < options.size(); ++i) {
    const bool is_escape =
        options[i] == '\\' && i + 1 < options.size() && (options[i + 1] == ',' || options[i + 1] == '\\');
    if (is_escape) {
      split.back() += options[++i];
    } else if (options[i] == ',') {
      split.emplace_back();
    } else {
      split.back() += options[i];
    }
  }
  std::erase(split, std::string());
  return split;
}

Status ApplyMountOption(std::string_view option, Config& config) {
  if (option.size() > kMountOptionBytesMax) {
    return Refuse(option, fmt::format("it has {} bytes, at most {}", option.size(), kMountOptionBytesMax));
  }
  const size_t equals = option.find('=');
  std::string name(option.substr(0, equals));
  if (IsForeign(name)) return {};
  if (!name.empty() && name != "_netdev") std::ranges::replace(name, '_', '-');
  if (equals != std::string_view::npos) return ApplyValued(option, name, option.substr(equals + 1), config);

  if (name == "ro" || name == "rw") {
    config.mount.read_only = name == "ro";
    return {};
  }
  if (ApplySwitch(name, config.mount)) return {};
  const bool needs_value = std::ranges::find(kValued, name) != std::end(kValued) ||
                           std::ranges::find(kMountNumbers, name, &MountNumber::name) != kMountNumbers.end();
  if (needs_value) return Refuse(option, fmt::format("needs a value: {}=…", name));
  if (std::ranges::find(kIgnored, name) != std::end(kIgnored)) return {};
  return Refuse(option, "unknown" + Suggestion(name, KnownNames()));
}

}  // namespace tdefs
