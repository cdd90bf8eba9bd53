// Activations as they are asked for, and their kernels.
#pragma once

#include <memory>

#include "ops/custom.h"

namespace chainrule {

// An activation, the slope of leaky_relu or elu, and the groups of softmax: none, or the units of each of several. One
// that the user wrote comes after the identity; the plan makes a layer of it.
struct ActivationSpec {
  Activation kind = Activation::kIdentity;
  double slope = 0;
  Groups groups = {};
  std::shared_ptr<const CustomActivation> custom = nullptr;

  bool is_grouped() const { return !groups.empty(); }
  index_t n_groups() const { return is_grouped() ? static_cast<index_t>(groups.size()) : 1; }
  Groups groups_of(index_t n) const { return is_grouped() ? groups : Groups{n}; }  // n units
};

// Whether the derivative is told from z, which then has to be kept, and not from a = g(z).
inline bool needs_z(const ActivationSpec& g) {
#define CHAINRULE_FROM_Z(struct_name, name, lowest, highest, has_slope, from_z) from_z,
  constexpr bool from_z[] = {CHAINRULE_ACTIVATIONS(CHAINRULE_FROM_Z)};
#undef CHAINRULE_FROM_Z
  return from_z[static_cast<int>(g.kind)];
}

// z becomes a = g(z).   (rows, n)
template <class T>
void activate(const ActivationSpec& g, index_t rows, index_t n, Panels<T> z) {
  if (g.kind == Activation::kIdentity) return;
  const auto kernel = kernels<T>().activate[static_cast<int>(g.kind)];
  if (g.is_grouped()) return activate_groups<T>(kernel, g.groups, rows, z);
  kernel(rows, n, z, static_cast<T>(g.slope));
}

// d, the gradient in a = g(z), becomes the gradient in z.   (rows, n); a_or_z is z where needs_z(g), else a
template <class T>
void activation_gradient(const ActivationSpec& g, index_t rows, index_t n, Panels<const T> a_or_z, Panels<T> d) {
  if (g.kind == Activation::kIdentity) return;
  const auto kernel = kernels<T>().activation_gradient[static_cast<int>(g.kind)];
  if (g.is_grouped()) return activation_gradient_of_groups<T>(kernel, g.groups, rows, a_or_z, d);
  kernel(rows, n, a_or_z, d, static_cast<T>(g.slope));
}

}  // namespace chainrule
