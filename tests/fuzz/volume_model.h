// VolumeModel: what a volume must look like to a program, as a plain tree in memory, with the errno that each operation
// on names must give. volume_fuzz holds the volume against it.
//
// It follows the kernel's order of checks where several things are wrong at once, after the checks that Volume makes
// itself: first the names, then the directories, then what stands there.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace tdefs {

struct ModelNode {
  mode_t type = S_IFREG;  // S_IFMT bits
  mode_t mode = 0;        // permissions
  Bytes content;
  std::string target;  // of a symlink
  std::map<std::string, std::string> xattrs;
  std::map<std::string, std::shared_ptr<ModelNode>> children;
  ModelNode* parent = nullptr;  // of a directory; null for the root and for one that was removed
  uint64_t names = 0;           // of everything but a directory
  bool removed = false;         // a directory that is gone
  bool linkable = false;        // made without a name, and may get one
  bool lost = false;            // lost its last name while nobody had it open: out of reach
  uint64_t open_handles = 0;

  bool IsDirectory() const { return S_ISDIR(type); }
  bool IsRegular() const { return S_ISREG(type); }
  bool MayHaveXattrs() const { return IsDirectory() || IsRegular(); }
  uint64_t Links() const;
  uint64_t Size() const;
};

using ModelPtr = std::shared_ptr<ModelNode>;

class VolumeModel {
 public:
  VolumeModel();
  const ModelPtr& root() const { return root_; }

  // 0 or an errno. A hidden name is EPERM here; a lookup makes ENOENT of it.
  int CheckName(const ModelPtr& parent, std::string_view name) const;
  // What a lookup finds, or the errno.
  int Lookup(const ModelPtr& parent, const std::string& name, ModelPtr& found) const;
  // Enters `made`, which has no name yet, under a name that must be free.
  int Enter(const ModelPtr& parent, const std::string& name, const ModelPtr& made);
  int Link(const ModelPtr& node, const ModelPtr& parent, const std::string& name);
  int Unlink(const ModelPtr& parent, const std::string& name);
  int RemoveDirectory(const ModelPtr& parent, const std::string& name);
  int Rename(const ModelPtr& from_parent, const std::string& from, const ModelPtr& to_parent, const std::string& to,
             unsigned flags);

 private:
  int CheckFree(const ModelPtr& parent, const std::string& name) const;
  void Put(const ModelPtr& parent, const std::string& name, const ModelPtr& node);
  void Drop(const ModelPtr& parent, const std::string& name);

  ModelPtr root_;
};

}  // namespace tdefs
