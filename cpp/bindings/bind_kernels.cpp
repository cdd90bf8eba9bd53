// Kernels as functions on arrays, for tests of their accuracy and for benchmarks. They run the instruction set in use.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/buffer.h"
#include "base/threads.h"
#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "kernels/kernels.h"

namespace py = pybind11;

namespace chainrule {

namespace {

template <class T>
using Contiguous = py::array_t<T, py::array::c_style>;

// A function of as many elements as fill panels, in place.
template <class T, class F>
void bind_math(py::module_& m, const char* name, F function) {
  m.def(
      name,
      [function](const Contiguous<T>& x) {
        const index_t n = x.size(), whole = n / kPanel<T> * kPanel<T>;
        Contiguous<T> out(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
        T* const to = out.mutable_data();
        std::copy_n(x.data(), n, to);
        function(whole, to);
        T rest[kPanel<T>] = {};
        std::copy(to + whole, to + n, rest);
        function(kPanel<T>, rest);
        std::copy_n(rest, n - whole, to + whole);
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

#define CHAINRULE_NAME(struct_name, name, ...) name,

// Activations have their own names; those with a slope get 1.
template <class T>
void bind_type(py::module_& m) {
  bind_math<T>(m, "log", [](index_t n, T* x) { kernels<T>().log(n, x, x); });
  bind_math<T>(m, "log1p", [](index_t n, T* x) { kernels<T>().log1p(n, x, x); });
  const char* const names[] = {CHAINRULE_ACTIVATIONS(CHAINRULE_NAME)};
  for (int g = 0; g < kActivations; ++g) {
    if (g == static_cast<int>(Activation::kSoftmax)) continue;  // works on whole rows
    bind_math<T>(m, names[g],
                 [g](index_t n, T* x) { kernels<T>().activate[g](n / kPanel<T>, kPanel<T>, {x, n}, T(1)); });
  }
}

#undef CHAINRULE_NAME

}  // namespace

void bind_kernels(py::module_& m) {
  using namespace py::literals;
  py::module_ kernels = m.def_submodule("kernels", "Kernels of the instruction set in use, for tests and benchmarks.");
  bind_type<float>(kernels);
  bind_type<double>(kernels);
  kernels.def(
      "fma_peak",
      [](const std::string& dtype, int n_threads, double seconds) {
        if (n_threads < 1) {
          throw py::value_error(complaint("fma_peak", "n_threads", "at least 1", std::to_string(n_threads)));
        }
        const WithoutGil without_gil;
        return dtype == "float64" ? fma_peak<double>(n_threads, seconds) : fma_peak<float>(n_threads, seconds);
      },
      "dtype"_a, "n_threads"_a, "seconds"_a = 0.05, "Measured peak in floating-point operations per second.");
}

}  // namespace chainrule
