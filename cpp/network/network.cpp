#include "network/network.h"

#include <algorithm>

#include "base/threads.h"

namespace chainrule {

template <class T>
Network<T>::Network(const NetworkSpec& spec)
    : plan_(spec), parameters_(plan_.parameters_size), gradients_(plan_.parameters_size), mirror_(plan_.mirror_size) {}

template <class T>
void Network<T>::set_parameter(const Parameter& p, const T* matrix) {
  p.shape.store(matrix, parameters_.data() + p.offset);
  for (const PlannedUnit& u : plan_.units) {
    if (u.offset >= p.offset && u.offset < p.offset + p.size) refresh_mirror(u);
  }
}

template <class T>
void Network<T>::refresh_mirror(const PlannedUnit& u) {
  const Node<T>& node = plan_.nodes[u.node];
  if (!node.has_mirror) return;
  node.layer->refresh(u.unit, parameters_.data() + node.parameter_offset, mirror_.data() + node.mirror_offset);
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
bool Network<T>::parameters_are_finite() const {
  bool finite = true;
  for (index_t i = 0; i < parameters_.size(); ++i) finite &= parameters_[i] - parameters_[i] == 0;
  return finite;
}

template <class T>
Workspace<T>& Network<T>::workspace(index_t batch, int n_threads) {
  const index_t rows = rows_at_once(batch);
  if (workspace_.rows < rows || workspace_.scratch.size() < n_threads * Workspace<T>::kScratch) {
    const index_t threads_so_far = workspace_.scratch.size() / Workspace<T>::kScratch;
    workspace_ =
        Workspace<T>(plan_, std::max(rows, workspace_.rows), std::max(n_threads, static_cast<int>(threads_so_far)));
  }
  return workspace_;
}

template <class T>
index_t Network<T>::workspace_bytes(index_t batch) const {
  return Workspace<T>::bytes(plan_, rows_at_once(batch));
}

template <class T>
void Network<T>::predict(const RowSource& x, index_t rows, T* out) const {
  const index_t tile = std::min(rows, kTileRows), slots = static_cast<index_t>(plan_.slots);
  const index_t scratch_size = slots * plan_.widest * panel_stride<T>(tile);
  const int n_threads = threads_for(work<T>(plan_.flops_per_sample, rows));
  thread_local Buffer<T> scratch;  // one per calling thread, so that calls do not meet
  if (scratch.size() < scratch_size * n_threads) scratch = Buffer<T>(scratch_size * n_threads);
  T* const memory = scratch.data();
  run_team(n_threads, [&](const Team& team) {
    const Team::Range part = team.part(rows);
    for (index_t first = part.begin; first < part.end; first += tile) {
      predict_rows(x, first, std::min(tile, part.end - first), memory + team.id() * scratch_size,
                   out + first * plan_.n_outputs);
    }
  });
}

template <class T>
void Network<T>::predict_rows(const RowSource& x, index_t first, index_t rows, T* scratch, T* out) const {
  const index_t stride = panel_stride<T>(rows);
  auto at = [&](std::size_t slot) {
    return Panels<T>{scratch + static_cast<index_t>(slot) * plan_.widest * stride, stride};
  };
  x.gather(Order::all(first + rows).from(first), rows, plan_.n_inputs, at(0));
  for (const Node<T>& node : plan_.nodes) {
    const std::size_t input = plan_.slot(node.input);
    Slice<T> s{};
    s.first = first, s.rows = rows;
    s.x = at(input), s.x2 = at(plan_.slot(node.input2)), s.y = at(node.slot);
    if (input != node.slot) node.layer->forward(weights(node), s);  // otherwise it passes its input on
    activate(node.activation, rows, node.layer->n_out(), s.y);
  }
  unpack<T>(rows, plan_.n_outputs, at(plan_.nodes.back().slot), out, plan_.n_outputs, 1);
}

template class Network<float>;
template class Network<double>;

}  // namespace chainrule
