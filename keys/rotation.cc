#include "keys/rotation.h"

#include <algorithm>

namespace tdefs {

std::string_view RotationReasonName(RotationReason reason) {
  switch (reason) {
    case RotationReason::kMethod:
      return "the method changed";
    case RotationReason::kExposed:
      return "it was exposed";
    case RotationReason::kAge:
      return "it is older than the rotation period";
  }
  return "unknown";
}

std::optional<RotationReason> RotationDue(const RotationPolicy& policy, const DataKeyInfo& current,
                                          bool master_key_is_secure, uint64_t now_unix_s) {
  if (policy.method && *policy.method != current.method) return RotationReason::kMethod;
  if (current.method == Method::kPlaintext) return std::nullopt;
  if (current.exposed && master_key_is_secure) return RotationReason::kExposed;
  const uint64_t age_s =
      now_unix_s > current.created_unix_s ? now_unix_s - current.created_unix_s : current.created_unix_s - now_unix_s;
  const auto period_s = static_cast<uint64_t>(std::max(policy.period, kRotationPeriodMin).count());
  return age_s >= period_s ? std::optional(RotationReason::kAge) : std::nullopt;
}

std::chrono::seconds RotationCheckInterval(const RotationPolicy& policy) {
  return std::clamp(policy.period, kRotationPeriodMin, kRotationCheckMax);
}

}  // namespace tdefs
