// Plain structs that describe a network; the mirror of chainrule/layers.py.
#pragma once

#include <variant>
#include <vector>

#include "base/views.h"
#include "kernels/lists.h"

namespace chainrule {

struct DenseSpec {
  index_t units;
  Activation activation;
  double slope;  // of leaky_relu
};

using LayerSpec = std::variant<DenseSpec>;  // one alternative per kind of layer

struct NetworkSpec {
  index_t n_inputs;
  std::vector<LayerSpec> layers;
};

}  // namespace chainrule
