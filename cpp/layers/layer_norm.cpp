// Parameters: gamma, beta.
#include "layers/layer_norm.h"

#include <algorithm>

namespace chainrule {

namespace {
constexpr int kGamma = 0, kBeta = 1;
}  // namespace

template <class T>
std::vector<ParameterShape> LayerNorm<T>::parameters() const {
  return {{"gamma", 1, n_, true, false, false}, {"beta", 1, n_, true, false, false}};
}

template <class T>
std::vector<Unit> LayerNorm<T>::units() const {
  return {{kGamma, 0, 0, 1, 0, size_, 1, size_, 2 * size_}, {kBeta, 0, 0, 1, size_, size_, 1, size_, size_}};
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
  if (!add) std::fill_n(g.data, unit.size, T(0));
  if (unit.parameter == kBeta) return kernels<T>().add_column_sums(s.rows, n_, s.d, g.data);
  kernels<T>().add_normal_sums(s.rows, n_, s.x, s.d, s.notes.data, g.data);
}

template class LayerNorm<float>;
template class LayerNorm<double>;

}  // namespace chainrule
