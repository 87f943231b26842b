#include "base/error.h"

#include <array>
#include <cstring>

namespace tdefs {
namespace {

// Exit codes are a contract with scripts: never renumber, only append.
constexpr std::array<ErrorTraits, kErrorCodeCount> kTraits = {{
    {"system", EIO, 1, "a system call failed"},
    {"usage", EINVAL, 2, "the command line makes no sense"},
    {"bad_config", EINVAL, 3, "the configuration file or an option is wrong"},
    {"bad_key_file", EACCES, 4, "the master key file is missing, malformed or open to others"},
    {"bad_path", EINVAL, 5, "a relative path, or mount point and backing directory overlap"},
    {"not_a_store", ENOENT, 6, "the directory was not made by tdefs init"},
    {"store_exists", EEXIST, 7, "there is a store already, or files that were not to be imported"},
    {"store_busy", EBUSY, 8, "another process holds the store"},
    {"corrupt", EIO, 9, "a store file is damaged"},
    {"unsupported", EIO, 10, "a store file of an unknown format version or feature"},
    {"store_incomplete", EIO, 11, "one of the store's two dictionaries is missing"},
    {"wrong_key", EACCES, 12, "the master key does not open this store"},
    {"data_key_missing", EIO, 13, "a file names a data key that the store does not hold"},
    {"tampered", EIO, 14, "a file's tag and the dictionary disagree, or a tag does not verify"},
    {"foreign", EIO, 15, "a file with content but without a record"},
    {"limit", EOVERFLOW, 16, "an input is larger than tdefs takes"},
    {"mount", EIO, 17, "FUSE is not available or the mount failed"},
    {"not_mounted", ENOTCONN, 18, "there is no live mount here"},
    {"problems_found", EIO, 19, "check found defects"},
    {"insecure_key", EPERM, 20, "an encrypting method needs a master key that is not plaintext"},
    {"crypto", EIO, 21, "OpenSSL refused an operation"},
    {"kms_unreachable", EAGAIN, 22, "the KMS cannot be reached; try again"},
    {"kms_throttled", EAGAIN, 23, "the KMS asks to slow down; try again"},
    {"kms_denied", EACCES, 24, "the KMS denies the use of the key"},
    {"kms_disabled", EKEYREVOKED, 25, "the KMS key is disabled or deleted"},
    {"not_confirmed", ECANCELED, 26, "a change that needs consent did not get it"},
}};

}  // namespace

const ErrorTraits& TraitsOf(ErrorCode code) {
  return kTraits[static_cast<size_t>(code)];
}

std::string Error::Text() const {
  if (code != ErrorCode::kSystem || sys_errno == 0) return message;
  std::string text = message.empty() ? std::string() : message + ": ";
  return text + strerrordesc_np(sys_errno);
}

std::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error{code, 0, std::move(message)});
}

std::unexpected<Error> FailErrno(int sys_errno, std::string what) {
  return std::unexpected<Error>(Error{ErrorCode::kSystem, sys_errno, std::move(what)});
}

}  // namespace tdefs
