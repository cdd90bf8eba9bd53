// Options and averages of single parameters, which an optimizer keeps by the units of a plan.
#pragma once

#include <algorithm>
#include <vector>

#include "network/network.h"
#include "ops/optimizers.h"

namespace chainrule {

// `options` of the plan's parameters, in their order.
template <class T>
void set_own_options(const Plan<T>& plan, const std::vector<OwnOptions>& options, OptimizerState<T>& optimizer) {
  optimizer.own.assign(plan.units.size(), {});
  optimizer.lowest_node = plan.nodes.size() - 1;
  for (std::size_t i = 0; i < plan.units.size(); ++i) {
    const PlannedUnit& u = plan.units[i];
    for (std::size_t p = 0; p < options.size(); ++p) {
      if (belongs(u, plan.parameters[p])) optimizer.own[i] = options[p];
    }
    if (u.trained && !optimizer.own[i].frozen) optimizer.lowest_node = std::min(optimizer.lowest_node, u.node);
  }
}

// Exchanges parameters and averages to show these, and back. Nothing happens before the first step, nor to parameters
// that take no steps.
template <class T>
void show_averages(Network<T>& net, OptimizerState<T>& optimizer, bool show) {
  if (optimizer.shows_averages == show) return;
  optimizer.shows_averages = show;
  if (optimizer.steps == 0) return;
  const std::vector<PlannedUnit>& units = net.plan().units;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const PlannedUnit& u = units[i];
    if (!u.trained || (!optimizer.own.empty() && optimizer.own[i].frozen)) continue;
    for (index_t q = 0; q < u.unit.pieces; ++q) {
      T* const from = net.parameters().data() + u.offset + q * u.unit.stride;
      std::swap_ranges(from, from + u.unit.size, optimizer.average.data() + u.offset + q * u.unit.stride);
    }
    net.refresh_mirror(u);
  }
}

}  // namespace chainrule
