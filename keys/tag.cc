#include "keys/tag.h"

#include <fmt/core.h>

#include <algorithm>

#include "crypto/hkdf.h"

namespace tdefs {
namespace {

constexpr uint8_t kTagVersion = 1;
constexpr size_t kMacOffset = 32;
constexpr size_t kMacBytes = kTagBytes - kMacOffset;
constexpr std::string_view kMacLabel = "tdefs tag 1";

Result<Hmac> MacOf(const SecretBytes& mac_key, const StoreId& store_id, ByteView fields) {
  const ByteView parts[] = {AsBytes(kMacLabel), store_id, fields};
  return HmacSha256(mac_key.view(), parts);
}

std::unexpected<Error> Unsupported(std::string_view field, uint64_t found) {
  return Fail(ErrorCode::kUnsupported, fmt::format("tag: unknown {} {}", field, found));
}

}  // namespace

Result<Tag> TagCodec::Encode(const FileRecord& record) const {
  ByteWriter writer;
  writer.Put(kTagVersion);
  writer.Put(static_cast<uint8_t>(record.method));
  writer.Put(uint16_t{0});
  writer.Put(uint32_t{0});
  writer.Put(record.key_id);
  writer.PutBytes(record.iv);
  const Hmac mac = TRY(MacOf(mac_key_, store_id_, writer.bytes()));
  writer.PutBytes(ByteView(mac).first(kMacBytes));
  Tag tag;
  std::ranges::copy(writer.bytes(), tag.begin());
  return tag;
}

Result<FileRecord> TagCodec::Decode(ByteView bytes) const {
  if (bytes.size() != kTagBytes) {
    return Fail(ErrorCode::kTampered, fmt::format("tag: {} bytes, expected {}", bytes.size(), kTagBytes));
  }
  const Hmac mac = TRY(MacOf(mac_key_, store_id_, bytes.first(kMacOffset)));
  if (!SecretsEqual(ByteView(mac).first(kMacBytes), bytes.subspan(kMacOffset))) {
    return Fail(ErrorCode::kTampered, "tag: its MAC does not verify");
  }
  const auto version = static_cast<uint8_t>(bytes[0]);
  if (version != kTagVersion) return Unsupported("version", version);
  const auto method = MethodFromNumber(static_cast<uint8_t>(bytes[1]));
  if (!method) return Unsupported("method", static_cast<uint8_t>(bytes[1]));
  const auto flags = LoadBigEndian<uint16_t>(&bytes[2]);
  if (flags != 0) return Unsupported("flags", flags);
  const auto domain = LoadBigEndian<uint32_t>(&bytes[4]);
  if (domain != 0) return Unsupported("key domain", domain);
  FileRecord record{.method = *method, .key_id = LoadBigEndian<uint64_t>(&bytes[8])};
  std::ranges::copy(bytes.subspan(16, record.iv.size()), record.iv.begin());
  return record;
}

}  // namespace tdefs
