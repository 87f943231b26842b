// tdefs check --repair: the plan, consent, the repair, and what a check says after it.
#include "fs/repair.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/check_report.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/target.h"

namespace tdefs {
namespace {

Result<RepairOptions> Options(const CheckArguments& arguments) {
  RepairOptions options;
  if (arguments.trust == "tags") options.trust = RepairOptions::Trust::kTags;
  if (arguments.trust == "dictionary") options.trust = RepairOptions::Trust::kDictionary;
  if (!arguments.trust.empty() && options.trust == RepairOptions::Trust::kNeither) {
    return Fail(ErrorCode::kUsage, fmt::format("--trust {}: expected tags or dictionary", arguments.trust));
  }
  for (const std::string& path : arguments.drop_missing) {
    if (!path.starts_with('/')) {
      return Fail(ErrorCode::kUsage, fmt::format("--drop-missing {}: a path within the mount begins with /", path));
    }
    options.drop_missing.push_back(path);
  }
  return options;
}

// An adoption that is part of a rebuild is not told by itself: there is one for each file.
bool IsTold(const RepairPlan& plan, const RepairAction& action) {
  return !plan.rebuilds || action.kind != RepairAction::Kind::kAdopt;
}

// "1 rebuild-dictionary, 3 adopt".
std::string Counts(const RepairPlan& plan) {
  std::map<RepairAction::Kind, uint64_t> counts;
  for (const RepairAction& action : plan.actions) ++counts[action.kind];
  std::string text;
  for (const auto& [kind, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, RepairActionName(kind));
  }
  return text.empty() ? "nothing to do" : text;
}

void PrintPlan(const RepairPlan& plan) {
  for (const RepairAction& action : plan.actions) {
    if (!IsTold(plan, action)) continue;
    fmt::print("{}  {}  {}\n", RepairActionName(action.kind), Printable(action.path), PrintableText(action.message));
  }
  for (const Finding& finding : plan.undecided) {
    fmt::print("left: ");
    PrintFinding(finding);
  }
  for (const RepairPlan::Kept& kept : plan.kept) {
    fmt::print(
        "kept: {} entries below {}: nothing of it is there, perhaps a filesystem is not mounted; --drop-missing {}"
        " drops them\n",
        kept.entries, Printable(kept.directory), Printable(kept.directory));
  }
  fmt::print("plan: {}; {} files, {} defects left\n", Counts(plan), plan.files, plan.undecided.size());
}

Json PlanJson(const RepairPlan& plan) {
  Json actions = Json::array(), undecided = Json::array(), kept = Json::array();
  for (const RepairAction& action : plan.actions) {
    actions.push_back({{"action", RepairActionName(action.kind)}, {"path", action.path}, {"message", action.message}});
  }
  for (const Finding& finding : plan.undecided) undecided.push_back(FindingJson(finding));
  for (const RepairPlan::Kept& directory : plan.kept) {
    kept.push_back({{"path", directory.directory}, {"entries", directory.entries}});
  }
  return {{"actions", actions}, {"left", undecided}, {"kept", kept}, {"files", plan.files}};
}

Status AskForConsent(const CheckArguments& arguments) {
  if (arguments.yes) return {};
  const bool can_ask = !arguments.json && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  if (!can_ask) return Fail(ErrorCode::kNotConfirmed, "check --repair: there is no terminal to ask for consent");
  TRY(FlushOutput());
  fmt::print(stderr, "Do this? [y/N] ");
  std::fflush(stderr);
  const int answer = std::getchar();
  if (answer == 'y' || answer == 'Y') return {};
  return Fail(ErrorCode::kNotConfirmed, "check --repair: the answer was not y");
}

// Plans; with consent, repairs. The name of the copy that was kept, if something was changed.
Result<std::string> Repair(const CheckArguments& arguments, const Target& target, Json& json) {
  const RepairOptions options = TRY(Options(arguments));
  TRY(RefuseInUse(target));
  const auto keys = TRY(OpenOffline(target, arguments.store, KeyManager::Access::kRepair));
  Progress surveyed("files surveyed");
  const RepairPlan plan =
      TRY(PlanRepair(*keys, target.backing_dir, options, [&](uint64_t files) { surveyed.Show(files); }));
  surveyed.Clear();
  json["plan"] = PlanJson(plan);
  if (!arguments.json) PrintPlan(plan);
  if (plan.actions.empty()) return std::string();
  TRY(AskForConsent(arguments));
  Progress done("actions done");
  return CarryOut(plan, *keys, target.backing_dir, [&](uint64_t actions) { done.Show(actions); });
}

}  // namespace

Status RunRepair(const CheckArguments& arguments) {
  const Target target = TRY(ResolveTarget(arguments.path));
  Json json = {{"schema_version", kJsonSchemaVersion}, {"backing_dir", target.backing_dir}, {"copy", nullptr}};
  const Result<std::string> copy = Repair(arguments, target, json);
  if (!copy) {
    json["done"] = false;
    if (arguments.json && json.contains("plan")) PrintJson(json);
    return std::unexpected(copy.error());
  }
  if (!copy->empty()) {
    const std::string kept = fmt::format("{}/{}/{}", target.backing_dir, kStoreDirName, *copy);
    json["copy"] = kept;
    if (!arguments.json) fmt::print("done; what was there before is kept in {}\n", Printable(kept));
  }
  const auto keys = TRY(OpenOffline(target, arguments.store, KeyManager::Access::kReadOnly));
  const CheckReport report = TRY(CheckStore(*keys, target.backing_dir, [](const Finding&) {}));
  if (arguments.json) {
    json["done"] = true;
    json["check"] = ReportJson(report);
    PrintJson(json);
  } else {
    PrintReport(report);
  }
  return Verdict(report, target.backing_dir);
}

}  // namespace tdefs
