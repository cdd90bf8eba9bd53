#include "network/pass.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/helpers.h"
#include "network/batch_pass.h"

namespace chainrule {

namespace {

using Clock = std::chrono::steady_clock;

template <class T>
double batch_flops(const Network<T>& network, index_t rows) {
  return work<T>(network.plan().training_flops, rows);
}

// Whether a function of the user's runs alone.
template <class T>
bool has_custom(const Network<T>& network, const Objective& objective) {
  return objective.loss.custom || network.plan().has_custom();
}

// A pass over all samples.
template <class T>
double cost_of(Pass<T>& pass, const Network<T>& network, const Samples& samples, const Objective& objective,
               bool accumulate = false) {
  double result = 0;
  const double flops = batch_flops(network, samples.rows);
  const Order all = samples.all();
  auto batch = [&](const Team& team) {
    const Cost cost = pass.batch(team, all, samples.rows, samples.total_weight(all, samples.rows), accumulate);
    if (team.id() == 0) result = cost.total;
  };
  if (has_custom(network, objective)) {
    run_team(threads_for(flops), batch);
  } else {
    run_call(flops, batch);
  }
  return result;
}

}  // namespace

template <class T>
double cost(Network<T>& network, const Samples& samples, const Objective& objective, const Mode& mode) {
  Pass<T> pass(Goal::kCost, network, samples, objective, mode, network.workspace(samples.x, samples.rows));
  const double result = cost_of(pass, network, samples, objective);
  rethrow(pass.failure());
  return result;
}

template <class T>
double backward(Network<T>& network, const Samples& samples, const Objective& objective, const Mode& mode,
                bool accumulate) {
  Buffer<T> before(has_custom(network, objective) ? network.gradients().size() : 0);
  std::copy_n(network.gradients().data(), before.size(), before.data());
  Pass<T> pass(Goal::kGradients, network, samples, objective, mode, network.workspace(samples.x, samples.rows));
  const double result = cost_of(pass, network, samples, objective, accumulate);
  if (pass.failure()) network.gradients() = std::move(before);
  rethrow(pass.failure());
  return result;
}

template <class T>
Trace<T> trace(Network<T>& network, const Samples& samples, const Objective& objective, const Mode& mode) {
  const Plan<T>& plan = network.plan();
  const index_t rows = samples.rows;
  Trace<T> result{Workspace<T>(plan, rows), Workspace<T>(plan, rows)};
  Pass<T> pass(Goal::kTrace, network, samples, objective, mode, result.activated);
  run_team(1,
           [&](const Team& team) { pass.batch(team, samples.all(), rows, samples.total_weight(samples.all(), rows)); });
  rethrow(pass.failure());
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const Node<T>& node = plan.nodes[i];
    Slice<T> s = result.activated.slices[i];
    s.mode = mode;
    const Panels<T> y = s.y;
    s.y = result.raw.slices[i].y, s.rectifies = false;
    node.layer->forward(network.weights(node), s);
    copy_panels<T>(rows, node.layer->n_out(), s.y, y);  // the pass may have stopped at z
    activate(node.activation, rows, node.layer->n_out(), y);
    if (!plan.mixes_rows()) continue;
    for (index_t r = 0; r < rows; ++r) {  // where rows are mixed, the pass had to take their weights
      const T share = s.share[r];
      for (index_t j = 0; j < node.layer->n_out(); ++j) {
        T& d = s.d.from(r).data[s.d.place(j)];
        d = share > T(0) ? d / share : T(0);
      }
    }
  }
  return result;
}

