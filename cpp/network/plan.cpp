#include "network/plan.h"

#include <algorithm>

#include "layers/dense.h"

namespace chainrule {

namespace {

template <class T>
std::unique_ptr<Layer<T>> build(const DenseSpec& spec, index_t n_in) {
  return std::make_unique<Dense<T>>(n_in, spec.units, spec.activation, spec.slope);
}

}  // namespace

template <class T>
Plan<T>::Plan(const NetworkSpec& spec) : n_inputs(spec.n_inputs) {
  index_t width = n_inputs;
  widest = row_stride<T>(width);
  for (const LayerSpec& layer_spec : spec.layers) {
    layers.push_back(std::visit([&](const auto& s) { return build<T>(s, width); }, layer_spec));
    const Layer<T>& layer = *layers.back();
    width = layer.n_out();
    widest = std::max(widest, row_stride<T>(width));
    flops_per_sample += layer.flops_per_sample();
    training_flops += layer.flops_per_sample() * (layers.size() == 1 ? 2 : 3);

    parameter_offset.push_back(parameters_size);
    mirror_offset.push_back(mirror_size);
    const std::vector<ParameterShape> shapes = layer.parameters();
    for (const ParameterShape& p : shapes) {
      const index_t size = p.rows * padded<T>(p.columns);
      parameters.push_back({std::to_string(layers.size()) + "." + p.name, p.rows, p.columns, p.is_vector, p.decays,
                            parameters_size, size});
      parameters_size += size;
    }
    if (layers.size() > 1) mirror_size += layer.mirror_size();
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
      classes(rows),
      penalty(static_cast<index_t>(plan.units.size())),
      scratch(n_threads * kScratch) {
  index_t size = 0;
  auto claim = [&](index_t columns) {
    const index_t stride = row_stride<T>(columns), offset = size;
    size += rows * stride;
    return std::pair(offset, stride);
  };
  // Claim everything first, then point into the one allocation.
  std::vector<std::pair<index_t, index_t>> slices = {claim(plan.n_inputs), claim(plan.n_outputs)};
  for (const auto& layer : plan.layers) {
    slices.push_back(claim(layer->n_out()));
    slices.push_back(claim(layer->n_out()));
  }
  memory = Buffer<T>(size);
  auto rows_at = [&](std::size_t i) { return Rows<T>{memory.data() + slices[i].first, slices[i].second}; };
  x = rows_at(0);
  targets = rows_at(1);
  for (std::size_t l = 0; l < plan.layers.size(); ++l) {
    y.push_back(rows_at(2 + 2 * l));
    d.push_back(rows_at(3 + 2 * l));
  }
}

template struct Plan<float>;
template struct Plan<double>;
template struct Workspace<float>;
template struct Workspace<double>;

}  // namespace chainrule
