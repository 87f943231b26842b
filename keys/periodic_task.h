// PeriodicTask: one thread that runs a task at an interval until it is destroyed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace tdefs {

class PeriodicTask {
 public:
  // The first run is one interval from now.
  PeriodicTask(std::chrono::milliseconds interval, std::function<void()> task);
  // Stops at once; waits for a run that is under way.
  ~PeriodicTask();
  PeriodicTask(const PeriodicTask&) = delete;
  PeriodicTask& operator=(const PeriodicTask&) = delete;

 private:
  void Run();

  const std::chrono::milliseconds interval_;
  const std::function<void()> task_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;   // guarded by mutex_
  std::thread thread_;  // last: it uses the others
};

}  // namespace tdefs
