#include "keys/key_dictionary.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "crypto/aead.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "keys/key_dictionary_header.h"

namespace tdefs {
namespace {

constexpr std::string_view kPayloadLabel = "tdefs key dictionary 1";
constexpr size_t kPurposeKeyBytes = 32;  // the dictionary key and the tag MAC key
constexpr size_t kPayloadFixedBytes = 8 + 4 + 2 * kPurposeKeyBytes + 4;
constexpr size_t kDataKeyFixedBytes = 8 + 1 + 1 + 4 + 8;
constexpr size_t kDataKeyBytesMax = 32;
constexpr size_t kPayloadBytesMax = kPayloadFixedBytes + kDataKeysMax * (kDataKeyFixedBytes + kDataKeyBytesMax);
constexpr uint8_t kFlagExposed = 1;

std::unexpected<Error> Corrupt(std::string_view defect) {
  return Fail(ErrorCode::kCorrupt, fmt::format("key dictionary: {}", defect));
}

std::unexpected<Error> Unsupported(std::string_view defect) {
  return Fail(ErrorCode::kUnsupported, fmt::format("key dictionary: {}", defect));
}

Result<Aead> PayloadCipher(const SecretBytes& root_key, const StoreId& store_id) {
  const SecretBytes key = TRY(HkdfSha256(root_key.view(), store_id, AsBytes(kPayloadLabel), kAeadKeyBytes));
  return Aead::Create(key.view());
}

// Appends to secret memory; ByteWriter would leave copies of keys on the heap.
class SecretWriter {
 public:
  explicit SecretWriter(size_t size) : bytes_(size) {}
  template <std::unsigned_integral T>
  void Put(T value) {
    StoreBigEndian(value, Next(sizeof(T)).data());
  }
  void PutBytes(ByteView bytes) { std::ranges::copy(bytes, Next(bytes.size()).begin()); }
  SecretBytes Take() { return std::move(bytes_); }

