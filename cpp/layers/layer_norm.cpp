// Parameters: gamma, beta.
#include "layers/layer_norm.h"

#include <algorithm>

namespace chainrule {

namespace {
constexpr int kGamma = 0, kBeta = 1;
}  // namespace

template <class T>
std::vector<ParameterShape> LayerNorm<T>::parameters() const {
  return {vector_shape("gamma", n_), vector_shape("beta", n_)};
}

template <class T>
std::vector<Unit> LayerNorm<T>::units() const {
  return {vector_unit(kGamma, size_, 2 * size_), vector_unit(kBeta, size_, size_)};
}

template <class T>
void LayerNorm<T>::forward(Weights<T> weights, const Slice<T>& s) const {
  kernels<T>().normalize_rows(s.rows, n_, s.x, epsilon_, weights.parameters, weights.parameters + size_, s.y,
                              s.notes.data);
}

template <class T>
void LayerNorm<T>::backward(Weights<T> weights, const Slice<T>& s) const {
  if (s.dx.data == nullptr) return;
  kernels<T>().normalize_rows_gradient(s.rows, n_, s.x, s.d, s.notes.data, weights.parameters, s.adds, s.dx);
}

template <class T>
void LayerNorm<T>::gradient(const Unit& unit, const Slice<T>& s, UnitGradient<T> g, bool add, const Ahead*) const {
  if (unit.parameter == kBeta) return kernels<T>().column_sums(s.rows, n_, s.d, add, g.data);
  if (!add) std::fill_n(g.data, unit.size, T(0));
  kernels<T>().add_normal_sums(s.rows, n_, s.x, s.d, s.notes.data, g.data);
}

template class LayerNorm<float>;
template class LayerNorm<double>;

}  // namespace chainrule
