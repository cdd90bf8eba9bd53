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

// Rows on their way through the layers: some rows of memory in which values have their slots.
template <class T>
struct Network<T>::Tile {
  T* memory;
  index_t slot_size, stride;
  index_t row, rows;

  Panels<T> at(std::size_t slot) const {
    return Panels<T>{memory + static_cast<index_t>(slot) * slot_size, stride}.from(row);
  }
};

template <class T>
void Network<T>::predict(const RowSource& x, index_t rows, T* out) const {
  const int n_threads = threads_for(work<T>(plan_.flops_per_sample, rows));
  if (plan_.prediction_stages.size() > 1) return predict_by_stages(x, rows, out, n_threads);
  const index_t tile = std::min(rows, kTileRows), slots = static_cast<index_t>(plan_.slots);
  const index_t scratch_size = slots * plan_.widest * panel_stride<T>(tile);
  thread_local Buffer<T> scratch;  // one per calling thread, so that calls do not meet
  if (scratch.size() < scratch_size * n_threads) scratch = Buffer<T>(scratch_size * n_threads);
  T* const memory = scratch.data();
  run_team(n_threads, [&](const Team& team) {
    const Team::Range part = team.part(rows);
    for (index_t first = part.begin; first < part.end; first += tile) {
      const index_t some = std::min(tile, part.end - first), stride = panel_stride<T>(some);
      const Tile own{memory + team.id() * scratch_size, plan_.widest * stride, stride, 0, some};
      begin(x, first, own);
      run(0, plan_.nodes.size(), own);
      end(own, out + first * plan_.n_outputs);
    }
  });
}

// What runs alone gets the same rows at a time on any number of threads.
template <class T>
void Network<T>::predict_by_stages(const RowSource& x, index_t rows, T* out, int n_threads) const {
  const index_t most = std::min(rows, Workspace<T>::kMaxRows), stride = panel_stride<T>(most);
  const index_t slot_size = plan_.widest * stride;
  Buffer<T> memory(static_cast<index_t>(plan_.slots) * slot_size);
  std::exception_ptr failure;
  run_team(n_threads, [&](const Team& team) {
    for (index_t first = 0; first < rows; first += most) {
      const index_t some = std::min(most, rows - first);
      const Team::Range part = team.part(some);
      const Tile all{memory.data(), slot_size, stride, 0, some};
      const Tile own{memory.data(), slot_size, stride, part.begin, part.end - part.begin};
      begin(x, first + part.begin, own);
      for (const Stage& stage : plan_.prediction_stages) {
        const bool opens = stage.begin > 0;
        if (opens && !alone(team, failure, [&] { run(stage.begin, stage.begin + 1, all); })) return;
        run(stage.begin + (opens ? 1 : 0), stage.end, own);
      }
      end(own, out + (first + part.begin) * plan_.n_outputs);
      team.barrier();
    }
  });
  rethrow(failure);
}

template <class T>
void Network<T>::begin(const RowSource& x, index_t first, const Tile& tile) const {
  if (tile.rows > 0) x.gather(Order::all(first + tile.rows).from(first), tile.rows, plan_.n_inputs, tile.at(0));
}

template <class T>
void Network<T>::run(std::size_t begin, std::size_t end, const Tile& tile) const {
  for (std::size_t i = begin; tile.rows > 0 && i < end; ++i) {
    const Node<T>& node = plan_.nodes[i];
    const std::size_t input = plan_.slot(node.input);
    Slice<T> s{};
    s.rows = tile.rows;
    s.x = tile.at(input), s.x2 = tile.at(plan_.slot(node.input2)), s.y = tile.at(node.slot);
    if (input != node.slot) node.layer->forward(weights(node), s);  // otherwise it passes its input on
    activate(node.activation, tile.rows, node.layer->n_out(), s.y);
  }
}

template <class T>
void Network<T>::end(const Tile& tile, T* out) const {
  unpack<T>(tile.rows, plan_.n_outputs, tile.at(plan_.nodes.back().slot), out, plan_.n_outputs, 1);
}

template class Network<float>;
template class Network<double>;

}  // namespace chainrule
