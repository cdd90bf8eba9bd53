// Python functions as activations and losses of the core; see chainrule/_custom.py for what it calls.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#include <memory>

#include "ops/custom.h"

namespace chainrule {

namespace py = pybind11;

// `function(derivative, z)` returns an array like z.
std::shared_ptr<const CustomActivation> custom_activation(const py::object& function);

// `function(A, Y, with_derivative)` returns (L, dL/dA or None): float64 (m,), and an array like A.
std::shared_ptr<const CustomLoss> custom_loss(const py::object& function);

// Whether this thread is in such a function, which a network called.
bool in_a_function();

// The Python exception that was thrown, with its traceback; throws what is none. Call it with the GIL.
py::object python_exception(const std::exception_ptr& failure);

}  // namespace chainrule
