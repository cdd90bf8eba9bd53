// What layers without parameters share that have as many outputs as inputs: they say how they go forward and backward.
#pragma once

#include <vector>

#include "layers/layer.h"

namespace chainrule {

template <class T>
class WithoutParameters : public Layer<T> {
 public:
  explicit WithoutParameters(index_t n) : n_(n) {}

  index_t n_in() const final { return n_; }
  index_t n_out() const final { return n_; }
  std::vector<ParameterShape> parameters() const final { return {}; }
  std::vector<Unit> units() const final { return {}; }
  index_t mirror_size(bool) const final { return 0; }
  index_t flops_per_sample() const override { return 0; }

  void gradient(const Unit&, const Slice<T>&, UnitGradient<T>, bool, const Ahead*) const final {}
  void refresh(const Unit&, const T*, T*) const final {}

 protected:
  // to = from or, with `add`, to += from.   (s.rows, n)
  void pass_on(const Slice<T>& s, Panels<const T> from, bool add, Panels<T> to) const {
    if (add) return kernels<T>().add_rows(s.rows, n_, from, {}, to);
    copy_panels<T>(s.rows, n_, from, to);
  }

  const index_t n_;
};

}  // namespace chainrule
