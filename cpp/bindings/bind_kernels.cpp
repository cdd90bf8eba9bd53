// Kernels as functions on arrays, for tests of their accuracy and for benchmarks. They run the instruction set in use.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/buffer.h"
#include "base/threads.h"
#include "kernels/kernels.h"

namespace py = pybind11;

namespace chainrule {

namespace {

template <class T>
using Contiguous = py::array_t<T, py::array::c_style>;

template <class T>
void bind_math(py::module_& m, const char* name, void (*Kernels<T>::*function)(index_t, const T*, T*)) {
  m.def(
      name,
      [function](const Contiguous<T>& x) {
        const index_t n = x.size(), whole = n / kPanel<T> * kPanel<T>;
        Contiguous<T> out(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
        (kernels<T>().*function)(whole, x.data(), out.mutable_data());
        T rest[kPanel<T>] = {};
        std::copy(x.data() + whole, x.data() + n, rest);
        (kernels<T>().*function)(kPanel<T>, rest, rest);
        std::copy_n(rest, n - whole, out.mutable_data() + whole);
        return out;
      },
      py::arg("x").noconvert());
}

// Floating-point operations per second of fused multiply-adds in registers, all threads together.
template <class T>
double fma_peak(int n_threads, double seconds) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> rates(static_cast<std::size_t>(n_threads));
  run_team(n_threads, [&](const Team& team) {
    T sink[2] = {T(0.5), T(0.25)};
    team.barrier();
    const auto start = Clock::now();
    double operations = 0, elapsed = 0;
    while (elapsed < seconds) {
      operations += kernels<T>().fma_peak(100000, sink);
      elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    }
    rates[static_cast<std::size_t>(team.id())] = operations / elapsed;
  });
  double total = 0;
  for (const double rate : rates) total += rate;
  return total;
}

template <class T>
void bind_type(py::module_& m) {
  bind_math<T>(m, "exp", &Kernels<T>::exp);
  bind_math<T>(m, "log", &Kernels<T>::log);
  bind_math<T>(m, "log1p", &Kernels<T>::log1p);
  bind_math<T>(m, "tanh", &Kernels<T>::tanh);
  bind_math<T>(m, "sigmoid", &Kernels<T>::sigmoid);
}

}  // namespace

void bind_kernels(py::module_& m) {
  using namespace py::literals;
  py::module_ kernels = m.def_submodule("kernels", "Kernels of the instruction set in use, for tests and benchmarks.");
  bind_type<float>(kernels);
  bind_type<double>(kernels);
  kernels.def(
      "fma_peak",
      [](const std::string& dtype, int n_threads, double seconds) {
        if (n_threads < 1)
          throw py::value_error("[fma_peak] n_threads: expected at least 1, got " + std::to_string(n_threads));
        py::gil_scoped_release without_gil;
        return dtype == "float64" ? fma_peak<double>(n_threads, seconds) : fma_peak<float>(n_threads, seconds);
      },
      "dtype"_a, "n_threads"_a, "seconds"_a = 0.05, "Measured peak in floating-point operations per second.");
}

}  // namespace chainrule
