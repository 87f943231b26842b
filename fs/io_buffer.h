// IoBuffer: page-aligned scratch memory for one request, reused by the thread that owns it.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>

#include "base/bytes.h"
#include "base/checked.h"

namespace tdefs {

inline constexpr size_t kPageBytes = 4096;

class IoBuffer {
 public:
  // At least `size` bytes, aligned to a page; the content is undefined. Valid until the next call.
  ByteSpan Reserve(size_t size) {
    if (size > capacity_) {
      capacity_ = AlignUp(size, kPageBytes);
      memory_.reset(static_cast<std::byte*>(std::aligned_alloc(kPageBytes, capacity_)));
      if (!memory_) throw std::bad_alloc();
    }
    return {memory_.get(), size};
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t capacity_ = 0;
};

}  // namespace tdefs
