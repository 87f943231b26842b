// tdefs speed: what the crypto of this machine can do, without any store.
#include "crypto/speed.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"

namespace tdefs {

Status RunSpeed(const SpeedArguments& arguments) {
  constexpr std::chrono::milliseconds kPerCase{200};
  const std::vector<SpeedRow> rows = MeasureSpeed(kPerCase);
  if (arguments.json) {
    Json list = Json::array();
    for (const SpeedRow& row : rows) {
      list.push_back({{"method", MethodName(row.method)},
                      {"block_bytes", row.block_bytes},
                      {"gigabytes_per_s", row.gigabytes_per_s}});
    }
    PrintJson(
        {{"schema_version", kJsonSchemaVersion}, {"library", CryptoLibraryVersion()}, {"speed", std::move(list)}});
    return {};
  }
  fmt::print("{}, one thread\n{:<12}{:>10}{:>12}\n", CryptoLibraryVersion(), "METHOD", "BLOCK", "GB/S");
  for (const SpeedRow& row : rows) {
    fmt::print("{:<12}{:>6} KiB{:>12.2f}\n", MethodName(row.method), row.block_bytes >> 10, row.gigabytes_per_s);
  }
  return {};
}

}  // namespace tdefs
