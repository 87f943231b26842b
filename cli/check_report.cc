#include "cli/check_report.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace tdefs {

Json FindingJson(const Finding& finding) {
  return {{"kind", FindingName(finding.kind)}, {"path", finding.path}, {"message", finding.message}};
}

void PrintFinding(const Finding& finding) {
  fmt::print("{}  {}  {}\n", FindingName(finding.kind), Printable(finding.path), PrintableText(finding.message));
}

Json ReportJson(const CheckReport& report) {
  return {{"clean_shutdown", report.clean},
          {"files", report.files},
          {"good", report.good},
          {"empty_untagged", report.empty_untagged},
          {"stale", report.stale},
          {"torn_bytes", report.torn_bytes},
          {"healable", report.healable},
          {"defects", report.findings}};
}

void PrintReport(const CheckReport& report) {
  fmt::print("{} files, {} good, {} empty, {} stale entries, {} defects; last shutdown {}\n", report.files, report.good,
             report.empty_untagged, report.stale, report.findings, report.clean ? "orderly" : "not orderly");
}

Status Verdict(const CheckReport& report, const std::string& backing_dir) {
  if (report.findings == 0) return {};
  return Fail(ErrorCode::kProblemsFound, fmt::format("{}: {} defects", backing_dir, report.findings));
}

}  // namespace tdefs
