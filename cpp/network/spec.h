// Plain structs that describe a network; the mirror of chainrule/layers.py.
#pragma once

#include <variant>
#include <vector>

#include "ops/activations.h"

namespace chainrule {

struct DenseSpec {
  index_t units;
  ActivationSpec activation;
};

using LayerSpec = std::variant<DenseSpec>;  // one alternative per kind of layer

struct NetworkSpec {
  index_t n_inputs;
  std::vector<LayerSpec> layers;
};

}  // namespace chainrule
