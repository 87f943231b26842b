#include "keys/log_change.h"

#include <fmt/core.h>

#include <algorithm>

#include "crypto/content_cipher.h"
#include "keys/file_tree_names.h"

namespace tdefs {
namespace {

bool HasRecord(LogChangeKind kind) {
  return kind == LogChangeKind::kInsert || kind == LogChangeKind::kUpdate || kind == LogChangeKind::kListedFile ||
         kind == LogChangeKind::kSharedFile;
}
bool HasTwoPaths(LogChangeKind kind) {
  return kind == LogChangeKind::kLink || kind == LogChangeKind::kRename || kind == LogChangeKind::kExchange;
}
bool IsListing(LogChangeKind kind) {
  return kind >= LogChangeKind::kDirectory;
}

std::unexpected<Error> Malformed(std::string_view what) {
  return Fail(ErrorCode::kCorrupt, fmt::format("malformed change: {}", what));
}

Status DecodePath(ByteReader& body, std::string_view& path) {
  const auto length = body.Get<uint16_t>();
  if (!length) return Malformed("it ends inside a path");
  const auto bytes = body.GetBytes(*length);
  if (!bytes) return Malformed("it ends inside a path");
  path = AsText(*bytes);
  if (auto valid = ValidateLogPath(path); !valid) return Malformed(valid.error().message);
  return {};
}

Status DecodeName(ByteReader& body, std::string_view& name) {
  const auto length = body.Get<uint8_t>();
  if (!length) return Malformed("it ends inside a name");
  const auto bytes = body.GetBytes(*length);
  if (!bytes) return Malformed("it ends inside a name");
  name = AsText(*bytes);
  if (auto valid = ValidateLogName(name); !valid) return Malformed(valid.error().message);
  return {};
}

Status DecodeRecord(ByteReader& body, FileRecord& record) {
  const auto number = body.Get<uint8_t>();
  const auto key_id = body.Get<uint64_t>();
  const auto iv_length = body.Get<uint8_t>();
  if (!number || !key_id || !iv_length) return Malformed("it ends inside a file record");
  const auto iv = body.GetBytes(*iv_length);
  if (!iv) return Malformed("it ends inside an iv");
  const auto method = MethodFromNumber(*number);
  if (!method) return Malformed(fmt::format("unknown method {}", *number));
  const size_t expected = *method == Method::kPlaintext ? 0 : record.iv.size();
  if (iv->size() != expected) {
    return Malformed(fmt::format("iv is {} bytes, {} needs {}", iv->size(), MethodName(*method), expected));
  }
  record.method = *method;
  record.key_id = *key_id;
  std::ranges::copy(*iv, record.iv.begin());
  if (auto valid = ValidateLogFileRecord(record); !valid) return Malformed(valid.error().message);
  return {};
}

void EncodePath(std::string_view path, ByteWriter& out) {
  out.Put(static_cast<uint16_t>(path.size()));
  out.PutBytes(AsBytes(path));
}

void EncodeRecord(const FileRecord& record, ByteWriter& out) {
  const bool plaintext = record.method == Method::kPlaintext;
  out.Put(static_cast<uint8_t>(record.method));
  out.Put(record.key_id);
  out.Put(static_cast<uint8_t>(plaintext ? 0 : record.iv.size()));
  if (!plaintext) out.PutBytes(record.iv);
}

Status DecodeListing(ByteReader& body, LogChange& change) {
  const auto directory = body.Get<uint32_t>();
  if (!directory) return Malformed("it ends inside a directory number");
  change.directory = *directory;
  TRY(DecodeName(body, change.path));
  if (change.kind == LogChangeKind::kSharedName) {
    const auto shared = body.Get<uint32_t>();
    if (!shared) return Malformed("it ends inside a shared file number");
    change.shared = *shared;
  }
  return {};
}

}  // namespace

Status ValidateLogName(std::string_view name) {
  if (name.empty() || name == "." || name == "..") return FailErrno(EINVAL, "name is empty, \".\" or \"..\"");
  if (name.size() > kNameBytesMax) {
    return FailErrno(ENAMETOOLONG, fmt::format("name is {} bytes, at most {}", name.size(), kNameBytesMax));
  }
  if (std::ranges::any_of(name, [](char c) { return c == '\0' || c == '/'; })) {
    return FailErrno(EINVAL, "name holds NUL or '/'");
  }
  return {};
}

Status ValidateLogPath(std::string_view path) {
  if (!path.starts_with('/')) return FailErrno(EINVAL, "path is not absolute");
  if (path.size() > kLogPathBytesMax) {
    return FailErrno(ENAMETOOLONG, fmt::format("path is {} bytes, at most {}", path.size(), kLogPathBytesMax));
  }
  for (size_t start = 1; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    TRY(ValidateLogName(path.substr(start, end - start)));
    start = end + 1;
  }
  return {};
}

Status ValidateLogFileRecord(const FileRecord& record) {
  const bool plaintext = record.method == Method::kPlaintext;
  if (plaintext != (record.key_id == 0)) {
    return FailErrno(EINVAL, plaintext ? "plaintext with a data key" : "data key id 0 for an encrypted file");
  }
  if (plaintext && !IsZero(record.iv)) return FailErrno(EINVAL, "plaintext with an iv");
  return {};
}

void EncodeLogChange(const LogChange& change, ByteWriter& out) {
  out.Put(static_cast<uint8_t>(change.kind));
  if (change.kind == LogChangeKind::kMark) {
    out.Put(static_cast<uint8_t>(change.mark));
    return;
  }
  if (IsListing(change.kind)) {
    out.Put(change.directory);
    out.Put(static_cast<uint8_t>(change.path.size()));
    out.PutBytes(AsBytes(change.path));
    if (change.kind == LogChangeKind::kSharedName) out.Put(change.shared);
  } else {
    EncodePath(change.path, out);
    if (HasTwoPaths(change.kind)) EncodePath(change.to, out);
  }
  if (HasRecord(change.kind)) EncodeRecord(change.record, out);
}

Result<LogChange> DecodeLogChange(ByteReader& body) {
  const auto kind = body.Get<uint8_t>();
  if (!kind) return Malformed("it is empty");
  if (*kind < static_cast<uint8_t>(LogChangeKind::kInsert) ||
      *kind > static_cast<uint8_t>(LogChangeKind::kSharedName)) {
    return Malformed(fmt::format("unknown kind {}", *kind));
  }
  LogChange change;
  change.kind = LogChangeKind{*kind};
  if (change.kind == LogChangeKind::kMark) {
    const auto state = body.Get<uint8_t>();
    if (!state || *state > static_cast<uint8_t>(LogMark::kInUse)) return Malformed("mark without a valid state");
    change.mark = LogMark{*state};
    return change;
  }
  if (IsListing(change.kind)) {
    TRY(DecodeListing(body, change));
  } else {
    TRY(DecodePath(body, change.path));
    if (HasTwoPaths(change.kind)) TRY(DecodePath(body, change.to));
  }
  if (HasRecord(change.kind)) TRY(DecodeRecord(body, change.record));
  return change;
}

}  // namespace tdefs
