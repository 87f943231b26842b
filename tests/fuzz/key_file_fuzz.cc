// Fuzz target of the master key file: the input is its content. A key is read from 64 hexadecimal digits that are not
// all zero and a newline, and from nothing else; what is refused says so in one line.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/file_io.h"
#include "crypto/zero_units.h"
#include "keys/key_file.h"
#include "tests/fuzz/directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace tdefs {
namespace {

// The key that the format gives, found in another way than by the parser; nothing where there is none.
std::optional<Bytes> Expected(std::string_view content) {
  if (content.size() != 2 * kMasterKeyBytes + 1 || !content.ends_with('\n')) return std::nullopt;
  std::optional<Bytes> key = FromHex(content.substr(0, content.size() - 1));
  if (key && IsZero(*key)) return std::nullopt;
  return key;
}

}  // namespace
}  // namespace tdefs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tdefs;
  static const FuzzDirectory directory;
  const UniqueFd file(::openat(directory.fd(), "key", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const ByteView content = std::as_bytes(std::span(data, size));
  if (!file || !WriteAt(file.get(), content, 0)) std::abort();
  const Result<SecretBytes> key = ReadKeyFile(directory.path() + "/key");
  const std::optional<Bytes> expected = Expected(AsText(content));
  if (key.has_value() != expected.has_value()) std::abort();
  if (key && !SecretsEqual(key->view(), *expected)) std::abort();
  if (!key && key.error().code != ErrorCode::kBadKeyFile) std::abort();
  if (!key && key.error().message.find('\n') != std::string::npos) std::abort();
  return 0;
}
