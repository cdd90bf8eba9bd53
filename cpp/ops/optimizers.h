// An optimizer over flat arrays: hyperparameters, state, and the numbers of one step.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/buffer.h"
#include "kernels/kernels.h"
#include "ops/powers.h"

namespace chainrule {

// Momentum is rho of RMSProp and beta1 of Adam. Of Rprop, momentum and beta2 are the factors of steps that shrink and
// grow, and epsilon is the smallest step; its steps are in units of the learning rate.
struct OptimizerSpec {
  Optimizer kind = Optimizer::kSgd;
  double momentum = 0, beta2 = 0, epsilon = 0, weight_decay = 0;
  double momentum_decay = 0;  // of NAdam
  double largest = 0;         // step of Rprop
  bool epsilon_hat = false;   // of Adam: epsilon stands beside the root of the uncorrected v
};

constexpr int state_count(Optimizer kind) {
#define CHAINRULE_STATES(struct_name, text, states, fade) states,
  constexpr int counts[] = {CHAINRULE_OPTIMIZERS(CHAINRULE_STATES)};
#undef CHAINRULE_STATES
  return counts[static_cast<int>(kind)];
}

// After every so many steps, states that fade are rid of subnormal numbers (updates.inl.h).
inline constexpr std::int64_t kStepsPerFlush = 64;

// What step number t (counted from 1) makes of the learning rate and of epsilon.
struct Corrections {
  double over = 1, under = 1;                    // learning_rate * over / under multiplies m, or g where there is no m
  double gradient_over = 0, gradient_under = 1;  // likewise g, besides
  double epsilon = 1;                            // factor
  bool adaptive = true;
  bool flushes = false;
};

// Powers of the numbers of an optimizer.
struct SpecPowers {
  Powers momentum, beta2;

  explicit SpecPowers(const OptimizerSpec& spec, std::int64_t largest = INT64_MAX)
      : momentum(spec.momentum, largest), beta2(spec.beta2, largest) {}
};

inline Corrections corrections(const OptimizerSpec& spec, const SpecPowers& power_of, std::int64_t t) {
  Corrections c;
  c.flushes = t % kStepsPerFlush == 0;
  if (spec.kind == Optimizer::kAdam) {
    c.under = 1 - power_of.momentum(t);
    c.over = std::sqrt(1 - power_of.beta2(t));
    c.epsilon = spec.epsilon_hat ? 1 : c.over;
  } else if (spec.kind == Optimizer::kNAdam) {
    const MomentumSchedule mu = momentum_schedule(spec.momentum, spec.momentum_decay, t);
    c.epsilon = std::sqrt(1 - power_of.beta2(t));
    c.over = c.epsilon * mu.next, c.under = 1 - mu.product * mu.next;
    c.gradient_over = c.epsilon * (1 - mu.now), c.gradient_under = 1 - mu.product;
  } else if (spec.kind == Optimizer::kRAdam) {
    // rho is the length of the average that v is: adaptive steps need a variance, which exists from 4 on; 5 is common.
    const double power = power_of.beta2(t), longest = 2 / (1 - spec.beta2) - 1;
    const double rho = longest - 2 * static_cast<double>(t) * power / (1 - power);
    c.under = 1 - power_of.momentum(t);
    c.adaptive = rho > 5;
    if (c.adaptive) {
      c.over = std::sqrt((1 - power) * ((rho - 4) * (rho - 2) * longest) / ((longest - 4) * (longest - 2) * rho));
    }
  }
  return c;
}

// The constants of a step.
template <class T>
UpdateStep<T> update_step(const OptimizerSpec& spec, double learning_rate, double weight_decay, const Corrections& c) {
  UpdateStep<T> s;
  s.learning_rate = static_cast<T>(learning_rate * c.over / c.under);
  s.decay = static_cast<T>(1 - learning_rate * weight_decay);
  s.momentum = static_cast<T>(spec.momentum);
  s.one_minus_momentum = static_cast<T>(1 - spec.momentum);
  s.beta2 = static_cast<T>(spec.beta2);
  s.one_minus_beta2 = static_cast<T>(1 - spec.beta2);
  // Not below the smallest number, lest 0 / 0 arise where a gradient is 0.
  s.epsilon = std::max(static_cast<T>(spec.epsilon * c.epsilon), std::numeric_limits<T>::denorm_min());
  s.largest = static_cast<T>(spec.largest);
  s.gradient_rate = static_cast<T>(learning_rate * c.gradient_over / c.gradient_under);
  s.adaptive = c.adaptive, s.flushes = c.flushes;
  return s;
}
// Of step number t, for parameters that decay; for the others decay is 1.
template <class T>
UpdateStep<T> update_step(const OptimizerSpec& spec, double learning_rate, std::int64_t t) {
  return update_step<T>(spec, learning_rate, spec.weight_decay, corrections(spec, SpecPowers(spec, t), t));
}

// What a run of parameters has of its own.
struct OwnOptions {
  double rate_factor = 1, decay_factor = 1;  // of the learning rate and of the weight decay
  bool frozen = false;
};

// State arrays in the layout of the parameters they belong to.
template <class T>
struct OptimizerState {
  OptimizerSpec spec;
  SpecPowers power_of;
  std::int64_t steps = 0;
  Buffer<T> state[2];
  std::vector<OwnOptions> own;  // of each unit of a plan; empty if there are no options
  std::size_t lowest_node = 0;  // of the plan with parameters that are not frozen
  double ema = 0;               // the weight in the averages falls by this factor from step to step; 0: no averages
  Powers power_of_ema{ema};
  Buffer<T> average;            // sum over steps i of ema^(t - i) w_i, divided by the sum of these factors
  bool shows_averages = false;  // where the parameters belong; those stand in `average` meanwhile

  OptimizerState(const OptimizerSpec& optimizer, index_t size) : spec(optimizer), power_of(optimizer) {
    for (int s = 0; s < state_count(spec.kind); ++s) state[s] = Buffer<T>(size);
  }

  // Updates the pieces of the parameters that begin at `offset` with their gradient, adjusted unless the adjustment is
  // null; returns its penalty.
  double update(index_t offset, const Pieces& pieces, T* parameters, const PiecesGradient<T>& gradient,
                const UpdateStep<T>& step, const Adjustment<T>* adjustment) {
    auto at = [offset](Buffer<T>& b) { return b.data() ? b.data() + offset : nullptr; };
    return kernels<T>().update[static_cast<int>(spec.kind)](pieces, parameters + offset, gradient, at(state[0]),
                                                            at(state[1]), step, adjustment);
  }

  // From now on averages are kept of parameters of so many elements.
  void start_averages(double factor, index_t size) {
    ema = factor;
    power_of_ema = Powers(factor);
    average = Buffer<T>(size);
  }
  // The share of the parameters after step t in their average.
  T share(std::int64_t t) const { return ema > 0 ? static_cast<T>((1 - ema) / (1 - power_of_ema(t))) : T(0); }
  void add_to_average(index_t offset, index_t size, const T* parameters, T share) {
    kernels<T>().average(size, parameters + offset, average.data() + offset, share);
  }

  // Lists what these will read besides the parameters.
  void list_states(index_t offset, index_t size, Ahead& ahead) const {
    const index_t bytes = size * static_cast<index_t>(sizeof(T));
    for (const Buffer<T>& s : state) {
      if (s.data()) ahead.add(s.data() + offset, bytes);
    }
    if (average.data()) ahead.add(average.data() + offset, bytes);
  }
};

}  // namespace chainrule
