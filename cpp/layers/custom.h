// An activation that the user wrote: y = g(x), each element by itself. It is a layer of its own, because it runs on the
// thread that called while the others wait.
#pragma once

#include <memory>

#include "layers/layer.h"
#include "ops/custom.h"

namespace chainrule {

template <class T>
class Custom final : public Layer<T> {
 public:
  Custom(index_t n, std::shared_ptr<const CustomActivation> g);

  index_t n_in() const override { return n_; }
  index_t n_out() const override { return n_; }
  std::vector<ParameterShape> parameters() const override { return {}; }
  std::vector<Unit> units() const override { return {}; }
  index_t mirror_size(bool) const override { return 0; }
  index_t flops_per_sample() const override { return 0; }
  bool runs_alone() const override { return true; }

  void forward(Weights<T> weights, const Slice<T>& s) const override;
  void backward(Weights<T> weights, const Slice<T>& s) const override;
  void gradient(const Unit&, const Slice<T>&, UnitGradient<T>, bool, const Ahead*) const override {}
  void refresh(const Unit&, const T*, T*) const override {}

 private:
  index_t n_;
  std::shared_ptr<const CustomActivation> g_;
};

}  // namespace chainrule
