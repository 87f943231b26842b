#include "crypto/secret_bytes.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>
#include <type_traits>
#include <vector>

#include "crypto/zero_units.h"
#include "vectors.h"

namespace tdefs {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes> && std::is_nothrow_move_assignable_v<SecretBytes>);

TEST(SecretBytesTest, NewSecretIsZeroFilledAndInTheSecureHeap) {
  { SecretBytes dirt(NonZeroBytes(64, 1)); }  // so that the memory is used a second time
  SecretBytes secret(64);
  EXPECT_EQ(secret.size(), 64U);
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(IsZero(secret.view()));
  EXPECT_EQ(CRYPTO_secure_allocated(secret.view().data()), 1);
}

TEST(SecretBytesTest, EmptySecretHasNoMemory) {
  EXPECT_TRUE(SecretBytes().empty());
  EXPECT_TRUE(SecretBytes(size_t{0}).empty());
  EXPECT_TRUE(SecretBytes(ByteView()).empty());
  EXPECT_TRUE(SecretBytes().Clone().empty());
}

TEST(SecretBytesTest, CopyAndCloneHoldTheSameBytesElsewhere) {
  const Bytes bytes = NonZeroBytes(32, 1);
  SecretBytes secret(bytes);
  SecretBytes clone = secret.Clone();
  EXPECT_TRUE(SecretsEqual(secret.view(), bytes));
  EXPECT_TRUE(SecretsEqual(clone.view(), bytes));
  EXPECT_NE(secret.view().data(), clone.view().data());
  clone.span()[0] ^= std::byte{1};
  EXPECT_TRUE(SecretsEqual(secret.view(), bytes));
}

TEST(SecretBytesTest, MoveEmptiesTheSource) {
  const Bytes bytes = NonZeroBytes(32, 1);
  SecretBytes first(bytes);
  SecretBytes second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the state after a move is what is tested
  SecretBytes third(NonZeroBytes(16, 2));
  third = std::move(second);
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(SecretsEqual(third.view(), bytes));
  SecretBytes& itself = third;
  third = std::move(itself);
  EXPECT_TRUE(SecretsEqual(third.view(), bytes));
}

TEST(SecretBytesTest, ReleaseGivesTheMemoryBack) {
  SecretBytes keep(32);
  const size_t before = CRYPTO_secure_used();
  {
    SecretBytes secret(1000);
    EXPECT_GE(CRYPTO_secure_used(), before + 1000);
    secret = SecretBytes(32);
    EXPECT_LT(CRYPTO_secure_used(), before + 1000);
  }
  EXPECT_EQ(CRYPTO_secure_used(), before);
}

TEST(SecretBytesTest, SeveralThousandKeysFit) {
  std::vector<SecretBytes> keys;
  for (uint32_t i = 0; i < 16'384; ++i) keys.emplace_back(32);
  EXPECT_TRUE(IsZero(keys.back().view()));
}

TEST(SecretBytesTest, ThreadsMakeAndDestroySecrets) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(8, 0);
  for (uint32_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&wrong, t] {
      const Bytes bytes = NonZeroBytes(32, t);
      for (int i = 0; i < 500; ++i) {
        if (!SecretsEqual(SecretBytes(bytes).Clone().view(), bytes)) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(8, 0));
}

TEST(SecretBytesTest, SecretsEqualComparesSizeAndEachByte) {
  const Bytes a = NonZeroBytes(33, 1);
  EXPECT_TRUE(SecretsEqual(a, Bytes(a)));
  EXPECT_TRUE(SecretsEqual({}, {}));
  EXPECT_FALSE(SecretsEqual(a, ByteView(a).first(32)));
  for (size_t i = 0; i < a.size(); ++i) {
    Bytes b = a;
    b[i] ^= std::byte{0x10};
    EXPECT_FALSE(SecretsEqual(a, b)) << i;
  }
}

TEST(SecretBytesTest, WipeZeroesAllBytes) {
  Bytes bytes = NonZeroBytes(77, 1);
  Wipe(bytes);
  EXPECT_TRUE(IsZero(bytes));
  Wipe({});
}

TEST(SecretBytesDeathTest, ExhaustedHeapAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(SecretBytes(2 * kSecureHeapBytes), "secure heap for keys is exhausted");
}

// A process of its own for each limit, since the heap is set up once in a process.
TEST(SecretBytesDeathTest, LockedMemoryIsReportedAsTheLimitAllows) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // What the kernel says to mlock is what is expected; asked by number, since sanitizers make mlock() do nothing. Root
  // is given up first, since CAP_IPC_LOCK overrides the limit.
  constexpr uid_t kNobody = 65534;
  auto exit_as_expected = [](rlim_t limit) {
    const rlimit limits{limit, limit};
    if (setrlimit(RLIMIT_MEMLOCK, &limits) != 0) _exit(2);
    if (geteuid() == 0 && setresuid(kNobody, kNobody, kNobody) != 0) _exit(3);
    static std::byte page[2 * kSecureHeapBytes];
    const bool lockable = syscall(SYS_mlock, page, sizeof(page)) == 0;
    syscall(SYS_munlock, page, sizeof(page));
    SecretBytes works_either_way(NonZeroBytes(32, 1));
    _exit(SecretMemoryIsLocked() == lockable ? 0 : 1);
  };
  rlimit current{};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &current), 0);
  EXPECT_EXIT(exit_as_expected(0), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(exit_as_expected(current.rlim_cur), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tdefs
