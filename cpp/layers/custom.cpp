#include "layers/custom.h"

#include <utility>

namespace chainrule {

template <class T>
Custom<T>::Custom(index_t n, std::shared_ptr<const CustomActivation> g) : WithoutParameters<T>(n), g_(std::move(g)) {}

template <class T>
void Custom<T>::forward(Weights<T>, const Slice<T>& s) const {
  activate<T>(*g_, s.rows, n_, s.x, s.y);
}

template <class T>
void Custom<T>::backward(Weights<T>, const Slice<T>& s) const {
  // forward: y = g(x)
  if (s.dx.data == nullptr) return;
  activation_gradient<T>(*g_, s.rows, n_, s.x, s.d);
  pass_on(s, s.d, s.adds, s.dx);
}

template class Custom<float>;
template class Custom<double>;

}  // namespace chainrule
