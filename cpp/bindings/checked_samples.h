// The door for data sets: features, targets and weights that fit a network and a loss.
#pragma once

#include "bindings/arrays.h"
#include "ops/groups.h"

namespace chainrule {

// Samples of a network with n_inputs and so many outputs in each group, for targets of this kind; owns or keeps what it
// points into.
class CheckedSamples {
 public:
  CheckedSamples(const std::string& where, const py::object& x, const py::object& y, const py::object& weights,
                 index_t n_inputs, const Groups& groups, TargetKind kind, bool network_is_double);
  const Samples& samples() const { return samples_; }
  const py::object& x() const { return x_.object; }  // a readable array or a CSR matrix
  // Before they are read over and over: copies features whose rows do not lie in one piece, such as those of a
  // DataFrame, unless they are large.
  void bring_rows_together();

 private:
  bool network_is_double_;
  Samples samples_;
  Matrix x_;
  py::array y_, weights_;
};

// Parts of the above, for operations on plain arrays.
struct TargetsArg {
  py::array keep;
  RowSource dense;                        // or
  const std::int64_t* classes = nullptr;  // (rows, groups)
};
TargetsArg targets_arg(const std::string& where, const py::object& object, index_t rows, const Groups& groups,
                       TargetKind kind, bool network_is_double);
// (rows) finite, not negative, not all zero; null for None.
const double* weights_arg(const std::string& where, const py::object& object, index_t rows, py::array& keep);

}  // namespace chainrule
