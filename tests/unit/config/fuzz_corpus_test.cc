// Replays the seeds of the fuzz target, and all their prefixes and single-bit changes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/config_fuzz.cc"

namespace tdefs {
namespace {

void Feed(const std::string& text) {
  EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size()), 0);
}

TEST(ConfigFuzzCorpusTest, SeedsAndTheirNeighboursAreHandled) {
  const std::filesystem::path here = std::filesystem::path(__FILE__).parent_path();
  int seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(here / "../../fuzz/corpus/config")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string seed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    ++seeds;
    for (size_t size = 0; size <= seed.size(); ++size) Feed(seed.substr(0, size));
    for (size_t bit = 0; bit < 8 * seed.size(); ++bit) {
      std::string changed = seed;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
      Feed(changed);
    }
  }
  EXPECT_GE(seeds, 6);
}

}  // namespace
}  // namespace tdefs
