// A user's arrays, checked at the door and read in place: features, targets, weights. Rows of a batch are gathered and
// converted from here.
#pragma once

#include "kernels/kernels.h"

namespace chainrule {

// A matrix of float or double with any strides, counted in bytes.
struct RowSource {
  const char* data = nullptr;
  index_t row_bytes = 0, column_bytes = 0;
  bool is_double = false;

  explicit operator bool() const { return data != nullptr; }

  // out[i, j] = element (order[first + i], j), or (first + i, j) without an order
  template <class T>
  void gather(const std::int64_t* order, index_t first, index_t rows, index_t n, Panels<T> out) const {
    const char* from = order ? data : data + first * row_bytes;
    const std::int64_t* at = order ? order + first : nullptr;
    const Kernels<T>& k = kernels<T>();
    (is_double ? k.gather_double : k.gather_float)(from, row_bytes, column_bytes, at, rows, n, out);
  }
};

struct Samples {
  index_t rows = 0;
  RowSource x;
  RowSource y;                            // dense targets, or
  const std::int64_t* classes = nullptr;  // class indices
  const double* weights = nullptr;        // or all 1

  // Sum of the weights of `rows` samples, in order.
  double total_weight(const std::int64_t* order, index_t rows_in_batch) const {
    if (weights == nullptr) return static_cast<double>(rows_in_batch);
    double total = 0;
    for (index_t i = 0; i < rows_in_batch; ++i) total += weights[order ? order[i] : i];
    return total;
  }
};

}  // namespace chainrule
