#include "tests/load/stress_worker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>

namespace stress {
namespace {

constexpr size_t kFilesMax = 60;  // of one thread
constexpr uint64_t kSharedNames = 200;
constexpr uint64_t kFileBytesMax = 96 << 10;
constexpr uint64_t kWriteBytesMax = 12 << 10;

// A descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

uint64_t Aligned(uint64_t number) {
  return number / kUnitBytes * kUnitBytes;
}

bool ReadFrom(int fd, std::string& text) {
  text.clear();
  std::array<char, 65536> buffer;
  ssize_t count;
  while ((count = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(text.size()))) > 0) {
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  return count == 0;
}

}  // namespace

int64_t NowUs() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

void Common::Fault(const std::string& what) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  if (++faults <= 20) std::printf("bad %s\n", what.c_str());
  std::fflush(stdout);
}

Content SharedContent(uint64_t id) {
  Content content(id);
  content.Write(0, kUnitBytes + id * 7919 % 20000);
  return content;
}

bool ReadWhole(const std::string& path, std::string& text) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd && ReadFrom(fd.get(), text);
}

Worker::Worker(Common& common, int number, uint64_t seed)
    : common_(common),
      random_(seed * 1000 + static_cast<uint64_t>(number)),
      directory_(common.root + "/t" + std::to_string(number)) {}

void Worker::Run() {
  doing = "mkdir";
  Ok(::mkdir(directory_.c_str(), 0755) == 0, "mkdir", directory_);
  Ok(::mkdir((directory_ + "/sub0").c_str(), 0755) == 0, "mkdir", directory_);
  while (!common_.stop) {
    Step();
    last_us = NowUs();
    common_.operations.fetch_add(1, std::memory_order_relaxed);
  }
  doing = "ended";
}

void Worker::Step() {
  struct Choice {
    unsigned weight;
    const char* name;
    void (Worker::*function)();
  };
  static constexpr std::array kChoices = {
      Choice{14, "create", &Worker::Create},
      Choice{12, "write", &Worker::Change},
      Choice{5, "empty", &Worker::Empty},
      Choice{6, "truncate", &Worker::Truncate},
      Choice{3, "punch", &Worker::Punch},
      Choice{8, "append", &Worker::Append},
      Choice{12, "read", &Worker::Read},
      Choice{9, "rename", &Worker::Rename},
      Choice{4, "link", &Worker::Link},
      Choice{7, "unlink", &Worker::Unlink},
      Choice{3, "unlink an open file", &Worker::UnlinkOpen},
      Choice{2, "rename a directory", &Worker::RenameDirectory},
      Choice{2, "fsync of a directory", &Worker::SyncDirectory},
      Choice{5, "replace a shared file", &Worker::ReplaceShared},
      Choice{6, "read a shared file", &Worker::ReadShared},
      Choice{4, "move a shared file", &Worker::MoveShared},
  };
  unsigned total = 0;
  for (const Choice& choice : kChoices) total += choice.weight;
  auto pick = static_cast<unsigned>(random_.Below(total));
  for (const Choice& choice : kChoices) {
    if (pick < choice.weight) {
      doing = choice.name;
      (this->*choice.function)();
      return;
    }
    pick -= choice.weight;
  }
}

bool Worker::Ok(bool good, const char* what, const std::string& path) {
  const int error = errno;
  if (!good) common_.Fault(std::string(what) + " " + path + ": errno " + std::to_string(error));
  return good;
}

Worker::Entry Worker::Some() {
  auto entry = files_.begin();
  if (!files_.empty()) std::advance(entry, static_cast<long>(random_.Below(files_.size())));
  return entry;
}

std::string Worker::NewPath() {
  const std::string name = "/f" + std::to_string(next_name_++);
  return random_.OneIn(2) ? directory_ + name : directory_ + "/sub" + std::to_string(subtree_) + name;
}

std::string Worker::SharedPath() {
  return common_.root + "/shared/n" + std::to_string(random_.Below(kSharedNames));
}

void Worker::MaybeSync(int fd, const std::string& path) {
  if (random_.OneIn(6)) Ok(::fsync(fd) == 0, "fsync", path);
  if (random_.OneIn(12)) Ok(::fdatasync(fd) == 0, "fdatasync", path);
}

bool Worker::WriteAt(int fd, File& file, uint64_t offset, uint64_t size, const std::string& path) {
  // A write that ends inside a unit and inside the file would leave two versions in one unit.
  if (offset + size < file.content.size()) size = Aligned(size + kUnitBytes - 1);
  const std::string text = file.content.Write(offset, size);
  const ssize_t written = ::pwrite(fd, text.data(), text.size(), static_cast<off_t>(offset));
  return Ok(written == static_cast<ssize_t>(text.size()), "write", path);
}

