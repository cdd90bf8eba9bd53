#include "network/pass.h"

#include <algorithm>
#include <limits>

namespace chainrule {

namespace {

using Clock = std::chrono::steady_clock;

// Bytes of parameters that stay, with gradients and states, in the first-level cache; in the caches of one core.
constexpr index_t kNear = 1 << 16, kNearestCaches = 1 << 20;
constexpr index_t kFewRows = 64;  // each weight is used so seldom that it is mostly waited for

// What happens to a unit once its gradient is complete.
template <class T>
struct UpdateRule {
  OptimizerState<T>* optimizer;
  UpdateStep<T> decaying, plain;  // for parameters that decay, and for the others

  UpdateRule(OptimizerState<T>& o, double learning_rate, std::int64_t t)
      : optimizer(&o), decaying(update_step<T>(o.spec, learning_rate, t)), plain(decaying) {
    plain.decay = T(1);
  }

  // What `apply` will read.
  Ahead ahead(const Network<T>& net, const PlannedUnit& u) const {
    Ahead list{};
    for (index_t q = 0; q < u.unit.pieces; ++q) {
      optimizer->list(u.offset + q * u.unit.stride, u.unit.size, net.parameters().data(), list);
    }
    return list;
  }

  void apply(Network<T>& net, const PlannedUnit& u, UnitGradient<T> g) const {
    for (index_t q = 0; q < u.unit.pieces; ++q) {
      optimizer->update(u.offset + q * u.unit.stride, u.unit.size, net.parameters().data(), g.data + q * g.stride,
                        u.decays ? decaying : plain);
    }
    net.refresh_mirror(u);
  }
};

// The cost of a batch, and the penalty's part of it.
struct Cost {
  double total = 0, penalty = 0;
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
        canonical_(plan_.output_activation == canonical_activation(objective.loss.kind)),
        work_(workspace) {}

  // Called by every member of the team; the cost is returned on member 0.
  // The batch is the next `rows` samples, of `total_weight` altogether.
  Cost batch(const Team& team, const Order& order, index_t rows, double total_weight, bool accumulate = false,
             const UpdateRule<T>* rule = nullptr) {
    const double share = objective_.penalize_sum && total_weight > 0 ? 1 / total_weight : 1.0;
    const Penalty penalty{static_cast<T>(objective_.l2 * share), static_cast<T>(objective_.l1 * share)};
    double loss = 0;
    for (index_t first = 0; first < rows; first += work_.rows) {
      const index_t chunk = std::min(work_.rows, rows - first);
      const Team::Range part = team.part(chunk);
      for (index_t i = part.begin; i < part.end; i += kTileRows) {
        through_all_layers(order.from(first + i), i, std::min(kTileRows, part.end - i), total_weight);
      }
      team.barrier();
      if (team.id() == 0) add_losses(order.from(first), chunk, loss);
      const bool complete = first + chunk == rows;
      if (goal_ == Goal::kGradients) {
        gradients(team, chunk, accumulate || first > 0, complete, rule, penalty);
      } else if (complete && team.id() == 0) {
        for (const PlannedUnit& u : plan_.units) add_penalty(u, {}, penalty);
      }
      team.barrier();
    }
    if (team.id() != 0) return {};
    Cost cost{total_weight > 0 ? loss / total_weight : 0.0};
    if (objective_.regularized()) {
      for (index_t i = 0; i < work_.penalty.size(); ++i) {
        cost.total += work_.penalty[i], cost.penalty += work_.penalty[i];
      }
    }
    return cost;
  }

 private:
  struct Penalty {
    T l2, l1;
  };

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
      for (index_t i = 0; i < rows; ++i) work_.classes[begin + i] = samples_.classes[order[i]];
      p.classes = work_.classes.data() + begin;
    }
    for (index_t i = 0; i < rows; ++i) {
      const double share = total_weight > 0 ? weight(order[i]) / total_weight : 0.0;
      work_.scale[begin + i] = goal_ == Goal::kTrace ? T(1) : static_cast<T>(share);
    }
    p.scale = work_.scale.data() + begin;
    p.d = goal_ != Goal::kCost ? work_.d.back().from(begin).data : nullptr;
    p.loss = work_.loss.data() + begin;
    p.parameter = static_cast<T>(objective_.loss.parameter);
    loss_rows(objective_.loss.kind, canonical_, p);
  }

