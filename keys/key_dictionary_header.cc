#include "keys/key_dictionary_header.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

namespace tdefs {
namespace {

constexpr std::string_view kMagic = "tdefskey";
constexpr uint32_t kFormatVersion = 1;
constexpr uint32_t kKnownFeatures = 0;

std::unexpected<Error> Corrupt(std::string_view defect) {
  return Fail(ErrorCode::kCorrupt, fmt::format("key dictionary: {}", defect));
}

std::unexpected<Error> Short(std::string_view field) {
  return Corrupt(fmt::format("it ends within its header, at the {}", field));
}

// A length and so many bytes.
Result<ByteView> GetBlob(ByteReader& reader, size_t bytes_max, std::string_view field) {
  auto size = reader.Get<uint16_t>();
  if (!size) return Short(field);
  if (*size > bytes_max) return Corrupt(fmt::format("the {} has {} bytes, at most {}", field, *size, bytes_max));
  auto bytes = reader.GetBytes(*size);
  if (!bytes) return Short(field);
  return *bytes;
}

// Texts end up in messages, and before the payload is opened anyone may have written them.
bool HoldsControlCharacter(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Result<std::string> GetText(ByteReader& reader, std::string_view field) {
  ByteView bytes = TRY(GetBlob(reader, kWrapTextBytesMax, field));
  std::string text(AsText(bytes));
  if (HoldsControlCharacter(text)) return Corrupt(fmt::format("the {} holds a control character", field));
  return text;
}

Result<Wrap> GetWrap(ByteReader& reader) {
  Wrap wrap;
  auto domain = reader.Get<uint32_t>();
  auto created = reader.Get<uint64_t>();
  if (!domain || !created) return Short("wrap");
  wrap.domain = *domain;
  wrap.created_unix_s = *created;
  wrap.provider = TRY(GetText(reader, "wrap's provider"));
  wrap.key_id = TRY(GetText(reader, "wrap's key id"));
  wrap.uri = TRY(GetText(reader, "wrap's URI"));
  wrap.key_version = TRY(GetText(reader, "wrap's key version"));
  ByteView wrapped = TRY(GetBlob(reader, kWrappedKeyBytesMax, "wrapped root key"));
  wrap.wrapped_root_key.assign(wrapped.begin(), wrapped.end());
  return wrap;
}

Status PutBlob(ByteWriter& writer, ByteView bytes, size_t bytes_max, std::string_view field) {
  if (bytes.size() > bytes_max) {
    return Fail(ErrorCode::kLimit,
                fmt::format("key dictionary: the {} has {} bytes, at most {}", field, bytes.size(), bytes_max));
  }
  writer.Put(static_cast<uint16_t>(bytes.size()));
  writer.PutBytes(bytes);
  return {};
}

Status PutText(ByteWriter& writer, std::string_view text, std::string_view field) {
  if (HoldsControlCharacter(text)) {
    return Fail(ErrorCode::kLimit, fmt::format("key dictionary: the {} holds a control character", field));
  }
  return PutBlob(writer, AsBytes(text), kWrapTextBytesMax, field);
}

Status PutWrap(ByteWriter& writer, const Wrap& wrap) {
  writer.Put(wrap.domain);
  writer.Put(wrap.created_unix_s);
  TRY(PutText(writer, wrap.provider, "wrap's provider"));
  TRY(PutText(writer, wrap.key_id, "wrap's key id"));
  TRY(PutText(writer, wrap.uri, "wrap's URI"));
  TRY(PutText(writer, wrap.key_version, "wrap's key version"));
  return PutBlob(writer, wrap.wrapped_root_key, kWrappedKeyBytesMax, "wrapped root key");
}

Status CheckFormat(ByteReader& reader) {
  auto magic = reader.GetBytes(kMagic.size());
  if (!magic) return Short("magic");
  if (AsText(*magic) != kMagic) {
    return Corrupt(fmt::format("it is none: magic {}, expected {}", ToHex(*magic), ToHex(AsBytes(kMagic))));
  }
  auto version = reader.Get<uint32_t>();
  auto features = reader.Get<uint32_t>();
  if (!version || !features) return Short("format version");
  if (*version != kFormatVersion) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("key dictionary: format {}, this build reads {}", *version, kFormatVersion));
  }
  if (uint32_t unknown = *features & ~kKnownFeatures; unknown != 0) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("key dictionary: unknown feature bit {}", std::countr_zero(unknown)));
  }
  return {};
}

