// Parameters: W (n_in, n_out) in panels, then b (n_out) in panels. The mirror is W transposed, in panels, whose lanes
// run over the inputs: the product with it sums over the outputs in order.
#include "layers/dense.h"

#include "ops/multiply.h"
#include "ops/panels.h"

namespace chainrule {

namespace {
constexpr int kWeight = 0, kBias = 1;
// A unit is kUnitRows rows of W, a multiple of the tile height and of the panel, by kUnitPanels panels, the widest
// tile: 48 x 256 bytes = 12 KiB, which stays in cache from the gradient through the optimizer to the mirror.
constexpr index_t kUnitRows = 48, kUnitPanels = 4, kUnitsAbreast = 2;
}  // namespace

template <class T>
std::vector<ParameterShape> Dense<T>::parameters() const {
  return {{"weight", n_in_, n_out_, false, true}, {"bias", 1, n_out_, true, false}};
}

template <class T>
std::vector<Unit> Dense<T>::units() const {
  std::vector<Unit> units;
  // kUnitsAbreast units share a strip of x, then come the next rows: strips of x and d stay in the second-level cache.
  for (index_t group = 0; group < n_panels<T>(n_out_); group += kUnitsAbreast * kUnitPanels) {
    for (index_t begin = 0; begin < n_in_; begin += kUnitRows) {
      const index_t end = std::min(begin + kUnitRows, n_in_), size = (end - begin) * kPanel<T>;
      const index_t group_end = std::min(group + kUnitsAbreast * kUnitPanels, n_panels<T>(n_out_));
      for (index_t panel = group; panel < group_end; panel += kUnitPanels) {
        const index_t pieces = std::min(group_end - panel, kUnitPanels);
        units.push_back({kWeight, panel, begin, end, (panel * n_in_ + begin) * kPanel<T>, size, pieces,
                         n_in_ * kPanel<T>, pieces * size});
      }
    }
  }
  const index_t size = padded<T>(n_out_);
  units.push_back({kBias, 0, 0, 1, panels_size<T>(n_in_, n_out_), size, 1, size, size});
  return units;
}

template <class T>
index_t Dense<T>::mirror_size() const {
  return panels_size<T>(n_out_, n_in_);
}

template <class T>
void Dense<T>::forward(const T* parameters, Panels<const T> x, Panels<T> y, index_t rows, Output output) const {
  Product<T> p;
  p.m = rows, p.k = n_in_, p.panels = n_panels<T>(n_out_);
  p.a = x, p.transposed = false;
  p.b = panels_of(parameters, n_in_);
  p.c = y;
  p.start = parameters + panels_size<T>(n_in_, n_out_), p.start_panel = kPanel<T>;  // b
  multiply(p);                                                                      // z = b + x W
  if (output == Output::kActivated && activation_ != Activation::kIdentity) {
    kernels<T>().activate[static_cast<int>(activation_)](rows, n_out_, y, slope_);
  }
}

template <class T>
void Dense<T>::backward(const T* mirror, Panels<const T> y, Panels<T> d, Panels<T> dx, index_t rows,
                        Output output) const {
  // forward:  z = x W + b, y = g(z)
  if (output == Output::kActivated && activation_ != Activation::kIdentity) {  // dz = dy * g'(z)
    kernels<T>().activation_gradient[static_cast<int>(activation_)](rows, n_out_, y, d, slope_);
  }
  if (dx.data == nullptr) return;
  Product<T> p;
  p.m = rows, p.k = n_out_, p.panels = n_panels<T>(n_in_);
  p.a = d, p.transposed = false;
  p.b = panels_of(mirror, n_out_);
  p.c = dx;
  p.start = kZeroPanel<T>, p.start_panel = 0;
  multiply(p);  // dx = dz W^T
}

template <class T>
void Dense<T>::gradient(const Unit& unit, Panels<const T> x, Panels<const T> d, index_t rows, UnitGradient<T> g,
                        bool add) const {
  if (unit.parameter == kBias) {
    if (!add) std::fill_n(g.data, unit.size, T(0));
    kernels<T>().add_column_sums(rows, n_out_, d, g.data);  // db += sum over rows of dz
    return;
  }
  Product<T> p;
  p.m = unit.end - unit.begin, p.k = rows, p.panels = unit.pieces;
  p.a = {x.data + x.place(unit.begin), x.panel}, p.transposed = true;
  p.b = {d.data + unit.panel * d.panel, d.panel};
  p.c = {g.data, g.stride};
  p.start = add ? nullptr : kZeroPanel<T>, p.start_panel = 0;
  multiply(p);  // dW += x^T dz
}

template <class T>
void Dense<T>::refresh(const Unit& unit, const T* parameters, T* mirror) const {
  if (unit.parameter != kWeight) return;
  for (index_t p = unit.panel; p < unit.panel + unit.pieces; ++p) {
    kernels<T>().transpose_panel(n_in_, n_out_, p, unit.begin, unit.end, parameters, mirror);
  }
}

template class Dense<float>;
template class Dense<double>;

}  // namespace chainrule
