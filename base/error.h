// The one error type of tdefs and the one table that maps each code to its errno, exit code and metric label.
// An Error says what went wrong, where, what was found and what was expected; lower case, no full stop.
#pragma once

#include <cerrno>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tdefs {

enum class ErrorCode : uint8_t {
  kSystem,           // a system call failed; sys_errno says how
  kUsage,            // the command line makes no sense
  kBadConfig,        // the configuration file or an option value is wrong
  kBadKeyFile,       // the master key file is missing, malformed, or open to others
  kBadPath,          // a path that must not be used: relative, or mount point and backing directory overlap
  kNotAStore,        // the directory was not made by `tdefs init`
  kStoreExists,      // init: there is a store already, or files that were not to be imported
  kStoreBusy,        // another process holds the store's lock
  kCorrupt,          // a store file is damaged
  kUnsupported,      // a store file of an unknown format version or feature
  kStoreIncomplete,  // one of the store's two dictionaries is missing
  kWrongKey,         // the master key does not open this store
  kDataKeyMissing,   // a file names a data key that the key dictionary does not hold
  kTampered,         // tag and dictionary disagree after a clean shutdown, or a tag does not verify
  kForeign,          // a file with content but neither tag nor record
  kLimit,            // an input is larger than tdefs takes
  kMount,            // FUSE is not available or the mount failed
  kNotMounted,       // there is no live mount here
  kProblemsFound,    // check: the store has defects
  kInsecureKey,      // an encrypting method with a plaintext master key
  kCrypto,           // OpenSSL refused an operation that cannot fail
  kKmsUnreachable,   // reserved for KMS providers: may succeed later
  kKmsThrottled,
  kKmsDenied,
  kKmsDisabled,
  kNotConfirmed,  // a change that needs consent did not get it
};
inline constexpr int kErrorCodeCount = static_cast<int>(ErrorCode::kNotConfirmed) + 1;

struct ErrorTraits {
  std::string_view label;    // metric label and JSON name, e.g. "wrong_key"
  int sys_errno;             // what a program sees; kSystem carries its own
  int exit_code;             // what the command line returns
  std::string_view meaning;  // one line for the manual
};

// The traits of a code. The table in error.cc is the only place where errno and exit codes are assigned.
const ErrorTraits& TraitsOf(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kSystem;
  int sys_errno = 0;  // only with kSystem, 0 otherwise
  std::string message;

  // The errno that a program on the mount sees: sys_errno for kSystem, else the table's.
  int Errno() const { return code == ErrorCode::kSystem ? sys_errno : TraitsOf(code).sys_errno; }
  int ExitCode() const { return TraitsOf(code).exit_code; }
  // The message, with the errno's text after it where a system call failed.
  std::string Text() const;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// std::unexpected of an Error, so that `return Fail(…)` works from any Result function.
std::unexpected<Error> Fail(ErrorCode code, std::string message);
// The same for a failed system call; `what` names the call and its object: "open /var/lib/x/.tdefs/key.dict".
// The single-argument forms allocate nothing and are for paths where a program asked for something that is not there.
std::unexpected<Error> FailErrno(int sys_errno, std::string what);
inline std::unexpected<Error> FailErrno(int sys_errno) {
  return std::unexpected<Error>(Error{ErrorCode::kSystem, sys_errno, {}});
}
inline std::unexpected<Error> FailErrno() {
  return FailErrno(errno);
}

namespace internal {
template <typename T>
T Take(std::expected<T, Error>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}
}  // namespace internal
}  // namespace tdefs

// The value of a Result expression, or a return of its error from the enclosing function. Not to be nested.
#define TRY(expression)                                       \
  __extension__({                                             \
    auto try_result_ = (expression);                          \
    if (!try_result_) [[unlikely]]                            \
      return std::unexpected(std::move(try_result_).error()); \
    ::tdefs::internal::Take(std::move(try_result_));          \
  })
