// Owning array, aligned to cache lines; large ones ask for huge pages.
#pragma once

#include <algorithm>
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
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };

  static T* allocate(index_t size) {
    constexpr std::size_t kLine = 64, kHugePage = std::size_t{1} << 21;
    const std::size_t bytes = checked_bytes(size, sizeof(T));
    // The memory of smaller ones is covered well enough by small pages.
    const std::size_t alignment = bytes >= kHugePage / 2 ? kHugePage : kLine;
    const std::size_t rounded = (std::max(bytes, kLine) + alignment - 1) / alignment * alignment;
    void* p = std::aligned_alloc(alignment, rounded);
    if (p == nullptr) throw std::bad_alloc();
#if defined(__linux__)
    if (alignment == kHugePage) madvise(p, rounded, MADV_HUGEPAGE);
#endif
    return static_cast<T*>(p);
  }

  index_t size_ = 0;
  std::unique_ptr<T, Free> data_;
};

}  // namespace chainrule
