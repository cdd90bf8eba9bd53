// Letting go of the GIL, and taking it, in threads that may outlive Python.
//
// While Python ends, daemon threads go on working. One that then asks for the GIL is ended by `pthread_exit`, up to
// Python 3.13, and as that unwinds the stack, the first function that must not throw, such as a destructor, calls
// std::terminate: the process aborts. Such a thread sleeps instead until the process is gone, as from Python 3.14 on.
#pragma once

#include <cxxabi.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

#include <optional>

namespace chainrule {

namespace py = pybind11;

// f(), which may run Python.
template <class F>
auto unless_python_ends(F f) {
  try {
    return f();
  } catch (abi::__forced_unwind&) {
    for (;;) pause();
  }
}

class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() {
    unless_python_ends([this] { PyEval_RestoreThread(state_); });
  }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* const state_;
};

class WithGil {
 public:
  WithGil() {
    unless_python_ends([this] { held_.emplace(); });
  }

 private:
  std::optional<py::gil_scoped_acquire> held_;
};

}  // namespace chainrule
