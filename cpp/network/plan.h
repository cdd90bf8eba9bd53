// spec -> plan: the layers, one table of parameters, one list of units, one layout of the mirror and of the workspace.
// Every size in the library is derived from it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "layers/layer.h"
#include "network/spec.h"

namespace chainrule {

// A row of the parameter table. Offsets count in elements from the start of the flat buffers, which hold parameters,
// gradients and every optimizer state in this order.
struct Parameter {
  std::string name;  // "1.weight": layers count from 1
  ParameterShape shape;
  index_t offset, size;  // size includes the padding
};

// A unit of gradient work, with its place in the network.
struct PlannedUnit {
  std::size_t layer;  // from 0
  Unit unit;
  index_t offset;  // in the flat buffers
  bool decays;
  index_t cost_before;  // cost of all units before it, by which threads share the list
};

template <class T>
struct Plan {
  explicit Plan(const NetworkSpec& spec);
  Groups groups() const { return output_activation.groups_of(n_outputs); }

  index_t n_inputs, n_outputs;
  ActivationSpec output_activation;
  std::vector<std::unique_ptr<Layer<T>>> layers;
  std::vector<Parameter> parameters;
  std::vector<index_t> parameter_offset, mirror_offset;  // per layer
  std::vector<bool> has_mirror;                          // per layer
  index_t parameters_size = 0, mirror_size = 0;          // elements, padding included
  std::vector<PlannedUnit> units;
  index_t units_cost = 0;
  index_t widest = 0;            // panels of the widest layer or of the input
  index_t flops_per_sample = 0;  // forward
  index_t training_flops = 0;    // forward, gradient in the parameters, gradient in every layer's input but the first
};

// What threads_for shares among cores: floating-point operations, those in float64 counted twice, because a vector
// holds half as many.
template <class T>
double work(index_t flops_per_sample, index_t rows) {
  return static_cast<double>(flops_per_sample) * static_cast<double>(rows) * (sizeof(T) / sizeof(float));
}

// Memory of a training pass over at most `rows` samples at a time: features, and per layer its output and gradient, all
// with panels of one stride. Larger batches go through it in chunks; gradients add up across chunks in the order of the
// rows.
template <class T>
struct Workspace {
  static constexpr index_t kMaxRows = 1024;
  static constexpr index_t kScratch = 12288 / static_cast<index_t>(sizeof(T));  // a unit of a dense layer: 12 KiB

  Workspace() = default;
  Workspace(const Plan<T>& plan, index_t rows_at_once, int n_threads = 1);
  static index_t bytes(const Plan<T>& plan, index_t rows);  // of all that grows with the rows

  index_t rows = 0;
  Panels<T> x, targets;
  std::vector<Panels<T>> y, d;   // per layer
  Buffer<T> scale;               // (rows) weight of each sample / sum of weights
  Buffer<double> loss;           // (rows)
  Buffer<std::int64_t> classes;  // (rows, groups of the output)
  Buffer<double> penalty;        // (units) each unit's part of the regularization
  Buffer<double> squares;        // (units) of each unit's gradient, for its norm
  Buffer<T> memory;              // x, targets, y, d
  Buffer<T> scratch;             // (threads, kScratch) the gradient that a thread is working on
};

}  // namespace chainrule
