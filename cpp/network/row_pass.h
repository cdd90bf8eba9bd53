// Phase A of a pass (pass.h): the rows of a chunk through all layers, forward and backward.
#pragma once

#include <algorithm>

#include "network/pass.h"

namespace chainrule {

// What a pass is for. A trace stops at the gradients of each sample's loss in z, without weights and 1/m.
enum class Goal { kCost, kTrace, kGradients };

// One chunk of the batch: the next `rows` samples of an order, of a batch of `total_weight`, in step number `step`.
struct Chunk {
  Order order;
  index_t first, rows;  // first: row of the batch
  double total_weight;
  std::uint32_t step;
  std::size_t lowest;  // node that backward has to reach
};

template <class T>
class RowPass {
 public:
  RowPass(Goal goal, const Network<T>& network, const Samples& samples, const Objective& objective, const Mode& mode,
          Workspace<T>& workspace)
      : goal_(goal),
        net_(network),
        plan_(network.plan()),
        samples_(samples),
        objective_(objective),
        mode_(mode),
        stages_(mode.training ? plan_.training_stages : plan_.prediction_stages),
        mixes_(mode.training && plan_.mixes_rows()),
        canonical_(is_canonical(objective.loss, plan_.output_activation)),
        multiplies_sparse_(goal != Goal::kTrace && plan_.multiplies_sparse(samples.x)),
        work_(workspace) {}

  // Called by every member of the team; ends without a barrier, early if `failure()` is set. Stage after stage forward,
  // then back: the first node of a stage has to know all rows before it goes on, and so has a loss that runs alone.
  void chunk(const Team& team, const Chunk& c) {
    const std::size_t last = stages_.size() - 1;
    const bool goes_back = goal_ != Goal::kCost, turns_alone = objective_.loss.custom != nullptr;
    for (std::size_t s = 0; s <= last; ++s) {
      if (s > 0 && !meet(team, c, s, &Layer<T>::join, &Layer<T>::forward)) return;
      each_tile(team, c, [&](index_t first, index_t rows) {
        if (s == 0) begin(c, first, rows);
        forward(stages_[s], c, first, rows);
        if (s < last) return opener(s + 1).layer->collect(slice(stages_[s + 1].begin, c, first, rows));
        if (turns_alone) return;
        turn(c, first, rows);
        if (goes_back) backward(stages_[s], c, first, rows, s > 0);
      });
    }
    if (turns_alone) {
      if (!alone(team, failure_, [&] { turn(c, 0, c.rows); })) return;
      if (goes_back) {
        each_tile(team, c, [&](index_t first, index_t rows) { backward(stages_[last], c, first, rows, last > 0); });
      }
    }
    for (std::size_t s = last; goes_back && s-- > 0;) {
      const std::size_t i = stages_[s + 1].begin;
      if (i < c.lowest) return;
      if (!meet(team, c, s + 1, &Layer<T>::join_gradient, &Layer<T>::backward)) return;
      if (i == c.lowest) return;
      each_tile(team, c, [&](index_t first, index_t rows) {
        const Node<T>& node = plan_.nodes[i];
        if (!node.layer->runs_alone()) node.layer->backward(net_.weights(node), slice(i, c, first, rows));
        backward(stages_[s], c, first, rows, s > 0);
      });
    }
  }

  // What comes after the first layer, in one stage: forward to the loss, and back to the gradient in the second z.
  void after_first_layer(const Team& team, const Chunk& c) const {
    const Stage others{1, plan_.nodes.size()};
    Chunk stops = c;
    stops.lowest = 1;
    each_tile(team, c, [&](index_t first, index_t rows) {
      weigh(c, first, rows);
      forward(others, c, first, rows);
      turn(c, first, rows);
      backward(others, stops, first, rows, false);
    });
  }

  // What a function of the user threw; the same for all members after a chunk and a barrier.
  const std::exception_ptr& failure() const { return failure_; }

  // Whether the first layer takes x as it is stored.
  bool multiplies_sparse() const { return multiplies_sparse_; }

  double weight(index_t sample) const { return samples_.weights ? samples_.weights[sample] : 1.0; }

  // The parts of a chunk, for the rows of a tile.
  void begin(const Chunk& c, index_t first, index_t rows) const {
    if (multiplies_sparse_) {
      work_.sparse.gather(samples_.x, c.order.from(first), rows, plan_.n_inputs, first);
    } else {
      samples_.x.gather(c.order.from(first), rows, plan_.n_inputs, work_.x.from(first));
    }
    weigh(c, first, rows);
  }

  // Each row's part of the batch.
  void weigh(const Chunk& c, index_t first, index_t rows) const {
    const Order order = c.order.from(first);
    const bool of_each = goal_ == Goal::kTrace && !mixes_;
    for (index_t i = 0; i < rows; ++i) {
      const double share = c.total_weight > 0 ? weight(order[i]) / c.total_weight : 0.0;
      work_.scale[first + i] = of_each ? T(1) : static_cast<T>(share);
    }
  }

  // Of the last node with its canonical loss, z itself.
  bool activates(std::size_t node) const { return !(canonical_ && node + 1 == plan_.nodes.size()); }

