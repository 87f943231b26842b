// Runs the fuzz target of the file dictionary over its corpus, so that each input that was ever found stays a test.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/file_dictionary_fuzz.cc"

namespace tdefs {
namespace {

std::filesystem::path CorpusDirectory() {
  return std::filesystem::path(__FILE__).parent_path() / "../../fuzz/corpus/file_dictionary";
}

TEST(LogFuzzCorpusTest, EveryInputOpensOrIsRefused) {
  size_t inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CorpusDirectory())) {
    SCOPED_TRACE(entry.path().filename().string());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(content.data()), content.size()), 0);
    // And with each byte changed, one after the other.
    for (size_t at = 0; at < std::min<size_t>(content.size(), 64); ++at) {
      std::vector<char> changed = content;
      changed[at] = static_cast<char>(changed[at] ^ 0x41);
      EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(changed.data()), changed.size()), 0);
    }
    ++inputs;
  }
  EXPECT_GE(inputs, 19u);
}

}  // namespace
}  // namespace tdefs
