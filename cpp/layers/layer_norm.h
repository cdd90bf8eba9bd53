// Layer normalization (Ba, Kiros & Hinton 2016): each row is brought to mean 0 and deviation 1 over its columns, then
// scaled and shifted: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta.
#pragma once

#include "layers/layer.h"

namespace chainrule {

template <class T>
class LayerNorm final : public Layer<T> {
 public:
  LayerNorm(index_t n, double epsilon) : n_(n), size_(padded<T>(n)), epsilon_(static_cast<T>(epsilon)) {}

  index_t n_in() const override { return n_; }
  index_t n_out() const override { return n_; }
  std::vector<ParameterShape> parameters() const override;
  std::vector<Unit> units() const override;
  index_t mirror_size(bool) const override { return 0; }
  index_t flops_per_sample() const override { return 6 * n_; }
  index_t notes() const override { return 3; }  // mean, 1 / deviation, the mean's rounding

  void forward(Weights<T> weights, const Slice<T>& s) const override;
  void backward(Weights<T> weights, const Slice<T>& s) const override;
  void gradient(const Unit& unit, const Slice<T>& s, UnitGradient<T> g, bool add, const Ahead* ahead) const override;
  void refresh(const Unit&, const T*, T*) const override {}

 private:
  index_t n_, size_;
  T epsilon_;
};

}  // namespace chainrule
