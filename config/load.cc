#include "config/load.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <array>

#include "base/file_io.h"
#include "config/mount_settings.h"
#include "config/section_reader.h"
#include "config/toml_limits.h"
#include "config/toml_tree.h"

namespace tdefs {
namespace {

Status ReadStore(SectionReader& root, StoreConfig& store) {
  std::optional<SectionReader> section = TRY(root.Table("store"));
  if (!section) return {};
  TRY(section->ReadPath("backing-dir", store.backing_dir));
  TRY(section->ReadPath("mount-point", store.mount_point));
  return section->RefuseUnknown();
}

Status ReadMount(SectionReader& root, MountConfig& mount) {
  std::optional<SectionReader> section = TRY(root.Table("mount"));
  if (!section) return {};
  for (const MountSwitch& known : kMountSwitches) TRY(section->Read(known.name, mount.*known.member));
  for (const MountNumber& known : kMountNumbers) TRY(section->Read(known.name, mount.*known.member, known.range));
  return section->RefuseUnknown();
}

Status ReadLog(SectionReader& root, LogOptions& log) {
  constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};  // in the order of LogLevel
  constexpr std::array<std::string_view, 2> kFormats = {"text", "json"};
  std::optional<SectionReader> section = TRY(root.Table("log"));
  if (!section) return {};
  std::optional<size_t> level, format;
  TRY(section->ReadChoice("level", level, kLevels));
  TRY(section->ReadChoice("format", format, kFormats));
  TRY(section->ReadPath("file", log.file));
  TRY(section->Read("redact-paths", log.redact_paths));
  if (level) log.level = static_cast<LogLevel>(*level);
  if (format) log.json = *format == 1;
  return section->RefuseUnknown();
}

// TiKV's redact-info-log: a boolean, or "on", "off", "marker". What hides log content there hides paths here.
Status ReadRedactInfoLog(SectionReader& security, LogOptions& log) {
  constexpr std::array<std::string_view, 3> kWords = {"off", "on", "marker"};
  bool redact = false;
  if (security.KindOf("redact-info-log") == TomlNode::Kind::kString) {
    std::optional<size_t> word;
    TRY(security.ReadChoice("redact-info-log", word, kWords));
    redact = word.value_or(0) != 0;
  } else {
    TRY(security.Read("redact-info-log", redact));
  }
  log.redact_paths |= redact;
  return {};
}

Status ReadMasterKey(SectionReader& encryption, std::string_view key, std::optional<MasterKeyConfig>& master_key) {
  constexpr std::array<std::string_view, 3> kTypes = {"plaintext", "file", "kms"};  // in the order of MasterKeyConfig
  std::optional<SectionReader> section = TRY(encryption.Table(key));
  if (!section) return {};
  std::optional<size_t> type;
  TRY(section->ReadChoice("type", type, kTypes));
  if (!type) return encryption.Refuse(key, "found no type, expected type = \"file\" or \"plaintext\"");
  if (*type == 2) return section->Refuse("type", "\"kms\" is not in this build yet; use \"file\"");
  master_key = MasterKeyConfig{static_cast<MasterKeyConfig::Type>(*type), {}};
  const bool is_file = master_key->type == MasterKeyConfig::Type::kFile;
  if (is_file && !section->KindOf("path")) return encryption.Refuse(key, "found no path, type \"file\" needs one");
  TRY(section->ReadPath("path", master_key->path));
  if (!is_file && !master_key->path.empty()) return section->Refuse("path", "has no meaning with type \"plaintext\"");
  return section->RefuseUnknown();
}

Status ReadEncryption(SectionReader& security, EncryptionConfig& encryption) {
  constexpr uint64_t kRewriteThresholdMax = 1'000'000'000'000;
  std::optional<SectionReader> section = TRY(security.Table("encryption"));
  if (!section) return {};
  std::array<std::string_view, kAllMethods.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = MethodName(kAllMethods[i]);
  std::optional<size_t> method;
  TRY(section->ReadChoice("data-encryption-method", method, names));
  if (method) encryption.data_encryption_method = kAllMethods[*method];
  TRY(section->Read("data-key-rotation-period", encryption.data_key_rotation_period));
  TRY(section->Read("enable-file-dictionary-log", encryption.enable_file_dictionary_log));
  TRY(section->Read("file-dictionary-rewrite-threshold", encryption.file_dictionary_rewrite_threshold,
                    Range{0, kRewriteThresholdMax, "removes and overwrites"}));
  TRY(ReadMasterKey(*section, "master-key", encryption.master_key));
  TRY(ReadMasterKey(*section, "previous-master-key", encryption.previous_master_key));
  return section->RefuseUnknown();
}

Status ReadSecurity(SectionReader& root, Config& config) {
  std::optional<SectionReader> section = TRY(root.Table("security"));
  if (!section) return {};
  TRY(ReadRedactInfoLog(*section, config.log));
  TRY(ReadEncryption(*section, config.encryption));
  return section->RefuseUnknown();
}

// The text of the file; never blocks on a FIFO.
Result<Bytes> ReadConfigFile(const std::string& path) {
  UniqueFd fd = TRY(OpenAt(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat attributes;
  if (::fstat(fd.get(), &attributes) != 0) return FailErrno(errno, "stat " + path);
  if (!S_ISREG(attributes.st_mode)) return Fail(ErrorCode::kBadConfig, path + ": not a regular file");
  Bytes content(kConfigBytesMax + 1);  // one more than allowed, so that CheckTomlLimits sees the excess
  content.resize(TRY(ReadAt(fd.get(), content, 0)));
  return content;
}

}  // namespace

Result<Config> ParseConfig(std::string_view text, const std::string& name) {
  TRY(CheckTomlLimits(text, name));
  const TomlNode document = TRY(ParseToml(text, name));
  SectionReader root(name, document, {});
  Config config;
  TRY(ReadStore(root, config.store));
  TRY(ReadMount(root, config.mount));
  TRY(ReadLog(root, config.log));
  TRY(ReadSecurity(root, config));
  TRY(root.RefuseUnknown());
  return config;
}

Result<Config> LoadConfig(const std::string& path) {
  Result<Bytes> content = ReadConfigFile(path);
  if (!content) return Fail(ErrorCode::kBadConfig, "configuration: " + content.error().Text());
  return ParseConfig(AsText(*content), path);
}

}  // namespace tdefs
