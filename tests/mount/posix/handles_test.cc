// File handles (NFS servers, some backup programs) survive the kernel's forgetting of the inode.
#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

class HandlesTest : public ScratchTest {
 protected:
  struct Handle {
    alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> bytes{};
    file_handle* get() { return reinterpret_cast<file_handle*>(bytes.data()); }
  };
  void Name(std::string_view name, Handle* handle) {
    handle->get()->handle_bytes = MAX_HANDLE_SZ;
    int mount_id = 0;
    ASSERT_TRUE(Succeeds(name_to_handle_at(AT_FDCWD, Path(name).c_str(), handle->get(), &mount_id, 0)));
  }
  UniqueFd OpenHandle(Handle* handle) {
    UniqueFd mount(open(ThePlace().directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return UniqueFd(open_by_handle_at(mount.get(), handle->get(), O_RDWR | O_CLOEXEC));
  }
};

TEST_F(HandlesTest, OpenTheFileAgain) {
  Write("file", "content");
  Handle handle;
  Name("file", &handle);
  UniqueFd fd = OpenHandle(&handle);
  ASSERT_TRUE(fd) << strerror(errno);
  EXPECT_EQ(ContentOf(fd.get()), "content");
}

TEST_F(HandlesTest, OpenTheFileAfterTheKernelForgotItAndItsNameChanged) {
  Write("file", "content");
  Handle handle;
  Name("file", &handle);
  ASSERT_TRUE(Succeeds(rename(Path("file").c_str(), Path("other").c_str())));
  DropCaches();
  UniqueFd fd = OpenHandle(&handle);
  ASSERT_TRUE(fd) << strerror(errno);
  EXPECT_TRUE(Succeeds(pwrite(fd.get(), "C", 1, 0)));
  EXPECT_EQ(ContentOf(Path("other")), "Content");
}

TEST_F(HandlesTest, AreStaleOnceTheFileIsGone) {
  Write("file", "content");
  Handle handle;
  Name("file", &handle);
  ASSERT_TRUE(Succeeds(unlink(Path("file").c_str())));
  DropCaches();
  UniqueFd fd = OpenHandle(&handle);
  EXPECT_FALSE(fd);
  EXPECT_EQ(errno, ESTALE);
}

}  // namespace
}  // namespace tdefs::posix
