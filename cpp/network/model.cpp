#include "network/model.h"

#include <algorithm>

#include "base/helpers.h"
#include "ops/finite.h"

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
  return are_finite(parameters_.data(), parameters_.size());
}

// Rows on their way through the layers: some rows of memory in which values have their slots, and of x, if the first
// layer takes it as it is stored.
template <class T>
struct Model<T>::Tile {
  T* memory;
  index_t slot_size, stride;
  index_t row, rows;
  SparseBatch<T>* sparse = nullptr;

  Panels<T> at(std::size_t slot) const {
    return Panels<T>{memory + static_cast<index_t>(slot) * slot_size, stride}.from(row);
  }
};

// Of the calling thread, so that calls do not meet.
template <class T>
T* Model<T>::own_memory(index_t size) {
  thread_local Buffer<T> scratch;
  if (scratch.size() < size) scratch = Buffer<T>(size);
  return scratch.data();
}

// Up to so many rows for each thread they share the columns of wide layers: by rows each would read all weights. One
// row costs as much as so many whose weights are near. A thread's share is at least so many floating-point operations,
// 15 us. On two threads a row of 784-512-256-10 takes 20 us instead of 28, in float64 36 instead of 55, and one of
// 1024-2048-2048-1000 half the time (Zen 4); of 8 and more rows, those that go by rows take no longer.
constexpr index_t kFewRowsEach = 4, kRowsWorth = 3;
constexpr double kFlopsOfShare = 1.5e6;
// Panels of a block, which whoever is free takes: the width of a tile. A wide layer has four and more.
constexpr index_t kBlockPanels = 4, kWideBlocks = 4;

template <class T>
double flops_of_few(index_t flops_per_sample, index_t rows) {
  return work<T>(flops_per_sample, std::max(rows, kRowsWorth));
}

template <class T>
void Model<T>::predict(const RowSource& x, index_t rows, T* out, int most_threads) const {
  if (rows == 0) return;
  const bool is_sparse = plan_.multiplies_sparse(x);
  const index_t passed_over = is_sparse ? 2 * (plan_.n_inputs - x.sparse.longest) * plan_.width(1) : 0;
  const double flops = work<T>(plan_.flops_per_sample - passed_over, rows);
  const int n_threads = static_cast<int>(std::min<index_t>({most_threads, threads_for(flops), rows}));
  if (plan_.prediction_stages.size() > 1) return predict_by_stages(x, rows, out, n_threads);
  if (const int n = is_sparse ? 1 : column_threads(rows, most_threads); n > 1) {
    return predict_by_columns(x, rows, out, n);
  }
  // Threads have rows of the same panels, a page apart. A processor fetches ahead from panel to panel, and from row to
  // row: what is another thread's, that one then waits for as it writes. 20-64-64-2 on two threads: 1 to 4 %, where
  // they have no cache in common 6 %; in float64, with panels of each thread's own, 15.3 ms for 12.3. Larger gaps: no
  // gain.
  constexpr index_t gap = 64;
  // As many for each thread: of three for two, one would do two thirds of the work.
  const index_t at_once = kTileRows * n_threads, tiles = (rows + at_once - 1) / at_once * n_threads;
  const index_t apart = std::min(rows, kTileRows) + gap;
  const index_t stride = panel_stride<T>(apart * n_threads - gap);
  const index_t widest = is_sparse ? plan_.widest : widest_of_all();
  const index_t slot_size = widest * stride, scratch_size = static_cast<index_t>(plan_.slots) * slot_size;
  T* const memory = own_memory(scratch_size);
  thread_local SparseBatch<T> sparse_scratch;
  if (is_sparse) sparse_scratch.reserve(apart * n_threads, x.sparse.longest);
  SparseBatch<T>* const sparse = is_sparse ? &sparse_scratch : nullptr;
  run_call(n_threads, flops, [&](const Team& team) {
    team.share(tiles, [&](index_t t) {
      const index_t first = rows * t / tiles;
      const Tile own{memory, slot_size, stride, team.id() * apart, rows * (t + 1) / tiles - first, sparse};
      begin(x, first, own);
      run(0, plan_.nodes.size(), own);
      end(own, out + first * plan_.n_outputs);
    });
  });
}

