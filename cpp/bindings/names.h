// Names of the lists (kernels/lists.h): the enumerator with a name. Unknown names are errors that list the known ones.
#pragma once

#include <string>
#include <tuple>
#include <utility>

#include "ops/losses.h"
#include "ops/optimizers.h"

namespace chainrule {

Activation activation_arg(const std::string& where, const std::string& name);
// Of n units; from its name, slope, and groups.
using ActivationParts = std::tuple<std::string, double, Groups>;
ActivationSpec activation_arg(const std::string& where, const ActivationParts& parts, index_t n);
Loss loss_arg(const std::string& where, const std::string& name);
LossSpec loss_arg(const std::string& where, const std::pair<std::string, double>& loss);  // name and number
Optimizer optimizer_arg(const std::string& where, const std::string& name);
// momentum or rho or beta1, beta2, epsilon, weight decay, momentum decay, largest step, epsilon_hat
using Hyperparameters = std::tuple<double, double, double, double, double, double, bool>;
OptimizerSpec optimizer_arg(const std::string& where, const std::string& name, const Hyperparameters& hyperparameters);

}  // namespace chainrule
