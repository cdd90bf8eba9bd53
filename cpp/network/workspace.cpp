#include <functional>

#include "network/plan.h"

namespace chainrule {

namespace {

// Calls f(columns) for every slice of the workspace that has rows of the batch, but for x, in the order in which they
// lie. A core that walks from panel to panel fetches lines up to 256 KB beyond them, in which others may write: x, of
// which each has a copy, comes last, and gradients before outputs (64-128-10, batch 64, on two threads: 2 %, in float64
// 7 %).
template <class T>
void each_slice(const Plan<T>& plan, const std::function<void(index_t columns)>& f) {
  f(plan.n_outputs);
  for (const Node<T>& node : plan.nodes) {
    f(node.layer->n_out());
    f(node.layer->n_out());
    f(node.layer->notes());
    f(needs_z(node.activation) ? node.layer->n_out() : 0);
  }
}

template <class T>
index_t panels_of_workspace(const Plan<T>& plan) {
  index_t panels = 0;
  each_slice<T>(plan, [&](index_t columns) { panels += n_panels<T>(columns); });
  return panels;
}

// Of x and its copies, which have rows of the same panels, see Model::predict.
template <class T>
index_t size_of_x(const Plan<T>& plan, index_t rows, int copies) {
  return n_panels<T>(plan.n_inputs) * panel_stride<T>(copies * rows);
}

template <class T>
index_t sums_of_workspace(const Plan<T>& plan, index_t rows) {
  index_t size = 0;
  for (const Node<T>& node : plan.nodes) size += node.layer->sums_size(rows);
  return size;
}

}  // namespace

template <class T>
Workspace<T>::Workspace(const Plan<T>& plan, index_t rows_at_once, int n_threads, int copies_of_x)
    : rows(rows_at_once),
      copies(copies_of_x),
      scale(rows),
      loss(rows),
      classes(rows * plan.output_activation.n_groups()),
      penalty(static_cast<index_t>(plan.units.size())),
      squares(penalty.size()),
      sums(sums_of_workspace(plan, rows)),
      scratch(n_threads * kScratch) {
  const index_t stride = panel_stride<T>(rows);
  const index_t size = panels_of_workspace(plan) * stride;
  memory = Buffer<T>(size + size_of_x(plan, rows, copies));
  x = {memory.data() + size, panel_stride<T>(copies * rows)};
  std::vector<Panels<T>> claimed;
  T* next = memory.data();
  each_slice<T>(plan, [&](index_t columns) {
    claimed.push_back(columns > 0 ? Panels<T>{next, stride} : Panels<T>{});
    next += n_panels<T>(columns) * stride;
  });
  targets = claimed[0];
  T* next_sums = sums.data();
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const Node<T>& node = plan.nodes[i];
    const Panels<T>* mine = &claimed[1 + 4 * i];
    auto value = [&](std::size_t v) { return v == 0 ? x : slices[v - 1].y; };
    auto gradient = [&](std::size_t v) { return v == 0 ? Panels<T>{} : slices[v - 1].d; };
    Slice<T> s{};
    s.rows = rows;
    s.x = value(node.input), s.x2 = value(node.input2);
    s.d = mine[0], s.y = mine[1], s.notes = mine[2];
    s.dx = gradient(node.input), s.dx2 = gradient(node.input2);
    s.adds = node.adds, s.adds2 = node.adds2;
    s.rectifies = node.rectifies, s.gates = node.gates;
    s.share = scale.data();
    s.sums = next_sums;
    next_sums += node.layer->sums_size(rows);
    slices.push_back(s);
    z.push_back(mine[3]);
  }
}

template <class T>
index_t Workspace<T>::bytes(const Plan<T>& plan, index_t rows, int copies_of_x) {
  const index_t per_row = static_cast<index_t>(sizeof(T) + sizeof(double)) +  // scale, loss, classes
                          plan.output_activation.n_groups() * static_cast<index_t>(sizeof(std::int64_t));
  const index_t elements = size_of_x(plan, rows, copies_of_x) + panels_of_workspace(plan) * panel_stride<T>(rows) +
                           sums_of_workspace(plan, rows);
  return elements * static_cast<index_t>(sizeof(T)) + rows * per_row;
}

template struct Workspace<float>;
template struct Workspace<double>;

}  // namespace chainrule
