// The file dictionary: insert, lookup, rename of a large directory, compaction, and loading a million entries, from a
// log of a million records and from a compacted one. Counters: seconds, bytes of memory a file, bytes of log a file.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "keys/file_dictionary.h"

namespace tdefs {
namespace {

constexpr int64_t kMillion = 1'000'000;
constexpr int64_t kFilesPerDirectory = 1000;

class StoreDirectory {
 public:
  StoreDirectory() {
    if (::mkdtemp(path_.data()) == nullptr) ::abort();
    fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!FileDictionary::Create(fd(), Options())) ::abort();
  }
  ~StoreDirectory() {
    ::unlinkat(fd(), kFileDictionaryName, 0);
    ::rmdir(path_.c_str());
  }
  StoreDirectory(const StoreDirectory&) = delete;
  StoreDirectory& operator=(const StoreDirectory&) = delete;
  int fd() const { return fd_.get(); }
  std::unique_ptr<FileDictionary> Open() const {
    auto opened = FileDictionary::Open(fd(), Options());
    if (!opened) ::abort();
    return *std::move(opened);
  }

 private:
  static FileDictionary::Options Options() {
    FileDictionary::Options options;
    options.dictionary_key = SecretBytes(32);
    options.rewrite_threshold = UINT64_MAX;
    return options;
  }
  std::string path_ = "/var/tmp/tdefs-bench-XXXXXX";
  UniqueFd fd_;
};

FileRecord Record(int64_t number) {
  return {.method = Method::kAes256Ctr, .key_id = static_cast<DataKeyId>(number + 1), .iv = {}};
}
std::string DirectoryName(int64_t number) {
  return fmt::format("directory-{}", number / kFilesPerDirectory);
}
// 20 bytes.
std::string FileName(int64_t number) {
  return fmt::format("table-{}.db", 10'000'000'000 + number);
}

void Fill(FileDictionary& dictionary, int64_t files) {
  for (int64_t i = 0; i < files;) {
    const DirId dir = dictionary.Enter(FileTree::kRoot, DirectoryName(i));
    for (int64_t end = std::min(files, i + kFilesPerDirectory); i < end; ++i) {
      auto inserted = dictionary.Insert(dir, FileName(i), Record(i));
      if (!inserted) ::abort();
      dictionary.Unpin(inserted->record);
    }
    dictionary.Leave(dir);
  }
}

void Insert(benchmark::State& state) {
  const StoreDirectory store;
  auto dictionary = store.Open();
  const DirId dir = dictionary->Enter(FileTree::kRoot, "directory");
  int64_t number = 0;
  for (auto _ : state) {
    auto inserted = dictionary->Insert(dir, FileName(number), Record(number));
    dictionary->Unpin(inserted->record);
    ++number;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Insert);

void Lookup(benchmark::State& state) {
  const StoreDirectory store;
  auto dictionary = store.Open();
  Fill(*dictionary, 100'000);
  int64_t number = 0;
  for (auto _ : state) {
    number = (number + 7919) % 100'000;
    benchmark::DoNotOptimize(dictionary->FindPath(fmt::format("/{}/{}", DirectoryName(number), FileName(number))));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Lookup);

void RenameDirectoryOf100000Files(benchmark::State& state) {
  const StoreDirectory store;
  auto dictionary = store.Open();
  const DirId dir = dictionary->Enter(FileTree::kRoot, "0");
  for (int64_t i = 0; i < 100'000; ++i) dictionary->Unpin(dictionary->Insert(dir, FileName(i), Record(i))->record);
  int64_t number = 0;
  for (auto _ : state) {
    if (!dictionary->Rename(FileTree::kRoot, std::to_string(number), FileTree::kRoot, std::to_string(number + 1))) {
      ::abort();
    }
    ++number;
  }
}
BENCHMARK(RenameDirectoryOf100000Files);

void LoadMillion(benchmark::State& state, bool compacted) {
  const StoreDirectory store;
  {
    auto dictionary = store.Open();
    Fill(*dictionary, kMillion);
    if (compacted && !dictionary->Compact()) ::abort();
    if (!dictionary->Flush(dictionary->last())) ::abort();
  }
  for (auto _ : state) {
    auto dictionary = store.Open();
    state.PauseTiming();
    const auto statistics = dictionary->statistics();
    if (statistics.names != static_cast<uint64_t>(kMillion)) ::abort();
    state.counters["memory_bytes_per_file"] = static_cast<double>(statistics.memory_bytes) / kMillion;
    state.counters["log_bytes_per_file"] = static_cast<double>(statistics.log_bytes) / kMillion;
    dictionary.reset();
    state.ResumeTiming();
  }
}
BENCHMARK_CAPTURE(LoadMillion, one_record_a_file, false)->Unit(benchmark::kSecond)->Iterations(3);
BENCHMARK_CAPTURE(LoadMillion, compacted, true)->Unit(benchmark::kSecond)->Iterations(3);

void CompactMillion(benchmark::State& state) {
  const StoreDirectory store;
  auto dictionary = store.Open();
  Fill(*dictionary, kMillion);
  for (auto _ : state) {
    if (!dictionary->Compact()) ::abort();
  }
}
BENCHMARK(CompactMillion)->Unit(benchmark::kSecond)->Iterations(2);

}  // namespace
}  // namespace tdefs

BENCHMARK_MAIN();
