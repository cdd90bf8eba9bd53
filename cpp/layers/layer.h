// What a network is made of. A layer knows shapes and arithmetic; it owns no memory and is handed slices.
//
// Buffers of one layer in a pass over `rows` samples: x (rows, n_in), y (rows, n_out), and d (rows, n_out), in which
// the gradient in y arrives. `backward` turns d in place into the gradient in z, the value before the activation, and
// writes the gradient in x; `gradient` then forms the parameters' gradients from x and d. Rows do not depend on each
// other in `forward` and `backward`, so threads share a batch by rows; units do not depend on each other in `gradient`
// and `refresh`, so threads share the parameters by units.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "ops/panels.h"

namespace chainrule {

// One row of the parameter table, as the layer sees it: a (rows, columns) matrix. It is stored in panels, one after the
// other: its own, or those of its transpose.
struct ParameterShape {
  const char* name;
  index_t rows, columns;
  bool is_vector;   // shown as (columns,)
  bool decays;      // L2, L1 and weight decay act on it
  bool transposed;  // as it is stored

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
    unpack<T>(stored_rows(), stored_columns(), panels_of(stored, stored_rows()), matrix, row_step(), column_step());
  }
};

// A part of one parameter with one writer: `pieces` runs of `size` elements that lie `stride` apart, the first at
// `offset` from the layer's first parameter.
struct Unit {
  int parameter;              // index in parameters()
  index_t panel, begin, end;  // the layer's own cut
  index_t offset, size, pieces, stride;
  index_t cost;  // relative work per sample
};

// The gradient of a unit: its pieces, `stride` apart.
template <class T>
struct UnitGradient {
  T* data = nullptr;
  index_t stride = 0;
};

// A layer's parameters and its mirror, if it has one.
template <class T>
struct Weights {
  const T* parameters;
  const T* mirror;
};

// Whether a layer's y and d stand before or after its activation. The output layer of a canonical pair of activation
// and loss stops at z.
enum class Output { kActivated, kRaw };

template <class T>
class Layer {
 public:
  virtual ~Layer() = default;
  virtual index_t n_in() const = 0;
  virtual index_t n_out() const = 0;
  virtual std::vector<ParameterShape> parameters() const = 0;
  virtual std::vector<Unit> units() const = 0;
  // Elements of the mirror: whatever the layer keeps beside its parameters and derives from them. The first layer of a
  // network is not asked for the gradient in its input.
  virtual index_t mirror_size(bool input_gradient) const = 0;
  virtual index_t flops_per_sample() const = 0;  // of forward

  virtual void forward(Weights<T> weights, Panels<const T> x, Panels<T> y, index_t rows, Output output) const = 0;
  // dx.data may be null: the gradient in the network's input is not needed.
  virtual void backward(Weights<T> weights, Panels<const T> y, Panels<T> d, Panels<T> dx, index_t rows,
                        Output output) const = 0;
  // Writes or, with `add`, adds the unit's gradient. What `ahead` lists, unless it is null, may be
  // fetched meanwhile.
  virtual void gradient(const Unit& unit, Panels<const T> x, Panels<const T> d, index_t rows, UnitGradient<T> g,
                        bool add, const Ahead* ahead) const = 0;
  // Brings the mirror up to date with the unit's parameters.
  virtual void refresh(const Unit& unit, const T* parameters, T* mirror) const = 0;
};

}  // namespace chainrule
