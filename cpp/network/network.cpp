#include "network/network.h"

#include <algorithm>

namespace chainrule {

template <class T>
Network<T>::Network(const NetworkSpec& spec) : Model<T>(spec), gradients_(plan_.parameters_size) {}

template <class T>
void Network<T>::set_parameter(const Parameter& p, const T* matrix) {
  p.shape.store(matrix, parameters_.data() + p.offset);
  for (const PlannedUnit& u : plan_.units) {
    if (belongs(u, p)) refresh_mirror(u);
  }
}

template <class T>
void Network<T>::claim_mirror(const PlannedUnit& u, Ahead& ahead) const {
  const Node<T>& node = plan_.nodes[u.node];
  if (node.has_mirror) node.layer->claim_mirror(u.unit, mirror_.data() + node.mirror_offset, ahead);
}

template <class T>
void Network<T>::track(const PlannedUnit& u, const Slice<T>& batch) {
  const Node<T>& node = plan_.nodes[u.node];
  node.layer->track(u.unit, batch, parameters_.data() + node.parameter_offset);
  refresh_mirror(u);
}

template <class T>
Workspace<T>& Network<T>::workspace(const RowSource& x, index_t batch, int n_threads) {
  const bool is_sparse = plan_.multiplies_sparse(x);
  const int threads_so_far = static_cast<int>(workspace_.scratch.size() / Workspace<T>::kScratch);
  const index_t rows = std::max(rows_at_once(batch), workspace_.rows);
  const int threads = std::max(n_threads, threads_so_far),
            copies = std::max(is_sparse ? 0 : plan_.copies_of_x(n_threads), workspace_.copies);
  if (rows > workspace_.rows || threads > threads_so_far || copies > workspace_.copies)
    workspace_ = Workspace<T>(plan_, rows, threads, copies);
  if (is_sparse) workspace_.sparse.reserve(rows, x.sparse.longest, plan_.n_inputs);
  return workspace_;
}

template <class T>
index_t Network<T>::workspace_bytes(index_t batch) const {
  const int n_threads = TeamSize::most_threads(work<T>(plan_.training_flops, batch));
  return Workspace<T>::bytes(plan_, rows_at_once(batch), plan_.copies_of_x(n_threads));
}

template class Network<float>;
template class Network<double>;

}  // namespace chainrule
