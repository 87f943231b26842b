// How `tdefs check` and `tdefs check --repair` show what they found.
#pragma once

#include "cli/output.h"
#include "fs/check.h"

namespace tdefs {

Json FindingJson(const Finding& finding);
// "KIND  PATH  MESSAGE".
void PrintFinding(const Finding& finding);

Json ReportJson(const CheckReport& report);
void PrintReport(const CheckReport& report);
// kProblemsFound if there are defects.
Status Verdict(const CheckReport& report, const std::string& backing_dir);

}  // namespace tdefs
