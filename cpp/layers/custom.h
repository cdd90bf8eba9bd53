// An activation that the user wrote: y = g(x), each element by itself. It is a layer of its own, because it runs on the
// thread that called while the others wait.
#pragma once

#include <memory>

#include "layers/without_parameters.h"
#include "ops/custom.h"

namespace chainrule {

template <class T>
class Custom final : public WithoutParameters<T> {
 public:
  Custom(index_t n, std::shared_ptr<const CustomActivation> g);

  bool runs_alone() const override { return true; }

  void forward(Weights<T> weights, const Slice<T>& s) const override;
  void backward(Weights<T> weights, const Slice<T>& s) const override;

 private:
  using WithoutParameters<T>::n_;
  using WithoutParameters<T>::pass_on;

  std::shared_ptr<const CustomActivation> g_;
};

}  // namespace chainrule
