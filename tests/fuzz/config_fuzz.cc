// Fuzz target of the configuration and the mount options: no crash, and every error is kBadConfig in one line.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const tdefs::Result<tdefs::Config> config = tdefs::ParseConfig(text, "f.toml");
  if (!config && config.error().code != tdefs::ErrorCode::kBadConfig) std::abort();
  if (!config && config.error().message.find('\n') != std::string::npos) std::abort();

  tdefs::Config applied;
  for (const std::string& option : tdefs::SplitMountOptions(text)) {
    const tdefs::Status status = tdefs::ApplyMountOption(option, applied);
    if (!status && status.error().code != tdefs::ErrorCode::kBadConfig) std::abort();
    if (!status && status.error().message.find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
