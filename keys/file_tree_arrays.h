// The arrays beneath FileTree: ChunkedArray, and the nodes and records that live in them.
//
// A ChunkedArray grows by one chunk at a time, so that no element is ever copied to make room. A frozen copy shares all
// chunks with the original, which copies a shared chunk before it writes to it for the first time: a snapshot of a
// million files costs microseconds, and a change during it at most one chunk. Not thread-safe; but a frozen copy may be
// read by one thread while another edits the original, because no byte is read by one and written by the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "keys/file_record.h"
#include "keys/file_tree_names.h"

namespace tdefs {

template <typename T, uint32_t kChunkElements>
class ChunkedArray {
  static_assert(std::is_trivially_copyable_v<T> && (kChunkElements & (kChunkElements - 1)) == 0);

 public:
  const T& operator[](uint32_t index) const { return chunks_[index / kChunkElements].data[index % kChunkElements]; }
  // The element for writing. The reference is good until the next Freeze; one from operator[] only until the next Edit.
  T& Edit(uint32_t index) {
    Chunk& chunk = chunks_[index / kChunkElements];
    if (chunk.shared) [[unlikely]]
      Unshare(chunk);
    return chunk.data[index % kChunkElements];
  }
  uint32_t capacity() const { return static_cast<uint32_t>(chunks_.size()) * kChunkElements; }
  void AddChunk() { chunks_.push_back({std::make_shared<T[]>(kChunkElements), false}); }
  uint64_t memory_bytes() const { return chunks_.capacity() * sizeof(Chunk) + uint64_t{capacity()} * sizeof(T); }

  ChunkedArray Freeze() {
    for (Chunk& chunk : chunks_) chunk.shared = true;
    return *this;
  }
  // Requires: no frozen copy is read any more.
  void Thaw() {
    for (Chunk& chunk : chunks_) chunk.shared = false;
  }

 private:
  struct Chunk {
    std::shared_ptr<T[]> data;
    bool shared = false;
  };
  static void Unshare(Chunk& chunk) {
    auto copy = std::make_shared_for_overwrite<T[]>(kChunkElements);
    std::copy_n(chunk.data.get(), kChunkElements, copy.get());
    chunk.data = std::move(copy);
    chunk.shared = false;
  }
  std::vector<Chunk> chunks_;
};

inline constexpr uint32_t kNoIndex = UINT32_MAX;

enum class NodeKind : uint32_t { kFree, kDirectory, kFile };

// One name. 32 bytes.
struct TreeNode {
  struct Directory {
    uint32_t first_child, pins;
  };
  struct File {
    uint32_t record, next_name, prev_name;  // the names of one record form a list
  };
  uint32_t parent;  // kNoIndex: the root, or a directory that is no longer reachable
  NameArena::Ref name;
  uint32_t next, prev;  // siblings; `next` chains free nodes
  NodeKind kind;
  union {
    Directory directory;
    File file;
  };
};

struct TreeRecord {
  FileRecord record;
  uint32_t first_name;  // kNoIndex: none; chains free records
  uint32_t pins;
};

struct TreeArrays {
  ChunkedArray<TreeNode, 1024> nodes;
  ChunkedArray<TreeRecord, 1024> records;
  NameArena names;
};

}  // namespace tdefs
