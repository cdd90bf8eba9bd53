// One pass over a batch: see Pass::batch().
#pragma once

#include <algorithm>
#include <cmath>

#include "network/column_pass.h"
#include "network/layer_pass.h"
#include "network/update_rule.h"

namespace chainrule {

// Bytes of parameters that stay, with gradients and states, in the first-level cache.
inline constexpr index_t kNear = 1 << 16;

// The cost of a batch, and the penalty's part of it; `is_finite` on every member of the team, and of the loss alone.
struct Cost {
  double total = 0, penalty = 0;
  bool is_finite = true;
};

template <class T>
class Pass {
 public:
  Pass(Goal goal, Network<T>& network, const Samples& samples, const Objective& objective, const Mode& mode,
       Workspace<T>& workspace)
      : goal_(goal),
        net_(network),
        plan_(network.plan()),
        samples_(samples),
        objective_(objective),
        tracks_(mode.tracks),
        rows_(goal, network, samples, objective, mode, workspace),
        columns_(network, samples, rows_, workspace),
        layers_(network, rows_, workspace),
        work_(workspace) {}

  // Called by every member of the team; the cost is returned on member 0.
  // The batch is the next `rows` samples, of `total_weight` altogether. Nothing is updated if the loss is not finite,
  // or if `failure()` is set. Phase A goes by rows or, where it can, `by_layers`.
  Cost batch(const Team& team, const Order& order, index_t rows, double total_weight, bool accumulate = false,
             const UpdateRule<T>* rule = nullptr, std::uint32_t step = 0, bool by_layers = false) {
    const double of_sum = total_weight > 0 ? 1 / total_weight : 0.0;  // nothing weighs on a batch without weight
    const double share = objective_.penalize_sum ? of_sum : 1.0;
    const Adjustments<T> adjustments(objective_.l2 * share, objective_.l1 * share,
                                     rule ? rule->clipping.value : Clipping{}.value);
    double loss = 0;
    for (index_t first = 0; first < rows; first += work_.rows) {
      const index_t chunk = std::min(work_.rows, rows - first);
      const Chunk c{order.from(first), first, chunk, total_weight, step, rule ? rule->optimizer->lowest_node : 0};
      const bool by_columns = rule && !rows_.multiplies_sparse() && c.lowest == 0 && !objective_.loss.custom &&
                              team.size() <= work_.copies && plan_.is_shared_by_columns(team.size());
      if (by_columns) {
        columns_.chunk(team, c);
      } else if (by_layers && rule && !objective_.loss.custom && layers_.may_pay()) {
        layers_.chunk(team, c);
      } else {
        rows_.chunk(team, c);
      }
      team.barrier();
      if (failure()) return {};
      add_losses(order.from(first), chunk, loss);
      const bool complete = first + chunk == rows;
      if (rule && complete && !std::isfinite(loss)) {
        penalize(team, adjustments);
        break;
      }
      if (goal_ == Goal::kGradients) {
        if (by_columns) {
          columns_.first_gradient(team, c);
          team.barrier();
        } else if (rows_.multiplies_sparse() && c.lowest == 0) {
          if (team.id() == 0) work_.sparse.sort_by_columns(chunk, plan_.n_inputs);
          team.barrier();
        }
        const RowsAhead next = rows_to_come(team, order.from(first + chunk), chunk, by_columns);
        gradients(team, chunk, next, accumulate || first > 0, complete, rule, adjustments, by_columns);
      } else if (complete) {
        penalize(team, adjustments);
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

  const std::exception_ptr& failure() const { return rows_.failure(); }

 private:
  // Adds row by row, so that the cut into chunks does not show.
  void add_losses(const Order& order, index_t rows, double& sum) const {
    for (index_t i = 0; i < rows; ++i) sum += rows_.weight(order[i]) * work_.loss[i];
  }

  // What this member gathers of the next chunk, if that is as long as this one, or of the end.
  RowsAhead rows_to_come(const Team& team, const Order& order, index_t rows, bool by_columns) const {
    const index_t n = std::min(rows, order.left());
    const Team::Range part = by_columns ? Team::Range{0, n} : team.part(n);
    return samples_.x.ahead(order.from(part.begin), part.end - part.begin, plan_.n_inputs, samples_.rows);
  }

  // Phase B: this member's units. A gradient that is complete at once and only serves its update never leaves the
  // first-level cache (one of the memory streams of 1024-2048-2048-1000 less).
  void gradients(const Team& team, index_t rows, RowsAhead next, bool add, bool complete, const UpdateRule<T>* rule,
                 const Adjustments<T>& adjustments, bool by_columns) {
    T* const scratch = work_.scratch.data() + team.id() * Workspace<T>::kScratch;
    const bool by_norm = rule && rule->clipping.by_norm(), at_once = rule && complete && !by_norm;
    // Parameters and states that leave the nearest cache are fetched ahead; for 20-64-64-2 the lists take 4 % of a
    // step.
    const bool far = is_far();
    each_unit(team, by_columns, [&](const PlannedUnit& u) {
      const bool is_own = by_columns && u.node == 0, shared = team.size() > 1 && !is_own;
      Slice<T> s = work_.slices[u.node].at(0, rows);  // not of a copy, for whose stores it would wait
      if (is_own) s.x = work_.x_of(team.id());
      if (!u.trained) {
        if (complete && tracks_ && !(rule && rule->is_frozen(net_, u))) net_.track(u, s);
        return;
      }
      if (rule && rule->is_frozen(net_, u)) {  // it has a penalty all the same
        if (complete) adjust(u, {}, adjustments);
        squares_of(u) = 0;
        return;
      }
      const Layer<T>& layer = *plan_.nodes[u.node].layer;
      const bool of_sparse = rows_.multiplies_sparse() && u.node == 0;
      if (at_once && !add && rows == 1 && !of_sparse) {  // formed as it is used: 30-64-1 takes 7 % less, in float64 6 %
        if (const OuterProduct<T> g = layer.outer_product(u.unit, s)) {
          penalty_of(u) = rule->apply(net_, u, g, adjustments.of(u));
          return;
        }
      }
      const bool passing = at_once && !add && u.unit.pieces * u.unit.size <= Workspace<T>::kScratch;
      const UnitGradient<T> g = passing ? UnitGradient<T>{scratch, u.unit.size} : net_.gradient(u);
      if (of_sparse) {
        plan_.dense(0).gradient_sparse(u.unit, work_.sparse, s, g, add);
      } else {
        Ahead ahead(&next);
        if (at_once && (far || shared)) rule->list_ahead(net_, u, far, shared, ahead);
        layer.gradient(u.unit, s, g, add, &ahead);
      }
      if (at_once) {
        penalty_of(u) = rule->apply(net_, u, g, adjustments.of(u));
      } else if (complete) {
        adjust(u, g, adjustments);
        if (by_norm) squares_of(u) = sum_of_squares(u, g);
      }
    });
    if (complete && by_norm) scaled_updates(team, by_columns, *rule);
  }

  // The norm is summed unit by unit, whoever has formed them.
  void scaled_updates(const Team& team, bool by_columns, const UpdateRule<T>& rule) {
    team.barrier();
    double squared_norm = 0;
    for (const PlannedUnit& u : plan_.units) squared_norm += u.trained ? squares_of(u) : 0.0;
    Adjustment<T> scaling;
    scaling.scale = rule.scale(squared_norm);
    each_unit(team, by_columns, [&](const PlannedUnit& u) {
      if (u.trained && !rule.is_frozen(net_, u)) rule.apply(net_, u, net_.gradient(u), &scaling);
    });
  }

  // Units that nobody has in the nearest cache go to whoever is free: on two threads steps of 1024-2048-2048-1000,
  // batch 512, take 2 to 8 % less, of 784-512-256-10, batch 128, 4 to 5 %.
  template <class F>
  void each_unit(const Team& team, bool by_columns, F f) {
    const std::vector<PlannedUnit>& units = plan_.units;
    if (team.size() > 1 && !by_columns && is_far()) {
      return team.share(static_cast<index_t>(units.size()), [&](index_t i) { f(units[static_cast<std::size_t>(i)]); });
    }
    const Team::Range part = team.part(plan_.units_cost);
    for (const PlannedUnit& u : units) {
      if (u.middle >= part.begin && u.middle < part.end) f(u);
    }
  }
  bool is_far() const { return net_.parameters().bytes() > kNear; }

  // Adjusts the unit's gradient, unless it is null, and notes its part of the regularization, in place of that of an
  // earlier batch.
  void adjust(const PlannedUnit& u, UnitGradient<T> g, const Adjustments<T>& adjustments) {
    const Adjustment<T>* a = adjustments.of(u);
    penalty_of(u) = a ? chainrule::adjust(net_, u, g, *a) : 0.0;
  }

  // The regularization where no gradient is formed.
  void penalize(const Team& team, const Adjustments<T>& adjustments) {
    if (team.id() != 0) return;
    for (const PlannedUnit& u : plan_.units) adjust(u, {}, adjustments);
  }

  double& penalty_of(const PlannedUnit& u) { return work_.penalty[&u - plan_.units.data()]; }
  double& squares_of(const PlannedUnit& u) { return work_.squares[&u - plan_.units.data()]; }

  const Goal goal_;
  Network<T>& net_;
  const Plan<T>& plan_;
  const Samples& samples_;
  const Objective& objective_;
  const bool tracks_;
  RowPass<T> rows_;
  ColumnPass<T> columns_;
  LayerPass<T> layers_;
  Workspace<T>& work_;
};

}  // namespace chainrule
