// A network: a model with what training needs beside it, gradients and a workspace.
#pragma once

#include <algorithm>

#include "base/team_size.h"
#include "network/model.h"

namespace chainrule {

template <class T>
class Network : public Model<T> {
 public:
  explicit Network(const NetworkSpec& spec);

  using Model<T>::parameters;
  using Model<T>::refresh_mirror;
  Buffer<T>& parameters() { return parameters_; }  // who changes them refreshes the mirror
  Buffer<T>& gradients() { return gradients_; }
  const Buffer<T>& gradients() const { return gradients_; }
  UnitGradient<T> gradient(const PlannedUnit& u) { return {gradients_.data() + u.offset, u.unit.stride}; }
  // Sets a parameter from a contiguous matrix in its public shape.
  void set_parameter(const Parameter& p, const T* matrix);
  void claim_mirror(const PlannedUnit& u, Ahead& ahead) const;
  void track(const PlannedUnit& u, const Slice<T>& batch);  // updates running statistics

  // Workspace for batches of `batch` rows of x; kept, and grown when a larger batch or team comes.
  Workspace<T>& workspace(const RowSource& x, index_t batch, int n_threads = 1);
  index_t workspace_bytes(index_t batch) const;
  // Rows of such a batch that the workspace holds.
  index_t rows_at_once(index_t batch) const {
    return plan_.mixes_rows() ? batch : std::min(batch, Workspace<T>::kMaxRows);
  }
  TeamSize& team_size() { return team_size_; }  // of its training steps

 private:
  using Model<T>::plan_;
  using Model<T>::parameters_;
  using Model<T>::mirror_;

  Buffer<T> gradients_;
  Workspace<T> workspace_;
  TeamSize team_size_;
};

}  // namespace chainrule
