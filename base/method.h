// The encryption methods, with TiKV's names and numbers (encryptionpb.EncryptionMethod).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tdefs {

// The numbers are part of every on-disk format: never renumber.
enum class Method : uint8_t {
  kPlaintext = 1,
  kAes128Ctr = 2,
  kAes192Ctr = 3,
  kAes256Ctr = 4,
  kSm4Ctr = 5,
};
inline constexpr std::array kAllMethods = {Method::kPlaintext, Method::kAes128Ctr, Method::kAes192Ctr,
                                           Method::kAes256Ctr, Method::kSm4Ctr};

// "plaintext", "aes128-ctr", "aes192-ctr", "aes256-ctr", "sm4-ctr".
std::string_view MethodName(Method method);
// The method of a name, case-insensitive as in TiKV; nothing for an unknown name.
std::optional<Method> MethodFromName(std::string_view name);
// The method of an on-disk number; nothing for an unknown one.
std::optional<Method> MethodFromNumber(uint8_t number);
// Length of the method's data key in bytes: 0 for plaintext, else 16, 24 or 32.
size_t MethodKeyBytes(Method method);

}  // namespace tdefs
