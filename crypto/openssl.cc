#include "crypto/openssl.h"

#include <openssl/err.h>

#include <string>

namespace tdefs {

std::unexpected<Error> CryptoFailure(std::string_view operation) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string message = "openssl: ";
  message.append(operation).append(": ").append(reason == nullptr ? "no reason given" : reason);
  ERR_clear_error();
  return Fail(ErrorCode::kCrypto, std::move(message));
}

}  // namespace tdefs