  void forward(const Stage& stage, const Chunk& c, index_t first, index_t rows) const {
    for (std::size_t i = stage.begin; i < stage.end; ++i) {
      const Node<T>& node = plan_.nodes[i];
      const Slice<T> s = slice(i, c, first, rows);
      if (multiplies_sparse_ && i == 0) {
        plan_.dense(0).forward_sparse(net_.weights(node), work_.sparse.rows_from(first), s);
      } else if (!node.layer->runs_alone()) {
        node.layer->forward(net_.weights(node), s);
      }
      if (!activates(i)) continue;
      if (work_.z[i].data) copy_panels<T>(rows, node.layer->n_out(), s.y, work_.z[i].from(first));
      activate_rest(node, rows, node.layer->n_out(), s.y);
    }
  }

  // With `stops`, the stage's first node goes no further than to where it has to know the gradients of all rows.
  void backward(const Stage& stage, const Chunk& c, index_t first, index_t rows, bool stops) const {
    for (std::size_t i = stage.end; i-- > std::max(stage.begin, c.lowest);) {
      backward_activation(i, c, first, rows);
      if (stops && i == stage.begin) return plan_.nodes[i].layer->collect_gradient(slice(i, c, first, rows));
      if (i > c.lowest) backward_layer(i, c, first, rows);  // none that runs alone, which begins a stage
    }
  }

  void backward_activation(std::size_t node, const Chunk& c, index_t first, index_t rows) const {
    const Node<T>& n = plan_.nodes[node];
    if (!activates(node) || n.gated) return;
    const Slice<T> s = slice(node, c, first, rows);
    // forward: a = g(z)
    const Panels<const T> known = work_.z[node].data ? work_.z[node].from(first) : s.y;
    activation_gradient<T>(n.activation, rows, n.layer->n_out(), known, s.d);  // dz = da * g'(z)
  }

  void backward_layer(std::size_t node, const Chunk& c, index_t first, index_t rows) const {
    const Node<T>& n = plan_.nodes[node];
    n.layer->backward(net_.weights(n), slice(node, c, first, rows));
  }

  // Where the way forward ends and the way back begins.
  void turn(const Chunk& c, index_t first, index_t rows) const {
    const Order order = c.order.from(first);
    const Slice<T> last = work_.slices.back().at(first, rows);
    LossRows<T> p;
    p.rows = rows, p.n = plan_.n_outputs, p.panel = last.y.panel;
    p.y = last.y.data;
    p.targets = nullptr, p.classes = nullptr;
    if (samples_.y) {
      samples_.y.gather(order, rows, plan_.n_outputs, work_.targets.from(first));
      p.targets = work_.targets.from(first).data;
    } else {
      const index_t groups = plan_.output_activation.n_groups();
      std::int64_t* to = work_.classes.data() + first * groups;
      p.classes = to;
      for (index_t i = 0; i < rows; ++i) {
        for (index_t g = 0; g < groups; ++g) *to++ = samples_.classes[order[i] * groups + g];
      }
    }
    p.scale = last.share;
    p.d = goal_ != Goal::kCost ? last.d.data : nullptr;
    p.loss = work_.loss.data() + first;
    loss_rows(objective_.loss, plan_.output_activation, p);
  }

 private:
  // A node's buffers for these rows of the chunk.
  Slice<T> slice(std::size_t node, const Chunk& c, index_t first, index_t rows) const {
    Slice<T> s = work_.slices[node].at(first, rows);
    s.first += c.first;
    s.mode = mode_;
    s.mode.step += c.step;
    return s;
  }

  // Blocks of rows that are summed together stay with one member.
  template <class F>
  void each_tile(const Team& team, const Chunk& c, F f) const {
    const Team::Range part = team.part(c.rows, mixes_ ? kBlockRows : 1);
    const index_t tile = mixes_ ? kTileRows / kBlockRows * kBlockRows : kTileRows;
    for (index_t i = part.begin; i < part.end; i += tile) f(i, std::min(tile, part.end - i));
  }

  const Node<T>& opener(std::size_t stage) const { return plan_.nodes[stages_[stage].begin]; }

  // All rows are there: members share the columns of a layer that mixes them, and one runs the layer that runs alone.
  // Returns whether it was done.
  bool meet(const Team& team, const Chunk& c, std::size_t stage,
            void (Layer<T>::*join)(const Slice<T>&, index_t, index_t) const,
            void (Layer<T>::*run)(Weights<T>, const Slice<T>&) const) {
    const Node<T>& node = opener(stage);
    const Slice<T> all = slice(stages_[stage].begin, c, 0, c.rows);
    if (node.layer->runs_alone()) return alone(team, failure_, [&] { ((*node.layer).*run)(net_.weights(node), all); });
    team.barrier();
    const Team::Range part = team.part(n_panels<T>(node.layer->n_out()));
    ((*node.layer).*join)(all, part.begin, part.end);
    team.barrier();
    return true;
  }

  const Goal goal_;
  const Network<T>& net_;
  const Plan<T>& plan_;
  const Samples& samples_;
  const Objective& objective_;
  const Mode mode_;
  const std::vector<Stage>& stages_;
  const bool mixes_;
  const bool canonical_;
  const bool multiplies_sparse_;
  Workspace<T>& work_;
  std::exception_ptr failure_;
};

}  // namespace chainrule
