// Trains every configuration of hashes.txt and compares the bits: on every path with fused multiply-add that this CPU
// runs, on several numbers of threads. Needs no Python, so it runs wherever a compiler makes it; __init__.py is the
// same in Python.
//
//     golden tests/golden/hashes.txt [threads,threads,.. [name ..]]
//
// Start at hash_of(). The exit status is 1 where a hash differs.

#include <algorithm>
#include <iostream>
#include <limits>

#include "network/pass.h"
#include "ops/random.h"
#include "table.h"

namespace {

using namespace chainrule;

// ---- The table ------------------------------------------------------------------------------------------------------

struct Configuration {
  std::string name, dtype;
  index_t n_inputs = 0;
  std::string layers, loss, optimizer;
  double l2 = 0, l1 = 0;
  index_t rows = 0, batch = 0, epochs = 0;
  std::string targets, weights, hash;
};

std::vector<Configuration> read(const char* path) {
  std::vector<Configuration> table;
  for (const std::string& line : lines_of(path)) {
    Configuration c;
    std::istringstream columns(line);
    columns >> c.name >> c.dtype >> c.n_inputs >> c.layers >> c.loss >> c.optimizer >> c.l2 >> c.l1 >> c.rows >>
        c.batch >> c.epochs >> c.targets >> c.weights >> c.hash;
    if (!columns) throw std::runtime_error("cannot read the line: " + line);
    table.push_back(c);
  }
  return table;
}

// The enumerator of a name in one of the lists of lists.h.
template <class Enum>
Enum find(const std::vector<std::string>& list, const std::string& name) {
  const auto at = std::find(list.begin(), list.end(), name);
  if (at == list.end()) throw std::runtime_error("unknown: " + name);
  return static_cast<Enum>(at - list.begin());
}
#define NAME(struct_name, name, ...) name,
const std::vector<std::string> activations = {CHAINRULE_ACTIVATIONS(NAME)}, losses = {CHAINRULE_LOSSES(NAME)},
                               optimizers = {CHAINRULE_OPTIMIZERS(NAME)};
#undef NAME

// name[:slope or groups], from parts[1] on
ActivationSpec activation_spec(const std::vector<std::string>& parts) {
  ActivationSpec g{find<Activation>(activations, parts[1])};
  if (parts.size() > 2 && g.kind == Activation::kSoftmax) {
    for (const std::string& units : split(parts[2], '+')) g.groups.push_back(std::stol(units));
  } else if (parts.size() > 2) {
    g.slope = std::stod(parts[2]);
  }
  return g;
}

LayerSpec layer_spec(const std::string& text) {
  const std::vector<std::string> parts = split(text, ':');
  if (parts[0] == "batch_norm") return {BatchNormSpec{std::stod(parts[1]), std::stod(parts[2])}};
  if (parts[0] == "layer_norm") return {LayerNormSpec{std::stod(parts[1])}};
  if (parts[0] == "dropout") return {DropoutSpec{std::stod(parts[1])}};
  if (parts[0] == "activation") return {ActivateSpec{activation_spec(parts)}};
  return {DenseSpec{std::stol(parts[0]), activation_spec(parts)}};
}

// Layers between [ and ] are a residual block.
NetworkSpec network_spec(const Configuration& c) {
  std::vector<std::vector<LayerSpec>> open_blocks(1);
  for (const std::string& text : split(c.layers, ',')) {
    if (text == "[") {
      open_blocks.emplace_back();
    } else if (text == "]") {
      const ResidualSpec block{open_blocks.back()};
      open_blocks.pop_back();
      open_blocks.back().push_back({block});
    } else {
      open_blocks.back().push_back(layer_spec(text));
    }
  }
  return {c.n_inputs, open_blocks.front()};
}

// name[:numbers]
LossSpec loss_spec(const Configuration& c) {
  const std::vector<std::string> parts = split(c.loss, ':');
  auto number = [&](std::size_t i) { return i < parts.size() ? std::stod(parts[i]) : 0.0; };
  return {find<Loss>(losses, parts[0]), number(1), number(2)};
}

// kind:rate:momentum:beta2:epsilon:decay:momentum decay:largest step without trailing zeros
OptimizerSpec optimizer_spec(const Configuration& c, double& rate) {
  const std::vector<std::string> parts = split(c.optimizer, ':');
  auto number = [&](std::size_t i) { return i < parts.size() ? std::stod(parts[i]) : 0.0; };
  rate = number(1);
  return {find<Optimizer>(optimizers, parts[0]), number(2), number(3), number(4), number(5), number(6), number(7)};
}

// ---- Data -----------------------------------------------------------------------------------------------------------

enum Stream : std::uint64_t { kX = 1, kY = 2, kWeight = 3, kParameter = 4 };  // the first parameter's

// Weights in +-2^-k, 4^k about n_in; vectors in +-1, those that are not trained in 1 .. 3.
template <class T>
void set_parameters(Network<T>& net) {
  std::uint64_t stream = kParameter;
  for (const Parameter& p : net.plan().parameters) {
    double scale = 1;
    for (index_t n = p.shape.is_vector ? 0 : p.shape.rows; n >= 2; n /= 4) scale /= 2;
    std::vector<T> values = numbers<T>(stream, p.shape.rows * p.shape.columns);
    for (T& value : values) value = value * static_cast<T>(scale) + (p.shape.trained ? T(0) : T(2));
    net.set_parameter(p, values.data());
    ++stream;
  }
}

template <class T>
struct Data {
  std::vector<T> x, y;
  std::vector<std::int64_t> classes;
  std::vector<double> weights;
  Samples samples;

