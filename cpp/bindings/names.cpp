#include "bindings/names.h"

#include <pybind11/stl.h>

#include <numeric>

#include "bindings/arrays.h"
#include "bindings/custom.h"

namespace chainrule {

namespace {

template <class E, std::size_t N>
E find_name(const std::string& where, const std::string& what, const char* const (&names)[N], const std::string& name) {
  std::string known;
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) return static_cast<E>(i);
    known += (i ? ", " : "") + std::string(names[i]);
  }
  throw py::value_error(complaint(where, what, "one of " + known, "'" + name + "'"));
}

}  // namespace

#define CHAINRULE_NAME(struct_name, name, ...) name,
#define CHAINRULE_TEXT(name) #name,

Activation activation_arg(const std::string& where, const std::string& name) {
  return find_name<Activation>(where, "activation", {CHAINRULE_ACTIVATIONS(CHAINRULE_NAME)}, name);
}
ActivationSpec activation_arg(const std::string& where, const ActivationParts& parts, index_t n) {
  if (parts.size() > 3) return {Activation::kIdentity, 0, {}, custom_activation(parts[3])};
  const auto [name, slope, groups] = parts.cast<std::tuple<std::string, double, Groups>>();
  std::string listed;
  for (const index_t units : groups) listed += (listed.empty() ? "" : ", ") + std::to_string(units);
  if (!groups.empty() && std::accumulate(groups.begin(), groups.end(), index_t{0}) != n) {
    throw py::value_error(
        complaint(where, "activation", "groups that add up to " + std::to_string(n) + " units", "(" + listed + ")"));
  }
  return {activation_arg(where, name), slope, groups.size() > 1 ? groups : Groups{}};  // one group is the whole
}
Loss loss_arg(const std::string& where, const std::string& name) {
  return find_name<Loss>(where, "loss", {CHAINRULE_LOSSES(CHAINRULE_NAME)}, name);
}
LossSpec loss_arg(const std::string& where, const LossParts& parts) {
  if (parts.size() > 3) return {Loss::kSquaredError, 0, 0, custom_loss(parts[3])};
  const auto [name, parameter, parameter2] = parts.cast<std::tuple<std::string, double, double>>();
  return {loss_arg(where, name), parameter, parameter2};
}
TargetKind target_kind_arg(const std::string& name) {
  return find_name<TargetKind>("Samples", "targets", {CHAINRULE_TARGET_KINDS(CHAINRULE_TEXT)}, name);
}
Optimizer optimizer_arg(const std::string& where, const std::string& name) {
  return find_name<Optimizer>(where, "optimizer", {CHAINRULE_OPTIMIZERS(CHAINRULE_NAME)}, name);
}
OptimizerSpec optimizer_arg(const std::string& where, const std::string& name, const Hyperparameters& h) {
  const auto& [momentum, beta2, epsilon, weight_decay, momentum_decay, largest, epsilon_hat] = h;
  return {optimizer_arg(where, name), momentum, beta2, epsilon, weight_decay, momentum_decay, largest, epsilon_hat};
}

#undef CHAINRULE_NAME
#undef CHAINRULE_TEXT

}  // namespace chainrule
