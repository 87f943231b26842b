// Volume under threads: names and files change in the same directories while data keys rotate and the log is compacted.
// No file may ever be read under a wrong key, and tag and dictionary agree at the end.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "fs/check.h"
#include "fs/volume.h"
#include "tests/unit/fs/temporary_store.h"

namespace tdefs {
namespace {

constexpr int kThreads = 8;
constexpr int kSteps = 250;
constexpr int kNames = 12;

// A file's content is one random number, many times: any other pattern is somebody else's keystream.
std::string Pattern(uint64_t number) {
  std::string text;
  for (int i = 0; i < 32; ++i) text.append(reinterpret_cast<const char*>(&number), sizeof number);
  return text;
}
bool IsPattern(const std::string& text) {
  uint64_t number = 0;
  if (text.empty()) return true;  // made, and not yet written
  if (text.size() < sizeof number) return false;
  std::memcpy(&number, text.data(), sizeof number);
  return text == Pattern(number);
}

class Worker {
 public:
  Worker(TemporaryStore& store, std::array<NodeId, 2> dirs, uint64_t seed)
      : store_(store), dirs_(dirs), random_(seed) {}

  void Run() {
    for (int i = 0; i < kSteps; ++i) Step();
  }
  int wrong() const { return wrong_; }

 private:
  NodeId Dir() { return dirs_[random_() % dirs_.size()]; }
  std::string Name() { return "n" + std::to_string(random_() % kNames); }

  void Step() {
    Volume& volume = store_.volume();
    switch (random_() % 6) {
      case 0: {
        auto made = volume.Create(Dir(), Name().c_str(), 0600, O_RDWR | O_EXCL, Caller());
        if (made) Write(*made->handle);
        break;
      }
      case 1:
        (void)volume.Rename(Dir(), Name().c_str(), Dir(), Name().c_str(), 0);
        break;
      case 2:
        (void)volume.Rename(Dir(), Name().c_str(), Dir(), Name().c_str(), RENAME_EXCHANGE);
        break;
      case 3:
        (void)volume.Unlink(Dir(), Name().c_str());
        break;
      case 4: {
        if (auto entry = volume.Lookup(Dir(), Name().c_str())) {
          (void)volume.Link(entry->id, Dir(), Name().c_str());
          volume.Forget(entry->id, 1);
        }
        break;
      }
      default:
        Read();
    }
  }
  void Write(FileHandle& handle) {
    std::string text = Pattern(random_());
    if (!store_.volume().Write(handle, 0, std::as_writable_bytes(std::span(text)))) ++wrong_;
    if (random_() % 8 == 0 && !store_.volume().Sync(handle, true)) ++wrong_;
  }
  void Read() {
    auto entry = store_.volume().Lookup(Dir(), Name().c_str());
    if (!entry) return;
    auto handle = store_.volume().Open(entry->id, O_RDONLY);
    if (handle) {
      IoBuffer buffer;
      auto view = store_.volume().Read(**handle, 0, 4096, buffer);
      if (!view || !IsPattern(std::string(AsText(*view)))) ++wrong_;
    } else if (handle.error().code != ErrorCode::kSystem) {
      ++wrong_;  // tampered, foreign or without a key: there is no such file
    }
    store_.volume().Forget(entry->id, 1);
  }

  TemporaryStore& store_;
  std::array<NodeId, 2> dirs_;
  std::mt19937_64 random_;
  int wrong_ = 0;
};

TEST(VolumeThreadsTest, NoFileIsReadUnderAWrongKeyWhileAllChanges) {
  TemporaryStore store;
  store.Open();
  std::array<NodeId, 2> dirs;
  for (size_t i = 0; i < dirs.size(); ++i) {
    dirs[i] = store.volume().MakeDirectory(kRootNode, i == 0 ? "a" : "b", 0755, Caller())->id;
  }
  std::vector<Worker> workers;
  for (int i = 0; i < kThreads; ++i) workers.emplace_back(store, dirs, static_cast<uint64_t>(i) + 1);
  std::atomic<bool> done = false;
  std::thread rotation([&] {
    for (int i = 0; i < 20 && !done; ++i) {
      EXPECT_TRUE(store.keys().RotateDataKey());
      EXPECT_TRUE(store.keys().files().Compact());
    }
  });
  std::vector<std::thread> threads;
  for (Worker& worker : workers) threads.emplace_back([&worker] { worker.Run(); });
  for (std::thread& thread : threads) thread.join();
  done = true;
  rotation.join();
  for (const Worker& worker : workers) EXPECT_EQ(worker.wrong(), 0);
  EXPECT_EQ(store.statistics().tampered_files + store.statistics().foreign_files, 0u);
  store.Close();

  auto keys = KeyManager::Open(store.backing(), store.encryption(), 1000, KeyManager::Access::kReadOnly);
  ASSERT_TRUE(keys);
  auto report = CheckStore(**keys, store.backing(),
                           [](const Finding& finding) { ADD_FAILURE() << finding.path << ": " << finding.message; });
  ASSERT_TRUE(report);
  EXPECT_EQ(report->findings, 0u);
}

}  // namespace
}  // namespace tdefs
