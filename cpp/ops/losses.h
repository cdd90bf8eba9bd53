// Losses as they are asked for, and which kernel fits a pair of loss and output activation.
#pragma once

#include "ops/activations.h"

namespace chainrule {

// A loss and its numbers (of LossRows), 0 for those it does not have. One that the user wrote stands before the kind.
struct LossSpec {
  Loss kind;
  double parameter = 0, parameter2 = 0;
  std::shared_ptr<const CustomLoss> custom = nullptr;
};

// The activation with which the loss is computed from z.
constexpr Activation canonical_activation(Loss loss) {
#define CHAINRULE_CANONICAL(struct_name, text, activation, kind) Activation::k##activation,
  constexpr Activation activations[] = {CHAINRULE_LOSSES(CHAINRULE_CANONICAL)};
#undef CHAINRULE_CANONICAL
  return activations[static_cast<int>(loss)];
}

constexpr TargetKind target_kind(Loss loss) {
#define CHAINRULE_TARGETS(struct_name, text, activation, kind) TargetKind::kind,
  constexpr TargetKind kinds[] = {CHAINRULE_LOSSES(CHAINRULE_TARGETS)};
#undef CHAINRULE_TARGETS
  return kinds[static_cast<int>(loss)];
}

inline bool is_canonical(const LossSpec& loss, const ActivationSpec& g) {
  return !loss.custom && g.kind == canonical_activation(loss.kind);
}

// With a canonical pair `p.y` holds z and `p.d` becomes the gradient in z; otherwise both are those of a = g(z). Of a
// canonical pair with groups the losses add up, and `p.classes` is (rows, groups).
template <class T>
void loss_rows(const LossSpec& loss, const ActivationSpec& g, LossRows<T> p) {
  if (loss.custom) return custom_loss_rows(*loss.custom, g.groups_of(p.n), p);
  const Kernels<T>& k = kernels<T>();
  const auto index = static_cast<std::size_t>(loss.kind);
  p.parameter = static_cast<T>(loss.parameter), p.parameter2 = static_cast<T>(loss.parameter2);
  if (!is_canonical(loss, g)) return k.loss_of_activation[index](p);
  if (g.is_grouped()) return loss_of_groups<T>(k.loss[index], g.groups, p);
  k.loss[index](p);
}

}  // namespace chainrule
