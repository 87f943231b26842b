// POSIX ACLs of the backing filesystem count on the mount: access, inheritance, mask.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

const User kAlice{2001, 2001, {}};
const User kBob{2002, 2002, {}};

class AclTest : public ScratchTest {
 protected:
  // Runs setfacl with these arguments and the path of `name`.
  void SetAcl(const std::vector<std::string>& arguments, std::string_view name) {
    int failed = RunInChild([&] {
      std::vector<std::string> words = {"setfacl"};
      words.insert(words.end(), arguments.begin(), arguments.end());
      words.push_back(Path(name));
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      execvp("setfacl", argv.data());
      return 127;
    });
    ASSERT_EQ(failed, 0) << "setfacl";
  }
  int OpenAs(const User& user, std::string_view name, int flags) {
    return RunAs(user, [&] { return ErrnoOf(open(Path(name).c_str(), flags, 0666)); });
  }
};

TEST_F(AclTest, NamedUserGetsWhatTheListGives) {
  Write("file", "content", 0600);
  EXPECT_EQ(OpenAs(kAlice, "file", O_RDONLY), EACCES);
  SetAcl({"-m", "u:2001:r"}, "file");
  EXPECT_EQ(OpenAs(kAlice, "file", O_RDONLY), 0);
  EXPECT_EQ(OpenAs(kAlice, "file", O_RDWR), EACCES);
  EXPECT_EQ(OpenAs(kBob, "file", O_RDONLY), EACCES);
}

TEST_F(AclTest, ChmodMovesTheMask) {
  Write("file", "content", 0600);
  SetAcl({"-m", "u:2001:rw"}, "file");
  EXPECT_EQ(Stat("file").st_mode & 0777U, 0660U);
  EXPECT_EQ(OpenAs(kAlice, "file", O_RDWR), 0);
  ASSERT_TRUE(Succeeds(chmod(Path("file").c_str(), 0640)));
  EXPECT_EQ(OpenAs(kAlice, "file", O_RDWR), EACCES);
}

TEST_F(AclTest, DefaultListIsInheritedByFilesAndDirectories) {
  ASSERT_TRUE(Succeeds(mkdir(Path("dir").c_str(), 0777)));
  SetAcl({"-d", "-m", "u::rwx,g::r-x,o::---,u:2001:rwx"}, "dir");
  ASSERT_EQ(OpenAs(kBob, "dir/file", O_WRONLY | O_CREAT), 0);
  ASSERT_EQ(RunAs(kBob, [&] { return ErrnoOf(mkdir(Path("dir/below").c_str(), 0777)); }), 0);
  EXPECT_EQ(OpenAs(kAlice, "dir/file", O_RDWR), 0);
  EXPECT_EQ(OpenAs(kNobody, "dir/file", O_RDONLY), EACCES);
  ASSERT_EQ(OpenAs(kBob, "dir/below/file", O_WRONLY | O_CREAT), 0);
  EXPECT_EQ(OpenAs(kAlice, "dir/below/file", O_RDWR), 0);
}

TEST_F(AclTest, DefaultListReplacesTheUmask) {
  ASSERT_TRUE(Succeeds(mkdir(Path("dir").c_str(), 0777)));
  SetAcl({"-d", "-m", "u::rwx,g::rwx,o::r-x"}, "dir");
  int failed = RunAs(kBob, [&] {
    umask(077);
    return ErrnoOf(open(Path("dir/file").c_str(), O_WRONLY | O_CREAT, 0666));
  });
  ASSERT_EQ(failed, 0) << strerror(failed);
  EXPECT_EQ(Stat("dir/file").st_mode & 0777U, 0664U);
}

TEST_F(AclTest, ListSurvivesForgottenInodes) {
  Write("file", "content", 0600);
  SetAcl({"-m", "u:2001:r"}, "file");
  DropCaches();
  EXPECT_EQ(OpenAs(kAlice, "file", O_RDONLY), 0);
  EXPECT_EQ(OpenAs(kBob, "file", O_RDONLY), EACCES);
}

}  // namespace
}  // namespace tdefs::posix
