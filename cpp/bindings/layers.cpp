#include "bindings/layers.h"

#include <pybind11/stl.h>

#include <string>

#include "bindings/arrays.h"
#include "bindings/names.h"

namespace chainrule {

namespace {

template <class T>
T field(const py::handle& layer, const char* name) {
  return layer[name].cast<T>();
}

ActivationSpec activation_of(const py::handle& layer, index_t units) {
  return activation_arg("Network", field<ActivationParts>(layer, "activation"), units);
}

LayerSpec layer_arg(const py::handle& layer) {
  const auto kind = field<std::string>(layer, "kind");
  if (kind == "Dense") {
    const auto units = field<index_t>(layer, "units");
    return {DenseSpec{units, activation_of(layer, units)}};
  }
  if (kind == "BatchNorm") return {BatchNormSpec{field<double>(layer, "momentum"), field<double>(layer, "epsilon")}};
  if (kind == "LayerNorm") return {LayerNormSpec{field<double>(layer, "epsilon")}};
  if (kind == "Dropout") return {DropoutSpec{field<double>(layer, "rate")}};
  if (kind == "Activation") return {ActivateSpec{activation_of(layer, field<index_t>(layer, "units"))}};
  if (kind == "Residual") return {ResidualSpec{layers_arg(field<py::list>(layer, "layers"))}};
  throw py::value_error(complaint("Network", "layers", "a known kind of layer", "'" + kind + "'"));
}

}  // namespace

std::vector<LayerSpec> layers_arg(const py::list& layers) {
  std::vector<LayerSpec> specs;
  for (const py::handle& layer : layers) specs.push_back(layer_arg(layer));
  return specs;
}

}  // namespace chainrule
