// tdefs check: dictionary, tags and files of an unmounted store against each other.
#include "fs/check.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "fs/control.h"

namespace tdefs {
namespace {

Json ReportJson(const std::string& backing_dir, const CheckReport& report, Json findings) {
  return {{"schema_version", kJsonSchemaVersion},
          {"backing_dir", backing_dir},
          {"clean_shutdown", report.clean},
          {"files", report.files},
          {"good", report.good},
          {"empty_untagged", report.empty_untagged},
          {"stale", report.stale},
          {"torn_bytes", report.torn_bytes},
          {"defects", report.findings},
          {"findings", std::move(findings)}};
}

// A live mount changes while it is read, so that every file in motion would look like a defect.
Status RefuseMounted(const Target& target) {
  if (!target.mount) return {};
  return Fail(ErrorCode::kStoreBusy, fmt::format("{}: mounted at {}, a store is checked unmounted", target.backing_dir,
                                                 target.mount->mount_point));
}

}  // namespace

Status RunCheck(const CheckArguments& arguments) {
  const Target target = TRY(ResolveTarget(arguments.path));
  TRY(RefuseMounted(target));
  const auto keys = TRY(OpenOffline(target, arguments.store, KeyManager::Access::kReadOnly));
  Json findings = Json::array();
  const CheckReport report = TRY(CheckStore(*keys, target.backing_dir, [&](const Finding& finding) {
    if (arguments.json) {
      findings.push_back({{"kind", FindingName(finding.kind)}, {"path", finding.path}, {"message", finding.message}});
    } else {
      fmt::print("{}  {}  {}\n", FindingName(finding.kind), Printable(finding.path), finding.message);
    }
  }));
  if (arguments.json) {
    PrintJson(ReportJson(target.backing_dir, report, std::move(findings)));
  } else {
    fmt::print("{} files, {} good, {} empty, {} stale entries, {} defects; last shutdown {}\n", report.files,
               report.good, report.empty_untagged, report.stale, report.findings,
               report.clean ? "orderly" : "not orderly");
  }
  if (report.findings == 0) return {};
  return Fail(ErrorCode::kProblemsFound, fmt::format("{}: {} defects", target.backing_dir, report.findings));
}

}  // namespace tdefs
