#include "keys/log_group_commit.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"

namespace tdefs {

void LogGroupCommit::Start(uint32_t interval_ms, Sequence durable) {
  durable_ = durable;
  thread_ = std::thread([this, interval_ms] { Run(interval_ms); });
}

void LogGroupCommit::Stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LogGroupCommit::SyncAsLeader(std::unique_lock<std::mutex>& lock) {
  leading_ = true;
  lock.unlock();
  const Result<Sequence> synced = hooks_.sync();
  if (!synced) Log(LogLevel::kError, "{}: the log is written anew", synced.error().Text());
  lock.lock();
  leading_ = false;
  ++flushes_;
  if (synced) durable_ = std::max(durable_, *synced);
  if (!synced) failed_ = true;
  led_.notify_all();
}

Status LogGroupCommit::Flush(Sequence sequence) {
  sequence = std::min(sequence, hooks_.last());
  std::unique_lock lock(mutex_);
  while (durable_ < sequence) {
    if (leading_) {
      led_.wait(lock);
    } else if (failed_) {
      lock.unlock();
      TRY(hooks_.replace());
      lock.lock();
    } else {
      SyncAsLeader(lock);
    }
  }
  return {};
}

void LogGroupCommit::StartFlush(Sequence sequence) {
  {
    std::lock_guard lock(mutex_);
    if (sequence <= durable_ || sequence <= wanted_) return;
    wanted_ = sequence;
  }
  wake_.notify_all();
}

void LogGroupCommit::Run(uint32_t interval_ms) {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    wake_.wait_for(lock, std::chrono::milliseconds(interval_ms), [&] { return stop_ || wanted_ > durable_; });
    if (stop_) return;
    wanted_ = 0;  // a failure is tried again when the interval is over, not at once
    lock.unlock();
    if (Status flushed = Flush(hooks_.last()); !flushed) Log(LogLevel::kError, "{}", flushed.error().Text());
    lock.lock();
  }
}

LogGroupCommit::Leadership::Leadership(LogGroupCommit& commit) : commit_(commit) {
  std::unique_lock lock(commit_.mutex_);
  commit_.led_.wait(lock, [&] { return !commit_.leading_; });
  commit_.leading_ = true;
}

LogGroupCommit::Leadership::~Leadership() {
  {
    std::lock_guard lock(commit_.mutex_);
    commit_.leading_ = false;
  }
  commit_.led_.notify_all();
}

void LogGroupCommit::Leadership::Replaced(Sequence durable) {
  std::lock_guard lock(commit_.mutex_);
  commit_.durable_ = std::max(commit_.durable_, durable);
  commit_.failed_ = false;
}

void LogGroupCommit::Leadership::MarkFailed() {
  std::lock_guard lock(commit_.mutex_);
  commit_.failed_ = true;
}

Sequence LogGroupCommit::durable() const {
  std::lock_guard lock(mutex_);
  return durable_;
}

bool LogGroupCommit::failed() const {
  std::lock_guard lock(mutex_);
  return failed_;
}

uint64_t LogGroupCommit::flushes() const {
  std::lock_guard lock(mutex_);
  return flushes_;
}

}  // namespace tdefs
