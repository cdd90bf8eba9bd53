// The door for data: Python objects become checked views. Every error names the call, the argument, what was expected
// and what came. Arrays of float32 and float64 are read in place, whatever their strides; all else is converted here.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "kernels/lists.h"
#include "ops/samples.h"

namespace chainrule {

namespace py = pybind11;

inline constexpr index_t kAny = -1;  // a dimension that may have any size from 1

// "[Trainer.step] X: expected shape (n, 784), got (128, 783)"
std::string complaint(const std::string& where, const std::string& name, const std::string& expected,
                      const std::string& got);

// "(128, 783)"
std::string shape_text(const py::array& array);

// A matrix of finite numbers with `columns` columns. `keep` owns what `source` points into.
struct Matrix {
  py::array keep;
  RowSource source;
  index_t rows, columns;
};
Matrix matrix_arg(const std::string& where, const std::string& name, const py::object& object, index_t columns,
                  bool network_is_double);

// Samples of a network with n_inputs and n_outputs, for the given loss; owns or keeps what it points into.
class CheckedSamples {
 public:
  CheckedSamples(const std::string& where, const py::object& x, const py::object& y, const py::object& weights,
                 index_t n_inputs, index_t n_outputs, Loss loss, bool network_is_double);
  const Samples& samples() const { return samples_; }

 private:
  Samples samples_;
  Matrix x_;
  py::array y_, weights_;
};

// Parts of the above, for operations on plain arrays.
struct TargetsArg {
  py::array keep;
  RowSource dense;  // or
  const std::int64_t* classes = nullptr;
};
TargetsArg targets_arg(const std::string& where, const py::object& object, index_t rows, index_t n_outputs, Loss loss,
                       bool network_is_double);
// (rows) finite, not negative, not all zero; null for None.
const double* weights_arg(const std::string& where, const py::object& object, index_t rows, py::array& keep);

// A contiguous array of T that is written in place: the object itself, never a copy.
template <class T>
T* output_arg(const std::string& where, const std::string& name, const py::object& object, index_t rows,
              index_t columns);

// A contiguous copy (or the array itself) as T, checked like matrix_arg. `columns` == 0: a vector of `rows` elements.
template <class T>
py::array_t<T> contiguous_arg(const std::string& where, const std::string& name, const py::object& object, index_t rows,
                              index_t columns);

// The enumerator with this name; the known ones are listed in the error.
Activation activation_arg(const std::string& where, const std::string& name);
Loss loss_arg(const std::string& where, const std::string& name);
Optimizer optimizer_arg(const std::string& where, const std::string& name);

}  // namespace chainrule
