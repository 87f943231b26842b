#include "tests/crash/workload/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "tests/crash/workload/units.h"

namespace tdefs::crash {
namespace {

constexpr size_t kKeptFiles = 6;
constexpr uint64_t kNamesInDirectory = 10;
constexpr size_t kChangesUnsyncedMax = 60;  // a verification replays them
constexpr size_t kFileBytesMax = 512 << 10;

}  // namespace

bool Run::DaemonLives() const {
  struct statvfs answer;
  return ::fstatvfs(directory_fd, &answer) == 0;
}

void Run::Died() {
  died = true;
  stop = true;
}

void Run::Failed(const std::string& what) {
  fmt::print("workload: {}\n", what);
  failed = true;
  stop = true;
}

bool IsDeath(int error) {
  static constexpr std::array kErrors = {ENOTCONN, ECONNABORTED, EIO, EROFS, ENODEV, EUCLEAN, ESHUTDOWN};
  return std::ranges::find(kErrors, error) != kErrors.end();
}

bool Worker::Did(int64_t result, const std::string& what) {
  if (result >= 0) return true;
  const int error = errno;
  if (IsDeath(error) && !(error == EIO && run_.eio_is_wrong && run_.DaemonLives())) {
    run_.Died();
  } else {
    run_.Failed(fmt::format("thread {}: {}: {}", model_.number, what, std::strerror(error)));
  }
  return false;
}

bool Worker::MadeDurable(int64_t result, const std::string& what) {
  if (!Did(result, what)) return false;
  if (run_.cutting) run_.Died();
  return !run_.died;
}

void Worker::Work() {
  std::vector<bool (Worker::*)()> operations;
  for (auto group : {DataOperations(), SpaceOperations(), NameOperations()}) {
    for (const Operation& operation : group) operations.insert(operations.end(), operation.weight, operation.run);
  }
  while (!run_.stop) {
    if (!(this->*random_.Pick(operations))()) break;
    ++run_.operations;
    run_.operations.notify_all();
  }
  open_.clear();
}

std::optional<ObjectId> Worker::PickNamedFile() {
  std::vector<ObjectId> files;
  for (const auto& [path, id] : model_.names.now()) {
    if (!crash::IsDirectory(id)) files.push_back(id);
  }
  if (files.empty()) return std::nullopt;
  return random_.Pick(files);
}

std::optional<ObjectId> Worker::PickFile() {
  if (open_.empty() || random_.OneIn(2)) return PickNamedFile();
  return std::next(open_.begin(), static_cast<std::ptrdiff_t>(random_.Below(open_.size())))->first;
}

std::optional<std::string> Worker::PickPath(bool directory) {
  std::vector<std::string> paths;
  for (const auto& [path, id] : model_.names.now()) {
    if (crash::IsDirectory(id) == directory) paths.push_back(path);
  }
  if (paths.empty()) return std::nullopt;
  return random_.Pick(paths);
}

std::string Worker::PathOf(ObjectId file) {
  std::vector<std::string> paths;
  for (const auto& [path, id] : model_.names.now()) {
    if (id == file) paths.push_back(path);
  }
  return paths.empty() ? std::string() : random_.Pick(paths);
}

std::vector<Worker::Directory> Worker::Directories() const {
  std::vector<Directory> directories = {{model_.TopName() + "/", model_.TopDirectory()},
                                        {model_.CommonPrefix(), kCommonDirectory}};
  for (const auto& [path, id] : model_.names.now()) {
    if (crash::IsDirectory(id)) directories.push_back({path + "/", id});
  }
  return directories;
}

Worker::Directory Worker::DirectoryOf(const std::string& path) const {
  Directory best;
  for (const Directory& directory : Directories()) {
    if (path.starts_with(directory.prefix) && directory.prefix.size() > best.prefix.size()) best = directory;
  }
  return best;
}

std::string Worker::Place(const Directory& directory, uint64_t number) const {
  return fmt::format("{}n{}", directory.prefix, number);
}

std::optional<std::string> Worker::FreePath() {
  std::vector<std::string> places;
  for (const Directory& directory : Directories()) {
    for (uint64_t number = 0; number < kNamesInDirectory; ++number) {
      if (!At(Place(directory, number))) places.push_back(Place(directory, number));
    }
  }
  if (places.empty()) return std::nullopt;
  return random_.Pick(places);
}

std::optional<ObjectId> Worker::At(const std::string& path) const {
  const auto found = model_.names.now().find(path);
  if (found == model_.names.now().end()) return std::nullopt;
  return found->second;
}

UniqueFd Worker::OpenNamed(ObjectId file, int flags) {
  const std::string path = PathOf(file);
  UniqueFd fd(::openat(run_.directory_fd, path.c_str(), flags | O_CLOEXEC));
  Did(fd.get(), fmt::format("open {}", path));
  return fd;
}

int Worker::Open(ObjectId file) {
  const auto kept = open_.find(file);
  if (kept != open_.end()) return kept->second.get();
  UniqueFd fd = OpenNamed(file, O_RDWR);
  const int number = fd.get();
  if (fd) Keep(file, std::move(fd));
  return number;
}

void Worker::Keep(ObjectId file, UniqueFd fd) {
  if (open_.size() >= kKeptFiles) {
    open_.erase(std::next(open_.begin(), static_cast<std::ptrdiff_t>(random_.Below(open_.size()))));
  }
  open_[file] = std::move(fd);
}

bool Worker::Change(ObjectId file, const ContentChange& change, const char* what, const Call& call) {
  ContentHistory& content = model_.files.at(file);
  content.Begin(change);
  const int64_t result = call();
  const std::string text = fmt::format("{} of file {}", what, file);
  if (!(change.durable ? MadeDurable(result, text) : Did(result, text))) return false;
  content.Acknowledge();
  return content.changes() < kChangesUnsyncedMax || PathOf(file).empty() || Sync(file, Open(file));
}

bool Worker::ChangeNames(NameChange change, const char* what, const Call& call) {
  change.from_directory = DirectoryOf(change.from).id;
  if (!change.to.empty()) change.to_directory = DirectoryOf(change.to).id;
  const std::string text = Text(change);
  model_.names.Begin(std::move(change));
  if (!Did(call(), fmt::format("{} ({})", what, text))) return false;
  model_.names.Acknowledge();
  return true;
}

bool Worker::Write(ObjectId file, int fd, uint64_t offset, uint64_t length, bool durable) {
  if (fd < 0) return false;
  length = std::min<uint64_t>(length, offset < kFileBytesMax ? kFileBytesMax - offset : 0);
  if (length == 0) return true;
  const uint32_t version = model_.next_version++;
  const std::string data = StreamOf(file, version, offset, length);
  const ContentChange change{ContentChange::Kind::kWrite, offset, length, version, durable};
  return Change(file, change, "write", [&]() -> int64_t {
    for (size_t done = 0; done < data.size();) {
      const ssize_t n = ::pwrite(fd, data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
      if (n <= 0) return -1;
      done += static_cast<size_t>(n);
    }
    return 0;
  });
}

bool Worker::WriteSomething(ObjectId file, int fd) {
  return Write(file, fd, AnyOffset(model_.files.at(file).now().size()), AnyLength());
}

bool Worker::Sync(ObjectId file, int fd) {
  if (fd < 0 || !MadeDurable(::fsync(fd), "fsync")) return false;
  model_.files.at(file).Synced();
  if (!PathOf(file).empty()) model_.names.Synced(file);
  return true;
}

bool Worker::SyncDirectoryAt(const Directory& directory) {
  const std::string path = directory.prefix.substr(0, directory.prefix.rfind('/'));
  UniqueFd fd(::openat(run_.directory_fd, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!Did(fd.get(), "open of directory " + path) || !MadeDurable(::fsync(fd.get()), "fsync of directory " + path)) {
    return false;
  }
  model_.names.Synced(directory.id);
  return true;
}

// Inside, at the end, beyond it, on and beside multiples of 16 and 4096.
uint64_t Worker::AnyOffset(uint64_t size) {
  uint64_t offset = size;
  switch (random_.Below(5)) {
    case 0:
      break;
    case 1:
      offset = size + random_.Below(20'000);
      break;
    default:
      offset = random_.Below(size + 1);
      break;
  }
  if (random_.OneIn(3)) offset = offset / kUnit * kUnit;
  if (random_.OneIn(4)) offset = offset / 4096 * 4096;
  return offset;
}

uint64_t Worker::AnyLength() {
  switch (random_.Below(24)) {
    case 0:
      return random_.Between(1, 300'000);
    case 1:
    case 2:
      return random_.Between(1, 8) * 4096;
    case 3:
    case 4:
      return random_.Between(1, 20'000);
    default:
      return random_.Between(1, 300);
  }
}

}  // namespace tdefs::crash
