// Between a plain matrix and panels (base/views.h). The panels of a weight matrix (n_in, n_out) lie one after the
// other, panel p from p * n_in * kPanel on; a bias is the case n_in = 1. The padding of packed panels is zero.
#pragma once

#include <algorithm>

#include "base/views.h"

namespace chainrule {

template <class T>
constexpr index_t panels_size(index_t n_in, index_t n_out) {
  return n_in * padded<T>(n_out);
}

// Panels of a matrix of so many rows, one after the other.
template <class T>
constexpr Panels<T> panels_of(T* data, index_t rows) {
  return {data, rows * kPanel<T>};
}

// From element (i, j) of the matrix at `matrix + i * row_step + j * column_step`.
template <class T>
void pack(index_t rows, index_t columns, const T* matrix, index_t row_step, index_t column_step, Panels<T> panels) {
  for (index_t first = 0; first < columns; first += kPanel<T>) {
    const index_t width = std::min(columns - first, kPanel<T>);
    for (index_t i = 0; i < rows; ++i) {
      const T* from = matrix + i * row_step + first * column_step;
      T* to = panels.data + panels.place(first) + i * kPanel<T>;
      for (index_t j = 0; j < kPanel<T>; ++j) to[j] = j < width ? from[j * column_step] : T(0);
    }
  }
}

// The inverse.
template <class T>
void unpack(index_t rows, index_t columns, Panels<const T> panels, T* matrix, index_t row_step, index_t column_step) {
  for (index_t first = 0; first < columns; first += kPanel<T>) {
    const index_t width = std::min(columns - first, kPanel<T>);
    for (index_t i = 0; i < rows; ++i) {
      const T* from = panels.data + panels.place(first) + i * kPanel<T>;
      T* to = matrix + i * row_step + first * column_step;
      for (index_t j = 0; j < width; ++j) to[j * column_step] = from[j];
    }
  }
}

template <class T>
void copy_panels(index_t rows, index_t columns, Panels<const T> from, Panels<T> to) {
  for (index_t p = 0; p < n_panels<T>(columns); ++p) {
    std::copy_n(from.data + p * from.panel, rows * kPanel<T>, to.data + p * to.panel);
  }
}

}  // namespace chainrule
