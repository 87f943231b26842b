#include "keys/data_key.h"

#include <array>
#include <ctime>

#include "base/bytes.h"
#include "crypto/random.h"

namespace tdefs {
namespace {

// A collision among a few thousand random 64-bit ids does not happen twice; a broken generator would loop for ever.
constexpr int kIdTriesMax = 10;

}  // namespace

DataKey DataKey::Clone() const {
  return DataKey{.id = id,
                 .method = method,
                 .created_unix_s = created_unix_s,
                 .exposed = exposed,
                 .domain = domain,
                 .key = key.Clone()};
}

Result<DataKey> MakeDataKey(Method method, const std::map<DataKeyId, DataKey>& taken) {
  for (int i = 0; i < kIdTriesMax; ++i) {
    std::array<std::byte, sizeof(DataKeyId)> random_id;
    TRY(FillRandom(random_id));
    const auto id = LoadBigEndian<DataKeyId>(random_id.data());
    if (id == 0 || taken.contains(id)) continue;
    DataKey key{.id = id, .method = method, .created_unix_s = UnixNow(), .exposed = false, .domain = 0, .key = {}};
    if (method != Method::kPlaintext) key.key = TRY(RandomSecret(MethodKeyBytes(method)));
    return key;
  }
  return Fail(ErrorCode::kCrypto, "data key: the random generator repeats itself");
}

uint64_t UnixNow() {
  const std::time_t now = std::time(nullptr);
  return now > 0 ? static_cast<uint64_t>(now) : 0;
}

}  // namespace tdefs
