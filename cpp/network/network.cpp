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
  if (!plan_.has_mirror[u.layer]) return;
  plan_.layers[u.layer]->refresh(u.unit, parameters_.data() + plan_.parameter_offset[u.layer],
                                 mirror_.data() + plan_.mirror_offset[u.layer]);
}

template <class T>
bool Network<T>::parameters_are_finite() const {
  bool finite = true;
  for (index_t i = 0; i < parameters_.size(); ++i) finite &= parameters_[i] - parameters_[i] == 0;
  return finite;
}

template <class T>
Workspace<T>& Network<T>::workspace(index_t batch, int n_threads) {
  const index_t rows = std::min(batch, Workspace<T>::kMaxRows);
  if (workspace_.rows < rows || workspace_.scratch.size() < n_threads * Workspace<T>::kScratch) {
    const index_t threads_so_far = workspace_.scratch.size() / Workspace<T>::kScratch;
    workspace_ =
        Workspace<T>(plan_, std::max(rows, workspace_.rows), std::max(n_threads, static_cast<int>(threads_so_far)));
  }
  return workspace_;
}

template <class T>
index_t Network<T>::workspace_bytes(index_t batch) const {
  return Workspace<T>::bytes(plan_, std::min(batch, Workspace<T>::kMaxRows));
}

template <class T>
void Network<T>::predict(const RowSource& x, index_t rows, T* out) const {
  const index_t tile = std::min(rows, kTileRows), scratch_size = 2 * plan_.widest * panel_stride<T>(tile);
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
  Panels<T> from = {scratch, stride}, next = {scratch + plan_.widest * stride, stride};
  x.gather(Order::all(first + rows).from(first), rows, plan_.n_inputs, from);
  for (std::size_t l = 0; l < plan_.layers.size(); ++l) {
    plan_.layers[l]->forward(weights(l), from, next, rows, Output::kActivated);
    std::swap(from, next);
  }
  unpack<T>(rows, plan_.n_outputs, from, out, plan_.n_outputs, 1);
}

template class Network<float>;
template class Network<double>;

}  // namespace chainrule
