// tdefs check: dictionary, tags and files of an unmounted store against each other.
#include "fs/check.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/check_report.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/target.h"
#include "fs/control.h"

namespace tdefs {
namespace {

Status CheckArgumentsTogether(const CheckArguments& arguments) {
  if (arguments.repair || (!arguments.yes && arguments.trust.empty() && arguments.drop_missing.empty())) return {};
  return Fail(ErrorCode::kUsage, "check: --yes, --trust and --drop-missing go with --repair");
}

}  // namespace

Status RunCheck(const CheckArguments& arguments) {
  TRY(CheckArgumentsTogether(arguments));
  if (arguments.repair) return RunRepair(arguments);
  const Target target = TRY(ResolveTarget(arguments.path));
  TRY(RefuseInUse(target));
  const auto keys = TRY(OpenOffline(target, arguments.store, KeyManager::Access::kReadOnly));
  Json findings = Json::array();
  Progress progress("files");
  const auto on_finding = [&](const Finding& finding) {
    if (arguments.json) {
      findings.push_back(FindingJson(finding));
    } else {
      progress.Clear();
      PrintFinding(finding);
    }
  };
  const CheckReport report =
      TRY(CheckStore(*keys, target.backing_dir, on_finding, [&](uint64_t files) { progress.Show(files); }));
  progress.Clear();
  TRY(RefuseInUse(target));  // mounted meanwhile: what was found means nothing
  if (arguments.json) {
    Json json = {{"schema_version", kJsonSchemaVersion}, {"backing_dir", target.backing_dir}};
    json.update(ReportJson(report));
    json["findings"] = std::move(findings);
    PrintJson(json);
  } else {
    PrintReport(report);
  }
  return Verdict(report, target.backing_dir);
}

}  // namespace tdefs
