// What a network is made of. A layer knows shapes and arithmetic; it owns no memory and is handed slices.
//
// A layer is z = f(x); what the plan puts after it is an activation, which is not its business, but for relu, see
// Slice. `forward` writes z to y; `backward` finds the gradient in z in d and writes the gradient in x to dx;
// `gradient` then forms the parameters' gradients. Rows do not depend on each other in `forward` and `backward`, so
// threads share a batch by rows; units do not depend on each other in `gradient` and `refresh`, so threads share the
// parameters by units. A layer that mixes the rows of a batch does it between the two, see `collect`.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.h"
#include "ops/panels.h"

namespace chainrule {

// One row of the parameter table, as the layer sees it: a (rows, columns) matrix. It is stored in panels, one after the
// other: its own, or those of its transpose.
struct ParameterShape {
  const char* name;
  index_t rows, columns;
  bool is_vector;       // shown as (columns,)
  bool decays;          // L2, L1 and weight decay act on it
  bool transposed;      // as it is stored
  bool trained = true;  // otherwise the layer keeps track of it itself: running statistics

  index_t stored_rows() const { return transposed ? columns : rows; }
  index_t stored_columns() const { return transposed ? rows : columns; }
  template <class T>
  index_t size() const {
    return panels_size<T>(stored_rows(), stored_columns());
  }
  // In a contiguous (rows, columns) matrix, from one stored row or column to the next.
  index_t row_step() const { return transposed ? 1 : columns; }
  index_t column_step() const { return transposed ? columns : 1; }
  // From and to such a matrix.
  template <class T>
  void store(const T* matrix, T* stored) const {
    pack(stored_rows(), stored_columns(), matrix, row_step(), column_step(), panels_of(stored, stored_rows()));
  }
  template <class T>
  void read(const T* stored, T* matrix) const {
    read_rows(stored, 0, rows, matrix);
  }
  // From `first`, a multiple of kPanel, on so many rows.
  template <class T>
  void read_rows(const T* stored, index_t first, index_t n, T* matrix) const {
    const Panels<const T> panels = panels_of(stored, stored_rows());
    if (transposed) {
      unpack<T>(columns, n, {panels.data + panels.place(first), panels.panel}, matrix, row_step(), column_step());
    } else {
      unpack<T>(n, columns, panels.from(first), matrix, row_step(), column_step());
    }
  }
};

// A vector of n elements, on which no penalty acts.
inline ParameterShape vector_shape(const char* name, index_t n, bool trained = true) {
  return {name, 1, n, true, false, false, trained};
}

// The largest part of a parameter, whose gradient a thread keeps in a room of its own.
inline constexpr index_t kUnitBytes = 12288;

// A part of one parameter with one writer: `pieces` runs of `size` elements that lie `stride` apart, the first at
// `offset` from the layer's first parameter.
struct Unit {
  int parameter;              // index in parameters()
  index_t panel, begin, end;  // the layer's own cut
  index_t offset, size, pieces, stride;
  index_t cost;                  // relative work per sample
  double input = 0, output = 0;  // its middle among the layer's inputs and outputs, each from 0 to 1
};

// The whole of a vector, number `parameter` of a layer that has nothing but vectors of this padded size.
inline Unit vector_unit(int parameter, index_t size, index_t cost) {
  return {parameter, 0, 0, 1, parameter * size, size, 1, size, cost};
}

// The gradient of a unit: its pieces, `stride` apart.
template <class T>
struct UnitGradient {
  T* data = nullptr;
  index_t stride = 0;

  operator PiecesGradient<T>() const { return {data, stride}; }
};

// The gradient of a unit from one row, not yet formed: columns of the row's x and d, or d and x.
template <class T>
struct OuterProduct {
  Panels<const T> down, across;  // from the unit's first row and panel

