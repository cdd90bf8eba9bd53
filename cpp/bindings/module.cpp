// chainrule._core: one bind_* call per concern.
#include <pybind11/pybind11.h>

namespace chainrule {
void bind_runtime(pybind11::module_& m);
void bind_kernels(pybind11::module_& m);
void bind_network(pybind11::module_& m);
void bind_functions(pybind11::module_& m);
void bind_timing(pybind11::module_& m);
}  // namespace chainrule

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled core of chainrule. Its public face is the chainrule package.";
  chainrule::bind_runtime(m);
  chainrule::bind_kernels(m);
  chainrule::bind_network(m);
  chainrule::bind_functions(m);
  chainrule::bind_timing(m);
}
