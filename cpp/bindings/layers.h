// The description of a network as Python hands it over: a list of dicts.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "network/spec.h"

namespace chainrule {

std::vector<LayerSpec> layers_arg(const pybind11::list& layers);

}  // namespace chainrule
