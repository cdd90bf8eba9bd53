// Cost, gradients and training steps of a network on checked samples.
//
// Start at Pass::batch() in batch_pass.h: a batch goes through the workspace in chunks of rows. Phase A: threads share
// the rows and take tiles of them through all layers, forward and backward (row_pass.h; layers that mix rows, and
// functions that the user wrote, cut this into stages; of the first layer a few threads may share the columns instead,
// column_pass.h; threads may take blocks of rows and columns, layer after layer, layer_pass.h). Barrier. Phase B:
// threads share the units of parameters; each unit's gradient is summed over the chunk's rows in order and, with the
// last chunk, updated where it lies in cache. Barrier. Which thread does what changes no bit, and neither does the cut
// into chunks, tiles and blocks.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>

#include "base/threads.h"
#include "network/update_rule.h"
#include "ops/losses.h"

namespace chainrule {

// What is minimized: J = sum_i w_i L_i / sum_i w_i + l2 / 2 sum W^2 + l1 sum |W| (weights only, never biases). With
// `penalize_sum` the penalty is added to the sum of the losses, and so divided by the weight of the batch, too.
struct Objective {
  LossSpec loss;
  double l2 = 0, l1 = 0;
  bool penalize_sum = false;

  bool regularized() const { return l2 != 0 || l1 != 0; }
};

// Steps of training handed over in one call.
struct Steps {
  const std::int64_t* order;  // (n_rows) indices of samples, batch after batch; or nullptr: 0, 1, ..
  index_t n_rows;
  index_t batch_size;            // the last batch may be smaller
  const double* learning_rates;  // (number of batches)
  Clipping clipping;             // of the gradients
  std::uint64_t seed;            // of the random numbers
  double seconds;                // stop after the step during which so much has passed, or a few tiny ones later
  double* costs;                 // out: (number of batches) cost before each step
  double* penalties = nullptr;   // out: the penalty's part of each; or nullptr
};

// The cost of all samples as one batch. Like the functions below, allocates only the workspace, and only when it must
// grow, unless a function of the user's is in the network. What that throws comes out of all but `train`; the gradients
// are then as before.
template <class T>
double cost(Network<T>& network, const Samples& samples, const Objective& objective, const Mode& mode);

// Cost and gradients of all samples as one batch; with `accumulate`, added to the gradients that are there. The mode is
// one of training.
template <class T>
double backward(Network<T>& network, const Samples& samples, const Objective& objective, const Mode& mode,
                bool accumulate);

// Every value of one forward and backward pass in training: y and d of `activated` hold A and dZ (of each sample's
// loss, without weights and 1/m), y of `raw` holds Z.
template <class T>
struct Trace {
  Workspace<T> activated, raw;
};
template <class T>
Trace<T> trace(Network<T>& network, const Samples& samples, const Objective& objective, const Mode& mode);

// Returns the number of batches done, at least one unless a function of the user's throws. A batch without weight takes
// no step, and neither does one whose loss is not finite, which is the last one done.
struct Trained {
  index_t batches;
  std::exception_ptr failure;  // in the batch after these
};
template <class T>
Trained train(Network<T>& network, OptimizerState<T>& optimizer, const Samples& samples, const Objective& objective,
              const Steps& steps);

// One optimizer step with the gradients that are there, which are clipped first.
template <class T>
void apply_gradients(Network<T>& network, OptimizerState<T>& optimizer, double learning_rate, const Clipping& clipping);

}  // namespace chainrule
