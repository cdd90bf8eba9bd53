// Names of the lists (kernels/lists.h): the enumerator with a name. Unknown names are errors that list the known ones.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <tuple>
#include <utility>

#include "ops/losses.h"
#include "ops/optimizers.h"

namespace chainrule {

namespace py = pybind11;

Activation activation_arg(const std::string& where, const std::string& name);
// Of n units; from its name, slope, and groups, and the function of one that the user wrote (custom.h).
using ActivationParts = py::tuple;
ActivationSpec activation_arg(const std::string& where, const ActivationParts& parts, index_t n);
Loss loss_arg(const std::string& where, const std::string& name);
// From its name and numbers, and the function of one that the user wrote (custom.h).
using LossParts = py::tuple;
LossSpec loss_arg(const std::string& where, const LossParts& parts);
TargetKind target_kind_arg(const std::string& name);  // "Any", and so on
Optimizer optimizer_arg(const std::string& where, const std::string& name);
// momentum or rho or beta1, beta2, epsilon, weight decay, momentum decay, largest step, epsilon_hat
using Hyperparameters = std::tuple<double, double, double, double, double, double, bool>;
OptimizerSpec optimizer_arg(const std::string& where, const std::string& name, const Hyperparameters& hyperparameters);

}  // namespace chainrule
