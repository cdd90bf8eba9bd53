// A model: its plan, its parameters, and prediction. What a network (network.h) is before it can be trained.
#pragma once

#include <algorithm>
#include <limits>

#include "network/plan.h"
#include "ops/samples.h"

namespace chainrule {

// Rows that go through all layers together: as many as two pieces of a product (ops/multiply.h), so that weights, once
// they have come from memory, are used often (1024-2048-2048-1000: 84 rows were 4 % slower).
inline constexpr index_t kTileRows = 264;

template <class T>
class Model {
 public:
  // One that predicts as `source`, of the same description, does at this moment, in no more memory than that takes.
  Model(const NetworkSpec& spec, const Model& source);

  const Plan<T>& plan() const { return plan_; }
  const Buffer<T>& parameters() const { return parameters_; }
  Weights<T> weights(const Node<T>& node) const {
    return {parameters_.data() + node.parameter_offset, mirror_.data() + node.mirror_offset};
  }
  bool parameters_are_finite() const;
  index_t bytes() const { return parameters_.bytes() + mirror_.bytes(); }

  // out (rows, n_outputs), contiguous: the last layer's activation. Does not depend on how rows are split into calls.
  // Safe to call from several threads at once; each call has a team of at most so many. Each calling thread keeps the
  // memory of its largest call, for all models: nothing else is allocated, but by activations of the user's own, in
  // Python.
  void predict(const RowSource& x, index_t rows, T* out, int most_threads = std::numeric_limits<int>::max()) const;

 protected:
  // One that can be trained, with parameters that are zero.
  explicit Model(const NetworkSpec& spec);
  void refresh_mirror(const PlannedUnit& u);  // after its parameters have changed

  Plan<T> plan_;
  Buffer<T> parameters_, mirror_;

 private:
  struct Tile;
  void begin(const RowSource& x, index_t first, const Tile& tile) const;
  void run(std::size_t begin, std::size_t end, const Tile& tile) const;
  index_t widest_of_all() const { return std::max(plan_.widest, n_panels<T>(plan_.n_inputs)); }
  void end(const Tile& tile, T* out) const;
  void predict_by_stages(const RowSource& x, index_t rows, T* out, int n_threads) const;
  void predict_by_columns(const RowSource& x, index_t rows, T* out, int n_threads) const;
  bool is_wide(std::size_t node) const;
  int column_threads(index_t rows, int most_threads) const;
  void run_columns(std::size_t node, const Tile& tile, index_t panel, index_t panels) const;
  static T* own_memory(index_t size);
};

}  // namespace chainrule
