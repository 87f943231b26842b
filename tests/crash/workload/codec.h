// Texts in the oracle's file: length and bytes. Numbers are written by ByteWriter as they are.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"

namespace tdefs::crash {

inline void PutText(ByteWriter& out, std::string_view text) {
  out.Put(static_cast<uint32_t>(text.size()));
  out.PutBytes(AsBytes(text));
}

inline bool GetText(ByteReader& in, std::string& text) {
  const auto size = in.Get<uint32_t>();
  if (!size) return false;
  const auto bytes = in.GetBytes(*size);
  if (bytes) text = AsText(*bytes);
  return bytes.has_value();
}

template <std::unsigned_integral T>
bool GetNumber(ByteReader& in, T& number) {
  const auto value = in.Get<T>();
  if (value) number = *value;
  return value.has_value();
}

}  // namespace tdefs::crash
