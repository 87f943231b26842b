// When a data key has served its time: by age, by exposure, by a change of method.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/method.h"
#include "keys/store_info.h"

namespace tdefs {

struct RotationPolicy {
  std::optional<Method> method;  // configured; absent: the current key's own
  std::chrono::seconds period{std::chrono::days{7}};
};

enum class RotationReason : uint8_t { kMethod, kExposed, kAge };
std::string_view RotationReasonName(RotationReason reason);

inline constexpr std::chrono::seconds kRotationPeriodMin{1};
inline constexpr std::chrono::seconds kRotationCheckMax{std::chrono::minutes{10}};  // TiKV's

// Why the current key must make room, the most pressing reason first; nothing if it need not. The age is taken without
// its sign: a key from the future tells of a wrong clock, and would otherwise never rotate. A key of method plaintext
// holds nothing that ages; an exposed one can only be replaced once the master key is secure.
std::optional<RotationReason> RotationDue(const RotationPolicy& policy, const DataKeyInfo& current,
                                          bool master_key_is_secure, uint64_t now_unix_s);
// How often to ask: min(10 min, period), at least a second.
std::chrono::seconds RotationCheckInterval(const RotationPolicy& policy);

}  // namespace tdefs
