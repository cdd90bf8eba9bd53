// Which loss kernel fits a pair of loss and output activation.
#pragma once

#include "kernels/kernels.h"

namespace chainrule {

// The activation with which the gradient in z is A - Y and the loss is computed from z, without overflow.
constexpr Activation canonical_activation(Loss loss) {
#define CHAINRULE_CANONICAL(struct_name, text, activation) \
  if (loss == Loss::k##struct_name) return Activation::k##activation;
  CHAINRULE_LOSSES(CHAINRULE_CANONICAL)
#undef CHAINRULE_CANONICAL
  return Activation::kIdentity;
}

// With a canonical pair `p.y` holds z and `p.d` becomes the gradient in z; otherwise both are those of a = g(z).
template <class T>
void loss_rows(Loss loss, bool canonical, const LossRows<T>& p) {
  const Kernels<T>& k = kernels<T>();
  (canonical ? k.loss : k.loss_of_activation)[static_cast<int>(loss)](p);
}

}  // namespace chainrule
