// One pass over a batch: see Pass::batch().
#pragma once

#include <algorithm>

#include "network/pass.h"
#include "network/update_rule.h"

namespace chainrule {

// Bytes of parameters that stay, with gradients and states, in the first-level cache.
inline constexpr index_t kNear = 1 << 16;

// The cost of a batch, and the penalty's part of it; `is_finite` on every member of the team, and of the loss alone.
struct Cost {
  double total = 0, penalty = 0;
  bool is_finite = true;
};

// What a pass is for. A trace stops at the gradients of each sample's loss in z, without weights and 1/m.
enum class Goal { kCost, kTrace, kGradients };

template <class T>
class Pass {
 public:
  Pass(Goal goal, Network<T>& network, const Samples& samples, const Objective& objective, Workspace<T>& workspace)
      : goal_(goal),
        net_(network),
        plan_(network.plan()),
        samples_(samples),
        objective_(objective),
        canonical_(is_canonical(objective.loss.kind, plan_.output_activation)),
        work_(workspace) {}

  // Called by every member of the team; the cost is returned on member 0.
  // The batch is the next `rows` samples, of `total_weight` altogether. Nothing is updated if the loss is not finite.
  Cost batch(const Team& team, const Order& order, index_t rows, double total_weight, bool accumulate = false,
             const UpdateRule<T>* rule = nullptr) {
    const double of_sum = total_weight > 0 ? 1 / total_weight : 0.0;  // nothing weighs on a batch without weight
    const double share = objective_.penalize_sum ? of_sum : 1.0;
    const Adjustments<T> adjustments(objective_.l2 * share, objective_.l1 * share,
                                     rule ? rule->clipping.value : Clipping{}.value);
    double loss = 0;
    for (index_t first = 0; first < rows; first += work_.rows) {
      const index_t chunk = std::min(work_.rows, rows - first);
      const Team::Range part = team.part(chunk);
      for (index_t i = part.begin; i < part.end; i += kTileRows) {
        through_all_layers(order.from(first + i), i, std::min(kTileRows, part.end - i), total_weight);
      }
      team.barrier();
      add_losses(order.from(first), chunk, loss);
      const bool complete = first + chunk == rows;
      if (rule && complete && !std::isfinite(loss)) break;
      if (goal_ == Goal::kGradients) {
        gradients(team, chunk, accumulate || first > 0, complete, rule, adjustments);
      } else if (complete && team.id() == 0) {
        for (const PlannedUnit& u : plan_.units) adjust(u, {}, adjustments);
      }
      team.barrier();
    }
    Cost cost{total_weight > 0 ? loss / total_weight : 0.0};
    cost.is_finite = std::isfinite(loss);
    if (team.id() != 0) return cost;
    if (objective_.regularized()) {
      for (index_t i = 0; i < work_.penalty.size(); ++i) {
        cost.total += work_.penalty[i], cost.penalty += work_.penalty[i];
      }
    }
    return cost;
  }

 private:
  // Phase A: the next samples, at rows begin .. of the workspace.
  void through_all_layers(const Order& order, index_t begin, index_t rows, double total_weight) {
    samples_.x.gather(order, rows, plan_.n_inputs, work_.x.from(begin));
    const std::size_t last = plan_.layers.size() - 1;
    Panels<const T> x = work_.x.from(begin);
    for (std::size_t l = 0; l <= last; ++l) {
      const Panels<T> y = work_.y[l].from(begin);
      plan_.layers[l]->forward(net_.weights(l), x, y, rows, output_of(l));
      x = y;
    }
    losses(order, begin, rows, total_weight);
    if (goal_ == Goal::kCost) return;
    for (std::size_t l = last + 1; l-- > 0;) {
      const Panels<T> dx = l > 0 ? work_.d[l - 1].from(begin) : Panels<T>{};
      plan_.layers[l]->backward(net_.weights(l), work_.y[l].from(begin), work_.d[l].from(begin), dx, rows,
                                output_of(l));
    }
  }

  Output output_of(std::size_t layer) const {
    return layer + 1 == plan_.layers.size() && canonical_ ? Output::kRaw : Output::kActivated;
  }

