// Dropout (Srivastava et al. 2014), scaled in training: y = x / keep where an element is kept, else 0. Which ones is a
// function of (seed, step, number of the layer of dropout, row in the batch, column), drawn anew in backward instead of
// stored. With rate 0 it passes its input on.
#pragma once

#include "layers/layer.h"

namespace chainrule {

template <class T>
class Dropout final : public Layer<T> {
 public:
  Dropout(index_t n, double rate, std::uint32_t number);

  index_t n_in() const override { return n_; }
  index_t n_out() const override { return n_; }
  std::vector<ParameterShape> parameters() const override { return {}; }
  std::vector<Unit> units() const override { return {}; }
  index_t mirror_size(bool) const override { return 0; }
  index_t flops_per_sample() const override { return 0; }
  bool passes_on() const override { return true; }

  void forward(Weights<T> weights, const Slice<T>& s) const override;
  void backward(Weights<T> weights, const Slice<T>& s) const override;
  void gradient(const Unit&, const Slice<T>&, UnitGradient<T>, bool, const Ahead*) const override {}
  void refresh(const Unit&, const T*, T*) const override {}

 private:
  void drop(const Slice<T>& s, Panels<const T> from, bool add, Panels<T> to) const;

  index_t n_;
  std::uint32_t threshold_, number_;  // threshold of 16 random bits
  T scale_;
};

}  // namespace chainrule
