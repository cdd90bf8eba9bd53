// A user's arrays, checked at the door and read in place: features, targets, weights. Rows of a batch are gathered and
// converted from here.
#pragma once

#include "kernels/kernels.h"

namespace chainrule {

// Which samples come next: those of a list of indices, or all in their own order.
class Order {
 public:
  Order(const std::int64_t* indices, index_t size) : indices_(indices), left_(size) {}
  static Order all(index_t size) { return {nullptr, size}; }
  Order from(index_t n) const { return {indices_ ? indices_ + n : nullptr, first_ + n, left_ - n}; }
  index_t operator[](index_t i) const { return indices_ ? indices_[i] : first_ + i; }

  const std::int64_t* indices() const { return indices_; }
  index_t left() const { return left_; }

 private:
  Order(const std::int64_t* indices, index_t first, index_t left) : indices_(indices), first_(first), left_(left) {}

  const std::int64_t* indices_;
  index_t first_ = 0;  // without indices
  index_t left_;
};

// A matrix of float or double with any strides, counted in bytes.
struct RowSource {
  const char* data = nullptr;
  index_t row_bytes = 0, column_bytes = 0;
  bool is_double = false;

  explicit operator bool() const { return data != nullptr; }

  // out[i, j] = element (order[i], j)
  template <class T>
  void gather(const Order& order, index_t rows, index_t n, Panels<T> out) const {
    const char* from = order.indices() ? data : data + order[0] * row_bytes;
    const Kernels<T>& k = kernels<T>();
    (is_double ? k.gather_double : k.gather_float)(from, row_bytes, column_bytes, order.indices(), order.left(), rows,
                                                   n, out);
  }
};

struct Samples {
  index_t rows = 0;
  RowSource x;
  RowSource y;                            // dense targets, or
  const std::int64_t* classes = nullptr;  // class indices
  const double* weights = nullptr;        // or all 1

  Order all() const { return Order::all(rows); }
  // Sum of the weights of the next `n` samples, in order.
  double total_weight(const Order& order, index_t n) const {
    if (weights == nullptr) return static_cast<double>(n);
    double total = 0;
    for (index_t i = 0; i < n; ++i) total += weights[order[i]];
    return total;
  }
};

}  // namespace chainrule
