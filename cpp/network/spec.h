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
struct BatchNormSpec {
  double momentum, epsilon;
};
struct LayerNormSpec {
  double epsilon;
};
struct DropoutSpec {
  double rate;
};
struct ActivateSpec {
  ActivationSpec activation;
};
struct LayerSpec;
struct ResidualSpec {
  std::vector<LayerSpec> layers;
};

struct LayerSpec {
  std::variant<DenseSpec, BatchNormSpec, LayerNormSpec, DropoutSpec, ActivateSpec, ResidualSpec> of;  // by kind
};

struct NetworkSpec {
  index_t n_inputs;
  std::vector<LayerSpec> layers;
};

}  // namespace chainrule
