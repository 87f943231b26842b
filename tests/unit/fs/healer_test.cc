#include "fs/healer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/unit/fs/temporary_store.h"

namespace tdefs {
namespace {

class HealerTest : public testing::Test {
 protected:
  void HealAll() {
    Healer healer(store_.volume());
    healer.Start();
    while (store_.keys().healing()) std::this_thread::yield();
  }

  TemporaryStore store_;
};

// A daemon that is killed between a link and its record: both names must end up with one record (R2), else the file is
// refused as soon as both are looked up, or as soon as it is emptied by one of them.
TEST_F(HealerTest, ALinkWithoutARecordSharesTheRecordOfTheOtherName) {
  store_.Open();
  ASSERT_TRUE(store_.WriteFile(kRootNode, "first", "content"));
  store_.Abandon();
  std::filesystem::create_hard_link(store_.backing() + "/first", store_.backing() + "/second");
  store_.Open();
  ASSERT_TRUE(store_.keys().healing());
  HealAll();
  EXPECT_EQ(store_.ReadFile("first").value_or("refused"), "content");
  EXPECT_EQ(store_.ReadFile("second").value_or("refused"), "content");

  auto file = store_.Find("first");
  ASSERT_TRUE(file);
  ASSERT_TRUE(store_.volume().Open(*file, O_RDWR | O_TRUNC));
  store_.Close();
  store_.Open();
  ASSERT_FALSE(store_.keys().healing());
  EXPECT_EQ(store_.ReadFile("second").value_or("refused"), "");
}

// A store that was healed before the walk kept linked files: equal records become one when the names meet.
TEST_F(HealerTest, NamesWithEqualRecordsAreJoined) {
  store_.Open();
  ASSERT_TRUE(store_.WriteFile(kRootNode, "first", "content"));
  ASSERT_TRUE(store_.volume().Link(*store_.Find("first"), kRootNode, "second"));
  FileDictionary& files = store_.keys().files();
  auto split = files.Insert(FileTree::kRoot, "second", *files.FindPath("/first"));
  ASSERT_TRUE(split);
  files.Unpin(split->record);
  store_.Close();
  store_.Open();
  ASSERT_FALSE(store_.keys().healing());
  auto file = store_.Find("first");
  ASSERT_TRUE(file);
  EXPECT_EQ(store_.ReadFile("second").value_or("refused"), "content");
  ASSERT_TRUE(store_.volume().Open(*file, O_RDWR | O_TRUNC));
  EXPECT_EQ(store_.keys().files().FindPath("/second"), store_.keys().files().FindPath("/first"));
}

}  // namespace
}  // namespace tdefs
