// Runs each fuzz target over its corpus and its neighbourhood, so that each input that was ever found stays a test. A
// target aborts where something is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" {
// LLVMFuzzerTestOneInput of tests/fuzz/<name>.cc under the name that tests/CMakeLists.txt gives it here.
int config_fuzz(const uint8_t* data, size_t size);
int control_request_fuzz(const uint8_t* data, size_t size);
int file_dictionary_fuzz(const uint8_t* data, size_t size);
int key_dictionary_fuzz(const uint8_t* data, size_t size);
int key_file_fuzz(const uint8_t* data, size_t size);
int open_file_fuzz(const uint8_t* data, size_t size);
int tag_fuzz(const uint8_t* data, size_t size);
int volume_fuzz(const uint8_t* data, size_t size);
}

namespace tdefs {
namespace {

struct Target {
  const char* name;  // of its folder in tests/fuzz/corpus
  int (*run)(const uint8_t* data, size_t size);
  size_t inputs_min;
  size_t changed_bytes_max;  // of each input; so many prefixes too. Fewer where one run is slow
};

constexpr Target kTargets[] = {
    {"config", config_fuzz, 6, SIZE_MAX},
    {"control_request", control_request_fuzz, 20, 16},
    {"file_dictionary", file_dictionary_fuzz, 30, 24},
    {"key_dictionary", key_dictionary_fuzz, 18, 64},
    {"key_file", key_file_fuzz, 13, 64},
    {"open_file", open_file_fuzz, 9, 16},
    {"tag", tag_fuzz, 8, 64},
    {"volume", volume_fuzz, 18, 7},
};

class CorpusTest : public ::testing::TestWithParam<Target> {
 protected:
  static void Run(const std::string& input) {
    EXPECT_EQ(GetParam().run(reinterpret_cast<const uint8_t*>(input.data()), input.size()), 0);
  }
  static std::filesystem::path Directory() {
    return std::filesystem::path(__FILE__).parent_path() / "../../fuzz/corpus" / GetParam().name;
  }
};

TEST_P(CorpusTest, InputsAndTheirNeighboursAreHandled) {
  size_t inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Directory())) {
    SCOPED_TRACE(entry.path().filename().string());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    Run(input);
    const size_t near = std::min(input.size(), GetParam().changed_bytes_max);
    for (size_t at = 0; at < near; ++at) {
      Run(input.substr(0, at));
      for (int bit = 0; bit < 8; ++bit) {
        std::string changed = input;
        changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
        Run(changed);
      }
    }
    ++inputs;
  }
  EXPECT_GE(inputs, GetParam().inputs_min);
}

INSTANTIATE_TEST_SUITE_P(Targets, CorpusTest, ::testing::ValuesIn(kTargets),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace tdefs
