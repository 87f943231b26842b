#include "fs/directory_handle.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace tdefs {

Result<std::unique_ptr<DirectoryHandle>> DirectoryHandle::Create(UniqueFd fd, InodePtr inode) {
  DIR* stream = ::fdopendir(fd.get());
  if (stream == nullptr) return FailErrno();
  fd.Release();  // the stream's now
  return std::unique_ptr<DirectoryHandle>(new DirectoryHandle(stream, std::move(inode)));
}

// Offset 0 is a rewinddir: the program expects to see names that came since.
void DirectoryHandle::Seek(off_t offset) {
  const bool take_refused = refused_.name != nullptr && offset == refused_from_ && offset != 0;
  if (!take_refused) {
    refused_.name = nullptr;
    if (offset == 0) {
      ::rewinddir(stream_.get());
    } else if (offset != position_) {
      ::seekdir(stream_.get(), offset);
    }
  }
  position_ = offset;
}

Status DirectoryHandle::Next(Item& item) {
  if (refused_.name != nullptr) {
    item = std::exchange(refused_, Item());
    position_ = item.next;
    return {};
  }
  errno = 0;
  const struct dirent* found = ::readdir(stream_.get());
  if (found == nullptr) {
    if (errno != 0) return FailErrno();
    item.name = nullptr;
    return {};
  }
  item = {found->d_name, found->d_ino, static_cast<mode_t>(DTTOIF(found->d_type)), found->d_off};
  position_ = found->d_off;
  return {};
}

}  // namespace tdefs
