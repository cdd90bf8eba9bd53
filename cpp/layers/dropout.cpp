#include "layers/dropout.h"

#include <cmath>

#include "ops/random.h"

namespace chainrule {

namespace {
constexpr double kDraws = 65536;  // of 16 bits
}  // namespace

// The scale is that of the rate to its 16 bits, so that the mean is kept.
template <class T>
Dropout<T>::Dropout(index_t n, double rate, std::uint32_t number)
    : WithoutParameters<T>(n),
      threshold_(static_cast<std::uint32_t>(std::lround(std::fmin(rate * kDraws, kDraws - 1)))),
      number_(number),
      scale_(static_cast<T>(kDraws / (kDraws - threshold_))) {}

template <class T>
void Dropout<T>::forward(Weights<T>, const Slice<T>& s) const {
  drop(s, s.x, false, s.y);
}

template <class T>
void Dropout<T>::backward(Weights<T>, const Slice<T>& s) const {
  if (s.dx.data) drop(s, s.d, s.adds, s.dx);
}

template <class T>
void Dropout<T>::drop(const Slice<T>& s, Panels<const T> from, bool add, Panels<T> to) const {
  if (!s.mode.training || threshold_ == 0) return pass_on(s, from, add, to);
  const DropoutStream stream{random_stream(s.mode.seed, Purpose::kDropout, s.mode.step, number_), threshold_,
                             s.mode.first_row + s.first};
  kernels<T>().dropout(s.rows, n_, stream, scale_, from, add, to);
}

template class Dropout<float>;
template class Dropout<double>;

}  // namespace chainrule
