#include "keys/periodic_task.h"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <thread>

namespace tdefs {
namespace {

using namespace std::chrono_literals;

TEST(PeriodicTaskTest, RunsAgainAndAgainInAThreadOfItsOwn) {
  std::latch runs(3);
  std::thread::id thread;
  {
    int left = 3;
    PeriodicTask task(1ms, [&] {
      if (left-- > 0) {
        thread = std::this_thread::get_id();
        runs.count_down();
      }
    });
    runs.wait();
  }
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST(PeriodicTaskTest, EndsWithoutWaitingForTheInterval) {
  bool ran = false;
  {
    PeriodicTask task(24h, [&] { ran = true; });
  }  // hangs if it waits
  EXPECT_FALSE(ran);
}

TEST(PeriodicTaskTest, EndWaitsForARunUnderWay) {
  std::latch started(1);
  std::latch may_end(1);
  bool ended = false;
  auto task = std::make_unique<PeriodicTask>(1ms, [&] {
    if (ended) return;
    started.count_down();
    may_end.wait();
    ended = true;
  });
  started.wait();
  std::thread releaser([&] { may_end.count_down(); });
  task.reset();
  EXPECT_TRUE(ended);
  releaser.join();
}

}  // namespace
}  // namespace tdefs
