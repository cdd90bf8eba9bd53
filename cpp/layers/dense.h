// y = x W + b: the fully connected layer.
#pragma once

#include "layers/layer.h"
#include "ops/sparse_batch.h"

namespace chainrule {

template <class T>
class Dense final : public Layer<T> {
 public:
  Dense(index_t n_in, index_t n_out);

  index_t n_in() const override { return n_in_; }
  index_t n_out() const override { return n_out_; }
  std::vector<ParameterShape> parameters() const override;
  std::vector<Unit> units() const override;
  index_t mirror_size(bool input_gradient) const override;
  index_t flops_per_sample() const override { return 2 * n_in_ * n_out_; }

  bool knows_relu() const override { return true; }
  void forward(Weights<T> weights, const Slice<T>& s) const override {
    forward_panels(weights, s, 0, n_panels<T>(n_out_));
  }
  void backward(Weights<T> weights, const Slice<T>& s) const override {
    backward_panels(weights, s, 0, n_panels<T>(n_in_));
  }
  // The same for so many panels of y, of dx.
  void forward_panels(Weights<T> weights, const Slice<T>& s, index_t panel, index_t panels) const;
  void backward_panels(Weights<T> weights, const Slice<T>& s, index_t panel, index_t panels) const;
  void gradient(const Unit& unit, const Slice<T>& s, UnitGradient<T> g, bool add, const Ahead* ahead) const override;
  // The same for a sparse x.
  void forward_sparse(Weights<T> weights, const SparseMatrix<T>& x, const Slice<T>& s) const;
  void gradient_sparse(const Unit& unit, const SparseBatch<T>& x, const Slice<T>& s, UnitGradient<T> g, bool add) const;
  OuterProduct<T> outer_product(const Unit& unit, const Slice<T>& s) const override;
  void refresh(const Unit& unit, const T* parameters, T* mirror) const override;
  void claim_mirror(const Unit& unit, const T* mirror, Ahead& ahead) const override;

 private:
  bool is_column() const { return n_out_ == 1; }
  // W as forward reads it, but a column transposed.
  Panels<const T> forward_matrix(Weights<T> weights) const;
  // The gradient of a unit of W is down^T across, here from all rows.
  OuterProduct<T> factors(const Unit& unit, const Slice<T>& s) const;

  index_t n_in_, n_out_;
  ParameterShape weight_;
};

}  // namespace chainrule
