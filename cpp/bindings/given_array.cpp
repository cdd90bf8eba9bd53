#include "bindings/given_array.h"

#include <limits>

#include "bindings/arrays.h"

namespace chainrule {

namespace {

// A DataFrame whose columns are of different types, of which NumPy makes an array of objects: the numbers, where all of
// them are, with NaN for what is missing; else complains of the first column that is not.
py::array numbers_of_columns(const std::string& where, const std::string& name, const py::object& frame,
                             const py::array& objects) {
  py::iterator types = py::iter(frame.attr("dtypes"));
  for (const py::handle column : frame.attr("columns")) {
    if (types == py::iterator::sentinel()) return objects;
    const auto type = py::reinterpret_borrow<py::object>(*types++);
    if (!py::hasattr(type, "kind")) return objects;  // of another library than pandas
    if (!is_number(py::cast<std::string>(type.attr("kind"))[0])) {
      const std::string what = "column " + std::string(py::repr(column)) + " of dtype " + std::string(py::str(type));
      throw py::type_error(complaint(where, name, kNumbers, what));
    }
  }
  return frame.attr("to_numpy")("float64", py::arg("na_value") = std::numeric_limits<double>::quiet_NaN());
}

// Asked of the type, for whose answer no code of the object runs: any exception in that, also of Ctrl-C, would be lost.
bool has(const py::object& object, const char* attribute) { return py::hasattr(py::type::of(object), attribute); }

}  // namespace

py::array array_of(const std::string& where, const std::string& name, const py::object& object) {
  py::object numpy = py::module_::import("numpy");
  if (has(object, "mask") && py::isinstance(object, numpy.attr("ma").attr("MaskedArray"))) {
    throw py::type_error(complaint(where, name, "an array without a mask", "a masked array; fill it first"));
  }
  if (has(object, "tocsr")) {
    throw py::type_error(complaint(where, name, "a dense array", "a sparse matrix; use .toarray()"));
  }
  try {
    if (py::isinstance<py::array>(object)) return py::reinterpret_borrow<py::array>(object);
    const py::array array = numpy.attr("asarray")(object);
    const bool is_of_columns = array.dtype().kind() == 'O' && has(object, "dtypes") && has(object, "columns");
    return is_of_columns ? numbers_of_columns(where, name, object, array) : array;
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_Exception) || e.matches(PyExc_MemoryError)) throw;
    throw py::value_error(complaint(where, name, "an array of numbers",
                                    name_of_type(object) + " (" + std::string(py::str(e.value())) + ")"));
  }
}

}  // namespace chainrule
