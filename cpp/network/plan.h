// spec -> plan: the layers in the order in which they run, one table of parameters, one list of units, one layout of
// the mirror and of the workspace. Every size in the library is derived from it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "layers/dense.h"
#include "network/spec.h"

namespace chainrule {

// A row of the parameter table. Offsets count in elements from the start of the flat buffers, which hold parameters,
// gradients and every optimizer state in this order.
struct Parameter {
  std::string name;  // "1.weight": layers count from 1, those inside layer 2 are "2.1", "2.2"
  ParameterShape shape;
  index_t offset, size;  // size includes the padding
};

// A layer at work, and the activation after it. Its output is value i + 1 if it is node i; value 0 is X.
template <class T>
struct Node {
  std::unique_ptr<Layer<T>> layer;
  ActivationSpec activation;
  std::size_t input, input2;         // values it reads: a sum two, any other one twice
  bool adds = false, adds2 = false;  // its gradients in them are added: a later node reads the value, too
  bool rectifies = false;            // its layer applies relu, the activation
  bool gates = false;                // its layer, on the way back, forms the gradient in the z of its input
  bool gated = false;                // a reader of its output forms that in its own z
  index_t parameter_offset, mirror_offset;
  bool has_mirror;
  std::size_t slot = 0;  // of its output in prediction
};

// What the layer has left of the activation.   (rows, n)
template <class T>
void activate_rest(const Node<T>& node, index_t rows, index_t n, Panels<T> z) {
  if (!node.rectifies) activate(node.activation, rows, n, z);
}

// A top-level layer of the description: the nodes that have its z and its output, and whether that is the output after
// the node's activation.
struct Outlet {
  std::size_t z, node;
  bool activated;
};

// A unit of gradient work, with its place in the network.
struct PlannedUnit {
  std::size_t node;
  Unit unit;
  index_t offset;  // in the flat buffers
  bool decays, trained;
  index_t middle;  // cost of all units before it and half its own, by which threads have units of their own
};

inline bool belongs(const PlannedUnit& u, const Parameter& p) {
  return u.offset >= p.offset && u.offset < p.offset + p.size;
}

// Nodes that a tile of rows runs through in one go. The first node of a stage, but not of the first stage, mixes rows
// or runs alone.
struct Stage {
  std::size_t begin, end;
};

// What a plan is for. The mirror of one for prediction alone lacks what only backward reads.
enum class Use { kTraining, kPrediction };

template <class T>
struct Plan {
  Plan(const NetworkSpec& spec, Use use);
  Groups groups() const { return output_activation.groups_of(n_outputs); }
  bool mixes_rows() const;  // in training
  bool has_custom() const;
  bool is_chain() const;  // each node reads the one before, and no layer mixes rows or runs alone
  // Whether so many threads share the columns of the first layer (column_pass.h), each with an x of its own.
  bool is_shared_by_columns(int threads) const;
  int copies_of_x(int threads) const { return is_shared_by_columns(threads) ? threads : 1; }
  // Whether the first layer multiplies rows of x as they are stored.
  bool multiplies_sparse(const RowSource& x) const { return takes_sparse_ && x.is_thin(n_inputs); }
  bool is_dense(std::size_t node) const { return dynamic_cast<const Dense<T>*>(nodes[node].layer.get()) != nullptr; }
  const Dense<T>& dense(std::size_t node) const { return static_cast<const Dense<T>&>(*nodes[node].layer); }
  // Of a value.
  index_t width(std::size_t value) const { return value == 0 ? n_inputs : nodes[value - 1].layer->n_out(); }
  std::size_t slot(std::size_t value) const { return value == 0 ? 0 : nodes[value - 1].slot; }

  index_t n_inputs, n_outputs;
  ActivationSpec output_activation;
  std::vector<Node<T>> nodes;
  std::vector<Stage> training_stages, prediction_stages;
  std::vector<Outlet> outlets;
  std::vector<Parameter> parameters;
  index_t parameters_size = 0, mirror_size = 0;  // elements, padding included
  std::vector<PlannedUnit> units;
  index_t units_cost = 0;
  index_t shared_panels = 0;     // of a first layer whose columns threads may share, else 0
  std::size_t slots = 1;         // values that prediction holds at a time
  index_t widest = 0;            // panels of the widest layer
  index_t flops_per_sample = 0;  // forward
  index_t training_flops = 0;    // forward, gradient in the parameters, gradient in every layer's input but the first

 private:
  std::size_t add_layer(const LayerSpec& spec, const std::string& path, std::size_t value);
  std::size_t add_residual(const ResidualSpec& spec, const std::string& path, std::size_t value);
  std::size_t add_activation(const ActivationSpec& activation, const std::string& path, std::size_t value);
  std::size_t add(std::unique_ptr<Layer<T>> layer, const std::string& path, std::size_t input);
  std::size_t add(std::unique_ptr<Layer<T>> layer, const std::string& path, std::size_t input, std::size_t input2);
  std::vector<Stage> find_stages(bool training) const;
  bool has(bool (Layer<T>::*property)() const) const;
  void find_adders();
  void find_rectifiers();
  bool begins_with_columns() const;
  bool begins_with_sparse() const;
  void share_by_columns();
  void find_slots();

  Use use_;
  bool takes_sparse_ = false;
  std::uint32_t dropouts_ = 0;  // layers of dropout so far
  std::size_t held_ = 0;        // the last value that another node reads as well, so that no activation may change it
};

// What threads_for shares among cores: floating-point operations, those in float64 counted twice, because a vector
// holds half as many.
template <class T>
double work(index_t flops_per_sample, index_t rows) {
  return static_cast<double>(flops_per_sample) * static_cast<double>(rows) * (sizeof(T) / sizeof(float));
}

// Memory of a training pass over at most `rows` samples at a time: features, and per node its output and gradient, all
// but the features with panels of one stride. Larger batches go through it in chunks, unless a layer mixes their rows;
// gradients add up across chunks in the order of the rows.
template <class T>
struct Workspace {
  static constexpr index_t kMaxRows = 1024;
  static constexpr index_t kScratch = kUnitBytes / static_cast<index_t>(sizeof(T));

  Workspace() = default;
  Workspace(const Plan<T>& plan, index_t rows_at_once, int n_threads = 1, int copies_of_x = 1);
  static index_t bytes(const Plan<T>& plan, index_t rows, int copies_of_x);  // of all that grows with the rows of x
  Panels<T> x_of(int thread) const { return x.from(thread * rows); }

  index_t rows = 0;
  int copies = 0;  // of x
  Panels<T> x, targets;
  std::vector<Slice<T>> slices;  // per node, of all rows
  std::vector<Panels<T>> z;      // per node; null unless its activation needs z
  Buffer<T> scale;               // (rows) weight of each sample / sum of weights
  Buffer<double> loss;           // (rows)
  Buffer<std::int64_t> classes;  // (rows, groups of the output)
  Buffer<double> penalty;        // (units) each unit's part of the regularization
  Buffer<double> squares;        // (units) of each unit's gradient, for its norm
  Buffer<T> memory;              // targets, what the slices view, and x
  SparseBatch<T> sparse;         // x, if the first layer takes it as it is stored, which then has no copies
  Buffer<T> sums;                // of layers that mix rows
  Buffer<T> scratch;             // (threads, kScratch) the gradient that a thread is working on
};

}  // namespace chainrule
