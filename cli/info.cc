// tdefs info: what can be told of a store or of one file without any key. Never an IV or a MAC.
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "fs/mount_table.h"
#include "keys/key_manager.h"
#include "keys/tag.h"

namespace tdefs {
namespace {

bool IsWithin(const std::string& path, const std::string& dir) {
  return dir == "/" || (path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/'));
}

struct FilePlace {
  std::string backing_dir;
  std::string path;  // within the mount
};

// The store that a file belongs to: through the mount it lies in, or the directory above it that is a store.
Result<FilePlace> LocateFile(const std::string& resolved) {
  std::optional<MountEntry> deepest;
  for (const MountEntry& mount : TRY(ListMounts())) {
    if (IsWithin(resolved, mount.mount_point) && (!deepest || mount.mount_point.size() >= deepest->mount_point.size()))
      deepest = mount;
  }
  if (deepest) return FilePlace{deepest->backing_dir, resolved.substr(deepest->mount_point.size())};
  for (std::string dir = resolved; !dir.empty();) {
    dir.resize(dir.rfind('/'));
    struct stat attributes;
    if (::lstat((dir + "/" + kStoreDirName).c_str(), &attributes) == 0)
      return FilePlace{dir, resolved.substr(dir.size())};
  }
  return Fail(ErrorCode::kNotAStore, resolved + ": neither in a tdefs mount nor in a store");
}

std::string KindOf(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISLNK(mode)) return "symlink";
  return "special file";
}

// The open part of a tag (keys/tag.h): method and key id. The MAC is not checked, since that takes the key.
void DescribeTag(ByteView tag, Json& info) {
  ByteReader reader(tag);
  const auto version = reader.Get<uint8_t>();
  const auto number = reader.Get<uint8_t>();
  const auto flags_and_domain = reader.GetBytes(2 + 4);
  const auto key_id = reader.Get<uint64_t>();
  const std::optional<Method> method = MethodFromNumber(number.value_or(0));  // 0 is no method
  if (tag.size() != kTagBytes || *version != 1 || !flags_and_domain || !method) {
    info["state"] = "damaged tag";
    return;
  }
  info["state"] = *method == Method::kPlaintext ? "plaintext" : "encrypted";
  info["method"] = MethodName(*method);
  if (*key_id != 0) info["key_id"] = std::to_string(*key_id);
}

Result<Json> FileInfo(const FilePlace& place) {
  const std::string backing_path = place.backing_dir + place.path;
  struct stat attributes;
  if (::lstat(backing_path.c_str(), &attributes) != 0) return FailErrno(errno, backing_path);
  Json info = {{"schema_version", kJsonSchemaVersion},
               {"kind", KindOf(attributes.st_mode)},
               {"backing_dir", place.backing_dir},
               {"path", place.path.empty() ? "/" : place.path},
               {"size_bytes", attributes.st_size}};
  if (!S_ISREG(attributes.st_mode)) {
    info["state"] = "not encrypted: only the content of files is";
    return info;
  }
  std::array<std::byte, 256> tag;
  const ssize_t size = ::lgetxattr(backing_path.c_str(), kTagXattrName, tag.data(), tag.size());
  if (size >= 0) {
    DescribeTag(ByteView(tag).first(static_cast<size_t>(size)), info);
  } else if (errno == ENODATA) {
    info["state"] = attributes.st_size == 0 ? "empty" : "foreign: content without a tag";
  } else if (errno == ERANGE) {
    info["state"] = "damaged tag";
  } else {
    return FailErrno(errno, "read the tag of " + backing_path);
  }
  return info;
}

Json StoreInfoJson(const Target& target, const StoreInfo& store) {
  Json info = {{"schema_version", kJsonSchemaVersion}, {"kind", "store"}, {"backing_dir", target.backing_dir}};
  info.update(StoreJson(store));
  info["mount_point"] = target.mount ? Json(target.mount->mount_point) : Json(nullptr);
  return info;
}

void PrintInfo(const Json& info) {
  for (const auto& [key, value] : info.items()) {
    if (key == "schema_version" || value.is_null()) continue;
    if (!value.is_array()) {
      PrintField(key, value.is_string() ? Printable(value.get<std::string>()) : EncodeJson(value));
      continue;
    }
    for (const Json& wrap : value) {
      PrintField("master_key",
                 fmt::format("{} (key id {}, wrapped {})", Printable(wrap.value("uri", "")), wrap.value("key_id", ""),
                             TimeText(wrap.value("created_unix_s", uint64_t{0}))));
    }
  }
}

// A store's own directory or mount point, or else a file.
Result<Json> InfoOf(const std::string& path) {
  const Target target = TRY(ResolveTarget(path));
  Result<StoreInfo> store = ReadStoreInfo(target.backing_dir);
  if (store) return StoreInfoJson(target, *store);
  const bool is_no_store = store.error().code == ErrorCode::kNotAStore || store.error().code == ErrorCode::kBadPath;
  if (!is_no_store) return std::unexpected(std::move(store).error());
  const FilePlace place = TRY(LocateFile(target.backing_dir));
  return FileInfo(place);
}

}  // namespace

Status RunInfo(const InfoArguments& arguments) {
  const Json info = TRY(InfoOf(arguments.path));
  if (arguments.json) {
    PrintJson(info);
  } else {
    PrintInfo(info);
  }
  return {};
}

}  // namespace tdefs
