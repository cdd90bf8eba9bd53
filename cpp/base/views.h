// Views of memory that somebody else owns. Distances are counted in elements.
#pragma once

#include <cstdint>

namespace chainrule {

using index_t = std::int64_t;

// One cache line of elements: the unit in which every internal buffer is padded and every vector loop counts.
// It is the same on every instruction set, so that padded sizes and sums over lanes do not depend on the CPU.
template <class T>
inline constexpr index_t kPanel = 64 / static_cast<index_t>(sizeof(T));

template <class T>
[[gnu::always_inline]] constexpr index_t n_panels(index_t n) {
  return (n + kPanel<T> - 1) / kPanel<T>;
}

// Of n columns those in so many panels from this one on.
template <class T>
[[gnu::always_inline]] constexpr index_t columns_in(index_t n, index_t panel, index_t panels) {
  const index_t left = n - panel * kPanel<T>, most = panels * kPanel<T>;
  return left < most ? left : most;
}

template <class T>
[[gnu::always_inline]] constexpr index_t padded(index_t n) {
  return n_panels<T>(n) * kPanel<T>;
}

// A matrix in panels of kPanel columns, as every matrix inside the library lies: element (i, j) at
// data[j / kPanel * panel + i * kPanel + j % kPanel]. So the kernels read and write whole runs of cache lines,
// whichever way they walk through a matrix (against rows of whole length, weight gradients of 2048 x 2048 went from 85
// to 95 % of the peak). The last panel is padded to full width.
template <class T>
struct Panels {
  T* data = nullptr;
  index_t panel = 0;  // from one panel to the next

  Panels from(index_t row) const { return {data ? data + row * kPanel<T> : nullptr, panel}; }
  Panels panels_from(index_t p) const { return {data + p * panel, panel}; }
  // Of a column in a row. Always inlined, because kernels call it: objects of different instruction sets must not share
  // a function.
  [[gnu::always_inline]] index_t place(index_t column) const { return column / kPanel<T> * panel + column % kPanel<T>; }
  operator Panels<const T>() const { return {data, panel}; }
};

// From one panel of so many rows to the next: an odd number of cache lines, so that a row's panels fall into different
// cache sets.
template <class T>
constexpr index_t panel_stride(index_t rows) {
  return (rows | 1) * kPanel<T>;
}

}  // namespace chainrule
