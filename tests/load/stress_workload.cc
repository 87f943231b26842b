// stress_workload DIRECTORY THREADS SECONDS SEED: mixed operations of many threads on a directory, each file telling
// whose it is. Talks to tests/load/threads.sh by lines:
//   tick OPERATIONS          each second
//   stalled THREAD DOING     nothing was done for 30 seconds, or one operation took 150: a deadlock
//   bad WHAT                 a wrong answer or wrong content
//   ended OPERATIONS FILES   all threads have ended; then it waits for a line: the mount is made anew meanwhile
//   file PATH FROM TO        each file that was read and compared, with the time of its creation in microseconds
//   verified FILES
// Exit code: 0, or 1 if anything was bad.
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/load/stress_worker.h"

namespace stress {
namespace {

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kStalledAllUs = 30 * kSecondUs;   // no thread did anything
constexpr int64_t kStalledOneUs = 150 * kSecondUs;  // one did not, while others did

using Workers = std::vector<std::unique_ptr<Worker>>;

// Says so and returns true if an operation hangs. What has ended does not.
bool Stalled(const Workers& workers) {
  const int64_t now = NowUs();
  int64_t latest = 0, oldest = now;
  size_t oldest_number = 0, at_work = 0;
  for (size_t number = 0; number < workers.size(); ++number) {
    const int64_t last = workers[number]->last_us;
    latest = std::max(latest, last);
    if (std::string_view(workers[number]->doing) == "ended") continue;
    ++at_work;
    if (last < oldest) oldest = last, oldest_number = number;
  }
  if (at_work == 0 || (now - latest < kStalledAllUs && now - oldest < kStalledOneUs)) return false;
  std::printf("stalled %zu %s\n", oldest_number, workers[oldest_number]->doing.load());
  return true;
}

void RunAll(Common& common, const Workers& workers, int seconds) {
  std::mutex mutex;
  std::condition_variable changed;
  size_t ended = 0;
  std::vector<std::thread> threads;
  for (const auto& worker : workers) {
    worker->last_us = NowUs();
    threads.emplace_back([&, raw = worker.get()] {
      raw->Run();
      std::lock_guard lock(mutex);
      ++ended;
      changed.notify_all();
    });
  }
  {
    std::unique_lock lock(mutex);
    for (int second = 0; ended < workers.size(); ++second) {
      if (changed.wait_for(lock, std::chrono::seconds(1), [&] { return ended == workers.size(); })) break;
      if (second + 1 >= seconds) common.stop = true;
      std::printf("tick %" PRIu64 "\n", common.operations.load());
      if (Stalled(workers)) common.stop = true;
      std::fflush(stdout);
    }
  }
  for (std::thread& thread : threads) thread.join();
}

// A file of the shared directory says itself which one it is.
void VerifyShared(Common& common, const Workers& workers, const std::string& path) {
  std::string found;
  if (!ReadWhole(path, found)) return common.Fault("read of " + path);
  UnitText first{};
  std::memcpy(&first, found.data(), std::min<size_t>(kUnitBytes, found.size()));
  for (const auto& worker : workers) {
    const auto made = worker->shared_times().find(first.file);
    if (made == worker->shared_times().end()) continue;
    const std::string difference = SharedContent(first.file).Difference(found);
    if (!difference.empty()) common.Fault("content of " + path + ": " + difference);
    std::printf("file %s %ld %ld\n", path.substr(common.root.size()).c_str(), made->second.from_us, made->second.to_us);
    return;
  }
  common.Fault("content of " + path + ": of file " + std::to_string(first.file) + ", which nobody made");
}

// Every file that should be there is, and no other.
void VerifyAll(Common& common, const Workers& workers) {
  size_t files = 0, found = 0;
  for (const auto& worker : workers) {
    worker->Verify();
    files += worker->files();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(worker->directory())) {
      if (!entry.is_regular_file()) continue;
      ++found;
      if (!worker->Owns(entry.path())) common.Fault("a file that should be gone: " + entry.path().string());
    }
  }
  if (found != files) common.Fault(std::to_string(found) + " files, expected " + std::to_string(files));
  for (const auto& entry : std::filesystem::directory_iterator(common.root + "/shared")) {
    VerifyShared(common, workers, entry.path());
    ++found;
  }
  std::printf("verified %zu\n", found);
}

int Main(char** arguments) {
  Common common;
  common.root = arguments[1];
  const int threads = std::atoi(arguments[2]), seconds = std::atoi(arguments[3]);
  ::mkdir((common.root + "/shared").c_str(), 0755);
  Workers workers;
  for (int number = 0; number < threads; ++number) {
    workers.push_back(std::make_unique<Worker>(common, number, std::strtoull(arguments[4], nullptr, 10)));
  }
  RunAll(common, workers, seconds);
  size_t files = 0;
  for (const auto& worker : workers) files += worker->files();
  std::printf("ended %" PRIu64 " %zu\n", common.operations.load(), files);
  std::fflush(stdout);
  if (std::getchar() == EOF) return 1;
  VerifyAll(common, workers);
  return common.faults == 0 ? 0 : 1;
}

}  // namespace
}  // namespace stress

int main(int count, char** arguments) {
  if (count != 5) {
    std::fprintf(stderr, "usage: %s DIRECTORY THREADS SECONDS SEED\n", arguments[0]);
    return 2;
  }
  return stress::Main(arguments);
}