template <class T>
Trained train(Network<T>& network, OptimizerState<T>& optimizer, const Samples& samples, const Objective& objective,
              const Steps& steps) {
  const index_t largest = std::min(steps.batch_size, steps.n_rows);
  const double flops = batch_flops(network, largest);
  TeamSize& size = network.team_size();
  size.prepare(flops);
  Pass<T> pass(Goal::kGradients, network, samples, objective, Mode{true, steps.seed},
               network.workspace(samples.x, largest, size.largest()));
  const auto start = Clock::now();
  // A look at the clock takes a hundredth of the smallest steps, so those do without most of them.
  const index_t look = flops < 1e5 && !size.tries() ? 16 : 1;
  bool is_over = false;
  index_t done = 0, rows_done = 0;
  while (rows_done < steps.n_rows && !is_over && !pass.failure()) {
    // Set by member 0 before the barriers of that very step and compared after them, so that all leave after the same
    // one.
    std::atomic<index_t> last_step{std::numeric_limits<index_t>::max()};
    auto some_steps = [&, done_before = done, rows_before = rows_done, t_before = optimizer.steps,
                       turn_before = size.steps()](const Team& team) {
      std::int64_t t = t_before;
      index_t step = done_before;
      for (index_t first = rows_before; first < steps.n_rows && step <= last_step.load(std::memory_order_relaxed);
           ++step) {
        const index_t rows = std::min(steps.batch_size, steps.n_rows - first);
        if (team.id() == 0 && step % look == 0) {
          const auto now = Clock::now();
          is_over = std::chrono::duration<double>(now - start).count() >= steps.seconds;
          if (size.next_step(now, batch_flops(network, rows)) || is_over)
            last_step.store(step, std::memory_order_relaxed);
        }
        const Order order = Order(steps.order, steps.n_rows).from(first);
        const double weight = samples.total_weight(order, rows);
        const UpdateRule<T> rule(optimizer, steps.learning_rates[step], t + 1, steps.clipping);
        const bool by_layers = team.size() > 1 && size.second_way(turn_before + static_cast<int>(step - done_before));
        const Cost cost = pass.batch(team, order, rows, weight, false, weight > 0 ? &rule : nullptr,
                                     static_cast<std::uint32_t>(t), by_layers);
        if (pass.failure()) break;
        if (weight > 0 && cost.is_finite) ++t;  // otherwise no step was taken
        first += rows;
        if (team.id() == 0) {
          is_over |= !cost.is_finite;
          steps.costs[step] = cost.total;
          if (steps.penalties) steps.penalties[step] = cost.penalty;
          optimizer.steps = t;
          done = step + 1, rows_done = first;
        }
        if (!cost.is_finite) break;
      }
    };
    size.begin(Clock::now());
    run_team(size.threads(), some_steps);
    size.end(Clock::now());
  }
  return {done, pass.failure()};
}

template <class T>
void apply_gradients(Network<T>& network, OptimizerState<T>& optimizer, double learning_rate,
                     const Clipping& clipping) {
  const UpdateRule<T> rule(optimizer, learning_rate, ++optimizer.steps, clipping);
  Adjustment<T> adjustment;
  adjustment.limit = static_cast<T>(clipping.value);
  const std::vector<PlannedUnit>& units = network.plan().units;
  if (clipping.by_norm()) {
    double squared_norm = 0;
    for (const PlannedUnit& u : units) {
      if (!u.trained || rule.is_frozen(network, u)) continue;
      adjust(network, u, network.gradient(u), adjustment);
      squared_norm += sum_of_squares(u, network.gradient(u));
    }
    adjustment.scale = rule.scale(squared_norm);
  }
  for (const PlannedUnit& u : units) {
    if (u.trained && !rule.is_frozen(network, u)) rule.apply(network, u, network.gradient(u), &adjustment);
  }
}

#define CHAINRULE_INSTANTIATE(T)                                                                           \
  template double cost(Network<T>&, const Samples&, const Objective&, const Mode&);                        \
  template double backward(Network<T>&, const Samples&, const Objective&, const Mode&, bool);              \
  template Trained train(Network<T>&, OptimizerState<T>&, const Samples&, const Objective&, const Steps&); \
  template Trace<T> trace(Network<T>&, const Samples&, const Objective&, const Mode&);                     \
  template void apply_gradients(Network<T>&, OptimizerState<T>&, double, const Clipping&);
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
