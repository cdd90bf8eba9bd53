// A network: its plan, its flat buffers, and prediction.
#pragma once

#include "network/plan.h"
#include "ops/samples.h"

namespace chainrule {

template <class T>
class Network {
 public:
  explicit Network(const NetworkSpec& spec);

  const Plan<T>& plan() const { return plan_; }

  Buffer<T>& parameters() { return parameters_; }
  Buffer<T>& gradients() { return gradients_; }
  const Buffer<T>& gradients() const { return gradients_; }
  const Buffer<T>& parameters() const { return parameters_; }
  const T* mirror(std::size_t layer) const { return mirror_.data() + plan_.mirror_offset[layer]; }
  // Parameters were set from outside: the mirror must be rebuilt before the next backward pass.
  void parameters_changed() { mirror_is_stale_ = true; }
  bool parameters_are_finite() const;
  void refresh_mirror();                      // all of it, if it is stale
  void refresh_mirror(const PlannedUnit& u);  // one unit's part

  // Workspace for batches of `batch` rows; kept, and grown when a larger batch comes.
  Workspace<T>& workspace(index_t batch);
  index_t workspace_bytes(index_t batch) const;

  // out (rows, n_outputs), contiguous: the last layer's activation. Does not depend on how rows are split into calls.
  // Safe to call from several threads at once.
  void predict(const RowSource& x, index_t rows, T* out) const;

 private:
  void predict_rows(const RowSource& x, index_t first, index_t rows, T* scratch, T* out) const;

  Plan<T> plan_;
  Buffer<T> parameters_, gradients_, mirror_;
  bool mirror_is_stale_ = true;
  Workspace<T> workspace_;
};

// Rows that go through all layers together, so that what one layer writes is still in the second-level cache when the
// next one reads it.
template <class T>
index_t tile_rows(const Plan<T>& plan);

}  // namespace chainrule
