#include "network/model.h"

#include <algorithm>

#include "base/threads.h"

namespace chainrule {

template <class T>
Model<T>::Model(const NetworkSpec& spec)
    : plan_(spec, Use::kTraining), parameters_(plan_.parameters_size), mirror_(plan_.mirror_size) {}

template <class T>
Model<T>::Model(const NetworkSpec& spec, const Model& source)
    : plan_(spec, Use::kPrediction), parameters_(plan_.parameters_size), mirror_(plan_.mirror_size) {
  std::copy_n(source.parameters_.data(), parameters_.size(), parameters_.data());
  for (const PlannedUnit& u : plan_.units) refresh_mirror(u);
}

template <class T>
void Model<T>::refresh_mirror(const PlannedUnit& u) {
  const Node<T>& node = plan_.nodes[u.node];
  if (!node.has_mirror) return;
  node.layer->refresh(u.unit, parameters_.data() + node.parameter_offset, mirror_.data() + node.mirror_offset);
}

template <class T>
bool Model<T>::parameters_are_finite() const {
  bool finite = true;
  for (index_t i = 0; i < parameters_.size(); ++i) finite &= parameters_[i] - parameters_[i] == 0;
  return finite;
}

template <class T>
void Model<T>::predict(const RowSource& x, index_t rows, T* out, int most_threads) const {
  const index_t tile = std::min(rows, kTileRows), slots = static_cast<index_t>(plan_.slots);
  const index_t scratch_size = slots * plan_.widest * panel_stride<T>(tile);
  const int n_threads = std::min(most_threads, threads_for(work<T>(plan_.flops_per_sample, rows)));
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
void Model<T>::predict_rows(const RowSource& x, index_t first, index_t rows, T* scratch, T* out) const {
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

template class Model<float>;
template class Model<double>;

}  // namespace chainrule
