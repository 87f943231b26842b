#include "keys/log_format.h"

#include <fmt/core.h>

#include <algorithm>

#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "crypto/secret_bytes.h"

namespace tdefs {
namespace {

constexpr std::string_view kHeaderLabel = "tdefs file.dict header 1";
constexpr std::string_view kRecordLabel = "tdefs file.dict records 1";
constexpr size_t kMacOffset = 72;
constexpr size_t kAssociatedPrefix = 16 + 8;
constexpr size_t kAssociatedHead = 12;

Result<Hmac> HeaderMac(ByteView header_fields, const LogSalt& salt, ByteView dictionary_key) {
  const SecretBytes key = TRY(HkdfSha256(dictionary_key, salt, AsBytes(kHeaderLabel), 32));
  const ByteView parts[] = {header_fields};
  return HmacSha256(key.view(), parts);
}

}  // namespace

LogRecordHead LogRecordHead::Decode(ByteView bytes) {
  return {.length = LoadBigEndian<uint32_t>(bytes.data()),
          .number = LoadBigEndian<uint32_t>(bytes.data() + 4),
          .durable = LoadBigEndian<uint32_t>(bytes.data() + 8)};
}

LogCipher::LogCipher(Aead aead, const LogHeader& header) : aead_(std::move(aead)), associated_{} {
  std::ranges::copy(header.store_id, associated_.begin());
  StoreBigEndian(header.generation, associated_.data() + header.store_id.size());
}

Result<LogCipher> LogCipher::Create(const LogHeader& header, ByteView dictionary_key) {
  const SecretBytes key = TRY(HkdfSha256(dictionary_key, header.salt, AsBytes(kRecordLabel), kAeadKeyBytes));
  return LogCipher(TRY(Aead::Create(key.view())), header);
}

Status LogCipher::Seal(uint32_t number, uint32_t durable, ByteView body, Bytes& out) {
  AeadNonce nonce;
  TRY(FillRandom(nonce));
  out.resize(body.size() + kLogRecordOverhead);
  StoreBigEndian(static_cast<uint32_t>(body.size()), out.data());
  StoreBigEndian(number, out.data() + 4);
  StoreBigEndian(durable, out.data() + 8);
  std::ranges::copy(nonce, out.data() + kAssociatedHead);
  std::copy_n(out.data(), kAssociatedHead, associated_.data() + kAssociatedPrefix);
  return aead_.Seal(nonce, associated_, body, ByteSpan(out).subspan(kLogRecordHeadBytes));
}

bool LogCipher::Open(ByteView record, ByteSpan out) {
  AeadNonce nonce;
  std::copy_n(record.data() + kAssociatedHead, nonce.size(), nonce.data());
  std::copy_n(record.data(), kAssociatedHead, associated_.data() + kAssociatedPrefix);
  return aead_.Open(nonce, associated_, record.subspan(kLogRecordHeadBytes), out);
}

Result<LogHeader> NewLogHeader(const StoreId& store_id, uint64_t generation) {
  LogHeader header{.store_id = store_id, .generation = generation, .salt = {}};
  TRY(FillRandom(header.salt));
  return header;
}

Result<std::array<std::byte, kLogHeaderBytes>> EncodeLogHeader(const LogHeader& header, ByteView dictionary_key) {
  ByteWriter writer;
  writer.PutBytes(AsBytes(kLogMagic));
  writer.Put(kLogVersion);
  writer.Put(kLogFeatures);
  writer.PutBytes(header.store_id);
  writer.Put(header.generation);
  writer.PutBytes(header.salt);
  writer.PutBytes(TRY(HeaderMac(writer.bytes(), header.salt, dictionary_key)));
  std::array<std::byte, kLogHeaderBytes> encoded;
  std::ranges::copy(writer.bytes(), encoded.begin());
  return encoded;
}

Result<LogHeader> DecodeLogHeader(ByteView bytes, const StoreId& store_id, ByteView dictionary_key) {
  const ByteView magic = bytes.first(std::min(bytes.size(), kLogMagic.size()));
  if (AsText(magic) != kLogMagic.substr(0, magic.size())) {
    return Fail(ErrorCode::kCorrupt, fmt::format("not a file dictionary (magic {} at offset 0, expected {})",
                                                 ToHex(magic), ToHex(AsBytes(kLogMagic))));
  }
  if (bytes.size() < kLogHeaderBytes) {
    return Fail(ErrorCode::kCorrupt,
                fmt::format("file dictionary: header is {} bytes, expected {}", bytes.size(), kLogHeaderBytes));
  }
  const auto version = LoadBigEndian<uint32_t>(bytes.data() + 8);
  if (version != kLogVersion) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("file dictionary: format {} at offset 8, this build reads {}", version, kLogVersion));
  }
  const auto unknown = LoadBigEndian<uint32_t>(bytes.data() + 12) & ~kLogFeatures;
  if (unknown != 0) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("file dictionary: unknown feature bits {:#010x} at offset 12", unknown));
  }
  LogHeader header;
  std::copy_n(bytes.data() + 16, header.store_id.size(), header.store_id.data());
  header.generation = LoadBigEndian<uint64_t>(bytes.data() + 32);
  std::copy_n(bytes.data() + 40, header.salt.size(), header.salt.data());
  if (header.store_id != store_id) {
    return Fail(ErrorCode::kCorrupt, fmt::format("file dictionary: store id at offset 16 is {}, expected {}",
                                                 ToHex(header.store_id), ToHex(store_id)));
  }
  const Hmac mac = TRY(HeaderMac(bytes.first(kMacOffset), header.salt, dictionary_key));
  if (!SecretsEqual(mac, bytes.subspan(kMacOffset, mac.size()))) {
    return Fail(ErrorCode::kCorrupt,
                "file dictionary: header does not verify: the MAC at offset 72 is not that of bytes 0 to 71");
  }
  return header;
}

}  // namespace tdefs