  // Adds row by row, so that the cut into chunks does not show.
  void add_losses(const Order& order, index_t rows, double& sum) const {
    for (index_t i = 0; i < rows; ++i) sum += weight(order[i]) * work_.loss[i];
  }

  double weight(index_t sample) const { return samples_.weights ? samples_.weights[sample] : 1.0; }

  // Phase B: this member's share of the units, by cost. A gradient that is complete at once and only serves its update
  // never leaves the first-level cache (one of the memory streams of 1024-2048-2048-1000 less).
  void gradients(const Team& team, index_t rows, bool add, bool complete, const UpdateRule<T>* rule, Penalty penalty) {
    T* const scratch = work_.scratch.data() + team.id() * Workspace<T>::kScratch;
    const Team::Range part = team.part(plan_.units_cost);
    // Parameters and states that leave the nearest cache are fetched ahead; for 20-64-64-2 the lists take 4 % of a
    // step.
    const bool far = net_.parameters().bytes() > kNear;
    for (const PlannedUnit& u : plan_.units) {
      if (u.cost_before < part.begin || u.cost_before >= part.end) continue;
      const Panels<const T> x = u.layer == 0 ? work_.x : work_.y[u.layer - 1];
      const bool passing = rule && complete && !add && u.unit.pieces * u.unit.size <= Workspace<T>::kScratch;
      const UnitGradient<T> g = passing ? UnitGradient<T>{scratch, u.unit.size} : net_.gradient(u);
      Ahead ahead;
      const bool listed = complete && rule && far;
      if (listed) ahead = rule->ahead(net_, u);
      plan_.layers[u.layer]->gradient(u.unit, x, work_.d[u.layer], rows, g, add, listed ? &ahead : nullptr);
      if (complete) add_penalty(u, g, penalty);
      if (complete && rule) rule->apply(net_, u, g);
    }
  }

  // Notes the unit's part of the regularization and, unless `g` is null, adds its gradient.
  void add_penalty(const PlannedUnit& u, UnitGradient<T> g, Penalty penalty) {
    if (!u.decays || !objective_.regularized()) return;
    double sum = 0;
    for (index_t q = 0; q < u.unit.pieces; ++q) {
      sum += kernels<T>().add_penalty(u.unit.size, net_.parameters().data() + u.offset + q * u.unit.stride,
                                      g.data ? g.data + q * g.stride : nullptr, penalty.l2, penalty.l1);
    }
    work_.penalty[&u - plan_.units.data()] = sum;
  }
  const Goal goal_;
  Network<T>& net_;
  const Plan<T>& plan_;
  const Samples& samples_;
  const Objective& objective_;
  const bool canonical_;
  Workspace<T>& work_;
};

template <class T>
double batch_flops(const Network<T>& network, index_t rows) {
  return static_cast<double>(network.plan().training_flops) * static_cast<double>(rows);
}

}  // namespace

template <class T>
double cost(Network<T>& network, const Samples& samples, const Objective& objective) {
  Pass<T> pass(Goal::kCost, network, samples, objective, network.workspace(samples.rows));
  double result = 0;
  run_team(threads_for(batch_flops(network, samples.rows)), [&](const Team& team) {
    const Cost cost = pass.batch(team, samples.all(), samples.rows, samples.total_weight(samples.all(), samples.rows));
    if (team.id() == 0) result = cost.total;
  });
  return result;
}

template <class T>
double backward(Network<T>& network, const Samples& samples, const Objective& objective, bool accumulate) {
  Pass<T> pass(Goal::kGradients, network, samples, objective, network.workspace(samples.rows));
  double result = 0;
  run_team(threads_for(batch_flops(network, samples.rows)), [&](const Team& team) {
    const Cost cost =
        pass.batch(team, samples.all(), samples.rows, samples.total_weight(samples.all(), samples.rows), accumulate);
    if (team.id() == 0) result = cost.total;
  });
  return result;
}

