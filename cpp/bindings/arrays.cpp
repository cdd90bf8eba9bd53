#include "bindings/arrays.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <optional>
#include <sstream>

#include "base/helpers.h"
#include "bindings/given_array.h"
#include "ops/finite.h"

namespace chainrule {

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

std::string name_of_type(const py::object& object) { return py::str(py::type::of(object).attr("__name__")); }

namespace {

bool is_text(const py::array& array) {
  const char kind = array.dtype().kind();
  const auto first = [&] { return py::reinterpret_borrow<py::object>(array.attr("flat")[py::int_(0)]); };
  return kind == 'U' || kind == 'S' ||
         (kind == 'O' && array.size() > 0 && (py::isinstance<py::str>(first()) || py::isinstance<py::bytes>(first())));
}

}  // namespace

py::array numbers_arg(const std::string& where, const std::string& name, const py::object& object,
                      const char* advice_for_text) {
  const bool is_plain = Py_TYPE(object.ptr()) == py::detail::npy_api::get().PyArray_Type_;  // of no subclass
  const py::array array = is_plain ? py::reinterpret_borrow<py::array>(object) : array_of(where, name, object);
  if (!is_number(array.dtype().kind())) {
    const std::string what = py::isinstance<py::array>(object) ? "" : name_of_type(object) + " of ";
    throw py::type_error(
        complaint(where, name, kNumbers,
                  what + "dtype " + std::string(py::str(array.dtype())) + (is_text(array) ? advice_for_text : "")));
  }
  return array;
}

namespace {

constexpr int kAligned = 0x0100;  // NPY_ARRAY_ALIGNED

bool readable_in_place(const py::array& array) {
  const py::dtype type = array.dtype();
  return type.kind() == 'f' && (type.itemsize() == 4 || type.itemsize() == 8) && (array.flags() & kAligned) &&
         type.byteorder() == '=';
}

// What `make` gives in a `with context`. Ctrl-C may come as that is entered or left, before it is done or after; so no
// destructor leaves it, which must not throw.
template <class F>
py::object within(const py::object& context, F make) {
  const auto leave = [&] { context.attr("__exit__")(py::none(), py::none(), py::none()); };
  try {
    context.attr("__enter__")();
    py::object made = make();
    leave();
    return made;
  } catch (py::error_already_set&) {
    try {
      leave();
    } catch (py::error_already_set&) {  // it was left before
    }
    throw;
  }
}

// A new array of T, contiguous, aligned and in native byte order. NumPy's floating-point warnings (errors, if the user
// says so) are kept out of it: what does not fit becomes infinite and is refused by check_finite, what is too small
// becomes 0.
template <class T>
py::array converted(const py::array& array) {
  const py::module_ numpy = py::module_::import("numpy");
  return within(numpy.attr("errstate")(py::arg("all") = "ignore"), [&] {
    return numpy.attr("array")(array, py::arg("dtype") = py::dtype::of<T>(), py::arg("order") = "C");
  });
}

}  // namespace

py::array readable(const py::array& array, bool network_is_double) {
  if (readable_in_place(array)) return array;
  const bool is_double = array.dtype().kind() == 'f' ? array.itemsize() > 4 : network_is_double;
  return is_double ? converted<double>(array) : converted<float>(array);
}

template <class T>
py::array_t<T, py::array::c_style> contiguous(const py::array& array) {
  using Contiguous = py::array_t<T, py::array::c_style>;
  const bool fits = py::isinstance<Contiguous>(array) && readable_in_place(array);
  return py::reinterpret_borrow<Contiguous>(fits ? array : converted<T>(array));
}

RowSource source_of(const py::array& array) {
  return {static_cast<const char*>(array.data()), array.strides(0),
          array.ndim() > 1 ? array.strides(1) : array.itemsize(), array.itemsize() == 8};
}

double element(const RowSource& source, index_t i, index_t j) {
  const char* at = source.data + i * source.row_bytes + j * source.column_bytes;
  return source.is_double ? *reinterpret_cast<const double*>(at) : *reinterpret_cast<const float*>(at);
}

namespace {

template <class S>
bool row_is_within(const char* row, index_t column_bytes, index_t columns, S limit) {
  if (column_bytes == sizeof(S)) return are_within(reinterpret_cast<const S*>(row), columns, limit);
  bool within = true;
  for (index_t j = 0; j < columns; ++j) {
    within &= std::fabs(*reinterpret_cast<const S*>(row + j * column_bytes)) <= limit;
  }
  return within;
}

// Of the numbers that the network can hold.
double largest(bool network_is_double) {
  return network_is_double ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
}

}  // namespace

bool row_is_finite(const RowSource& source, const char* row, index_t columns, bool network_is_double) {
  return source.is_double ? row_is_within<double>(row, source.column_bytes, columns, largest(network_is_double))
                          : row_is_within<float>(row, source.column_bytes, columns, std::numeric_limits<float>::max());
}

void refuse_value(const std::string& where, const std::string& name, double value, const std::string& index) {
  throw py::value_error(complaint(where, name,
                                  std::isfinite(value) ? "numbers that float32 can hold" : "finite numbers",
                                  number_text(value) + " at " + name + "[" + index + "]"));
}

namespace {

// Of n lines, rows or columns, whose elements lie one after the other; without gaps between them they are one. Threads
// share rows as the same number of threads shares those of a prediction, so that each finds its own in a near cache
// then (100,000 rows through 20-64-64-2 on two threads: 4 % sooner).
bool lines_are_finite(RowSource lines, index_t n, index_t length, bool network_is_double, int most_threads) {
  constexpr double kFlopsOfLook = 16;  // an element takes as long
  const index_t item = lines.is_double ? 8 : 4;
  const bool are_one = lines.row_bytes == length * item;
  lines.column_bytes = item;
  std::atomic<bool> finite{true};
  const double flops = kFlopsOfLook * static_cast<double>(n * length);
  const auto members = static_cast<int>(std::min<index_t>(n, most_threads));
  auto look = [&](const Team& team) {
    const Team::Range part = team.part(n);
    const index_t pieces = are_one ? std::min<index_t>(1, part.end - part.begin) : part.end - part.begin;
    for (index_t i = part.begin; i < part.begin + pieces; ++i) {
      const index_t elements = are_one ? (part.end - part.begin) * length : length;
      if (!row_is_finite(lines, lines.data + i * lines.row_bytes, elements, network_is_double)) finite = false;
    }
  };
  run_call(std::min(members, threads_for(flops)), flops, look, true);
  return finite;
}

}  // namespace

void check_finite(const std::string& where, const std::string& name, const RowSource& source, index_t rows,
                  index_t columns, bool network_is_double, bool is_vector, int most_threads) {
  const index_t item = source.is_double ? 8 : 4;
  if (source.column_bytes == item && source.row_bytes == columns * item) {
    if (lines_are_finite(source, rows, columns, network_is_double, most_threads)) return;
  } else if (source.row_bytes == item) {  // by columns
    const RowSource turned{source.data, source.column_bytes, source.row_bytes, source.is_double};
    if (lines_are_finite(turned, columns, rows, network_is_double, most_threads)) return;
  }
  for (index_t i = 0; i < rows; ++i) {
    const char* row = source.data + i * source.row_bytes;
    if (row_is_finite(source, row, columns, network_is_double)) continue;
    index_t j = 0;
    while (j + 1 < columns && std::fabs(element(source, i, j)) <= largest(network_is_double)) ++j;
    refuse_value(where, name, element(source, i, j), std::to_string(i) + (is_vector ? "" : ", " + std::to_string(j)));
  }
}

std::string complaint(const std::string& where, const std::string& name, const std::string& expected,
                      const std::string& got) {
  return "[" + where + "] " + name + ": expected " + expected + ", got " + got;
}

std::string shape_text(const py::object& array) { return py::str(array.attr("shape")); }

std::string matrix_shape_text(index_t columns) {
  return "shape (n, " + (columns == kAny ? std::string("columns") : std::to_string(columns)) +
         ") with at least one row";
}

Matrix matrix_arg(const std::string& where, const std::string& name, const py::object& object, index_t columns,
                  bool network_is_double, bool takes_row, int most_threads) {
  const py::array array = numbers_arg(where, name, object);
  const bool is_row = takes_row && array.ndim() == 1;
  const index_t rows = is_row ? 1 : array.ndim() == 2 ? array.shape(0) : 0;
  const index_t found = rows > 0 ? array.shape(array.ndim() - 1) : 0;
  if (found == 0 || (columns != kAny && found != columns)) {
    const std::string row = takes_row ? "shape (" + std::to_string(columns) + ",) or " : "";
    throw py::value_error(complaint(where, name, row + matrix_shape_text(columns), shape_text(array)));
  }
  const py::array in_place = readable(array, network_is_double);
  RowSource source = source_of(in_place);
  check_finite(where, name, source, is_row ? found : rows, is_row ? 1 : found, network_is_double, is_row, most_threads);
  if (is_row) source.column_bytes = source.row_bytes;
  return {in_place, in_place, source, rows, found, is_row};
}

template <class T>
T* output_arg(const std::string& where, const std::string& name, const py::object& object, index_t rows,
              index_t columns) {
  const bool is_vector = columns == 0;
  auto expected = [&] {
    const std::string type = sizeof(T) == 8 ? "float64" : "float32", n = std::to_string(rows);
    return "a writable, contiguous " + type + " array of shape (" + n +
           (is_vector ? ",)" : ", " + std::to_string(columns) + ")");
  };
  if (!py::isinstance<py::array>(object)) {
    throw py::type_error(complaint(where, name, expected(), name_of_type(object)));
  }
  auto array = py::reinterpret_borrow<py::array>(object);
  const bool fits = is_vector ? array.ndim() == 1 && array.shape(0) == rows
                              : array.ndim() == 2 && array.shape(0) == rows && array.shape(1) == columns;
  const bool is_contiguous = py::isinstance<py::array_t<T, py::array::c_style>>(array);
  if (!fits || !is_contiguous || !readable_in_place(array) || !array.writeable()) {
    const bool is_strided = !(array.flags() & py::array::c_style), is_aligned = array.flags() & kAligned;
    throw py::value_error(complaint(where, name, expected(),
                                    std::string(array.writeable() ? "" : "read-only ") +
                                        (is_strided ? "strided " : "") + (is_aligned ? "" : "misaligned ") +
                                        std::string(py::str(array.dtype())) + " of shape " + shape_text(array)));
  }
  return static_cast<T*>(array.mutable_data());
}

template <class T>
py::array_t<T> contiguous_arg(const std::string& where, const std::string& name, const py::object& object, index_t rows,
                              index_t columns, bool finite) {
  const py::array array = numbers_arg(where, name, object);
  const bool is_vector = columns == 0;
  const bool fits = is_vector ? array.ndim() == 1 && array.shape(0) == rows
                              : array.ndim() == 2 && array.shape(0) > 0 && array.shape(1) > 0 &&
                                    (rows == kAny || array.shape(0) == rows) &&
                                    (columns == kAny || array.shape(1) == columns);
  if (!fits) {
    auto size = [](index_t n, const char* any) { return n == kAny ? std::string(any) : std::to_string(n); };
    const std::string shape = is_vector ? "(" + std::to_string(rows) + ",)"
                                        : "(" + size(rows, "n") + ", " + size(columns, "m") + ")" +
                                              (rows == kAny || columns == kAny ? " with no dimension 0" : "");
    throw py::value_error(complaint(where, name, "shape " + shape, shape_text(array)));
  }
  const py::array in_place = readable(array, sizeof(T) == 8);
  if (finite) {
    check_finite(where, name, source_of(in_place), in_place.shape(0), is_vector ? 1 : in_place.shape(1), sizeof(T) == 8,
                 is_vector);
  }
  return contiguous<T>(in_place);
}

#define CHAINRULE_INSTANTIATE(T)                                                                                \
  template py::array_t<T, py::array::c_style> contiguous<T>(const py::array&);                                  \
  template T* output_arg<T>(const std::string&, const std::string&, const py::object&, index_t, index_t);       \
  template py::array_t<T> contiguous_arg<T>(const std::string&, const std::string&, const py::object&, index_t, \
                                            index_t, bool);
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