// What runs alone gets the same rows at a time on any number of threads.
template <class T>
void Model<T>::predict_by_stages(const RowSource& x, index_t rows, T* out, int n_threads) const {
  const index_t most = std::min(rows, Workspace<T>::kMaxRows), stride = panel_stride<T>(most);
  const index_t slot_size = widest_of_all() * stride;
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

// Layer after layer; narrow ones, and all but dense ones, are one thread's.
template <class T>
void Model<T>::predict_by_columns(const RowSource& x, index_t rows, T* out, int n_threads) const {
  const index_t stride = panel_stride<T>(rows), slot_size = widest_of_all() * stride;
  const Tile all{own_memory(static_cast<index_t>(plan_.slots) * slot_size), slot_size, stride, 0, rows};
  run_call(n_threads, flops_of_few<T>(plan_.flops_per_sample, rows), [&](const Team& team) {
    const bool is_first = team.id() == 0;
    if (is_first) begin(x, 0, all);
    bool was_shared = false;
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const bool is_shared = is_wide(i);
      if (is_shared || was_shared) team.barrier();
      if (!is_shared) {
        if (is_first) run(i, i + 1, all);
      } else {
        const index_t panels = n_panels<T>(plan_.width(i + 1));
        team.share((panels + kBlockPanels - 1) / kBlockPanels, [&](index_t block) {
          const index_t panel = block * kBlockPanels;
          run_columns(i, all, panel, std::min(kBlockPanels, panels - panel));
        });
      }
      was_shared = is_shared;
    }
    if (was_shared) team.barrier();
    if (is_first) end(all, out);
  });
}

// Whether few rows go through the node by columns. Softmax needs whole rows.
template <class T>
bool Model<T>::is_wide(std::size_t node) const {
  const Node<T>& n = plan_.nodes[node];
  return n.layer->n_out() >= kWideBlocks * kBlockPanels * kPanel<T> && n.activation.kind != Activation::kSoftmax &&
         plan_.is_dense(node);
}

// How many threads share columns of so many rows; one if it does not pay.
template <class T>
int Model<T>::column_threads(index_t rows, int most_threads) const {
  auto threads = [&](index_t flops_per_sample) {
    const int n = std::min(most_threads, threads_for(flops_of_few<T>(flops_per_sample, rows), kFlopsOfShare));
    return rows <= kFewRowsEach * n ? n : 1;
  };
  if (threads(plan_.flops_per_sample) == 1) return 1;
  index_t wide = 0;
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
    wide += is_wide(i) ? plan_.nodes[i].layer->flops_per_sample() : 0;
  return threads(wide);
}

template <class T>
void Model<T>::run_columns(std::size_t node, const Tile& tile, index_t panel, index_t panels) const {
  const Node<T>& n = plan_.nodes[node];
  Slice<T> s{};
  s.rows = tile.rows, s.x = tile.at(plan_.slot(n.input)), s.y = tile.at(n.slot), s.rectifies = n.rectifies;
  plan_.dense(node).forward_panels(weights(n), s, panel, panels);
  const index_t columns = columns_in<T>(n.layer->n_out(), panel, panels);
  activate_rest(n, tile.rows, columns, s.y.panels_from(panel));
}

template <class T>
void Model<T>::begin(const RowSource& x, index_t first, const Tile& tile) const {
  if (tile.rows == 0) return;
  const Order order = Order::all(first + tile.rows).from(first);
  if (tile.sparse) return tile.sparse->gather(x, order, tile.rows, plan_.n_inputs, tile.row);
  x.gather(order, tile.rows, plan_.n_inputs, tile.at(0));
}

template <class T>
void Model<T>::run(std::size_t begin, std::size_t end, const Tile& tile) const {
  for (std::size_t i = begin; tile.rows > 0 && i < end; ++i) {
    const Node<T>& node = plan_.nodes[i];
    const std::size_t input = plan_.slot(node.input);
    Slice<T> s{};
    s.rows = tile.rows;
    s.x = tile.at(input), s.x2 = tile.at(plan_.slot(node.input2)), s.y = tile.at(node.slot);
    s.rectifies = node.rectifies;
    if (i == 0 && tile.sparse) {
      plan_.dense(0).forward_sparse(weights(node), tile.sparse->rows_from(tile.row), s);
    } else if (input != node.slot) {  // otherwise it passes its input on
      node.layer->forward(weights(node), s);
    }
    activate_rest(node, tile.rows, node.layer->n_out(), s.y);
  }
}

template <class T>
void Model<T>::end(const Tile& tile, T* out) const {
  unpack<T>(tile.rows, plan_.n_outputs, tile.at(plan_.nodes.back().slot), out, plan_.n_outputs, 1);
}

template class Model<float>;
template class Model<double>;

}  // namespace chainrule
