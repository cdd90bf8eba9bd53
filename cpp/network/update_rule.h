// What happens to the units of the parameters once their gradients are complete.
#pragma once

#include <cmath>
#include <limits>

#include "network/network.h"
#include "ops/optimizers.h"

namespace chainrule {

// Gradients are cut to [-value, value], then scaled down to a norm of at most `norm`, over all parameters together
// (Pascanu, Mikolov & Bengio 2013, algorithm 1).
struct Clipping {
  double value = std::numeric_limits<double>::infinity(), norm = std::numeric_limits<double>::infinity();

  bool by_norm() const { return std::isfinite(norm); }
};

template <class T>
struct UpdateRule {
  OptimizerState<T>* optimizer;
  double rate;
  Corrections corrected;
  UpdateStep<T> decaying, plain;  // for parameters that decay, and for the others
  T share;                        // of the new parameters in their averages
  Clipping clipping;

  UpdateRule(OptimizerState<T>& o, double learning_rate, std::int64_t t, const Clipping& clip)
      : optimizer(&o),
        rate(learning_rate),
        corrected(corrections(o.spec, o.power_of, t)),
        decaying(update_step<T>(o.spec, learning_rate, o.spec.weight_decay, corrected)),
        plain(decaying),
        share(o.share(t)),
        clipping(clip) {
    plain.decay = T(1);
  }

  // A unit's own options, or null.
  const OwnOptions* own(const Network<T>& net, const PlannedUnit& u) const {
    return optimizer->own.empty() ? nullptr : &optimizer->own[static_cast<std::size_t>(&u - net.plan().units.data())];
  }
  bool is_frozen(const Network<T>& net, const PlannedUnit& u) const {
    const OwnOptions* options = own(net, u);
    return options && options->frozen;
  }
  UpdateStep<T> step(const Network<T>& net, const PlannedUnit& u) const {
    const OwnOptions* options = own(net, u);
    if (!options) return u.decays ? decaying : plain;
    const OptimizerSpec& spec = optimizer->spec;
    return update_step<T>(spec, rate * options->rate_factor, spec.weight_decay * options->decay_factor, corrected);
  }

  // Lists what `apply` will read, if it is `far`, and what it will write of that which other threads have read, if it
  // is `shared`.
  void list_ahead(const Network<T>& net, const PlannedUnit& u, bool far, bool shared, Ahead& list) const {
    for (index_t q = 0; q < u.unit.pieces; ++q) {
      const T* parameters = net.parameters().data() + u.offset + q * u.unit.stride;
      list.add(parameters, u.unit.size * static_cast<index_t>(sizeof(T)), shared);
    }
    if (shared) net.claim_mirror(u, list);
    for (index_t q = 0; far && q < u.unit.pieces; ++q) {
      optimizer->list_states(u.offset + q * u.unit.stride, u.unit.size, list);
    }
  }

  // Returns the penalty of the adjustment, which may be null.
  double apply(Network<T>& net, const PlannedUnit& u, const PiecesGradient<T>& g,
               const Adjustment<T>* adjustment) const {
    T* const parameters = net.parameters().data();
    const Pieces pieces{u.unit.size, u.unit.pieces, u.unit.stride};
    const double penalty = optimizer->update(u.offset, pieces, parameters, g, step(net, u), adjustment);
    for (index_t q = 0; share != 0 && q < pieces.count; ++q) {
      optimizer->add_to_average(u.offset + q * pieces.stride, pieces.size, parameters, share);
    }
    net.refresh_mirror(u);
    return penalty;
  }

  // The factor of a gradient of that norm. One that is not finite stays, to be seen in the parameters.
  T scale(double squared_norm) const {
    const double norm = std::sqrt(squared_norm);
    return norm > clipping.norm && std::isfinite(norm) ? static_cast<T>(clipping.norm / norm) : T(1);
  }
};

// What becomes of the gradients before the step. There is no penalty on parameters that do not decay.
template <class T>
struct Adjustments {
  Adjustment<T> decaying, plain;

  Adjustments(double l2, double l1, double limit) {
    plain.limit = decaying.limit = static_cast<T>(limit);
    decaying.l2 = static_cast<T>(l2), decaying.l1 = static_cast<T>(l1);
  }
  // Null if nothing does.
  const Adjustment<T>* of(const PlannedUnit& u) const {
    const Adjustment<T>& a = u.decays ? decaying : plain;
    return a.l2 != 0 || a.l1 != 0 || std::isfinite(a.limit) ? &a : nullptr;
  }
};

// The kernels on a unit.
template <class T>
double adjust(const Network<T>& net, const PlannedUnit& u, UnitGradient<T> g, const Adjustment<T>& adjustment) {
  double penalty = 0;
  for (index_t q = 0; q < u.unit.pieces; ++q) {
    penalty += kernels<T>().adjust(u.unit.size, net.parameters().data() + u.offset + q * u.unit.stride,
                                   g.data ? g.data + q * g.stride : nullptr, adjustment);
  }
  return penalty;
}
template <class T>
double sum_of_squares(const PlannedUnit& u, UnitGradient<T> g) {
  double sum = 0;
  for (index_t q = 0; q < u.unit.pieces; ++q) sum += kernels<T>().sum_of_squares(u.unit.size, g.data + q * g.stride);
  return sum;
}

}  // namespace chainrule
