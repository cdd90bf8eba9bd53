// A call that predicts, of a network or of a predictor: X and `out` checked, then the work, with or without the GIL.
#pragma once

#include <optional>
#include <string>

#include "bindings/sparse.h"
#include "network/model.h"

namespace chainrule {

template <class T>
class PredictCall {
 public:
  // X (m, n_inputs) or, with `takes_row`, one row (n_inputs,), whose prediction is (n_outputs,). `out` may be None, or
  // share memory with X.
  PredictCall(const std::string& where, const Plan<T>& plan, const py::object& X, const py::object& out,
              bool takes_row = false, int most_threads = kAnyThreads);
  // Whoever locks the model does so after the checks, which may run the user's code.
  py::object run(const Model<T>& model) const;

 private:
  Matrix x_;
  py::object out_;
  T* to_;
  int most_threads_;
};

}  // namespace chainrule
