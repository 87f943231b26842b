#include "crypto/speed.h"

#include <openssl/crypto.h>

#include <array>

#include "base/bytes.h"
#include "crypto/content_cipher.h"

namespace tdefs {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array<size_t, 3> kBlockBytes = {4 << 10, 16 << 10, 128 << 10};
// Any value but zero: zero blocks are stored as zeros, without the cipher.
constexpr std::byte kFiller{0x5a};

double GigabytesPerSecond(const ContentCipher& cipher, ByteSpan block, std::chrono::milliseconds at_least) {
  const Iv iv{};
  uint64_t done_bytes = 0;
  const Clock::time_point start = Clock::now();
  Clock::duration elapsed{};
  do {
    cipher.Encrypt(iv, 0, block, block);
    done_bytes += block.size();
    elapsed = Clock::now() - start;
  } while (elapsed < at_least || elapsed == Clock::duration::zero());
  return static_cast<double>(done_bytes) / 1e9 / std::chrono::duration<double>(elapsed).count();
}

}  // namespace

std::vector<SpeedRow> MeasureSpeed(std::chrono::milliseconds per_case) {
  std::vector<SpeedRow> rows;
  for (Method method : kAllMethods) {
    auto cipher = ContentCipher::Create(method, Bytes(MethodKeyBytes(method), kFiller));
    if (!cipher) continue;
    for (size_t block_bytes : kBlockBytes) {
      Bytes block(block_bytes, kFiller);
      rows.push_back({method, block_bytes, GigabytesPerSecond(**cipher, block, per_case)});
    }
  }
  return rows;
}

std::string CryptoLibraryVersion() {
  return OpenSSL_version(OPENSSL_VERSION);
}

}  // namespace tdefs
