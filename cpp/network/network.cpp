#include "network/network.h"

#include <algorithm>
#include <cstring>

#include "base/threads.h"

namespace chainrule {

template <class T>
Network<T>::Network(const NetworkSpec& spec)
    : plan_(spec), parameters_(plan_.parameters_size), gradients_(plan_.parameters_size), mirror_(plan_.mirror_size) {}

template <class T>
void Network<T>::refresh_mirror() {
  if (!mirror_is_stale_) return;
  for (const PlannedUnit& u : plan_.units) refresh_mirror(u);
  mirror_is_stale_ = false;
}

template <class T>
void Network<T>::refresh_mirror(const PlannedUnit& u) {
  if (u.layer == 0) return;  // serves the gradient in a layer's input, which the first layer is not asked for
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
  const index_t rows = std::min(batch, Workspace<T>::kMaxRows);
  index_t row_elements = row_stride<T>(plan_.n_inputs) + row_stride<T>(plan_.n_outputs) + 1;
  for (const auto& layer : plan_.layers) row_elements += 2 * row_stride<T>(layer->n_out());
  return rows * (row_elements * static_cast<index_t>(sizeof(T)) + 16);
}

template <class T>
void Network<T>::predict(const RowSource& x, index_t rows, T* out) const {
  const index_t tile = std::min(rows, kTileRows), scratch_size = 2 * tile * plan_.widest;
  const int n_threads = threads_for(static_cast<double>(plan_.flops_per_sample) * static_cast<double>(rows));
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
  Rows<T> next = {scratch, plan_.widest}, other = {scratch + rows * plan_.widest, plan_.widest};
  Rows<const T> from;
  if (x.is_rows_of<T>()) {
    from = x.rows_from<T>(first);
  } else {
    x.gather(nullptr, first, rows, plan_.n_inputs, other);
    from = other;
  }
  for (std::size_t l = 0; l < plan_.layers.size(); ++l) {
    plan_.layers[l]->forward(parameters_.data() + plan_.parameter_offset[l], from, next, rows, Output::kActivated);
    from = next;
    std::swap(next, other);
  }
  for (index_t i = 0; i < rows; ++i) {
    std::memcpy(out + i * plan_.n_outputs, from.row(i), static_cast<std::size_t>(plan_.n_outputs) * sizeof(T));
  }
}

template class Network<float>;
template class Network<double>;

}  // namespace chainrule
