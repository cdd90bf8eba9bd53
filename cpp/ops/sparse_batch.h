// The rows of a batch that come from a sparse matrix, by rows and by columns, in the type of the network. The first
// layer multiplies them as they are: no zero is stored, and no work done for it.
#pragma once

#include <algorithm>

#include "base/buffer.h"
#include "ops/samples.h"

namespace chainrule {

template <class T>
class SparseBatch {
 public:
  // Room for so many rows of at most `longest` elements; if `columns` is not 0, also for the same by so many columns.
  void reserve(index_t rows, index_t longest, index_t columns = 0) {
    longest_ = longest;
    grow(begin_, rows), grow(end_, rows);
    grow(column_, rows * longest), grow(value_, rows * longest);
    if (columns == 0) return;
    grow(start_, columns + 2), grow(row_, rows * longest), grow(value_by_column_, rows * longest);
  }

  // Row first + i of the batch is row order[i] of x, of n columns. Should the user change the matrix meanwhile, what
  // leads out of it or out of the room is passed over.
  void gather(const RowSource& x, const Order& order, index_t rows, index_t n, index_t first) {
    const auto gather_rows = x.is_double ? (x.sparse.is_wide ? &SparseBatch::gather_as<double, std::int64_t>
                                                             : &SparseBatch::gather_as<double, std::int32_t>)
                                         : (x.sparse.is_wide ? &SparseBatch::gather_as<float, std::int64_t>
                                                             : &SparseBatch::gather_as<float, std::int32_t>);
    (this->*gather_rows)(x, order, rows, n, first);
  }

  // Rows 0 .. rows - 1 by their n columns: a counting sort.
  void sort_by_columns(index_t rows, index_t n) {
    index_t* const start = start_.data();  // of column j at j + 1, until its elements have come
    std::fill_n(start, n + 2, 0);
    for (index_t i = 0; i < rows; ++i) {
      for (index_t k = begin_[i]; k < end_[i]; ++k) ++start[column_[k] + 2];
    }
    for (index_t j = 0; j < n; ++j) start[j + 2] += start[j + 1];
    for (index_t i = 0; i < rows; ++i) {
      for (index_t k = begin_[i]; k < end_[i]; ++k) {
        const index_t to = start[column_[k] + 1]++;
        row_[to] = static_cast<std::int32_t>(i), value_by_column_[to] = value_[k];
      }
    }
  }

  SparseMatrix<T> rows_from(index_t first) const {
    return {begin_.data() + first, end_.data() + first, column_.data(), value_.data()};
  }
  // The transpose, from column `first` on.
  SparseMatrix<T> columns_from(index_t first) const {
    return {start_.data() + first, start_.data() + first + 1, row_.data(), value_by_column_.data()};
  }

 private:
  template <class Element>
  static void grow(Buffer<Element>& buffer, index_t size) {
    if (buffer.size() < size) buffer = Buffer<Element>(size);
  }

  template <class Value, class Index>
  void gather_as(const RowSource& x, const Order& order, index_t rows, index_t n, index_t first) {
    const auto* values = reinterpret_cast<const Value*>(x.data);
    const auto* starts = static_cast<const Index*>(x.sparse.starts);
    const auto* columns = static_cast<const Index*>(x.sparse.columns);
    for (index_t i = 0; i < rows; ++i) {
      index_t from = std::max<index_t>(read_once(starts + order[i]), 0);
      const index_t end = std::min<index_t>(read_once(starts + order[i] + 1), x.sparse.stored);
      index_t to = (first + i) * longest_;
      begin_[first + i] = to;
      for (; from < end && to < begin_[first + i] + longest_; ++from) {
        const index_t column = read_once(columns + from);
        if (column < 0 || column >= n) continue;
        column_[to] = static_cast<std::int32_t>(column);
        value_[to++] = static_cast<T>(values[from] + Value(0));  // a stored -0 counts as 0
      }
      end_[first + i] = to;
    }
  }

  index_t longest_ = 0;
  Buffer<index_t> begin_, end_, start_;  // of rows; of columns
  Buffer<std::int32_t> column_, row_;
  Buffer<T> value_, value_by_column_;
};

}  // namespace chainrule
