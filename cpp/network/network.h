// A network: its plan, its flat buffers, and prediction.
#pragma once

#include <algorithm>

#include "base/team_size.h"
#include "network/plan.h"
#include "ops/samples.h"

namespace chainrule {

// Rows that go through all layers together: as many as two pieces of a product (ops/multiply.h), so that weights, once
// they have come from memory, are used often (1024-2048-2048-1000: 84 rows were 4 % slower).
inline constexpr index_t kTileRows = 264;

template <class T>
class Network {
 public:
  explicit Network(const NetworkSpec& spec);

  const Plan<T>& plan() const { return plan_; }

  Buffer<T>& parameters() { return parameters_; }  // who changes them refreshes the mirror
  Buffer<T>& gradients() { return gradients_; }
  const Buffer<T>& gradients() const { return gradients_; }
  const Buffer<T>& parameters() const { return parameters_; }
  UnitGradient<T> gradient(const PlannedUnit& u) { return {gradients_.data() + u.offset, u.unit.stride}; }
  Weights<T> weights(const Node<T>& node) const {
    return {parameters_.data() + node.parameter_offset, mirror_.data() + node.mirror_offset};
  }
  // Sets a parameter from a contiguous matrix in its public shape.
  void set_parameter(const Parameter& p, const T* matrix);
  bool parameters_are_finite() const;
  void refresh_mirror(const PlannedUnit& u);  // after its parameters have changed
  void claim_mirror(const PlannedUnit& u, Ahead& ahead) const;
  void track(const PlannedUnit& u, const Slice<T>& batch);  // updates running statistics

  // Workspace for batches of `batch` rows; kept, and grown when a larger batch or team comes.
  Workspace<T>& workspace(index_t batch, int n_threads = 1);
  index_t workspace_bytes(index_t batch) const;
  // Rows of such a batch that the workspace holds.
  index_t rows_at_once(index_t batch) const {
    return plan_.mixes_rows() ? batch : std::min(batch, Workspace<T>::kMaxRows);
  }
  TeamSize& team_size() { return team_size_; }  // of its training steps

  // out (rows, n_outputs), contiguous: the last layer's activation. Does not depend on how rows are split into calls.
  // Safe to call from several threads at once.
  void predict(const RowSource& x, index_t rows, T* out) const;

 private:
  void predict_rows(const RowSource& x, index_t first, index_t rows, T* scratch, T* out) const;

  Plan<T> plan_;
  Buffer<T> parameters_, gradients_, mirror_;
  Workspace<T> workspace_;
  TeamSize team_size_;
};

}  // namespace chainrule