  explicit operator bool() const { return down.data != nullptr; }
  operator PiecesGradient<T>() const { return {nullptr, 0, down, across}; }
};

// A layer's parameters and its mirror, if it has one.
template <class T>
struct Weights {
  const T* parameters;
  const T* mirror;
};

// How a batch goes through the layers.
struct Mode {
  bool training = false;   // by statistics of the batch, and with dropout
  std::uint64_t seed = 0;  // random numbers are a function of these two
  std::uint32_t step = 0;
  index_t first_row = 0;  // of the batch: how many the step had before, in batches whose gradients are added up
  bool tracks = true;     // running statistics take the batch in
};

// A layer's buffers for `rows` rows of a batch, from row `first` on.
template <class T>
struct Slice {
  index_t first = 0, rows = 0;
  Panels<const T> x, x2;  // (rows, n_in); the second one of a sum alone
  Panels<T> y;            // (rows, n_out)
  Panels<T> notes;        // (rows, notes()) from forward to backward; null in prediction
  Panels<T> d;            // (rows, n_out) gradient in y
  Panels<T> dx, dx2;      // (rows, n_in) gradients in x and x2; null where nobody needs them
  bool adds, adds2;       // to what is in dx, in dx2: x has another reader
  bool rectifies, gates;  // y is relu(z); x is such a y, and dx becomes the gradient in its z
  const T* share;         // (rows) weight of each row / their sum
  T* sums;                // (sums_size()) over all rows of the batch
  Mode mode;

  Slice at(index_t row, index_t n) const {
    Slice s = *this;
    s.first = row, s.rows = n;
    if (row == 0) return s;  // whose pointers need not wait for stores of their halves
    s.x = x.from(row), s.x2 = x2.from(row), s.y = y.from(row), s.notes = notes.from(row);
    s.d = d.from(row), s.dx = dx.from(row), s.dx2 = dx2.from(row);
    s.share = share + row;
    return s;
  }
};

// Rows of a batch are summed in blocks of so many, the blocks in order: no bit depends on the number of threads.
inline constexpr index_t kBlockRows = 32;

template <class T>
class Layer {
 public:
  virtual ~Layer() = default;
  virtual index_t n_in() const = 0;
  virtual index_t n_out() const = 0;
  virtual std::vector<ParameterShape> parameters() const = 0;
  virtual std::vector<Unit> units() const = 0;
  // Elements of the mirror: whatever the layer keeps beside its parameters and derives from them. Nobody asks for the
  // gradient in a network's input.
  virtual index_t mirror_size(bool input_gradient) const = 0;
  virtual index_t flops_per_sample() const = 0;      // of forward
  virtual index_t notes() const { return 0; }        // columns
  virtual bool knows_relu() const { return false; }  // does what Slice::rectifies and gates ask for
  virtual bool passes_on() const { return false; }   // y = x in prediction
  // `forward` and `backward` work on the thread that called, on all rows at once, and may throw.
  virtual bool runs_alone() const { return false; }

  virtual void forward(Weights<T> weights, const Slice<T>& s) const = 0;
  virtual void backward(Weights<T> weights, const Slice<T>& s) const = 0;
  // Writes or, with `add`, adds the unit's gradient, of all rows at once. What `ahead` lists, unless it is null, may be
  // fetched and claimed meanwhile.
  virtual void gradient(const Unit& unit, const Slice<T>& s, UnitGradient<T> g, bool add, const Ahead* ahead) const = 0;
  // The unit's gradient of a slice of one row, where it is such an outer product; else nothing.
  virtual OuterProduct<T> outer_product(const Unit&, const Slice<T>&) const { return {}; }
  // Brings the mirror up to date with the unit's parameters.
  virtual void refresh(const Unit& unit, const T* parameters, T* mirror) const = 0;
  // Claims what `refresh` will write.
  virtual void claim_mirror(const Unit&, const T*, Ahead&) const {}

  // Layers that mix the rows of a batch. In training, `collect` sums blocks of rows of x before `forward`, and `join`
  // the blocks, for some panels of columns; `collect_gradient` and `join_gradient` do the same with d before
  // `backward`. The whole batch is in the workspace. `track` updates a unit of parameters that are not trained.
  virtual bool mixes_rows() const { return false; }
  virtual index_t sums_size(index_t) const { return 0; }  // for a batch of so many rows
  virtual void collect(const Slice<T>&) const {}
  virtual void join(const Slice<T>&, index_t, index_t) const {}
  virtual void collect_gradient(const Slice<T>&) const {}
  virtual void join_gradient(const Slice<T>&, index_t, index_t) const {}
  virtual void track(const Unit&, const Slice<T>&, T*) const {}
};

}  // namespace chainrule
