// Batch normalization (Ioffe & Szegedy 2015): columns of a batch are brought to mean 0 and deviation 1, then scaled and
// shifted: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta. In prediction the running statistics stand in.
#pragma once

#include "layers/layer.h"

namespace chainrule {

template <class T>
class BatchNorm final : public Layer<T> {
 public:
  // running = momentum * running + (1 - momentum) * batch
  BatchNorm(index_t n, double momentum, double epsilon);

  index_t n_in() const override { return n_; }
  index_t n_out() const override { return n_; }
  std::vector<ParameterShape> parameters() const override;
  std::vector<Unit> units() const override;
  index_t mirror_size(bool) const override { return size_; }
  index_t flops_per_sample() const override { return 2 * n_; }

  void forward(Weights<T> weights, const Slice<T>& s) const override;
  void backward(Weights<T> weights, const Slice<T>& s) const override;
  void gradient(const Unit& unit, const Slice<T>& s, UnitGradient<T> g, bool add, const Ahead* ahead) const override;
  void refresh(const Unit& unit, const T* parameters, T* mirror) const override;

  bool mixes_rows() const override { return true; }
  index_t sums_size(index_t rows) const override;
  void collect(const Slice<T>& s) const override;
  void join(const Slice<T>& s, index_t begin_panel, index_t end_panel) const override;
  void collect_gradient(const Slice<T>& s) const override;
  void join_gradient(const Slice<T>& s, index_t begin_panel, index_t end_panel) const override;
  void track(const Unit& unit, const Slice<T>& s, T* parameters) const override;

 private:
  struct Sums;
  index_t n_, size_;  // size_: n_ padded
  T momentum_, epsilon_;
};

}  // namespace chainrule
