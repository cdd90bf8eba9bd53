// The door for data: Python objects become checked views. Every error names the call, the argument, what was expected
// and what came. Arrays of float32 and float64 are read in place, whatever their strides; all else is converted here.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <limits>
#include <string>

#include "ops/samples.h"

namespace chainrule {

namespace py = pybind11;

inline constexpr index_t kAny = -1;  // a dimension that may have any size from 1

// "[Trainer.step] X: expected shape (n, 784), got (128, 783)"
std::string complaint(const std::string& where, const std::string& name, const std::string& expected,
                      const std::string& got);

// "(128, 783)"
std::string shape_text(const py::object& array);
// What was expected of a matrix: "shape (n, 784) with at least one row"
std::string matrix_shape_text(index_t columns);

std::string number_text(double value);
std::string name_of_type(const py::object& object);

// Any object as an array of numbers: float, integer or boolean. Text is refused with some advice.
py::array numbers_arg(const std::string& where, const std::string& name, const py::object& object,
                      const char* advice_for_text = "");

// The array itself where it can be read in place. Other floating-point types become float or double, which hold their
// values (of long double the nearest); integers and booleans the network's type.
py::array readable(const py::array& array, bool network_is_double);

// The array itself where it is a contiguous, aligned array of T.
template <class T>
py::array_t<T, py::array::c_style> contiguous(const py::array& array);

// Views of a readable array, and one element as a double.
RowSource source_of(const py::array& array);
double element(const RowSource& source, index_t i, index_t j);

// Whether all elements of a row are finite, in a float32 network also after conversion; and the refusal of one that is
// not.
bool row_is_finite(const RowSource& source, const char* row, index_t columns, bool network_is_double);
[[noreturn]] void refuse_value(const std::string& where, const std::string& name, double value,
                               const std::string& index);

inline constexpr int kAnyThreads = std::numeric_limits<int>::max();

// Refuses NaN, infinities, and what becomes infinite in a float32 network. Many rows are shared by a team.
void check_finite(const std::string& where, const std::string& name, const RowSource& source, index_t rows,
                  index_t columns, bool network_is_double, bool is_vector, int most_threads = kAnyThreads);

// A matrix of finite numbers with `columns` columns. `keep` owns what `source` points into; `object` is the Python
// object it was read from, after conversion if it needed one.
struct Matrix {
  py::object object, keep;
  RowSource source;
  index_t rows, columns;
  bool is_row;  // given as (columns,)
};
// With `takes_row` one row may come as a vector.
Matrix matrix_arg(const std::string& where, const std::string& name, const py::object& object, index_t columns,
                  bool network_is_double, bool takes_row = false, int most_threads = kAnyThreads);

// A contiguous array of T that is written in place: the object itself, never a copy.
template <class T>
T* output_arg(const std::string& where, const std::string& name, const py::object& object, index_t rows,
              index_t columns);

// A contiguous copy (or the array itself) as T, checked like matrix_arg. `columns` == 0: a vector of `rows` elements.
// With `finite` false NaN and infinity pass.
template <class T>
py::array_t<T> contiguous_arg(const std::string& where, const std::string& name, const py::object& object, index_t rows,
                              index_t columns, bool finite = true);

}  // namespace chainrule
