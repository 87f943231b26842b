#include "base/method.h"

#include <strings.h>

#include <string>

namespace tdefs {

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kPlaintext:
      return "plaintext";
    case Method::kAes128Ctr:
      return "aes128-ctr";
    case Method::kAes192Ctr:
      return "aes192-ctr";
    case Method::kAes256Ctr:
      return "aes256-ctr";
    case Method::kSm4Ctr:
      return "sm4-ctr";
  }
  return "unknown";
}

std::optional<Method> MethodFromName(std::string_view name) {
  for (Method method : kAllMethods) {
    std::string_view candidate = MethodName(method);
    if (candidate.size() == name.size() && strncasecmp(candidate.data(), name.data(), name.size()) == 0) return method;
  }
  return std::nullopt;
}

std::optional<Method> MethodFromNumber(uint8_t number) {
  for (Method method : kAllMethods) {
    if (static_cast<uint8_t>(method) == number) return method;
  }
  return std::nullopt;
}

size_t MethodKeyBytes(Method method) {
  switch (method) {
    case Method::kPlaintext:
      return 0;
    case Method::kAes128Ctr:
    case Method::kSm4Ctr:
      return 16;
    case Method::kAes192Ctr:
      return 24;
    case Method::kAes256Ctr:
      return 32;
  }
  return 0;
}

}  // namespace tdefs
