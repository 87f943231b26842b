// What `tdefs check --repair` would do: decided from a survey of the store, before anything is written. Only what is
// certain is planned; what is not is left for a named option to decide, and said.
//
// The rules:
// - A tag that is missing or does not verify is taken from the path's entry, unless the store was not left in order
// (the
//   entry may be older than the file), or another file carries that very record (then the file at the path is not the
//   one that the entry means).
// - A path with a valid tag and no entry gets one, unless another file has the same tag: one of them is a copy.
// - Where tag and entry are valid and differ, nothing says which is right; the next three words of the command line do:
//   --trust tags, --trust dictionary. In a store that was not left in order tags decide, as they do at a mount (R2).
// - The entry of a file that is gone is dropped only if another known file still is below the same directory, if
//   something else stands at the path, or if the file was found under another name. A directory of which nothing is
//   left may be one whose filesystem is not mounted: its entries stay, until --drop-missing names it.
// - A dictionary that cannot be read is made anew from the tags.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "fs/check.h"
#include "keys/key_manager.h"

namespace tdefs {

struct RepairOptions {
  enum class Trust : uint8_t { kNeither, kTags, kDictionary };
  Trust trust = Trust::kNeither;
  std::vector<std::string>
      drop_missing;  // paths within the mount; entries at and below them go if their files are gone
};

struct RepairAction {
  enum class Kind : uint8_t {
    kRebuildDictionary,
    kCutTail,
    kRestoreTag,  // the tag gets `record`
    kAdopt,       // the path gets an entry with `record`
    kSetEntry,    // the path gets an entry with `record` in place of the one it has
    kDropEntry,
  };
  Kind kind;
  std::string path;     // within the mount; of the first two the dictionary's, ".tdefs/file.dict"
  std::string message;  // one line: why, and what from
  FileRecord record{};
  std::string link_to{};  // kAdopt, kSetEntry: share the entry of this path, if it still has one of the same record
  dev_t device = 0;       // kRestoreTag: the file that was surveyed
  ino_t inode = 0;
};
// "restore-tag" and the like: the name in texts and JSON.
std::string_view RepairActionName(RepairAction::Kind kind);

struct RepairPlan {
  std::vector<RepairAction> actions;  // in the order in which they are done
  std::vector<Finding> undecided;     // defects that stay, each with the reason
  struct Kept {
    std::string directory;
    uint64_t entries = 0;
  };
  std::vector<Kept> kept;  // directories of which nothing is left
  uint64_t files = 0;
  bool rebuilds = false;  // the dictionary; every adoption is part of that
  bool complete = true;   // everything could be examined
};

// `on_file` reports progress (files so far). An error is what makes a repair senseless: tags that do not verify at all
// belong to another key.dict. Requires: `keys` was opened with kRepair.
Result<RepairPlan> PlanRepair(KeyManager& keys, const std::string& backing_dir, const RepairOptions& options,
                              const std::function<void(uint64_t)>& on_file);

}  // namespace tdefs
