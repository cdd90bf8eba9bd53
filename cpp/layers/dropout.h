// Dropout (Srivastava et al. 2014), scaled in training: y = x / keep where an element is kept, else 0. Which ones is a
// function of (seed, step, number of the layer of dropout, row in the batch, column), drawn anew in backward instead of
// stored. With rate 0 it passes its input on.
#pragma once

#include "layers/without_parameters.h"

namespace chainrule {

template <class T>
class Dropout final : public WithoutParameters<T> {
 public:
  Dropout(index_t n, double rate, std::uint32_t number);

  bool passes_on() const override { return true; }

  void forward(Weights<T> weights, const Slice<T>& s) const override;
  void backward(Weights<T> weights, const Slice<T>& s) const override;

 private:
  void drop(const Slice<T>& s, Panels<const T> from, bool add, Panels<T> to) const;

  using WithoutParameters<T>::n_;
  using WithoutParameters<T>::pass_on;

  std::uint32_t threshold_, number_;  // threshold of 16 random bits
  T scale_;
};

}  // namespace chainrule
