// Weights in panels: element (l, n) of an (n_in, n_out) matrix lies at [n / kPanel][l][n % kPanel], padded with zeros
// to whole panels. A bias is the case n_in = 1. The same layout on every instruction set.
#pragma once

#include <algorithm>

#include "base/views.h"

namespace chainrule {

template <class T>
constexpr index_t panels_size(index_t n_in, index_t n_out) {
  return n_in * padded<T>(n_out);
}

// Element (l, n) of the matrix at `matrix + l * row_step + n * column_step`.
template <class T>
void pack(index_t n_in, index_t n_out, const T* matrix, index_t row_step, index_t column_step, T* panels) {
  for (index_t p = 0; p < n_panels<T>(n_out); ++p) {
    const index_t first = p * kPanel<T>, columns = std::min(n_out - first, kPanel<T>);
    for (index_t l = 0; l < n_in; ++l, panels += kPanel<T>) {
      const T* row = matrix + l * row_step + first * column_step;
      for (index_t j = 0; j < kPanel<T>; ++j) panels[j] = j < columns ? row[j * column_step] : T(0);
    }
  }
}

// The inverse, into a contiguous (n_in, n_out) matrix.
template <class T>
void unpack(index_t n_in, index_t n_out, const T* panels, T* matrix) {
  for (index_t p = 0; p < n_panels<T>(n_out); ++p) {
    const index_t first = p * kPanel<T>, columns = std::min(n_out - first, kPanel<T>);
    for (index_t l = 0; l < n_in; ++l, panels += kPanel<T>) {
      for (index_t j = 0; j < columns; ++j) matrix[l * n_out + first + j] = panels[j];
    }
  }
}

}  // namespace chainrule