void Worker::Compare(const std::string& path, const Content& content) {
  std::string found;
  if (!Ok(ReadWhole(path, found), "read", path)) return;
  const std::string difference = content.Difference(found);
  if (!difference.empty()) common_.Fault("content of " + path + ": " + difference);
}

void Worker::Create() {
  if (files_.size() >= kFilesMax) return Unlink();
  const std::string path = NewPath();
  auto file = std::make_shared<File>(common_.next_file++);
  file->key.from_us = NowUs();
  const Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  file->key.to_us = NowUs();
  if (!Ok(static_cast<bool>(fd), "create", path)) return;
  files_[path] = file;
  if (!random_.OneIn(8)) WriteAt(fd.get(), *file, 0, random_.Between(1, kWriteBytesMax), path);
  MaybeSync(fd.get(), path);
}

// Opening an empty file for writing may give it the current key; or not, if its last descriptor is still on its way
// out.
void Worker::Change() {
  const Entry entry = Some();
  if (entry == files_.end()) return;
  File& file = *entry->second;
  const Descriptor fd(::open(entry->first.c_str(), O_RDWR | O_CLOEXEC));
  if (file.content.size() == 0) file.key.to_us = NowUs();
  if (!Ok(static_cast<bool>(fd), "open", entry->first)) return;
  const uint64_t places = random_.Between(1, 3);
  for (uint64_t place = 0; place < places; ++place) {
    const uint64_t offset = Aligned(random_.Below(std::min(kFileBytesMax, file.content.size() + 8192) + 1));
    if (!WriteAt(fd.get(), file, offset, random_.Between(1, kWriteBytesMax), entry->first)) return;
  }
  MaybeSync(fd.get(), entry->first);
}

void Worker::Append() {
  const Entry entry = Some();
  if (entry == files_.end()) return;
  File& file = *entry->second;
  if (file.content.size() > kFileBytesMax) return Empty();
  const Descriptor fd(::open(entry->first.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.content.size() == 0) file.key.to_us = NowUs();
  if (!Ok(static_cast<bool>(fd), "open", entry->first)) return;
  const uint64_t offset = Aligned(file.content.size());
  if (WriteAt(fd.get(), file, offset, random_.Between(1, kWriteBytesMax) + kUnitBytes, entry->first)) {
    MaybeSync(fd.get(), entry->first);
  }
}

void Worker::Empty() {
  const Entry entry = Some();
  if (entry == files_.end()) return;
  File& file = *entry->second;
  const bool was_empty = file.content.size() == 0;
  const int64_t before = NowUs();
  const Descriptor fd(::open(entry->first.c_str(), O_RDWR | O_TRUNC | O_CLOEXEC));
  file.key = {was_empty ? file.key.from_us : before, NowUs()};
  if (!Ok(static_cast<bool>(fd), "open to empty", entry->first)) return;
  file.content.Resize(0);
  if (!random_.OneIn(5)) WriteAt(fd.get(), file, 0, random_.Between(1, kWriteBytesMax), entry->first);
  MaybeSync(fd.get(), entry->first);
}

void Worker::Truncate() {
  const Entry entry = Some();
  if (entry == files_.end()) return;
  File& file = *entry->second;
  const uint64_t size = random_.Between(1, file.content.size() + 10000);
  if (!Ok(::truncate(entry->first.c_str(), static_cast<off_t>(size)) == 0, "truncate", entry->first)) return;
  if (file.content.size() == 0) file.key.to_us = NowUs();
  file.content.Resize(size);
}

void Worker::Punch() {
  const Entry entry = Some();
  if (entry == files_.end() || entry->second->content.size() < 2 * kUnitBytes) return;
  Content& content = entry->second->content;
  const Descriptor fd(::open(entry->first.c_str(), O_RDWR | O_CLOEXEC));
  if (!Ok(static_cast<bool>(fd), "open", entry->first)) return;
  const uint64_t offset = Aligned(random_.Below(content.size() - kUnitBytes));
  const uint64_t size = Aligned(random_.Between(kUnitBytes, content.size() - offset));
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  const bool punched = ::fallocate(fd.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(size)) == 0;
  if (Ok(punched, "punch", entry->first)) content.Punch(offset, size);
}

void Worker::Read() {
  const Entry entry = Some();
  if (entry != files_.end()) Compare(entry->first, entry->second->content);
}

void Worker::Rename() {
  const Entry from = Some();
  if (from == files_.end()) return;
  const bool replaces = random_.OneIn(2);
  const std::string to = replaces ? Some()->first : NewPath();
  const FilePtr file = from->second;
  if (!Ok(::rename(from->first.c_str(), to.c_str()) == 0, "rename to", to)) return;
  if (replaces && files_[to] == file) return;  // two names of one file: both stay
  files_.erase(from);
  files_[to] = file;
}

void Worker::Link() {
  const Entry from = Some();
  if (from == files_.end() || files_.size() >= kFilesMax) return;
  const std::string to = NewPath();
  if (Ok(::link(from->first.c_str(), to.c_str()) == 0, "link", to)) files_[to] = from->second;
}

void Worker::Unlink() {
  const Entry entry = Some();
  if (entry == files_.end()) return;
  if (Ok(::unlink(entry->first.c_str()) == 0, "unlink", entry->first)) files_.erase(entry);
}

// The file lives on through its descriptor: it is written, read back and gone.
void Worker::UnlinkOpen() {
  const Entry entry = Some();
  if (entry == files_.end() || entry->second.use_count() > 1) return;
  const std::string path = entry->first;
  const FilePtr file = entry->second;
  const Descriptor fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!Ok(static_cast<bool>(fd), "open", path) || !Ok(::unlink(path.c_str()) == 0, "unlink", path)) return;
  files_.erase(entry);
  WriteAt(fd.get(), *file, 0, random_.Between(1, kWriteBytesMax), path);
  std::string found;
  if (!Ok(ReadFrom(fd.get(), found), "read of the unlinked", path)) return;
  const std::string difference = file->content.Difference(found);
  if (!difference.empty()) common_.Fault("content of the unlinked " + path + ": " + difference);
}

