// A user's arrays, checked at the door and read in place: features, targets, weights. Rows of a batch are gathered and
// converted from here.
#pragma once

#include <algorithm>
#include <limits>

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

// Of an array that another thread may change: the compiler reads it here, and nowhere again.
template <class T>
T read_once(const T* at) {
  return __atomic_load_n(at, __ATOMIC_RELAXED);
}

// Where the values of compressed sparse rows (CSR) stand: values starts[i] .. starts[i + 1] - 1 are those of row i,
// each in its column, in any order. All others are zero. No column comes twice in a row.
struct SparseRows {
  const void* starts = nullptr;   // (rows + 1)
  const void* columns = nullptr;  // (stored)
  index_t stored = 0;
  bool is_wide = false;  // both of int64, else of int32
  bool ascends = false;  // in every row
  index_t longest = 0;   // elements of a row

  explicit operator bool() const { return starts != nullptr; }
};

// A matrix of float or double: with any strides, counted in bytes, or sparse.
struct RowSource {
  const char* data = nullptr;  // element (0, 0), or the values of sparse rows, one after the other
  index_t row_bytes = 0, column_bytes = 0;
  bool is_double = false;
  SparseRows sparse = {};

  explicit operator bool() const { return data != nullptr; }

  // The rows, of n elements, that are worth fetching before they are gathered: shuffled ones of a matrix so large that
  // they come from afar. Steps of 64-128-10 on 51 MB take 4 % less, in float64 5 %, of 54-256-256-7 on two threads and
  // 22 MB 3 %, of 784-512-256-10 2 %; on 2.7 MB nothing.
  RowsAhead ahead(const Order& order, index_t rows, index_t n, index_t rows_of_matrix) const {
    constexpr index_t near = 1 << 22;  // bytes
    const bool lies_in_rows = !sparse && column_bytes == (is_double ? 8 : 4);
    if (!order.indices() || !lies_in_rows || rows_of_matrix * row_bytes <= near) return {};
    return {data, row_bytes, n * column_bytes, order.indices(), rows};
  }

  // Whether rows of n columns are multiplied as they are stored (sparse_batch.h): where no row has more than an eighth
  // of them, steps take 0.07 to 0.9 of the time that they take with the matrix made dense (128 to 2000 columns, batches
  // of 32 and 200), predictions 0.02 to 0.8. With a quarter of them some take longer.
  bool is_thin(index_t n) const {
    return sparse && sparse.ascends && 8 * sparse.longest <= n && n <= std::numeric_limits<std::int32_t>::max();
  }

  // out[i, j] = element (order[i], j)
  template <class T>
  void gather(const Order& order, index_t rows, index_t n, Panels<T> out) const {
    if (sparse) return gather_sparse(order, rows, n, out);
    const char* from = order.indices() ? data : data + order[0] * row_bytes;
    const Kernels<T>& k = kernels<T>();
    (is_double ? k.gather_double : k.gather_float)(from, row_bytes, column_bytes, order.indices(), order.left(), rows,
                                                   n, out);
  }

 private:
  template <class T>
  [[gnu::noinline]] void gather_sparse(const Order& order, index_t rows, index_t n, Panels<T> out) const {
    if (sparse.is_wide) {
      is_double ? scatter<double, std::int64_t>(order, rows, n, out)
                : scatter<float, std::int64_t>(order, rows, n, out);
    } else {
      is_double ? scatter<double, std::int32_t>(order, rows, n, out)
                : scatter<float, std::int32_t>(order, rows, n, out);
    }
  }

  // The rows cleared, whole panels at a time, and their values put in place. Should the user change the matrix
  // meanwhile, indices that lead out of it are passed over.
  template <class Value, class Index, class T>
  void scatter(const Order& order, index_t rows, index_t n, Panels<T> out) const {
    const auto* values = reinterpret_cast<const Value*>(data);
    const auto* starts = static_cast<const Index*>(sparse.starts);
    const auto* columns = static_cast<const Index*>(sparse.columns);
    for (index_t p = 0; p < n_panels<T>(n); ++p) std::fill_n(out.data + p * out.panel, rows * kPanel<T>, T(0));
    for (index_t i = 0; i < rows; ++i) {
      const index_t row = order[i];
      const index_t begin = std::max<index_t>(read_once(starts + row), 0),
                    end = std::min<index_t>(read_once(starts + row + 1), sparse.stored);
      T* to = out.data + i * kPanel<T>;
      for (index_t k = begin; k < end; ++k) {
        const index_t column = read_once(columns + k);
        // A stored -0 becomes 0, as where the matrix is made dense.
        if (column >= 0 && column < n) to[out.place(column)] = static_cast<T>(values[k] + Value(0));
      }
    }
  }
};

struct Samples {
  index_t rows = 0;
  RowSource x;
  RowSource y;                            // dense targets, or
  const std::int64_t* classes = nullptr;  // class indices (rows, groups of the output)
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
