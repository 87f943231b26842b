// Fuzz target of the tag. The first byte chooses how deep the rest goes:
//   even  the rest is the whole xattr
//   odd   the rest is what the MAC covers, and the MAC is right
// What is decoded encodes to the same bytes; all else is refused with the error of its depth.
#include <cstdint>
#include <cstdlib>

#include "crypto/hkdf.h"
#include "keys/tag.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace tdefs {
namespace {

constexpr StoreId kStore{std::byte{1}, std::byte{2}};
constexpr size_t kFieldBytes = 32;

Bytes WithMac(ByteView fields) {
  const SecretBytes key(32);
  const ByteView parts[] = {AsBytes("tdefs tag 1"), kStore, fields};
  const auto mac = HmacSha256(key.view(), parts);
  if (!mac) std::abort();
  Bytes tag(fields.begin(), fields.end());
  tag.insert(tag.end(), mac->begin(), mac->begin() + (kTagBytes - kFieldBytes));
  return tag;
}

void Decode(ByteView bytes, bool authentic) {
  const TagCodec codec(kStore, SecretBytes(32));
  const Result<FileRecord> record = codec.Decode(bytes);
  if (!record) {
    if (record.error().code != (authentic ? ErrorCode::kUnsupported : ErrorCode::kTampered)) std::abort();
    return;
  }
  const Result<Tag> again = codec.Encode(*record);
  if (!again || Bytes(again->begin(), again->end()) != Bytes(bytes.begin(), bytes.end())) std::abort();
}

}  // namespace
}  // namespace tdefs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tdefs;
  if (size == 0) return 0;
  const ByteView rest = std::as_bytes(std::span(data + 1, size - 1));
  if (data[0] % 2 == 0) {
    Decode(rest, false);
  } else if (rest.size() >= kFieldBytes) {
    Decode(WithMac(rest.first(kFieldBytes)), true);
  }
  return 0;
}