Result<KeyDictionaryHeader> GetHeader(ByteReader& reader) {
  KeyDictionaryHeader header;
  TRY(CheckFormat(reader));
  auto store_id = reader.GetBytes(header.store_id.size());
  auto generation = reader.Get<uint64_t>();
  auto wrap_count = reader.Get<uint16_t>();
  if (!store_id || !generation || !wrap_count) return Short("store id");
  std::ranges::copy(*store_id, header.store_id.begin());
  header.generation = *generation;
  if (*wrap_count == 0 || *wrap_count > kWrapsMax) {
    return Corrupt(fmt::format("{} wraps, expected 1 to {}", *wrap_count, kWrapsMax));
  }
  for (uint16_t i = 0; i < *wrap_count; ++i) header.wraps.push_back(TRY(GetWrap(reader)));
  return header;
}

}  // namespace

Result<ParsedKeyDictionary> ParseKeyDictionary(ByteView encoded) {
  if (encoded.empty()) return Corrupt("it is empty");
  if (encoded.size() > kKeyDictionaryBytesMax) {
    return Corrupt(fmt::format("{} bytes, at most {}", encoded.size(), kKeyDictionaryBytesMax));
  }
  ByteReader reader(encoded);
  ParsedKeyDictionary parsed;
  auto header = GetHeader(reader);
  if (!header) {
    header.error().message +=
        fmt::format(" (read up to offset {} of {})", encoded.size() - reader.remaining(), encoded.size());
    return std::unexpected(std::move(header).error());
  }
  parsed.header = *std::move(header);
  auto nonce = reader.GetBytes(kAeadNonceBytes);
  auto sealed_bytes = reader.Get<uint32_t>();
  if (!nonce || !sealed_bytes) return Short("nonce");
  std::ranges::copy(*nonce, parsed.nonce.begin());
  if (*sealed_bytes != reader.remaining()) {
    return Corrupt(fmt::format("its payload at offset {} has {} bytes, expected {}",
                               encoded.size() - reader.remaining(), reader.remaining(), *sealed_bytes));
  }
  if (*sealed_bytes < kAeadTagBytes) return Corrupt(fmt::format("its payload has {} bytes, too few", *sealed_bytes));
  parsed.associated_data = encoded.first(encoded.size() - *sealed_bytes);
  parsed.sealed = encoded.last(*sealed_bytes);
  return parsed;
}

Result<KeyDictionaryHeader> DecodeKeyDictionaryHeader(ByteView encoded) {
  ParsedKeyDictionary parsed = TRY(ParseKeyDictionary(encoded));
  return std::move(parsed.header);
}

Result<Bytes> EncodeKeyDictionaryHeader(const KeyDictionaryHeader& header, const AeadNonce& nonce,
                                        size_t sealed_bytes) {
  if (header.wraps.empty() || header.wraps.size() > kWrapsMax) {
    return Fail(ErrorCode::kLimit,
                fmt::format("key dictionary: {} wraps, expected 1 to {}", header.wraps.size(), kWrapsMax));
  }
  ByteWriter writer;
  writer.PutBytes(AsBytes(kMagic));
  writer.Put(kFormatVersion);
  writer.Put(kKnownFeatures);
  writer.PutBytes(header.store_id);
  writer.Put(header.generation);
  writer.Put(static_cast<uint16_t>(header.wraps.size()));
  for (const Wrap& wrap : header.wraps) TRY(PutWrap(writer, wrap));
  writer.PutBytes(nonce);
  writer.Put(static_cast<uint32_t>(sealed_bytes));
  return writer.Take();
}

}  // namespace tdefs
