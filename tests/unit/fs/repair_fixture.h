// Plans and repairs of a store; for the tests of repair.
#pragma once

#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fs/repair.h"
#include "tests/unit/fs/check_fixture.h"

namespace tdefs {

class RepairTest : public CheckTest {
 protected:
  // "action path" of each action, "left kind path" of each defect that stays, "kept N directory".
  std::vector<std::string> Told(const RepairPlan& plan) {
    std::vector<std::string> told;
    for (const RepairAction& action : plan.actions) {
      told.push_back(std::string(RepairActionName(action.kind)) + " " + action.path);
    }
    for (const Finding& finding : plan.undecided) {
      told.push_back("left " + std::string(FindingName(finding.kind)) + " " + finding.path);
    }
    for (const RepairPlan::Kept& kept : plan.kept) {
      told.push_back("kept " + std::to_string(kept.entries) + " " + kept.directory);
    }
    return told;
  }

  Result<RepairPlan> Plan(const RepairOptions& options = {}) {
    Reopen(Access::kRepair);
    const auto before = Snapshot(store_.backing());
    auto plan = PlanRepair(*keys_, store_.backing(), options, [](uint64_t) {});
    EXPECT_EQ(Snapshot(store_.backing()), before) << "a plan writes nothing";
    if (plan) plan_ = *plan;
    return plan;
  }
  // Closes the store (in order or as a kill would), plans and carries out; returns what the plan told.
  std::vector<std::string> Repair(const RepairOptions& options = {}, bool orderly = true) {
    if (keys_ && orderly) CloseInOrder();
    auto plan = Plan(options);
    EXPECT_TRUE(plan) << plan.error().Text();
    if (!plan) return {plan.error().Text()};
    if (!plan->actions.empty()) {
      auto copy = CarryOut(*plan, *keys_, store_.backing(), [](uint64_t) {});
      EXPECT_TRUE(copy) << copy.error().Text();
      if (copy) copy_ = store_.dir() + "/" + *copy;
    }
    keys_.reset();
    return Told(*plan);
  }
  // What a check finds after a repair; the store opens and was closed in order.
  std::vector<std::string> Left() {
    Reopen(Access::kReadOnly);
    std::vector<std::string> findings;
    auto report = CheckStore(*keys_, store_.backing(), [&](const Finding& finding) {
      findings.push_back(std::string(FindingName(finding.kind)) + " " + finding.path);
    });
    EXPECT_TRUE(report) << report.error().Text();
    EXPECT_TRUE(!report || report->clean);
    keys_.reset();
    return findings;
  }
  // Of the last plan: why its first defect stays; empty if none does.
  std::string WhyLeft() const { return plan_.undecided.empty() ? std::string() : plan_.undecided[0].message; }
  void Move(const std::string& from, const std::string& to) {
    std::filesystem::create_directories(std::filesystem::path(Path(to)).parent_path());
    ASSERT_EQ(::rename(Path(from).c_str(), Path(to).c_str()), 0);
  }
  void LoseTag(const std::string& path) { ASSERT_EQ(::removexattr(Path(path).c_str(), kTagXattrName), 0); }
  std::optional<FileRecord> TagOf(const std::string& path) {
    Reopen(Access::kReadOnly);
    Bytes bytes(kTagBytes);
    if (::getxattr(Path(path).c_str(), kTagXattrName, bytes.data(), bytes.size()) != kTagBytes) return std::nullopt;
    auto record = keys_->tags().Decode(bytes);
    keys_.reset();
    return record ? std::optional(*record) : std::nullopt;
  }
  std::optional<FileRecord> EntryOf(const std::string& path) {
    Reopen(Access::kReadOnly);
    auto entry = keys_->files().FindPath(path);
    keys_.reset();
    return entry;
  }
  void FlipByteOfFileDict(size_t offset) {
    std::string log = ReadTextFile(store_.FileDictPath());
    log.at(offset) = static_cast<char>(log.at(offset) ^ 0x10);
    WriteTextFile(store_.FileDictPath(), log);
  }

  RepairPlan plan_;   // the last one
  std::string copy_;  // where the last repair kept its copy
};

}  // namespace tdefs
