// Fuzz target of the key dictionary. The first byte chooses how deep the rest goes:
//   0  the rest is the whole key.dict
//   1  the rest is the payload, sealed under a valid header
//   2  the rest is the header up to its wraps' end, before a payload that verifies
// What is decoded encodes and decodes to the same; the header alone is refused exactly as the whole is.
#include <cstdint>
#include <cstdlib>

#include "crypto/aead.h"
#include "crypto/hkdf.h"
#include "keys/key_dictionary.h"
#include "keys/key_dictionary_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace tdefs {
namespace {

constexpr size_t kStoreIdOffset = 16;

SecretBytes RootKey() {
  return SecretBytes(kRootKeyBytes);
}

void Append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// `header` and the payload sealed with it as associated data, all of `store_id`.
Bytes Sealed(Bytes header, const StoreId& store_id, const AeadNonce& nonce, ByteView payload) {
  const auto key = HkdfSha256(RootKey().view(), store_id, AsBytes("tdefs key dictionary 1"), kAeadKeyBytes);
  auto cipher = key ? Aead::Create(key->view()) : Fail(ErrorCode::kCrypto, "");
  Bytes sealed(payload.size() + kAeadTagBytes);
  if (!cipher || !cipher->Seal(nonce, header, payload, sealed)) std::abort();
  Append(header, sealed);
  return header;
}

Bytes UnderValidHeader(ByteView payload) {
  KeyDictionaryHeader header;
  header.wraps.emplace_back().provider = "file";
  auto encoded = EncodeKeyDictionaryHeader(header, {}, payload.size() + kAeadTagBytes);
  if (!encoded) std::abort();
  return Sealed(*std::move(encoded), header.store_id, {}, payload);
}

// One data key of method plaintext, which needs no key bytes.
Bytes ValidPayload() {
  ByteWriter payload;
  payload.Put(uint64_t{7});         // current
  payload.Put(uint32_t{0});         // settings
  payload.PutBytes(Bytes(2 * 32));  // dictionary key, tag MAC key
  payload.Put(uint32_t{1});         // data keys
  payload.Put(uint64_t{7});
  payload.Put(static_cast<uint8_t>(Method::kPlaintext));
  payload.Put(uint8_t{0});
  payload.Put(uint32_t{0});
  payload.Put(uint64_t{1'700'000'000});
  return payload.Take();
}

Bytes BeforeValidPayload(ByteView header) {
  const Bytes payload = ValidPayload();
  StoreId store_id{};
  if (header.size() >= kStoreIdOffset + store_id.size()) {
    std::ranges::copy(header.subspan(kStoreIdOffset, store_id.size()), store_id.begin());
  }
  ByteWriter writer;
  writer.PutBytes(header);
  writer.PutBytes(AeadNonce{});
  writer.Put(static_cast<uint32_t>(payload.size() + kAeadTagBytes));
  return Sealed(writer.Take(), store_id, {}, payload);
}

bool Same(const Wrap& a, const Wrap& b) {
  return a.provider == b.provider && a.key_id == b.key_id && a.uri == b.uri && a.key_version == b.key_version &&
         a.wrapped_root_key == b.wrapped_root_key && a.created_unix_s == b.created_unix_s && a.domain == b.domain;
}

bool Same(const DataKey& a, const DataKey& b) {
  return a.id == b.id && a.method == b.method && a.created_unix_s == b.created_unix_s && a.exposed == b.exposed &&
         a.domain == b.domain && SecretsEqual(a.key.view(), b.key.view());
}

bool Same(const KeyDictionary& a, const KeyDictionary& b) {
  return a.header.store_id == b.header.store_id && a.header.generation == b.header.generation &&
         a.current_key_id == b.current_key_id && SecretsEqual(a.dictionary_key.view(), b.dictionary_key.view()) &&
         SecretsEqual(a.tag_mac_key.view(), b.tag_mac_key.view()) &&
         std::ranges::equal(a.header.wraps, b.header.wraps, [](const auto& x, const auto& y) { return Same(x, y); }) &&
         std::ranges::equal(a.keys, b.keys, [](const auto& x, const auto& y) { return Same(x.second, y.second); });
}

bool IsExpected(ErrorCode code) {
  return code == ErrorCode::kCorrupt || code == ErrorCode::kUnsupported || code == ErrorCode::kWrongKey;
}

void Decode(ByteView encoded, bool authentic) {
  const auto header = DecodeKeyDictionaryHeader(encoded);
  const auto dictionary = DecodeKeyDictionary(encoded, RootKey());
  if (!dictionary) {
    const Error& error = dictionary.error();
    if (!IsExpected(error.code) || error.message.find('\n') != std::string::npos) std::abort();
    if (authentic && error.code == ErrorCode::kWrongKey) std::abort();
    if (!header && (header.error().code != error.code || header.error().message != error.message)) std::abort();
    return;
  }
  if (!header || !std::ranges::equal(header->wraps, dictionary->header.wraps,
                                     [](const auto& x, const auto& y) { return Same(x, y); })) {
    std::abort();
  }
  const auto encoded_again = EncodeKeyDictionary(*dictionary, RootKey());
  if (!encoded_again) std::abort();
  const auto again = DecodeKeyDictionary(*encoded_again, RootKey());
  if (!again || !Same(*again, *dictionary)) std::abort();
}

}  // namespace
}  // namespace tdefs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tdefs;
  if (size == 0) return 0;
  const ByteView rest = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 3) {
    case 0:
      Decode(rest, false);
      break;
    case 1:
      Decode(UnderValidHeader(rest), true);
      break;
    default:
      Decode(BeforeValidPayload(rest), false);
  }
  return 0;
}
