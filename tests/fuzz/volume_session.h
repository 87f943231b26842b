// VolumeSession: one fuzz input's life of a store. Each operation is done on the volume and on the model, and whatever
// differs aborts. It plays the kernel's part: node ids are used only while their lookups are counted, and those of an
// open file are never forgotten.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fs/volume.h"
#include "tests/fuzz/store.h"
#include "tests/fuzz/volume_model.h"

namespace tdefs {

class VolumeSession {
 public:
  // What an operation works on; each number is taken modulo what there is to choose from.
  struct Choice {
    uint8_t node, name, other, other_name;
    uint16_t number;
  };

  // Makes the store new. It must outlive the session.
  explicit VolumeSession(FuzzStore& store);
  // An orderly end; then the store must be sound to the last entry.
  ~VolumeSession();

  void Make(const Choice& choice);  // a directory, symlink or fifo
  void Create(const Choice& choice);
  void CreateUnnamed(const Choice& choice);
  void Link(const Choice& choice);
  void Remove(const Choice& choice);
  void Rename(const Choice& choice);
  void Lookup(const Choice& choice);
  void Forget(const Choice& choice);
  void Open(const Choice& choice);
  void Close(const Choice& choice);
  void Write(const Choice& choice);
  void Read(const Choice& choice);
  void Allocate(const Choice& choice);
  void Resize(const Choice& choice);
  void ChangeMode(const Choice& choice);
  void SetXattr(const Choice& choice);
  void GetXattrs(const Choice& choice);
  void RemoveXattr(const Choice& choice);
  void ReadOther(const Choice& choice);  // a link's target, a directory, a node by itself
  void ChangeStore(const Choice& choice);
  void CheckAttributes(const Choice& choice);

 private:
  struct Known {
    NodeId id;
    ModelPtr node;
  };
  struct OpenedFile {
    NodeId id;
    ModelPtr node;
    std::unique_ptr<FileHandle> handle;
  };

  void Start();
  void Stop(bool orderly);
  void CompareTree();
  void CompareDirectory(NodeId id, const ModelPtr& node);
  void CompareNode(const Entry& entry, const ModelPtr& node);
  void CompareXattrs(NodeId id, const ModelPtr& node);
  void CompareAttributes(const struct stat& found, const ModelPtr& node) const;
  void CompareNames(NodeId id, const ModelPtr& node);

  const Known& Pick(uint8_t number) const;
  OpenedFile* PickFile(uint8_t number);
  void Keep(const Entry& entry, const ModelPtr& node);
  void KeepFile(NodeId id, const ModelPtr& node, std::unique_ptr<FileHandle> handle);
  void CloseFile(size_t index);
  void ForgetUnused();

  FuzzStore& store_;
  VolumeModel model_;
  VolumeStatistics statistics_;
  std::unique_ptr<KeyManager> keys_;
  std::unique_ptr<Volume> volume_;
  std::vector<Known> known_;  // the root first
  size_t next_known_ = 1;
  std::vector<OpenedFile> files_;
  std::map<NodeId, uint64_t> lookups_;
};

}  // namespace tdefs