  Data(const Configuration& c, const Groups& groups) : x(numbers<T>(kX, c.rows * c.n_inputs)) {
    const TargetKind kind = target_kind(loss_spec(c).kind);
    for (index_t i = 0; i < c.rows; ++i) {
      weights.push_back(static_cast<double>(random_bits(kWeight, i) % 4) / 2);
      for (const index_t n : groups) {
        const auto place = static_cast<index_t>(classes.size());
        classes.push_back(static_cast<std::int64_t>(random_bits(kY, place) % static_cast<std::uint64_t>(n)));
        for (index_t j = 0; j < n; ++j) {
          double value = number(kY, static_cast<index_t>(y.size()));
          if (kind == TargetKind::kLabels) value = (value + 1) / 2;
          if (kind == TargetKind::kCounts) value = value < 0 ? 0.0 : 4 * value;
          if (kind == TargetKind::kSides) value = value < 0 ? -1.0 : 1.0;
          if (kind == TargetKind::kOneClass) value = j == classes.back() ? 1.0 : 0.0;
          if (kind == TargetKind::kClasses) {  // three quarters one class, one quarter the next
            value = j == classes.back() ? 0.75 : j == (classes.back() + 1) % n ? 0.25 : 0.0;
          }
          y.push_back(static_cast<T>(value));
        }
      }
    }
    const auto n_outputs = static_cast<index_t>(y.size()) / c.rows;
    samples.rows = c.rows;
    samples.x = rows_of(x, c.n_inputs);
    if (c.targets == "classes") {
      samples.classes = classes.data();
    } else {
      samples.y = rows_of(y, n_outputs);
    }
    if (c.weights == "unequal") samples.weights = weights.data();
  }

  static RowSource rows_of(const std::vector<T>& matrix, index_t columns) {
    const auto size = static_cast<index_t>(sizeof(T));
    return {reinterpret_cast<const char*>(matrix.data()), columns * size, size, size == 8};
  }
};

// ---- Training -------------------------------------------------------------------------------------------------------

int most_threads = 0;  // that some step used for certain

// The hash of a training: parameters, the cost of every step, the prediction.
template <class T>
std::string hash_of(const Configuration& c) {
  Network<T> net(network_spec(c));
  set_parameters(net);
  const Plan<T>& plan = net.plan();
  const Data<T> data(c, plan.groups());
  const Objective objective{loss_spec(c), c.l2, c.l1};
  double rate = 0;
  const OptimizerSpec spec = optimizer_spec(c, rate);
  OptimizerState<T> optimizer(spec, plan.parameters_size);
  most_threads =
      std::max(most_threads, threads_for(static_cast<double>(plan.training_flops) * static_cast<double>(c.batch)));

  const index_t steps_per_epoch = (c.rows + c.batch - 1) / c.batch;
  const std::vector<double> rates(static_cast<std::size_t>(steps_per_epoch), rate);
  std::vector<double> costs(static_cast<std::size_t>(steps_per_epoch * c.epochs));
  std::vector<std::int64_t> order(static_cast<std::size_t>(c.rows));
  for (index_t epoch = 0; epoch < c.epochs; ++epoch) {
    permutation(c.rows, 0, static_cast<std::uint32_t>(epoch), order.data());
    train(net, optimizer, data.samples, objective,
          Steps{order.data(),
                c.rows,
                c.batch,
                rates.data(),
                {},
                0,
                std::numeric_limits<double>::infinity(),
                costs.data() + epoch * steps_per_epoch});
  }

  Digest digest;
  for (const Parameter& p : plan.parameters) {
    std::vector<T> values(static_cast<std::size_t>(p.shape.rows * p.shape.columns));
    p.shape.read(net.parameters().data() + p.offset, values.data());
    digest.add(values);
  }
  digest.add(costs);
  std::vector<T> prediction(static_cast<std::size_t>(c.rows * plan.n_outputs));
  net.predict(data.samples.x, c.rows, prediction.data());
  digest.add(prediction);
  return digest.text();
}

// The number of hashes that differ.
int check(const Configuration& c, const std::vector<std::string>& threads) {
  int wrong = 0;
  for (const std::string& isa : isas_with_fma()) {
    use_isa(isa.c_str());
    for (const std::string& n : threads) {
      set_max_threads(std::stoi(n));
      const std::string hash = c.dtype == "float32" ? hash_of<float>(c) : hash_of<double>(c);
      if (hash == c.hash) continue;
      std::cout << c.name << " on " << isa << ", " << n << " threads: " << hash << ", not " << c.hash << std::endl;
      ++wrong;
    }
  }
  return wrong;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error("usage: golden hashes.txt [threads,threads,.. [name ..]]");
  const std::vector<std::string> threads = split(argc > 2 ? argv[2] : "1,2,3,7", ',');
  const std::vector<std::string> names(argv + std::min(argc, 3), argv + argc);
  int right = 0, wrong = 0;
  for (const Configuration& c : read(argv[1])) {
    if (!names.empty() && std::find(names.begin(), names.end(), c.name) == names.end()) continue;
    ++(check(c, threads) == 0 ? right : wrong);
  }
  std::cout << right << " right, " << wrong << " wrong, on up to " << most_threads << " threads of";
  for (const std::string& isa : isas_with_fma()) std::cout << " " << isa;
  std::cout << std::endl;
  return wrong > 0 || right == 0;
} catch (const std::exception& error) {
  std::cerr << "golden: " << error.what() << std::endl;
  return 2;
}
