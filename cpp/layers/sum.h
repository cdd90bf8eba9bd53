// y = x + x2: where a residual branch and its shortcut meet (He et al. 2016).
#pragma once

#include "layers/without_parameters.h"

namespace chainrule {

template <class T>
class Sum final : public WithoutParameters<T> {
 public:
  using WithoutParameters<T>::WithoutParameters;

  index_t flops_per_sample() const override { return n_; }

  void forward(Weights<T>, const Slice<T>& s) const override { kernels<T>().add_rows(s.rows, n_, s.x, s.x2, s.y); }
  void backward(Weights<T>, const Slice<T>& s) const override {
    if (s.dx.data) pass_on(s, s.d, s.adds, s.dx);
    if (s.dx2.data) pass_on(s, s.d, s.adds2, s.dx2);
  }

 private:
  using WithoutParameters<T>::n_;
  using WithoutParameters<T>::pass_on;
};

}  // namespace chainrule
