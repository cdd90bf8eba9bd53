// Parameters: W (n_in, n_out), then b (n_out), in panels. The mirror is W transposed. Forward multiplies by the one
// whose panels run over the outputs, backward by the one whose panels run over the inputs; gradient and update work on
// W as it is stored. A layer of few outputs stores W transposed, where that leaves less padding: 64 x 2 as 2 x 64, not
// as 64 x 16. One of one output always does, and multiplies by it both ways, without a mirror.
#include "layers/dense.h"

#include <algorithm>

#include "ops/multiply.h"

namespace chainrule {

namespace {
constexpr int kWeight = 0, kBias = 1;
// A unit is kUnitRows rows of W as it is stored, a multiple of the panel, by kUnitPanels panels, a multiple of the
// widest tile for long sums: 48 x 256 or 32 x 384 bytes, 12 KiB, which stay in cache from the gradient through the
// optimizer to the mirror.
template <class T>
constexpr index_t kUnitRows = sizeof(T) == 8 ? 32 : 48;
template <class T>
constexpr index_t kUnitPanels = sizeof(T) == 8 ? 6 : 4;
constexpr index_t kUnitsAbreast = 2;
// A layer of fewer units than this is cut into smaller ones, so that two threads get equal shares (64-128-10 10 %
// faster on two; in float64 units of 4 panels 4 % faster than of 6, though tiles of long sums have 3), but not into
// lower ones if it has so few elements that one thread may have it all.
constexpr index_t kFewUnits = 16, kSmallUnitRows = 16, kSmallUnitPanels = 4, kFewElements = 4096;

// to[j, i] = from[i, j], both of rows of one panel.
template <class T>
void transpose_square(index_t rows, index_t columns, const T* from, T* to) {
  for (index_t i = 0; i < rows; ++i) {
    for (index_t j = 0; j < columns; ++j) to[j * kPanel<T> + i] = from[i * kPanel<T> + j];
  }
}
}  // namespace

template <class T>
Dense<T>::Dense(index_t n_in, index_t n_out)
    : n_in_(n_in),
      n_out_(n_out),
      // An eighth less, or it is not worth a mirror in the first layer.
      weight_{"weight", n_in, n_out,
              false,    true, n_out == 1 || 8 * panels_size<T>(n_out, n_in) <= 7 * panels_size<T>(n_in, n_out)} {}

template <class T>
std::vector<ParameterShape> Dense<T>::parameters() const {
  return {weight_, vector_shape("bias", n_out_)};
}

template <class T>
std::vector<Unit> Dense<T>::units() const {
  static_assert(kUnitRows<T> * kUnitPanels<T> * kPanel<T> * sizeof(T) == kUnitBytes);
  const index_t rows = weight_.stored_rows(), panels = n_panels<T>(weight_.stored_columns());
  const index_t largest_units = (rows / kUnitRows<T> + 1) * (panels / kUnitPanels<T> + 1);
  const bool is_small = largest_units < kFewUnits, is_lower = is_small && weight_.template size<T>() >= kFewElements;
  const index_t unit_rows = is_lower ? kSmallUnitRows : kUnitRows<T>;
  const index_t unit_panels = is_small ? kSmallUnitPanels : kUnitPanels<T>;
  std::vector<Unit> units;
  // kUnitsAbreast units share their rows, then come the next rows: both operands stay in the second-level cache.
  for (index_t group = 0; group < panels; group += kUnitsAbreast * kUnitPanels<T>) {
    for (index_t begin = 0; begin < rows; begin += unit_rows) {
      const index_t end = std::min(begin + unit_rows, rows), size = (end - begin) * kPanel<T>;
      const index_t group_end = std::min(group + kUnitsAbreast * kUnitPanels<T>, panels);
      for (index_t panel = group; panel < group_end; panel += unit_panels) {
        const index_t pieces = std::min(group_end - panel, unit_panels);
        const double down = (begin + end) / (2.0 * rows), across = (panel + pieces / 2.0) / panels;
        units.push_back({kWeight, panel, begin, end, (panel * rows + begin) * kPanel<T>, size, pieces, rows * kPanel<T>,
                         pieces * size, weight_.transposed ? across : down, weight_.transposed ? down : across});
      }
    }
  }
  const index_t bias = weight_.template size<T>(), bias_panels = n_panels<T>(n_out_);
  for (index_t panel = 0; panel < bias_panels; panel += unit_panels) {
    const index_t pieces = std::min(bias_panels - panel, unit_panels), size = pieces * kPanel<T>;
    const double across = (panel + pieces / 2.0) / bias_panels;
    units.push_back({kBias, panel, 0, 1, bias + panel * kPanel<T>, size, 1, size, size, 0.5, across});
  }
  return units;
}

template <class T>
index_t Dense<T>::mirror_size(bool input_gradient) const {
  if (is_column()) return 0;
  return weight_.transposed || input_gradient ? panels_size<T>(weight_.stored_columns(), weight_.stored_rows()) : 0;
}

template <class T>
Panels<const T> Dense<T>::forward_matrix(Weights<T> weights) const {
  if (is_column()) return panels_of(weights.parameters, 1);
  return panels_of(weight_.transposed ? weights.mirror : weights.parameters, n_in_);
}

template <class T>
void Dense<T>::forward_panels(Weights<T> weights, const Slice<T>& s, index_t panel, index_t panels) const {
  Product<T> p;
  p.m = s.rows, p.k = n_in_, p.columns = columns_in<T>(n_out_, panel, panels);
  p.a = s.x, p.transposed = false;
  p.b = forward_matrix(weights).panels_from(panel);
  p.c = s.y.panels_from(panel);
  p.start = weights.parameters + weight_.template size<T>() + panel * kPanel<T>, p.start_panel = kPanel<T>;  // b
  p.rectified = s.rectifies;
  is_column() ? kernels<T>().multiply_column(p) : multiply(p);  // z = b + x W
}

template <class T>
void Dense<T>::backward_panels(Weights<T> weights, const Slice<T>& s, index_t panel, index_t panels) const {
  // forward:  z = x W + b
  if (s.dx.data == nullptr) return;
  Product<T> p;
  p.m = s.rows, p.k = n_out_, p.columns = columns_in<T>(n_in_, panel, panels);
  p.a = s.d, p.transposed = false;
  p.b = panels_of(weight_.transposed ? weights.parameters : weights.mirror, n_out_).panels_from(panel);
  p.c = s.dx.panels_from(panel);
  p.start = s.adds ? nullptr : kZeroPanel<T>, p.start_panel = 0;
  if (s.gates) p.active = s.x.data - s.dx.data;  // both of one workspace, with panels of one stride
  multiply(p);                                   // dx = dz W^T
}

template <class T>
OuterProduct<T> Dense<T>::factors(const Unit& unit, const Slice<T>& s) const {
  const Panels<const T> d = s.d, down = weight_.transposed ? d : s.x, across = weight_.transposed ? s.x : d;
  return {{down.data + down.place(unit.begin), down.panel}, across.panels_from(unit.panel)};
}

template <class T>
OuterProduct<T> Dense<T>::outer_product(const Unit& unit, const Slice<T>& s) const {
  const bool has_padding = weight_.transposed && n_in_ % kPanel<T> != 0;  // that of x may be anything
  return unit.parameter == kBias || has_padding ? OuterProduct<T>{} : factors(unit, s);
}

template <class T>
void Dense<T>::gradient(const Unit& unit, const Slice<T>& s, UnitGradient<T> g, bool add, const Ahead* ahead) const {
  if (unit.parameter == kBias) {
    // db = sum over rows of dz, or db += it
    return kernels<T>().column_sums(s.rows, unit.size, s.d.panels_from(unit.panel), add, g.data);
  }
  const OuterProduct<T> f = factors(unit, s);
  Product<T> p;
  p.m = unit.end - unit.begin, p.k = s.rows, p.columns = unit.pieces * kPanel<T>;
  p.a = f.down, p.transposed = true;
  p.b = f.across;
  p.c = {g.data, g.stride};
  p.start = add ? nullptr : kZeroPanel<T>, p.start_panel = 0;
  p.ahead = ahead;
  multiply(p);  // dW += x^T dz, or its transpose += dz^T x
  const index_t filled = n_in_ % kPanel<T>;
  if (!weight_.transposed || filled == 0 || unit.panel + unit.pieces < n_panels<T>(n_in_)) return;
  T* last = g.data + (unit.pieces - 1) * g.stride;  // the padding of x may be anything, that of a gradient is zero
  for (index_t i = 0; i < p.m; ++i, last += kPanel<T>) std::fill(last + filled, last + kPanel<T>, T(0));
}

template <class T>
void Dense<T>::forward_sparse(Weights<T> weights, const SparseMatrix<T>& x, const Slice<T>& s) const {
  SparseProduct<T> p;
  p.m = s.rows, p.panels = n_panels<T>(n_out_);
  p.a = x, p.c = s.y;
  p.b = forward_matrix(weights);
  p.start = weights.parameters + weight_.template size<T>(), p.start_panel = kPanel<T>;  // b
  p.rectified = s.rectifies;
  const auto product = is_column() ? kernels<T>().multiply_sparse_column : kernels<T>().multiply_sparse;
  product(p);  // z = b + x W
}

template <class T>
void Dense<T>::gradient_sparse(const Unit& unit, const SparseBatch<T>& x, const Slice<T>& s, UnitGradient<T> g,
                               bool add) const {
  if (unit.parameter == kBias) return gradient(unit, s, g, add, nullptr);
  SparseProduct<T> p;
  p.start = add ? nullptr : kZeroPanel<T>, p.start_panel = 0;
  if (!weight_.transposed) {
    p.m = unit.end - unit.begin, p.panels = unit.pieces;
    p.a = x.columns_from(unit.begin), p.b = Panels<const T>(s.d).panels_from(unit.panel), p.c = {g.data, g.stride};
    return kernels<T>().multiply_sparse(p);  // dW = x^T dz, or dW += it
  }
  // Of the transpose, which the kernel does not write, a panel of inputs by a panel of outputs at a time.
  constexpr index_t width = kPanel<T>;
  alignas(64) T square[width * width] = {};
  for (index_t q = 0; q < unit.pieces; ++q) {
    const index_t input = (unit.panel + q) * width;
    p.m = std::min(width, n_in_ - input), p.panels = 1;
    p.a = x.columns_from(input), p.c = {square, 0};
    std::fill(square + p.m * width, square + width * width, T(0));  // padding
    for (index_t output = unit.begin; output < unit.end; output += width) {
      T* const to = g.data + q * g.stride + (output - unit.begin) * width;
      const index_t outputs = std::min(width, unit.end - output);
      if (add) transpose_square(outputs, p.m, to, square);
      p.b = Panels<const T>(s.d).panels_from(output / width);
      kernels<T>().multiply_sparse(p);
      transpose_square(width, outputs, square, to);
    }
  }
}

template <class T>
void Dense<T>::refresh(const Unit& unit, const T* parameters, T* mirror) const {
  if (unit.parameter != kWeight) return;
  for (index_t p = unit.panel; p < unit.panel + unit.pieces; ++p) {
    kernels<T>().transpose_panel(weight_.stored_rows(), weight_.stored_columns(), p, unit.begin, unit.end, parameters,
                                 mirror);
  }
}

template <class T>
void Dense<T>::claim_mirror(const Unit& unit, const T* mirror, Ahead& ahead) const {
  if (unit.parameter != kWeight) return;
  const index_t rows = weight_.stored_columns(), first = unit.panel * kPanel<T>;  // of the mirror
  const index_t n = std::min(unit.pieces * kPanel<T>, rows - first);
  for (index_t l = unit.begin; l < unit.end; l += kPanel<T>) {
    ahead.add(mirror + l * rows + first * kPanel<T>, n * kPanel<T> * static_cast<index_t>(sizeof(T)), true);
  }
}

template class Dense<float>;
template class Dense<double>;

}  // namespace chainrule
