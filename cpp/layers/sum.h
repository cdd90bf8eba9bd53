// y = x + x2: where a residual branch and its shortcut meet (He et al. 2016).
#pragma once

#include "layers/layer.h"

namespace chainrule {

template <class T>
class Sum final : public Layer<T> {
 public:
  explicit Sum(index_t n) : n_(n) {}

  index_t n_in() const override { return n_; }
  index_t n_out() const override { return n_; }
  std::vector<ParameterShape> parameters() const override { return {}; }
  std::vector<Unit> units() const override { return {}; }
  index_t mirror_size(bool) const override { return 0; }
  index_t flops_per_sample() const override { return n_; }

  void forward(Weights<T>, const Slice<T>& s) const override { kernels<T>().add_rows(s.rows, n_, s.x, s.x2, s.y); }
  void backward(Weights<T>, const Slice<T>& s) const override {
    pass_on(s, s.adds, s.dx);
    pass_on(s, s.adds2, s.dx2);
  }
  void gradient(const Unit&, const Slice<T>&, UnitGradient<T>, bool, const Ahead*) const override {}
  void refresh(const Unit&, const T*, T*) const override {}

 private:
  void pass_on(const Slice<T>& s, bool add, Panels<T> to) const {
    if (to.data == nullptr) return;
    if (add) return kernels<T>().add_rows(s.rows, n_, s.d, {}, to);
    copy_panels<T>(s.rows, n_, s.d, to);
  }

  index_t n_;
};

}  // namespace chainrule
