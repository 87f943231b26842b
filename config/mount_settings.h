// The settings of [mount], listed once for both of their spellings: TOML keys and -o options.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "config/config.h"
#include "config/section_reader.h"

namespace tdefs {

struct MountSwitch {
  std::string_view name;
  bool MountConfig::*member;
};
struct MountNumber {
  std::string_view name;
  uint32_t MountConfig::*member;
  Range range;
};

inline constexpr std::array<MountSwitch, 9> kMountSwitches = {{
    {"allow-other", &MountConfig::allow_other},
    {"read-only", &MountConfig::read_only},
    {"writeback-cache", &MountConfig::writeback_cache},
    {"direct-io", &MountConfig::direct_io},
    {"acl", &MountConfig::acl},
    {"dev", &MountConfig::dev},
    {"suid", &MountConfig::suid},
    {"exec", &MountConfig::exec},
    {"noatime", &MountConfig::noatime},
}};

inline constexpr std::array<MountNumber, 5> kMountNumbers = {{
    {"threads", &MountConfig::threads, {0, 256, "threads (0: chosen from the number of cores)"}},
    {"read-ahead-kib", &MountConfig::read_ahead_kib, {0, 65536, "KiB"}},
    {"max-background", &MountConfig::max_background, {1, 65535, "requests"}},
    {"cache-timeout-s", &MountConfig::cache_timeout_s, {0, 31'536'000, "seconds"}},
    {"flush-interval-ms", &MountConfig::flush_interval_ms, {10, 60'000, "milliseconds"}},
}};

}  // namespace tdefs
