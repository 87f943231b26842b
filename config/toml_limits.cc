#include "config/toml_limits.h"

#include <fmt/core.h>

#include <algorithm>

namespace tdefs {
namespace {

// The length of the UTF-8 character at the start of `text` (RFC 3629: no overlong form, no surrogate, at most
// U+10FFFF), 0 if there is none.
size_t Utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  auto is_tail = [&](size_t i) { return (byte(i) & 0xc0U) == 0x80; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !is_tail(1)) return 0;
  if (first < 0xe0) return 2;
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || !is_tail(2)) return 0;
  if (first < 0xf0) return 3;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f) || !is_tail(3)) return 0;
  return 4;
}

class Scanner {
 public:
  Scanner(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Status Run() {
    TRY(CheckUtf8());
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        SkipLine();
      } else if (c == '"' || c == '\'') {
        SkipString(c);
      } else {
        TRY(Count(c));
        ++at_;
      }
    }
    return {};
  }

 private:
  Status CheckUtf8() {
    while (at_ < text_.size()) {
      const size_t length = Utf8Length(text_.substr(at_));
      if (length == 0) return Refuse("a byte that is not UTF-8");
      at_ += length;
    }
    at_ = 0;
    return {};
  }

  Status Count(char c) {
    if (c == '\0') return Refuse("a NUL byte");
    if (c == '[' || c == '{') {
      if (++depth_ > kConfigDepthMax) return Refuse(fmt::format("nesting deeper than {}", kConfigDepthMax));
    } else if ((c == ']' || c == '}') && depth_ > 0) {
      --depth_;
    }
    if ((c == '=' || c == ',') && ++values_ > kConfigValuesMax) {
      return Refuse(fmt::format("more than {} values", kConfigValuesMax));
    }
    if (c == '.') {
      if (++dots_ > kConfigDepthMax) return Refuse(fmt::format("a dotted key of more than {} parts", kConfigDepthMax));
    } else if (c == '\n' || c == '=' || c == ',' || c == '[' || c == '{') {
      dots_ = 0;
    }
    return {};
  }

  void SkipLine() {
    size_t end = text_.find('\n', at_);
    at_ = end == std::string_view::npos ? text_.size() : end;
  }

  // From the opening quote to behind the closing one. A one-line string that does not close ends with its line, where
  // the TOML library refuses it.
  void SkipString(char quote) {
    if (QuotesAt(at_, quote) >= 3) return SkipMultiLineString(quote);
    for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == quote) {
        ++at_;
        return;
      }
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
    }
  }

  // Closed by three quotes, with up to two quotes of content before them (TOML 1.0).
  void SkipMultiLineString(char quote) {
    at_ += 3;
    while (at_ < text_.size()) {
      const size_t quotes = QuotesAt(at_, quote);
      if (quotes >= 3) {
        at_ += std::min<size_t>(quotes, 5);
        return;
      }
      at_ += quotes > 0 ? quotes : quote == '"' && text_[at_] == '\\' ? 2 : 1;
    }
  }

  size_t QuotesAt(size_t from, char quote) const {
    size_t count = 0;
    while (from + count < text_.size() && text_[from + count] == quote) ++count;
    return count;
  }

  std::unexpected<Error> Refuse(const std::string& what) const {
    size_t line = 1, line_start = 0;
    for (size_t i = 0; i < at_; ++i) {
      if (text_[i] != '\n') continue;
      ++line;
      line_start = i + 1;
    }
    return Fail(ErrorCode::kBadConfig, fmt::format("{}:{}:{}: {}", name_, line, at_ - line_start + 1, what));
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0, values_ = 0;
  int depth_ = 0, dots_ = 0;
};

}  // namespace

Status CheckTomlLimits(std::string_view text, const std::string& name) {
  if (text.size() > kConfigBytesMax) {
    return Fail(ErrorCode::kBadConfig,
                fmt::format("{}: {} bytes, a configuration has at most {}", name, text.size(), kConfigBytesMax));
  }
  return Scanner(text, name).Run();
}

}  // namespace tdefs
