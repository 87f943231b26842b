#include "keys/file_tree_names.h"

#include <cstdlib>
#include <cstring>

namespace tdefs {
namespace {
constexpr NameArena::Ref kNoName = UINT32_MAX;
}

NameArena::NameArena() {
  free_heads_.fill(kNoName);
}

// A name is stored as one byte of length and its bytes.
uint32_t NameArena::UnitsFor(size_t name_bytes) {
  return static_cast<uint32_t>((name_bytes + kUnitSize) / kUnitSize);
}

const char* NameArena::At(Ref ref) const {
  return chunks_[ref / kChunkUnits].data.get() + size_t{ref % kChunkUnits} * kUnitSize;
}

char* NameArena::Edit(Ref ref) {
  Chunk& chunk = chunks_[ref / kChunkUnits];
  if (chunk.shared) {
    constexpr size_t kBytes = size_t{kChunkUnits} * kUnitSize;
    auto copy = std::make_shared_for_overwrite<char[]>(kBytes);
    std::memcpy(copy.get(), chunk.data.get(), kBytes);
    chunk = {std::move(copy), false};
  }
  return chunk.data.get() + size_t{ref % kChunkUnits} * kUnitSize;
}

void NameArena::PutOnFreeList(Ref ref, uint32_t units) {
  Ref& head = free_heads_[units - 1];
  std::memcpy(Edit(ref), &head, sizeof(head));
  head = ref;
}

NameArena::Ref NameArena::TakeFresh(uint32_t units) {
  uint32_t left_in_chunk = static_cast<uint32_t>(chunks_.size()) * kChunkUnits - next_fresh_;
  if (left_in_chunk < units) {
    // A name does not cross chunks; the rest, shorter than the longest name, serves a shorter one later.
    if (left_in_chunk > 0) PutOnFreeList(next_fresh_, left_in_chunk);
    next_fresh_ = static_cast<uint32_t>(chunks_.size()) * kChunkUnits;
    if (next_fresh_ > kNoName - kChunkUnits) std::abort();  // 32 GiB of names
    chunks_.push_back({std::make_shared<char[]>(size_t{kChunkUnits} * kUnitSize), false});
  }
  Ref ref = next_fresh_;
  next_fresh_ += units;
  return ref;
}

NameArena::Ref NameArena::Add(std::string_view name) {
  if (name.size() > kNameBytesMax) std::abort();
  const uint32_t units = UnitsFor(name.size());
  Ref ref = free_heads_[units - 1];
  if (ref != kNoName) {
    std::memcpy(&free_heads_[units - 1], At(ref), sizeof(Ref));
  } else {
    ref = TakeFresh(units);
  }
  char* out = Edit(ref);
  out[0] = static_cast<char>(name.size());
  std::memcpy(out + 1, name.data(), name.size());
  return ref;
}

void NameArena::Free(Ref ref) {
  PutOnFreeList(ref, UnitsFor(Get(ref).size()));
}

std::string_view NameArena::Get(Ref ref) const {
  const char* stored = At(ref);
  return {stored + 1, static_cast<unsigned char>(stored[0])};
}

NameArena NameArena::Freeze() {
  for (Chunk& chunk : chunks_) chunk.shared = true;
  return *this;
}

void NameArena::Thaw() {
  for (Chunk& chunk : chunks_) chunk.shared = false;
}

uint64_t NameArena::memory_bytes() const {
  return chunks_.size() * uint64_t{kChunkUnits} * kUnitSize + chunks_.capacity() * sizeof(Chunk);
}

}  // namespace tdefs
