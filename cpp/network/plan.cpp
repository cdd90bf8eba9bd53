#include "network/plan.h"

#include <algorithm>

#include "layers/dense.h"

namespace chainrule {

namespace {

template <class T>
std::unique_ptr<Layer<T>> build(const DenseSpec& spec, index_t n_in) {
  return std::make_unique<Dense<T>>(n_in, spec.units, spec.activation);
}

// Of x, targets, and every layer's y and d.
template <class T>
index_t panels_of_workspace(const Plan<T>& plan) {
  index_t panels = n_panels<T>(plan.n_inputs) + n_panels<T>(plan.n_outputs);
  for (const auto& layer : plan.layers) panels += 2 * n_panels<T>(layer->n_out());
  return panels;
}

}  // namespace

template <class T>
Plan<T>::Plan(const NetworkSpec& spec) : n_inputs(spec.n_inputs) {
  index_t width = n_inputs;
  widest = n_panels<T>(width);
  for (const LayerSpec& layer_spec : spec.layers) {
    layers.push_back(std::visit([&](const auto& s) { return build<T>(s, width); }, layer_spec));
    const Layer<T>& layer = *layers.back();
    width = layer.n_out();
    widest = std::max(widest, n_panels<T>(width));
    flops_per_sample += layer.flops_per_sample();
    training_flops += layer.flops_per_sample() * (layers.size() == 1 ? 2 : 3);

    parameter_offset.push_back(parameters_size);
    mirror_offset.push_back(mirror_size);
    const std::vector<ParameterShape> shapes = layer.parameters();
    for (const ParameterShape& p : shapes) {
      parameters.push_back({std::to_string(layers.size()) + "." + p.name, p, parameters_size, p.size<T>()});
      parameters_size += parameters.back().size;
    }
    const index_t layer_mirror = layer.mirror_size(layers.size() > 1);  // nobody asks for the gradient in the input
    has_mirror.push_back(layer_mirror > 0);
    mirror_size += layer_mirror;
    for (const Unit& unit : layer.units()) {
      units.push_back({layers.size() - 1, unit, parameter_offset.back() + unit.offset,
                       shapes[static_cast<std::size_t>(unit.parameter)].decays, units_cost});
      units_cost += unit.cost;
    }
  }
  n_outputs = width;
  output_activation = std::visit([](const auto& s) { return s.activation; }, spec.layers.back());
}

template <class T>
Workspace<T>::Workspace(const Plan<T>& plan, index_t rows_at_once, int n_threads)
    : rows(rows_at_once),
      scale(rows),
      loss(rows),
      classes(rows * plan.output_activation.n_groups()),
      penalty(static_cast<index_t>(plan.units.size())),
      squares(penalty.size()),
      scratch(n_threads * kScratch) {
  const index_t stride = panel_stride<T>(rows);
  memory = Buffer<T>(panels_of_workspace(plan) * stride);
  T* next = memory.data();
  auto claim = [&](index_t columns) {
    const Panels<T> slice{next, stride};
    next += n_panels<T>(columns) * stride;
    return slice;
  };
  x = claim(plan.n_inputs);
  targets = claim(plan.n_outputs);
  for (const auto& layer : plan.layers) {
    y.push_back(claim(layer->n_out()));
    d.push_back(claim(layer->n_out()));
  }
}

template <class T>
index_t Workspace<T>::bytes(const Plan<T>& plan, index_t rows) {
  const index_t per_row = static_cast<index_t>(sizeof(T) + sizeof(double)) +  // scale, loss, classes
                          plan.output_activation.n_groups() * static_cast<index_t>(sizeof(std::int64_t));
  return panels_of_workspace(plan) * panel_stride<T>(rows) * static_cast<index_t>(sizeof(T)) + rows * per_row;
}

template struct Plan<float>;
template struct Plan<double>;
template struct Workspace<float>;
template struct Workspace<double>;

}  // namespace chainrule
