#include "network/plan.h"

#include <algorithm>
#include <utility>

#include "layers/batch_norm.h"
#include "layers/custom.h"
#include "layers/dropout.h"
#include "layers/layer_norm.h"
#include "layers/sum.h"

namespace chainrule {

template <class T>
Plan<T>::Plan(const NetworkSpec& spec, Use use) : n_inputs(spec.n_inputs), use_(use) {
  std::size_t value = 0;
  for (std::size_t l = 0; l < spec.layers.size(); ++l) {
    const std::size_t nodes_before = nodes.size();
    value = add_layer(spec.layers[l], std::to_string(l + 1), value);
    const bool fused = nodes.size() == nodes_before;  // into the node that the layer before gave
    if (fused) outlets.back().activated = false;
    const bool is_alone = nodes[value - 1].layer->runs_alone() && !fused;
    outlets.push_back({is_alone ? nodes[value - 1].input - 1 : value - 1, value - 1, true});
  }
  n_outputs = width(value);
  output_activation = nodes.back().activation;
  training_stages = find_stages(true), prediction_stages = find_stages(false);
  find_adders();
  find_rectifiers();
  find_slots();
  if (begins_with_columns()) share_by_columns();
  takes_sparse_ = begins_with_sparse();
}

// These return the value that is the layer's output.
template <class T>
std::size_t Plan<T>::add_layer(const LayerSpec& spec, const std::string& path, std::size_t value) {
  const index_t n = width(value);
  if (const auto* dense = std::get_if<DenseSpec>(&spec.of)) {
    const std::size_t z = add(std::make_unique<Dense<T>>(n, dense->units), path, value);
    return add_activation(dense->activation, path, z);
  }
  if (const auto* norm = std::get_if<BatchNormSpec>(&spec.of))
    return add(std::make_unique<BatchNorm<T>>(n, norm->momentum, norm->epsilon), path, value);
  if (const auto* norm = std::get_if<LayerNormSpec>(&spec.of))
    return add(std::make_unique<LayerNorm<T>>(n, norm->epsilon), path, value);
  if (const auto* dropout = std::get_if<DropoutSpec>(&spec.of))
    return add(std::make_unique<Dropout<T>>(n, dropout->rate, dropouts_++), path, value);
  if (const auto* activate = std::get_if<ActivateSpec>(&spec.of))
    return add_activation(activate->activation, path, value);
  return add_residual(std::get<ResidualSpec>(spec.of), path, value);
}

// A projection brings the shortcut to the width of the branch.
template <class T>
std::size_t Plan<T>::add_residual(const ResidualSpec& spec, const std::string& path, std::size_t value) {
  held_ = value;
  std::size_t branch = value, shortcut = value;
  for (std::size_t l = 0; l < spec.layers.size(); ++l) {
    branch = add_layer(spec.layers[l], path + "." + std::to_string(l + 1), branch);
  }
  const index_t n = width(branch);
  if (n != width(value)) shortcut = add(std::make_unique<Dense<T>>(width(value), n), path + ".projection", value);
  return add(std::make_unique<Sum<T>>(n), path, branch, shortcut);
}

// Into the node before, or, where its output is also needed as it is, into one that passes it on. One that the user
// wrote is a node after that.
template <class T>
std::size_t Plan<T>::add_activation(const ActivationSpec& activation, const std::string& path, std::size_t value) {
  const bool is_plain = value > 0 && nodes[value - 1].activation.kind == Activation::kIdentity;
  const bool fuses = is_plain && (activation.custom || (value > held_ && value == nodes.size()));
  if (!fuses) value = add(std::make_unique<Dropout<T>>(width(value), 0.0, 0), path, value);
  if (activation.custom) return add(std::make_unique<Custom<T>>(width(value), activation.custom), path, value);
  nodes.back().activation = activation;
  return value;
}

template <class T>
std::size_t Plan<T>::add(std::unique_ptr<Layer<T>> layer, const std::string& path, std::size_t input) {
  return add(std::move(layer), path, input, input);
}
template <class T>
std::size_t Plan<T>::add(std::unique_ptr<Layer<T>> layer, const std::string& path, std::size_t input,
                         std::size_t input2) {
  const std::vector<ParameterShape> shapes = layer->parameters();
  const std::vector<Unit> layer_units = layer->units();
  const bool input_gradient = use_ == Use::kTraining && input > 0;
  const index_t mirror = layer->mirror_size(input_gradient), first = parameters_size;
  for (const ParameterShape& p : shapes) {
    parameters.push_back({path + "." + p.name, p, parameters_size, p.size<T>()});
    parameters_size += parameters.back().size;
  }
  for (const Unit& unit : layer_units) {
    const ParameterShape& p = shapes[static_cast<std::size_t>(unit.parameter)];
    units.push_back({nodes.size(), unit, first + unit.offset, p.decays, p.trained, units_cost + unit.cost / 2});
    units_cost += unit.cost;
  }
  widest = std::max(widest, n_panels<T>(layer->n_out()));
  flops_per_sample += layer->flops_per_sample();
  training_flops += layer->flops_per_sample() * (input == 0 ? 2 : 3);
  Node<T> node;
  node.layer = std::move(layer), node.input = input, node.input2 = input2;
  node.parameter_offset = first, node.mirror_offset = mirror_size, node.has_mirror = mirror > 0;
  mirror_size += mirror;
  nodes.push_back(std::move(node));
  return nodes.size();
}

template <class T>
std::vector<Stage> Plan<T>::find_stages(bool training) const {
  std::vector<Stage> stages = {{0, nodes.size()}};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].layer->runs_alone() && !(training && nodes[i].layer->mixes_rows())) continue;
    stages.back().end = i;
    stages.push_back({i, nodes.size()});
  }
  return stages;
}

