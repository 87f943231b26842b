// Every call by which a database asks for durability is accepted, on every kind of descriptor.
// That the bytes really are durable is the matter of the crash tests.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

using DurabilityTest = ScratchTest;

TEST_F(DurabilityTest, FilesOpenForReadingOnlyCanBeSynced) {
  Write("file", "content");
  UniqueFd fd = Open("file", O_RDONLY);
  EXPECT_TRUE(Succeeds(fsync(fd.get())));
  EXPECT_TRUE(Succeeds(fdatasync(fd.get())));
}

TEST_F(DurabilityTest, DirectoriesCanBeSynced) {
  Write("file", "content");
  UniqueFd fd(open(directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(fd);
  EXPECT_TRUE(Succeeds(fsync(fd.get())));
  EXPECT_TRUE(Succeeds(fdatasync(fd.get())));
}

TEST_F(DurabilityTest, SynchronousWritesOfEachKindKeepTheirBytes) {
  alignas(4096) static char block[4096];
  Pattern(sizeof block).copy(block, sizeof block);
  for (int flags : {O_SYNC, O_DSYNC, O_DIRECT | O_DSYNC, O_DIRECT | O_SYNC}) {
    UniqueFd fd = Open("file", O_RDWR | O_CREAT | O_TRUNC | flags);
    ASSERT_EQ(pwrite(fd.get(), block, sizeof block, 4096), 4096) << flags;
    EXPECT_EQ(ContentOf(Path("file")).substr(4096), std::string(block, sizeof block)) << flags;
  }
  UniqueFd fd = Open("file", O_RDWR);
  iovec vector{block, sizeof block};
  EXPECT_EQ(pwritev2(fd.get(), &vector, 1, 0, RWF_DSYNC), 4096);
  EXPECT_EQ(pwritev2(fd.get(), &vector, 1, 0, RWF_SYNC), 4096);
  EXPECT_EQ(pwritev2(fd.get(), &vector, 1, 0, RWF_APPEND), 4096);
  EXPECT_EQ(Stat("file").st_size, 3 * 4096);
}

TEST_F(DurabilityTest, SyncFileRangeAndSyncfsSucceed) {
  Write("file", Pattern(100'000));
  UniqueFd fd = Open("file", O_RDWR);
  EXPECT_TRUE(Succeeds(sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE)));
  EXPECT_TRUE(Succeeds(syncfs(fd.get())));
}

TEST_F(DurabilityTest, MsyncMakesStoresVisibleBelowThePageCache) {
  Write("file", Pattern(3 * 4096));
  UniqueFd fd = Open("file", O_RDWR);
  char* map = static_cast<char*>(mmap(nullptr, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
  ASSERT_NE(map, MAP_FAILED);
  map[4095] = 'a';
  map[4096] = 'b';
  EXPECT_TRUE(Succeeds(msync(map, 3 * 4096, MS_SYNC)));
  munmap(map, 3 * 4096);
  DropCaches();
  EXPECT_EQ(ContentOf(fd.get()).substr(4095, 2), "ab");
}

TEST_F(DurabilityTest, AtomicReplacementShowsTheNewFile) {
  for (int round = 0; round < 50; ++round) {
    std::string content = Pattern(1000 + static_cast<size_t>(round), static_cast<unsigned>(round));
    Write("file.tmp", content);
    UniqueFd fd = Open("file.tmp", O_RDONLY);
    ASSERT_TRUE(Succeeds(fsync(fd.get())));
    ASSERT_TRUE(Succeeds(rename(Path("file.tmp").c_str(), Path("file").c_str())));
    UniqueFd parent(open(directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(Succeeds(fsync(parent.get())));
    ASSERT_EQ(ContentOf(Path("file")), content);
  }
}

}  // namespace
}  // namespace tdefs::posix
