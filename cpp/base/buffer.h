// Owning array, aligned to cache lines; large ones ask for huge pages.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "base/views.h"

namespace chainrule {

// Bytes of `count` elements, refused where the product does not fit.
inline std::size_t checked_bytes(index_t count, std::size_t element_size) {
  std::size_t bytes = 0;
  if (count < 0 || __builtin_mul_overflow(static_cast<std::size_t>(count), element_size, &bytes) ||
      bytes > static_cast<std::size_t>(INT64_MAX)) {
    throw std::bad_alloc();
  }
  return bytes;
}

template <class T>
class Buffer {
 public:
  Buffer() = default;
  // Zero-filled: padding must read as zero, and the first write of a page is paid here, not in a training step.
  explicit Buffer(index_t size) : size_(size), data_(allocate(size)) { zero(); }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  index_t size() const { return size_; }
  index_t bytes() const { return size_ * static_cast<index_t>(sizeof(T)); }
  T& operator[](index_t i) { return data_.get()[i]; }
  const T& operator[](index_t i) const { return data_.get()[i]; }
  void zero() { std::fill_n(data_.get(), size_, T(0)); }

 private:
  static constexpr std::size_t kLine = 64, kHugePage = std::size_t{1} << 21;

  struct Free {
    std::size_t shift = 0;  // bytes from the start of the memory
    void operator()(T* p) const { std::free(reinterpret_cast<char*>(p) - shift); }
  };
  using Memory = std::unique_ptr<T, Free>;

  // Large buffers begin at different places of a page: parameters and optimizer states, which are walked through side
  // by side, would meet in the same cache sets (784-512-256-10: 1 to 2 %, 1024-2048-2048-1000: 1 to 5 % slower).
  static std::size_t next_shift() {
    static std::atomic<std::size_t> count{0};
    return count.fetch_add(1, std::memory_order_relaxed) % 8 * 13 * kLine;
  }

  static Memory allocate(index_t size) {
    const std::size_t bytes = std::max(checked_bytes(size, sizeof(T)), kLine);
    const bool large = bytes >= kHugePage / 2;  // the memory of smaller ones is covered well enough by small pages
    const std::size_t alignment = large ? kHugePage : kLine, shift = large ? next_shift() : 0;
    const std::size_t rounded = (shift + bytes + alignment - 1) / alignment * alignment;
    void* memory = std::aligned_alloc(alignment, rounded);
    if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
    if (large) madvise(memory, rounded, MADV_HUGEPAGE);
#endif
    return Memory(reinterpret_cast<T*>(static_cast<char*>(memory) + shift), Free{shift});
  }

  index_t size_ = 0;
  Memory data_;
};

}  // namespace chainrule
