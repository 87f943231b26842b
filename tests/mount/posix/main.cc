// posix_test: what programs and databases expect of a filesystem, checked on a directory of it.
//
//   posix_test --dir DIR [--backing DIR] [gtest options]
//
// Run as root. On plain ext4 every test passes; tests of tdefs itself need --backing, the directory below the mount.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <string_view>

#include "tests/mount/posix/scratch.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  signal(SIGPIPE, SIG_IGN);
  for (int at = 1; at + 1 < argc; at += 2) {
    std::string_view name = argv[at];
    if (name == "--dir") tdefs::posix::ThePlace().directory = argv[at + 1];
    if (name == "--backing") tdefs::posix::ThePlace().backing = argv[at + 1];
  }
  if (tdefs::posix::ThePlace().directory.empty()) {
    std::fputs("usage: posix_test --dir DIR [--backing DIR] [gtest options]\n", stderr);
    return 2;
  }
  return RUN_ALL_TESTS();
}
