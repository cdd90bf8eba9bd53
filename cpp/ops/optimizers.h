// An optimizer over flat arrays: hyperparameters, state, and the numbers of one step.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/buffer.h"
#include "kernels/kernels.h"

namespace chainrule {

struct OptimizerSpec {
  Optimizer kind = Optimizer::kSgd;
  double momentum = 0, beta2 = 0, epsilon = 0, weight_decay = 0;  // momentum is rho of RMSProp and beta1 of Adam
  bool epsilon_hat = false;  // of Adam: epsilon stands beside the root of the uncorrected v
};

constexpr int state_count(Optimizer kind) {
#define CHAINRULE_STATES(struct_name, text, states) \
  if (kind == Optimizer::k##struct_name) return states;
  CHAINRULE_OPTIMIZERS(CHAINRULE_STATES)
#undef CHAINRULE_STATES
  return 0;
}

// base^n by squaring: multiplications alone, so the bits do not depend on a math library. Tried: multiplying by 1 for a
// bit that is not set, without a branch; 2 % of a step of 20-64-64-2 slower.
inline double integer_power(double base, std::int64_t n) {
  double result = 1;
  for (; n > 0; n >>= 1, base *= base) {
    if (n & 1) result *= base;
  }
  return result;
}

// The constants of step number t (counted from 1), for parameters that decay; for the others decay is 1.
template <class T>
UpdateStep<T> update_step(const OptimizerSpec& spec, double learning_rate, std::int64_t t) {
  double correction1 = 1, correction2 = 1;
  if (spec.kind == Optimizer::kAdam) {
    correction1 = 1 - integer_power(spec.momentum, t);
    correction2 = std::sqrt(1 - integer_power(spec.beta2, t));
  }
  UpdateStep<T> s;
  s.learning_rate = static_cast<T>(learning_rate * correction2 / correction1);
  s.decay = static_cast<T>(1 - learning_rate * spec.weight_decay);
  s.momentum = static_cast<T>(spec.momentum);
  s.one_minus_momentum = static_cast<T>(1 - spec.momentum);
  s.beta2 = static_cast<T>(spec.beta2);
  s.one_minus_beta2 = static_cast<T>(1 - spec.beta2);
  // Not below the smallest number, lest 0 / 0 arise where a gradient is 0.
  s.epsilon = std::max(static_cast<T>(spec.epsilon_hat ? spec.epsilon : spec.epsilon * correction2),
                       std::numeric_limits<T>::denorm_min());
  return s;
}

// State arrays in the layout of the parameters they belong to.
template <class T>
struct OptimizerState {
  OptimizerSpec spec;
  std::int64_t steps = 0;
  Buffer<T> state[2];

  OptimizerState(const OptimizerSpec& optimizer, index_t size) : spec(optimizer) {
    for (int s = 0; s < state_count(spec.kind); ++s) state[s] = Buffer<T>(size);
  }

  // Updates parameters[offset, offset + size) with a gradient of that size, adjusted unless the adjustment is null;
  // returns its penalty.
  double update(index_t offset, index_t size, T* parameters, const T* gradient, const UpdateStep<T>& step,
                const Adjustment<T>* adjustment) {
    auto at = [offset](Buffer<T>& b) { return b.data() ? b.data() + offset : nullptr; };
    return kernels<T>().update[static_cast<int>(spec.kind)](size, parameters + offset, gradient, at(state[0]),
                                                            at(state[1]), step, adjustment);
  }

  // Lists what that update will read.
  void list(index_t offset, index_t size, const T* parameters, Ahead& ahead) const {
    const index_t bytes = size * static_cast<index_t>(sizeof(T));
    ahead.add(parameters + offset, bytes);
    for (const Buffer<T>& s : state) {
      if (s.data()) ahead.add(s.data() + offset, bytes);
    }
  }
};

}  // namespace chainrule
