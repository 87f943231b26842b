#include "fs/mount_table.h"

#include <gtest/gtest.h>

namespace tdefs {
namespace {

constexpr std::string_view kTable =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "90 27 0:53 / /mnt/a rw,nosuid,nodev,relatime shared:40 master:2 - fuse.tdefs /srv/a rw,user_id=0,group_id=0\n"
    "91 27 0:54 / /mnt/with\\040space\\011tab\\134back ro,relatime - fuse.tdefs /srv/b\\040c rw\n"
    "92 27 0:55 / /mnt/other rw - fuse.gocryptfs /srv/d rw\n"
    "93 27 0:56 / /mnt/ro rw,relatime - fuse.tdefs /srv/e ro,user_id=0\n"
    "94 27 0:53 /sub /mnt/bind rw - fuse.tdefs /srv/a rw\n"
    "garbage\n"
    "95 27 0:57 / /mnt/short - fuse.tdefs\n"
    "96 27 0:57 / /mnt/nodash rw fuse.tdefs /srv/a rw x y\n";

TEST(MountTableTest, FindsOurMountsAndNothingElse) {
  const std::vector<MountEntry> mounts = ParseMountInfo(kTable);
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_EQ(mounts[0].mount_point, "/mnt/a");
  EXPECT_EQ(mounts[0].backing_dir, "/srv/a");
  EXPECT_EQ(mounts[0].device, "0:53");
  EXPECT_EQ(mounts[0].options, "rw,nosuid,nodev,relatime");
}

TEST(MountTableTest, OctalEscapesAreUndone) {
  const MountEntry mount = ParseMountInfo(kTable).at(1);
  EXPECT_EQ(mount.mount_point, "/mnt/with space\ttab\\back");
  EXPECT_EQ(mount.backing_dir, "/srv/b c");
  const auto odd = ParseMountInfo("1 2 0:1 / /a\\04 rw - fuse.tdefs /b\\999\\400\\ rw\n");
  ASSERT_EQ(odd.size(), 1U);
  EXPECT_EQ(odd[0].mount_point, "/a\\04");
  EXPECT_EQ(odd[0].backing_dir, "/b\\999\\400\\");
}

TEST(MountTableTest, ReadOnlyIfMountOrSuperblockIs) {
  const std::vector<MountEntry> mounts = ParseMountInfo(kTable);
  EXPECT_EQ(mounts.at(1).options, "ro,relatime");
  EXPECT_EQ(mounts.at(2).options, "ro,relatime");
}

TEST(MountTableTest, EmptyTextHasNoMounts) {
  EXPECT_TRUE(ParseMountInfo("").empty());
  EXPECT_TRUE(ParseMountInfo("\n\n").empty());
}

TEST(MountTableTest, TheSystemsOwnTableIsReadable) {
  EXPECT_TRUE(ListMounts());
  Result<std::optional<MountEntry>> mount = FindMount("/no/such/mount");
  ASSERT_TRUE(mount);
  EXPECT_FALSE(*mount);
}

}  // namespace
}  // namespace tdefs