  void losses(const Order& order, index_t begin, index_t rows, double total_weight) {
    LossRows<T> p;
    p.rows = rows, p.n = plan_.n_outputs, p.panel = work_.y.back().panel;
    p.y = work_.y.back().from(begin).data;
    p.targets = nullptr, p.classes = nullptr;
    if (samples_.y) {
      samples_.y.gather(order, rows, plan_.n_outputs, work_.targets.from(begin));
      p.targets = work_.targets.from(begin).data;
    } else {
      const index_t groups = plan_.output_activation.n_groups();
      std::int64_t* to = work_.classes.data() + begin * groups;
      p.classes = to;
      for (index_t i = 0; i < rows; ++i) {
        for (index_t g = 0; g < groups; ++g) *to++ = samples_.classes[order[i] * groups + g];
      }
    }
    for (index_t i = 0; i < rows; ++i) {
      const double share = total_weight > 0 ? weight(order[i]) / total_weight : 0.0;
      work_.scale[begin + i] = goal_ == Goal::kTrace ? T(1) : static_cast<T>(share);
    }
    p.scale = work_.scale.data() + begin;
    p.d = goal_ != Goal::kCost ? work_.d.back().from(begin).data : nullptr;
    p.loss = work_.loss.data() + begin;
    loss_rows(objective_.loss, plan_.output_activation, p);
  }

  // Adds row by row, so that the cut into chunks does not show.
  void add_losses(const Order& order, index_t rows, double& sum) const {
    for (index_t i = 0; i < rows; ++i) sum += weight(order[i]) * work_.loss[i];
  }

  double weight(index_t sample) const { return samples_.weights ? samples_.weights[sample] : 1.0; }

  // Phase B: this member's share of the units, by cost. A gradient that is complete at once and only serves its update
  // never leaves the first-level cache (one of the memory streams of 1024-2048-2048-1000 less).
  void gradients(const Team& team, index_t rows, bool add, bool complete, const UpdateRule<T>* rule,
                 const Adjustments<T>& adjustments) {
    T* const scratch = work_.scratch.data() + team.id() * Workspace<T>::kScratch;
    const bool by_norm = rule && rule->clipping.by_norm(), at_once = rule && complete && !by_norm;
    // Parameters and states that leave the nearest cache are fetched ahead; for 20-64-64-2 the lists take 4 % of a
    // step.
    const bool far = net_.parameters().bytes() > kNear;
    each_unit(team, [&](const PlannedUnit& u) {
      const Panels<const T> x = u.layer == 0 ? work_.x : work_.y[u.layer - 1];
      const bool passing = at_once && !add && u.unit.pieces * u.unit.size <= Workspace<T>::kScratch;
      const UnitGradient<T> g = passing ? UnitGradient<T>{scratch, u.unit.size} : net_.gradient(u);
      Ahead ahead;
      if (at_once && far) ahead = rule->ahead(net_, u);
      plan_.layers[u.layer]->gradient(u.unit, x, work_.d[u.layer], rows, g, add, at_once && far ? &ahead : nullptr);
      if (at_once) {
        penalty_of(u) = rule->apply(net_, u, g, adjustments.of(u));
      } else if (complete) {
        adjust(u, g, adjustments);
        if (by_norm) squares_of(u) = sum_of_squares(u, g);
      }
    });
    if (complete && by_norm) scaled_updates(team, *rule);
  }

  // The norm is summed unit by unit, whoever has formed them.
  void scaled_updates(const Team& team, const UpdateRule<T>& rule) {
    team.barrier();
    double squared_norm = 0;
    for (const PlannedUnit& u : plan_.units) squared_norm += squares_of(u);
    Adjustment<T> scaling;
    scaling.scale = rule.scale(squared_norm);
    each_unit(team, [&](const PlannedUnit& u) { rule.apply(net_, u, net_.gradient(u), &scaling); });
  }

  template <class F>
  void each_unit(const Team& team, F f) {
    const Team::Range part = team.part(plan_.units_cost);
    for (const PlannedUnit& u : plan_.units) {
      if (u.cost_before >= part.begin && u.cost_before < part.end) f(u);
    }
  }

  // Adjusts the unit's gradient, unless it is null, and notes its part of the regularization.
  void adjust(const PlannedUnit& u, UnitGradient<T> g, const Adjustments<T>& adjustments) {
    if (const Adjustment<T>* a = adjustments.of(u)) penalty_of(u) = chainrule::adjust(net_, u, g, *a);
  }

  double& penalty_of(const PlannedUnit& u) { return work_.penalty[&u - plan_.units.data()]; }
  double& squares_of(const PlannedUnit& u) { return work_.squares[&u - plan_.units.data()]; }

  const Goal goal_;
  Network<T>& net_;
  const Plan<T>& plan_;
  const Samples& samples_;
  const Objective& objective_;
  const bool canonical_;
  Workspace<T>& work_;
};

}  // namespace chainrule
