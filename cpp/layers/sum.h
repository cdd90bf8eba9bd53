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
    pass_on(s, s.adds, s.dx);
    pass_on(s, s.adds2, s.dx2);
  }

 private:
  void pass_on(const Slice<T>& s, bool add, Panels<T> to) const {
    if (to.data == nullptr) return;
    if (add) return kernels<T>().add_rows(s.rows, n_, s.d, {}, to);
    copy_panels<T>(s.rows, n_, s.d, to);
  }

  using WithoutParameters<T>::n_;
};

}  // namespace chainrule
