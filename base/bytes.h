// Views of bytes, and big-endian encoding with bounds: ByteWriter appends, ByteReader refuses to read past the end.
// All on-disk integers of tdefs are big-endian.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tdefs {

using ByteView = std::span<const std::byte>;
using ByteSpan = std::span<std::byte>;
using Bytes = std::vector<std::byte>;

inline ByteView AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <std::unsigned_integral T>
void StoreBigEndian(T value, std::byte* out) {
  for (size_t i = sizeof(T); i-- > 0; value = static_cast<T>(sizeof(T) > 1 ? value >> 8 : 0)) {
    out[i] = static_cast<std::byte>(value & 0xff);
  }
}

template <std::unsigned_integral T>
T LoadBigEndian(const std::byte* in) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = value << 8 | static_cast<uint64_t>(in[i]);
  return static_cast<T>(value);
}

class ByteWriter {
 public:
  template <std::unsigned_integral T>
  void Put(T value) {
    std::byte encoded[sizeof(T)];
    StoreBigEndian(value, encoded);
    PutBytes(encoded);
  }
  void PutBytes(ByteView bytes) {
    const size_t at = out_.size();
    out_.resize(at + bytes.size());
    std::ranges::copy(bytes, out_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  const Bytes& bytes() const { return out_; }
  Bytes Take() { return std::move(out_); }
  size_t size() const { return out_.size(); }

 private:
  Bytes out_;
};

// Each read returns nothing, and reads nothing more, once the input is too short.
class ByteReader {
 public:
  explicit ByteReader(ByteView in) : in_(in) {}
  template <std::unsigned_integral T>
  std::optional<T> Get() {
    auto bytes = GetBytes(sizeof(T));
    if (!bytes) return std::nullopt;
    return LoadBigEndian<T>(bytes->data());
  }
  std::optional<ByteView> GetBytes(size_t size) {
    if (size > in_.size()) return std::nullopt;
    ByteView head = in_.first(size);
    in_ = in_.subspan(size);
    return head;
  }
  size_t remaining() const { return in_.size(); }

 private:
  ByteView in_;
};

// Lower-case hexadecimal, two digits a byte.
std::string ToHex(ByteView bytes);
// The bytes of an even number of hexadecimal digits of either case; nothing for anything else.
std::optional<Bytes> FromHex(std::string_view digits);

}  // namespace tdefs