template <class T>
bool Plan<T>::has(bool (Layer<T>::*property)() const) const {
  return std::any_of(nodes.begin(), nodes.end(), [&](const Node<T>& node) { return ((*node.layer).*property)(); });
}
template <class T>
bool Plan<T>::mixes_rows() const {
  return has(&Layer<T>::mixes_rows);
}
template <class T>
bool Plan<T>::has_custom() const {
  return has(&Layer<T>::runs_alone);
}
template <class T>
bool Plan<T>::is_chain() const {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].input != i || nodes[i].input2 != i) return false;
  }
  return training_stages.size() == 1;
}

// Threads that share columns gather x each, and want a few panels for the tiles of a product.
constexpr int kMostColumnThreads = 4, kPanelsPerThread = 2;

template <class T>
bool Plan<T>::is_shared_by_columns(int threads) const {
  return threads > 1 && threads <= kMostColumnThreads && shared_panels >= kPanelsPerThread * threads;
}
// Whether the first two layers are dense, the second one alone reads the first one, and shared columns pay: where x is
// narrow (784-100-10, batch 200: 7 % slower, 784-1000-10 no faster) and, if other layers go by rows, where these are
// small (54-256-256-256-7: 1 % slower).
template <class T>
bool Plan<T>::begins_with_columns() const {
  if (nodes.size() < 2 || training_stages.size() > 1 || !is_dense(0) || !is_dense(1)) return false;
  for (std::size_t i = 2; i < nodes.size(); ++i) {
    if (nodes[i].input == 1 || nodes[i].input2 == 1) return false;
  }
  if (n_panels<T>(width(1)) < 2 * kPanelsPerThread) return false;
  constexpr index_t small = 1 << 18;  // bytes
  const bool is_small = parameters_size * static_cast<index_t>(sizeof(T)) <= small;
  if (nodes.size() == 2) return width(1) >= (is_small ? 1 : 4) * n_inputs;
  return is_small && width(1) >= 2 * n_inputs;
}

// Whether the first layer is dense and the only one that reads x.
template <class T>
bool Plan<T>::begins_with_sparse() const {
  const auto reads_x = [](const Node<T>& node) { return node.input == 0 || node.input2 == 0; };
  return is_dense(0) && std::none_of(nodes.begin() + 1, nodes.end(), reads_x);
}

// Threads share the units from the first to the last column of the first layer: its outputs, the next one's inputs; the
// others by their own inputs, which is as good as any order.
template <class T>
void Plan<T>::share_by_columns() {
  shared_panels = n_panels<T>(width(1));
  std::vector<PlannedUnit*> order;
  for (PlannedUnit& u : units) order.push_back(&u);
  auto column = [](const PlannedUnit* u) { return u->node == 0 ? u->unit.output : u->unit.input; };
  std::stable_sort(order.begin(), order.end(),
                   [&](const PlannedUnit* a, const PlannedUnit* b) { return column(a) < column(b); });
  index_t before = 0;
  for (PlannedUnit* u : order) {
    u->middle = before + u->unit.cost / 2;
    before += u->unit.cost;
  }
}

// Backward runs from the last node to the first; whoever comes to a value first writes its gradient.
template <class T>
void Plan<T>::find_adders() {
  std::vector<bool> written(nodes.size() + 1, false);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    Node<T>& node = nodes[i];
    node.adds = written[node.input];
    written[node.input] = true;
    if (node.input2 == node.input) continue;
    node.adds2 = written[node.input2];
    written[node.input2] = true;
  }
}

// A layer that knows relu applies it as it writes its output. The gradient in z is formed likewise, as the reader that
// comes last on the way back writes or adds its part.
template <class T>
void Plan<T>::find_rectifiers() {
  std::vector<std::size_t> first_reader(nodes.size() + 1, nodes.size());
  for (std::size_t i = nodes.size(); i-- > 0;) first_reader[nodes[i].input] = first_reader[nodes[i].input2] = i;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Node<T>& node = nodes[i];
    node.rectifies = node.activation.kind == Activation::kRelu && node.layer->knows_relu();
    if (node.input == 0 || first_reader[node.input] != i) continue;
    Node<T>& before = nodes[node.input - 1];
    node.gates = before.gated = before.rectifies && node.layer->knows_relu();
  }
}

// A value keeps its slot until its last reader has run.
template <class T>
void Plan<T>::find_slots() {
  std::vector<std::size_t> last_reader(nodes.size() + 1, nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) last_reader[nodes[i].input] = last_reader[nodes[i].input2] = i;
  std::vector<bool> taken = {true};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Node<T>& node = nodes[i];
    if (node.layer->passes_on() && last_reader[node.input] == i) {
      node.slot = slot(node.input);
      continue;
    }
    node.slot = static_cast<std::size_t>(std::find(taken.begin(), taken.end(), false) - taken.begin());
    if (node.slot == taken.size()) taken.push_back(true);
    taken[node.slot] = true;
    for (const std::size_t read : {node.input, node.input2}) {
      if (last_reader[read] == i) taken[slot(read)] = false;
    }
  }
  slots = taken.size();
}

template struct Plan<float>;
template struct Plan<double>;

}  // namespace chainrule
