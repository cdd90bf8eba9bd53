// Losses as they are asked for, and which kernel fits a pair of loss and output activation.
#pragma once

#include "kernels/kernels.h"

namespace chainrule {

// A loss and its number (LossRows::parameter), 0 for a loss without one.
struct LossSpec {
  Loss kind;
  double parameter = 0;
};

// The activation with which the loss is computed from z.
constexpr Activation canonical_activation(Loss loss) {
#define CHAINRULE_CANONICAL(struct_name, text, activation, ...) \
  if (loss == Loss::k##struct_name) return Activation::k##activation;
  CHAINRULE_LOSSES(CHAINRULE_CANONICAL)
#undef CHAINRULE_CANONICAL
  return Activation::kIdentity;
}

// What targets a loss takes.
struct TargetRange {
  double lowest, highest;
};
constexpr TargetRange target_range(Loss loss) {
#define CHAINRULE_RANGE(struct_name, text, activation, lowest, highest) \
  if (loss == Loss::k##struct_name) return {lowest, highest};
  CHAINRULE_LOSSES(CHAINRULE_RANGE)
#undef CHAINRULE_RANGE
  return {0, 0};
}

// With a canonical pair `p.y` holds z and `p.d` becomes the gradient in z; otherwise both are those of a = g(z).
template <class T>
void loss_rows(Loss loss, bool canonical, const LossRows<T>& p) {
  const Kernels<T>& k = kernels<T>();
  (canonical ? k.loss : k.loss_of_activation)[static_cast<int>(loss)](p);
}

}  // namespace chainrule
