// An OpenSSL that offers nothing (as a misconfigured or restricted one does) makes errors, never weaker bytes.
// Each case runs in a process of its own, since algorithms are fetched once in a process.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cstdio>

#include "crypto/aead.h"
#include "crypto/content_cipher.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "crypto/speed.h"
#include "vectors.h"

namespace tdefs {
namespace {

class OpensslFailureDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // Hides every algorithm, runs the case and leaves with 0 if it ended with kCrypto and a text that starts so.
  template <typename Case>
  [[noreturn]] static void ExitWithoutAlgorithms(Case run, std::string_view text_start) {
    if (EVP_set_default_properties(nullptr, "provider=none") != 1) _exit(2);
    auto result = run();
    if (result.has_value()) _exit(3);
    if (ERR_peek_error() != 0) _exit(5);  // left in the queue, a later failure would be told with this one's reason
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    _exit(result.error().code == ErrorCode::kCrypto && result.error().message.starts_with(text_start) ? 0 : 4);
  }
};

TEST_F(OpensslFailureDeathTest, ContentCipherIsNotMade) {
  EXPECT_EXIT(ExitWithoutAlgorithms([] { return ContentCipher::Create(Method::kSm4Ctr, Bytes(16)); },
                                    "openssl: fetch sm4-ctr: "),
              testing::ExitedWithCode(0), "unsupported");
}

TEST_F(OpensslFailureDeathTest, AeadIsNotMade) {
  EXPECT_EXIT(ExitWithoutAlgorithms([] { return Aead::Create(Bytes(32)); }, "openssl: fetch AES-256-GCM: "),
              testing::ExitedWithCode(0), "unsupported");
}

TEST_F(OpensslFailureDeathTest, NoKeyIsDerived) {
  EXPECT_EXIT(ExitWithoutAlgorithms([] { return HkdfSha256(Bytes(32), {}, {}, 32); }, "openssl: fetch HKDF: "),
              testing::ExitedWithCode(0), "unsupported");
}

TEST_F(OpensslFailureDeathTest, NoMacIsMade) {
  EXPECT_EXIT(ExitWithoutAlgorithms([] { return HmacSha256(Bytes(32), {}); }, "openssl: fetch HMAC: "),
              testing::ExitedWithCode(0), "unsupported");
}

TEST_F(OpensslFailureDeathTest, NoRandomBytesAreMadeUp) {
  auto fill = [] {
    static Bytes out(16);
    return FillRandom(out);
  };
  EXPECT_EXIT(ExitWithoutAlgorithms(fill, "openssl: random: "), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(ExitWithoutAlgorithms([] { return RandomSecret(32); }, "openssl: random key: "),
              testing::ExitedWithCode(0), "");
}

TEST_F(OpensslFailureDeathTest, SpeedLeavesOutWhatIsNotThere) {
  auto exit_with_rows = [] {
    if (EVP_set_default_properties(nullptr, "provider=none") != 1) _exit(2);
    _exit(MeasureSpeed(std::chrono::milliseconds(0)).empty() ? 0 : 1);
  };
  EXPECT_EXIT(exit_with_rows(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tdefs