 private:
  ByteSpan Next(size_t size) {
    ByteSpan next = bytes_.span().subspan(at_, size);
    at_ += size;
    return next;
  }
  SecretBytes bytes_;
  size_t at_ = 0;
};

Status CheckEncodable(const KeyDictionary& dictionary) {
  if (dictionary.keys.size() > kDataKeysMax) {
    return Fail(ErrorCode::kLimit,
                fmt::format("key dictionary: {} data keys, at most {}", dictionary.keys.size(), kDataKeysMax));
  }
  if (!dictionary.keys.contains(dictionary.current_key_id)) return Corrupt("the current data key is not in it");
  if (dictionary.dictionary_key.size() != kPurposeKeyBytes || dictionary.tag_mac_key.size() != kPurposeKeyBytes) {
    return Corrupt("a purpose key is not of 32 bytes");
  }
  for (const auto& [id, key] : dictionary.keys) {
    if (id == 0 || id != key.id) return Corrupt("a data key without its id");
    if (key.key.size() != MethodKeyBytes(key.method)) {
      return Corrupt(fmt::format("data key {} has {} bytes, its method {} needs {}", id, key.key.size(),
                                 MethodName(key.method), MethodKeyBytes(key.method)));
    }
  }
  return {};
}

SecretBytes EncodePayload(const KeyDictionary& dictionary) {
  size_t size = kPayloadFixedBytes;
  for (const auto& [id, key] : dictionary.keys) size += kDataKeyFixedBytes + key.key.size();
  SecretWriter writer(size);
  writer.Put(dictionary.current_key_id);
  writer.Put(uint32_t{0});
  writer.PutBytes(dictionary.dictionary_key.view());
  writer.PutBytes(dictionary.tag_mac_key.view());
  writer.Put(static_cast<uint32_t>(dictionary.keys.size()));
  for (const auto& [id, key] : dictionary.keys) {
    writer.Put(id);
    writer.Put(static_cast<uint8_t>(key.method));
    writer.Put(key.exposed ? kFlagExposed : uint8_t{0});
    writer.Put(key.domain);
    writer.Put(key.created_unix_s);
    writer.PutBytes(key.key.view());
  }
  return writer.Take();
}

Result<DataKey> GetDataKey(ByteReader& reader) {
  DataKey key;
  auto id = reader.Get<uint64_t>();
  auto method = reader.Get<uint8_t>();
  auto flags = reader.Get<uint8_t>();
  auto domain = reader.Get<uint32_t>();
  auto created = reader.Get<uint64_t>();
  if (!id || !method || !flags || !domain || !created) return Corrupt("it ends within a data key");
  if (*id == 0) return Corrupt("a data key of id 0");
  auto known_method = MethodFromNumber(*method);
  if (!known_method) return Unsupported(fmt::format("data key {}: unknown method {}", *id, *method));
  if ((*flags & ~kFlagExposed) != 0) return Unsupported(fmt::format("data key {}: unknown flags {:#x}", *id, *flags));
  key.id = *id;
  key.method = *known_method;
  key.exposed = (*flags & kFlagExposed) != 0;
  key.domain = *domain;
  key.created_unix_s = *created;
  auto bytes = reader.GetBytes(MethodKeyBytes(key.method));
  if (!bytes) return Corrupt(fmt::format("it ends within data key {}", *id));
  key.key = SecretBytes(*bytes);
  return key;
}

Status GetDataKeys(ByteReader& reader, KeyDictionary& dictionary) {
  auto count = reader.Get<uint32_t>();
  if (!count) return Corrupt("it ends before its data keys");
  if (*count == 0 || *count > kDataKeysMax) {
    return Corrupt(fmt::format("{} data keys, expected 1 to {}", *count, kDataKeysMax));
  }
  DataKeyId last = 0;
  for (uint32_t i = 0; i < *count; ++i) {
    DataKey key = TRY(GetDataKey(reader));
    if (key.id <= last) return Corrupt(fmt::format("data key {} after {}, expected ascending ids", key.id, last));
    last = key.id;
    dictionary.keys.emplace(last, std::move(key));
  }
  return {};
}

Status DecodePayload(ByteView payload, KeyDictionary& dictionary) {
  ByteReader reader(payload);
  auto current = reader.Get<uint64_t>();
  auto settings = reader.Get<uint32_t>();
  auto dictionary_key = reader.GetBytes(kPurposeKeyBytes);
  auto tag_mac_key = reader.GetBytes(kPurposeKeyBytes);
  if (!current || !settings || !dictionary_key || !tag_mac_key) return Corrupt("its payload is too short");
  if (*settings != 0) return Unsupported(fmt::format("unknown setting bit {}", std::countr_zero(*settings)));
  dictionary.current_key_id = *current;
  dictionary.dictionary_key = SecretBytes(*dictionary_key);
  dictionary.tag_mac_key = SecretBytes(*tag_mac_key);
  TRY(GetDataKeys(reader, dictionary));
  if (reader.remaining() != 0) return Corrupt(fmt::format("{} bytes follow its data keys", reader.remaining()));
  if (!dictionary.keys.contains(*current)) return Corrupt(fmt::format("current data key {} is not in it", *current));
  return {};
}

}  // namespace

KeyDictionary KeyDictionary::Clone() const {
  KeyDictionary copy{.header = header,
                     .keys = {},
                     .current_key_id = current_key_id,
                     .dictionary_key = dictionary_key.Clone(),
                     .tag_mac_key = tag_mac_key.Clone()};
  for (const auto& [id, key] : keys) copy.keys.emplace_hint(copy.keys.end(), id, key.Clone());
  return copy;
}

Result<KeyDictionary> DecodeKeyDictionary(ByteView encoded, const SecretBytes& root_key) {
  ParsedKeyDictionary parsed = TRY(ParseKeyDictionary(encoded));
  const size_t payload_bytes = parsed.sealed.size() - kAeadTagBytes;
  if (payload_bytes > kPayloadBytesMax) {
    return Corrupt(fmt::format("its payload has {} bytes, at most {}", payload_bytes, kPayloadBytesMax));
  }
  Aead cipher = TRY(PayloadCipher(root_key, parsed.header.store_id));
  SecretBytes payload(payload_bytes);
  if (!cipher.Open(parsed.nonce, parsed.associated_data, parsed.sealed, payload.span())) {
    return Fail(ErrorCode::kWrongKey, "key dictionary: the root key does not open it");
  }
  KeyDictionary dictionary;
  dictionary.header = std::move(parsed.header);
  TRY(DecodePayload(payload.view(), dictionary));
  return dictionary;
}

Result<Bytes> EncodeKeyDictionary(const KeyDictionary& dictionary, const SecretBytes& root_key) {
  TRY(CheckEncodable(dictionary));
  const SecretBytes payload = EncodePayload(dictionary);
  const size_t sealed_bytes = payload.size() + kAeadTagBytes;
  AeadNonce nonce;
  TRY(FillRandom(nonce));
  Bytes encoded = TRY(EncodeKeyDictionaryHeader(dictionary.header, nonce, sealed_bytes));
  const size_t header_bytes = encoded.size();
  encoded.resize(header_bytes + sealed_bytes);
  Aead cipher = TRY(PayloadCipher(root_key, dictionary.header.store_id));
  const ByteSpan all(encoded);
  TRY(cipher.Seal(nonce, all.first(header_bytes), payload.view(), all.subspan(header_bytes)));
  return encoded;
}

}  // namespace tdefs
