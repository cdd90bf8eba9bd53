// What a user gives in place of an array.
#pragma once

#include <pybind11/numpy.h>

#include <string>

namespace chainrule {

namespace py = pybind11;

inline constexpr const char* kNumbers = "numbers (floating-point, integer or boolean)";

// By the kind of a dtype.
inline bool is_number(char kind) { return kind == 'f' || kind == 'i' || kind == 'u' || kind == 'b'; }

// Whatever NumPy makes an array of, or an array of a subclass as it is.
py::array array_of(const std::string& where, const std::string& name, const py::object& object);

}  // namespace chainrule
