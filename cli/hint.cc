#include "cli/hint.h"

namespace tdefs {
namespace {

std::string HintForErrno(int sys_errno) {
  switch (sys_errno) {
    case EBUSY:
      return "see who uses it: fuser -vm MOUNTPOINT (or lsof +f -- MOUNTPOINT), end that, and try again";
    case EACCES:
    case EPERM:
      return "run it as root, or as the user that owns the store";
    case ENOSPC:
      return "free some space on the backing filesystem; the store itself is whole";
    case ENOENT:
      return "check the path; tdefs makes no directories";
    case ENOTCONN:
      return "a daemon died here: tdefs umount MOUNTPOINT, then mount again";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files: ulimit -n, or LimitNOFILE= in the unit";
    default:
      return {};
  }
}

}  // namespace

std::string HintFor(const Error& error) {
  switch (error.code) {
    case ErrorCode::kSystem:
      return HintForErrno(error.sys_errno);
    case ErrorCode::kUsage:
      return "tdefs --help, or tdefs COMMAND --help";
    case ErrorCode::kBadConfig:
      return "the settings and their units are listed in the README";
    case ErrorCode::kBadKeyFile:
      return "a key file holds 64 hexadecimal digits and a newline and has mode 0600; tdefs genkey KEYFILE makes one";
    case ErrorCode::kBadPath:
      return "paths are absolute; mount point, backing directory and key file lie outside each other";
    case ErrorCode::kNotAStore:
      return "make one: tdefs init BACKING --key-file KEYFILE";
    case ErrorCode::kStoreExists:
      return "mount what is there with tdefs mount, or choose an empty directory; --import takes existing files in";
    case ErrorCode::kStoreBusy:
      return "tdefs status shows the mounts; tdefs umount MOUNTPOINT releases the store";
    case ErrorCode::kCorrupt:
      return "file.dict is made anew from the files' tags by tdefs check --repair BACKING; key.dict can only come from "
             "a "
             "backup";
    case ErrorCode::kUnsupported:
      return "a newer tdefs wrote this; use that version or a later one";
    case ErrorCode::kStoreIncomplete:
      return "file.dict is made anew from the files' tags by tdefs check --repair BACKING; key.dict can only come from "
             "a "
             "backup of BACKING/.tdefs; do not run init";
    case ErrorCode::kWrongKey:
      return "give the right key with --key-file, or the old one as [security.encryption.previous-master-key]";
    case ErrorCode::kDataKeyMissing:
      return "key.dict is older than the files; restore the newest one from a backup";
    case ErrorCode::kTampered:
      return "tdefs check BACKING lists the files, tdefs check --repair BACKING mends what can be decided; restore the "
             "others from a backup";
    case ErrorCode::kForeign:
      return "move the file out of the backing directory and copy it in through the mount";
    case ErrorCode::kLimit:
      return {};
    case ErrorCode::kMount:
      return "check that /dev/fuse exists, that the fuse module is loaded and fusermount3 installed";
    case ErrorCode::kNotMounted:
      return "tdefs status lists the mounts; one whose daemon is gone ends with tdefs umount MOUNTPOINT, or with the "
             "next "
             "tdefs mount there";
    case ErrorCode::kProblemsFound:
      return "tdefs check --repair BACKING mends what can be decided and says why it leaves the rest";
    case ErrorCode::kInsecureKey:
      return "make a key with tdefs genkey KEYFILE and give it with --key-file KEYFILE";
    case ErrorCode::kCrypto:
      return "check the OpenSSL installation: tdefs version, openssl list -cipher-algorithms";
    case ErrorCode::kKmsUnreachable:
    case ErrorCode::kKmsThrottled:
      return "try again later";
    case ErrorCode::kKmsDenied:
    case ErrorCode::kKmsDisabled:
      return "look at the key's policy and state at the KMS";
    case ErrorCode::kNotConfirmed:
      return "nothing was changed; run it on a terminal and answer y, or give --yes";
  }
  return {};
}

}  // namespace tdefs
