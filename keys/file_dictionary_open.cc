// Opening and making a file dictionary: the log is read from its start into the tree.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/file_io.h"
#include "base/log.h"
#include "keys/file_dictionary_impl.h"
#include "keys/log_reader.h"
#include "keys/log_replay.h"

namespace tdefs {

FileDictionary::Impl::Impl(int store_dir_fd, Options opening_options)
    : dir_fd(store_dir_fd),
      options(std::move(opening_options)),
      commit({.last = [this] { return last.load(); },
              .sync = [this] { return SyncLog(); },
              .replace = [this] { return Compact(Reason::kFailedSync); }}) {}

FileDictionary::Impl::~Impl() {
  Stop();
}

void FileDictionary::Impl::StartThreads() {
  commit.Start(options.flush_interval_ms, last);
  compactor = std::thread([this] { RunCompactor(); });
}

void FileDictionary::Impl::Stop() {
  {
    std::lock_guard lock(compactor_mutex);
    stopping = true;
  }
  compactor_wake.notify_all();
  if (compactor.joinable()) compactor.join();
  commit.Stop();
}

Status FileDictionary::Create(int store_dir_fd, const Options& options) {
  ::unlinkat(store_dir_fd, kNewFileDictionaryName, 0);
  auto make = [&]() -> Status {
    const LogHeader header = TRY(NewLogHeader(options.store_id, 1));
    const auto log = TRY(LogWriter::Create(store_dir_fd, kNewFileDictionaryName, header, options.dictionary_key.view(),
                                           options.file_ops));
    TRY(log->Sync(0));
    const int renamed = Point<"init.rename-log", CallKind::kName>().Run([&] {
      return options.file_ops.renameat(store_dir_fd, kNewFileDictionaryName, store_dir_fd, kFileDictionaryName);
    });
    if (renamed != 0) {
      return FailErrno(errno, "rename file.dict.new to file.dict");
    }
    const int synced = Point<"init.fsync-store", CallKind::kSync>().Run(
        [&] { return options.file_ops.fsync_directory(store_dir_fd); });
    if (synced != 0) return FailErrno(errno, "fsync the store directory");
    return {};
  };
  const Status made = make();
  if (!made) ::unlinkat(store_dir_fd, kNewFileDictionaryName, 0);
  return made;
}

Status FileDictionary::Impl::CutTail(int fd, uint64_t end_bytes) const {
  const int cut = Point<"log.cut-tail", CallKind::kSize>().Run(
      [&] { return options.file_ops.ftruncate(fd, static_cast<off_t>(end_bytes)); });
  if (cut != 0) {
    return FailErrno(errno, fmt::format("file dictionary: cut an unfinished record off at {}", end_bytes));
  }
  return {};
}

Status FileDictionary::Impl::LoadEmpty() {
  Log(LogLevel::kWarn, "file dictionary: file.dict is empty: its making was cut short");
  if (options.read_only) return {};
  TRY(Create(dir_fd, options));
  return Load();
}

Status FileDictionary::Impl::Load() {
  const int access = options.read_only ? O_RDONLY : O_RDWR;
  // O_NONBLOCK: a FIFO in its place must not block.
  UniqueFd fd(::openat(dir_fd, kFileDictionaryName, access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return Fail(ErrorCode::kStoreIncomplete, "file dictionary: file.dict is missing");
  if (!fd) return FailErrno(errno, "open file.dict");
  struct stat attributes;
  if (::fstat(fd.get(), &attributes) != 0) return FailErrno(errno, "stat file.dict");
  if (!S_ISREG(attributes.st_mode))
    return Fail(ErrorCode::kCorrupt, "file dictionary: file.dict is not a regular file");
  if (attributes.st_size == 0) return LoadEmpty();

  const ByteView key = options.dictionary_key.view();
  LogReader reader = TRY(LogReader::Open(fd.get(), static_cast<uint64_t>(attributes.st_size), options.store_id, key));
  {
    LogReplay replay(tree);
    while (const std::optional<ByteView> body = TRY(reader.Next())) {
      if (Status applied = replay.Apply(*body); !applied) {
        return Fail(applied.error().code, reader.Place() + ": " + applied.error().message);
      }
    }
    log_changes = replay.changes();
    clean = replay.clean();
    report.unknown_names = replay.unknown_names();
    longest_path_bytes = replay.longest_path_bytes();
  }
  report.records = reader.records();
  report.torn_bytes = reader.torn_bytes();
  report.torn_offset = reader.end_bytes();
  // A tail behind a clean mark means that something was written after it.
  report.clean = clean.has_value() && report.torn_bytes == 0;
  report.healed = clean.value_or(true);
  if (report.torn_bytes > 0) {
    clean.reset();
    Log(LogLevel::kWarn, "file dictionary: {} bytes of an unfinished record at offset {} are {}", report.torn_bytes,
        reader.end_bytes(), options.read_only ? "ignored" : "cut off");
  }
  if (report.unknown_names > 0) {
    Log(LogLevel::kWarn, "file dictionary: {} changes of names that it did not hold were ignored",
        report.unknown_names);
  }
  last = report.records;
  if (options.read_only) return {};
  if (report.torn_bytes > 0) TRY(CutTail(fd.get(), reader.end_bytes()));
  log = TRY(
      LogWriter::Resume(std::move(fd), reader.header(), key, reader.records(), reader.end_bytes(), options.file_ops));
  // What was read may have come from the page cache of a killed process: only now is it durable.
  TRY(log->Sync(log->records()));
  log->Reserve();
  return {};
}

std::unique_ptr<FileDictionary> FileDictionary::Absent(int store_dir_fd, Options options) {
  options.read_only = true;
  return std::unique_ptr<FileDictionary>(new FileDictionary(std::make_unique<Impl>(store_dir_fd, std::move(options))));
}

Result<std::unique_ptr<FileDictionary>> FileDictionary::Open(int store_dir_fd, Options options) {
  auto impl = std::make_unique<Impl>(store_dir_fd, std::move(options));
  TRY(impl->Load());
  if (!impl->options.read_only) {
    ::unlinkat(store_dir_fd, kNewFileDictionaryName, 0);  // of a compaction that was cut short
    impl->StartThreads();
    std::lock_guard append(impl->append_mutex);
    impl->CountDead();
  }
  return std::unique_ptr<FileDictionary>(new FileDictionary(std::move(impl)));
}

}  // namespace tdefs