template <class T>
Trace<T> trace(Network<T>& network, const Samples& samples, const Objective& objective) {
  const Plan<T>& plan = network.plan();
  Trace<T> result{Workspace<T>(plan, samples.rows), Workspace<T>(plan, samples.rows)};
  Workspace<T>& work = result.activated;
  Pass<T> pass(Goal::kTrace, network, samples, objective, work);
  run_team(1, [&](const Team& team) {
    pass.batch(team, samples.all(), samples.rows, samples.total_weight(samples.all(), samples.rows));
  });
  Panels<const T> x = work.x;
  for (std::size_t l = 0; l < plan.layers.size(); ++l) {
    const Weights<T> weights = network.weights(l);
    plan.layers[l]->forward(weights, x, result.raw.y[l], samples.rows, Output::kRaw);
    plan.layers[l]->forward(weights, x, work.y[l], samples.rows, Output::kActivated);  // the pass may stop at z
    x = work.y[l];
  }
  return result;
}

template <class T>
index_t train(Network<T>& network, OptimizerState<T>& optimizer, const Samples& samples, const Objective& objective,
              const Steps& steps) {
  const index_t largest = std::min(steps.batch_size, steps.n_rows);
  const double flops = batch_flops(network, largest);
  TeamSize& size = network.team_size();
  size.prepare(flops, largest <= kFewRows && network.parameters().bytes() > kNearestCaches);
  Pass<T> pass(Goal::kGradients, network, samples, objective, network.workspace(largest, size.largest()));
  const auto start = Clock::now();
  // A look at the clock takes a hundredth of the smallest steps, so those do without most of them.
  const index_t look = flops < 1e5 && !size.tries() ? 16 : 1;
  bool time_is_up = false;
  index_t done = 0, rows_done = 0;
  while (rows_done < steps.n_rows && !time_is_up) {
    // Set by member 0 before the barriers of that very step and compared after them, so that all leave after the same
    // one.
    std::atomic<index_t> last_step{std::numeric_limits<index_t>::max()};
    auto some_steps = [&, done_before = done, rows_before = rows_done, t_before = optimizer.steps](const Team& team) {
      std::int64_t t = t_before;
      index_t step = done_before;
      for (index_t first = rows_before; first < steps.n_rows && step <= last_step.load(std::memory_order_relaxed);
           ++step) {
        if (team.id() == 0 && step % look == 0) {
          const auto now = Clock::now();
          time_is_up = std::chrono::duration<double>(now - start).count() >= steps.seconds;
          if (size.next_step(now) || time_is_up) last_step.store(step, std::memory_order_relaxed);
        }
        const index_t rows = std::min(steps.batch_size, steps.n_rows - first);
        const Order order = Order(steps.order, steps.n_rows).from(first);
        const double weight = samples.total_weight(order, rows);
        if (weight > 0) ++t;  // a batch without weight takes no step
        const UpdateRule<T> rule(optimizer, steps.learning_rates[step], t);
        const Cost cost = pass.batch(team, order, rows, weight, false, weight > 0 ? &rule : nullptr);
        first += rows;
        if (team.id() == 0) {
          steps.costs[step] = cost.total;
          if (steps.penalties) steps.penalties[step] = cost.penalty;
          optimizer.steps = t;
          done = step + 1, rows_done = first;
        }
      }
    };
    size.begin(Clock::now());
    run_team(size.threads(), some_steps);
    size.end(Clock::now());
  }
  return done;
}

template <class T>
void apply_gradients(Network<T>& network, OptimizerState<T>& optimizer, double learning_rate) {
  const UpdateRule<T> rule(optimizer, learning_rate, ++optimizer.steps);
  for (const PlannedUnit& u : network.plan().units) rule.apply(network, u, network.gradient(u));
}

#define CHAINRULE_INSTANTIATE(T)                                                                           \
  template double cost(Network<T>&, const Samples&, const Objective&);                                     \
  template double backward(Network<T>&, const Samples&, const Objective&, bool);                           \
  template index_t train(Network<T>&, OptimizerState<T>&, const Samples&, const Objective&, const Steps&); \
  template Trace<T> trace(Network<T>&, const Samples&, const Objective&);                                  \
  template void apply_gradients(Network<T>&, OptimizerState<T>&, double);
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