void Worker::RenameDirectory() {
  const std::string from = directory_ + "/sub" + std::to_string(subtree_) + "/";
  const std::string to = directory_ + "/sub" + std::to_string(subtree_ + 1) + "/";
  if (!Ok(::rename(from.c_str(), to.c_str()) == 0, "rename of", from)) return;
  ++subtree_;
  std::map<std::string, FilePtr> moved;
  for (const auto& [path, file] : files_) {
    moved[path.starts_with(from) ? to + path.substr(from.size()) : path] = file;
  }
  files_.swap(moved);
}

void Worker::SyncDirectory() {
  const Descriptor fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Ok(fd && ::fsync(fd.get()) == 0, "fsync", directory_);
}

// Write a temporary file, sync it, rename it over a name that other threads read, move and remove.
void Worker::ReplaceShared() {
  const uint64_t id = common_.next_file++;
  const std::string temporary = directory_ + "/new", text = [&] {
    const Content content = SharedContent(id);
    return content.Expected(0, content.size());
  }();
  {
    const int64_t before = NowUs();
    const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    shared_times_[id] = {before, NowUs()};
    if (!Ok(static_cast<bool>(fd), "create", temporary)) return;
    Ok(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()), "write", temporary);
    if (random_.OneIn(3)) Ok(::fsync(fd.get()) == 0, "fsync", temporary);
  }
  const std::string target = SharedPath();
  Ok(::rename(temporary.c_str(), target.c_str()) == 0, "rename to", target);
}

void Worker::ReadShared() {
  const std::string path = SharedPath();
  std::string found;
  if (!ReadWhole(path, found)) return (void)Ok(errno == ENOENT, "read", path);
  UnitText first{};
  std::memcpy(&first, found.data(), std::min<size_t>(kUnitBytes, found.size()));
  if (found.size() < sizeof(first.file) || first.file >= common_.next_file) {
    return common_.Fault("content of " + path + ": " + std::to_string(found.size()) + " bytes of no file");
  }
  const std::string difference = SharedContent(first.file).Difference(found);
  if (!difference.empty()) common_.Fault("content of " + path + ": " + difference);
}

void Worker::MoveShared() {
  const std::string from = SharedPath(), to = SharedPath();
  switch (random_.Below(5)) {
    case 0:
      Ok(::unlink(from.c_str()) == 0 || errno == ENOENT, "unlink", from);
      return;
    case 1:
      Ok(::link(from.c_str(), to.c_str()) == 0 || errno == ENOENT || errno == EEXIST, "link", to);
      return;
    case 2:
      Ok(::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0 || errno == ENOENT, "exchange",
         from);
      return;
    default:
      Ok(::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT, "rename to", to);
  }
}

void Worker::Verify() {
  for (const auto& [path, file] : files_) {
    Compare(path, file->content);
    std::printf("file %s %ld %ld\n", path.substr(common_.root.size()).c_str(), file->key.from_us, file->key.to_us);
  }
}

}  // namespace stress
