// Seconds per call of single kernels, timed here so that Python has no part in them; for bench/kernels.py, which also
// counts their operations and bytes, and of a predictor. Every function works on buffers of its own, on one thread,
// with the instruction set in use.
#include <pybind11/pybind11.h>

#include <chrono>
#include <cstring>

#include "base/buffer.h"
#include "bindings/arrays.h"
#include "bindings/bound_predictor.h"
#include "bindings/gil.h"
#include "bindings/names.h"
#include "kernels/kernels.h"
#include "layers/dense.h"
#include "ops/optimizers.h"
#include "ops/panels.h"

namespace py = pybind11;

namespace chainrule {

namespace {

// Seconds of one call: twice as many calls until they last `seconds` altogether.
template <class F>
double seconds_per_call(double seconds, F&& call) {
  using Clock = std::chrono::steady_clock;
  call();
  for (index_t calls = 1;; calls *= 2) {
    const auto start = Clock::now();
    for (index_t i = 0; i < calls; ++i) call();
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    if (elapsed >= seconds) return elapsed / static_cast<double>(calls);
  }
}

// Numbers between 0.1 and 0.9 in no order: probabilities, and far from the denormal numbers.
template <class T>
Buffer<T> filled(index_t size) {
  Buffer<T> buffer(size);
  std::uint32_t random = 1;
  for (index_t i = 0; i < size; ++i) {
    random = random * 1664525u + 1013904223u;
    buffer[i] = T(0.1) + T(0.8) * static_cast<T>(random >> 16) / T(65536);
  }
  return buffer;
}

[[noreturn]] void refuse(const char* where, const std::string& name) {
  throw py::value_error(complaint(where, "kernel", "one that is timed", "'" + name + "'"));
}

// The products of a dense layer as training calls them: x (rows, n_in), W (n_in, n_out).
template <class T>
double time_product(const std::string& role, index_t rows, index_t n_in, index_t n_out, double seconds) {
  const Dense<T> layer(n_in, n_out);
  const index_t stride = panel_stride<T>(rows), x_size = n_panels<T>(n_in) * stride,
                y_size = n_panels<T>(n_out) * stride;
  index_t size = 0;
  for (const ParameterShape& p : layer.parameters()) size += p.size<T>();
  Buffer<T> parameters = filled<T>(size), mirror = filled<T>(layer.mirror_size(true)), gradients(size);
  const Weights<T> weights{parameters.data(), mirror.data()};
  Buffer<T> x = filled<T>(x_size), d = filled<T>(y_size), y(y_size), dx(x_size);
  Slice<T> s{};
  s.rows = rows, s.x = {x.data(), stride}, s.y = {y.data(), stride};
  s.d = {d.data(), stride}, s.dx = {dx.data(), stride};
  if (role == "forward") {
    return seconds_per_call(seconds, [&] { layer.forward(weights, s); });
  }
  if (role == "input gradient") {
    return seconds_per_call(seconds, [&] { layer.backward(weights, s); });
  }
  if (role != "weight gradient") refuse("timing.product", role);
  std::vector<Unit> units;
  for (const Unit& unit : layer.units()) {
    if (unit.parameter == 0) units.push_back(unit);  // those of W; the rest is column sums
  }
  return seconds_per_call(seconds, [&] {
    for (const Unit& unit : units) {
      layer.gradient(unit, s, {gradients.data() + unit.offset, unit.stride}, false, nullptr);
    }
  });
}

// Kernels on (rows, n) matrices; `which` names the activation or loss.
template <class T>
double time_rows(const std::string& kernel, const std::string& which, index_t rows, index_t n, double seconds) {
  const Kernels<T>& k = kernels<T>();
  const index_t stride = panel_stride<T>(rows);
  Buffer<T> in = filled<T>(n_panels<T>(n) * stride), out(in.size()), more(padded<T>(n));
  const Panels<T> in_panels{in.data(), stride}, out_panels{out.data(), stride};
  if (kernel == "activate") {
    // In place, which would lead to denormal numbers by and by: they start anew before every 64th call.
    const auto f = k.activate[static_cast<int>(activation_arg("timing.rows", which))];
    const Buffer<T> start = filled<T>(in.size());
    int calls = 0;
    return seconds_per_call(seconds, [&] {
      if (++calls % 64 == 0) std::memcpy(in.data(), start.data(), static_cast<std::size_t>(in.bytes()));
      f(rows, n, in_panels, T(1));
    });
  }
  if (kernel == "activation_gradient") {  // of zero, which stays zero
    const auto f = k.activation_gradient[static_cast<int>(activation_arg("timing.rows", which))];
    return seconds_per_call(seconds, [&] { f(rows, n, in_panels, out_panels, T(1)); });
  }
  if (kernel == "loss" || kernel == "loss_of_activation") {
    const Loss loss = loss_arg("timing.rows", which);
    const auto f = (kernel == "loss" ? k.loss : k.loss_of_activation)[static_cast<int>(loss)];
    Buffer<T> targets = filled<T>(in.size()), scale = filled<T>(rows);
    Buffer<double> losses(rows);
    LossRows<T> p{};
    p.rows = rows, p.n = n, p.panel = stride;
    p.y = in.data(), p.targets = targets.data(), p.scale = scale.data();
    p.d = out.data(), p.loss = losses.data();
    const bool smoothes = loss == Loss::kCrossEntropy || loss == Loss::kBinaryCrossEntropy;
    p.parameter = smoothes ? T(0) : T(0.5), p.parameter2 = T(0.25);
    return seconds_per_call(seconds, [&] { f(p); });
  }
  if (kernel == "column_sums") {
    return seconds_per_call(seconds, [&] { k.column_sums(rows, n, in_panels, true, more.data()); });
  }
  if (kernel == "transpose_panel") {  // of W (rows, n), all its panels
    Buffer<T> w = filled<T>(panels_size<T>(rows, n)), transposed(panels_size<T>(n, rows));
    return seconds_per_call(seconds, [&] {
      for (index_t p = 0; p < n_panels<T>(n); ++p) k.transpose_panel(rows, n, p, 0, rows, w.data(), transposed.data());
    });
  }
  if (kernel != "gather_float" && kernel != "gather_double") refuse("timing.rows", kernel);
  const bool is_double = kernel == "gather_double";
  const index_t size = is_double ? 8 : 4;
  Buffer<char> source(rows * n * size);
  Buffer<std::int64_t> order(rows);
  // Steps of a prime number of rows: every row once, unless rows is a multiple of it.
  for (index_t i = 0; i < rows; ++i) order[i] = i * 7919 % rows;
  const auto f = is_double ? k.gather_double : k.gather_float;
  return seconds_per_call(seconds, [&] { f(source.data(), n * size, size, order.data(), rows, rows, n, out_panels); });
}

// Kernels on n elements in a row; `which` names the optimizer.
template <class T>
double time_elements(const std::string& kernel, const std::string& which, index_t n, double seconds) {
  const Kernels<T>& k = kernels<T>();
  n = padded<T>(n);
  Buffer<T> in = filled<T>(n), out = filled<T>(n);
  if (kernel == "update") {
    const OptimizerSpec spec{optimizer_arg("timing.elements", which), 0.9, 0.999, 1e-8};
    OptimizerState<T> state(spec, n);
    const UpdateStep<T> step = update_step<T>(spec, 1e-9, 1000);  // RAdam has become adaptive
    return seconds_per_call(seconds, [&] { state.update(0, {n}, out.data(), {in.data()}, step, nullptr); });
  }
  if (kernel == "adjust") {
    return seconds_per_call(seconds, [&] { k.adjust(n, in.data(), out.data(), {T(1e-6), T(1e-6)}); });
  }
  if (kernel == "sum_of_squares") {
    return seconds_per_call(seconds, [&] { out[0] = static_cast<T>(k.sum_of_squares(n, in.data())); });
  }
  const struct {
    const char* name;
    void (*function)(index_t, const T*, T*);
  } functions[] = {{"log", k.log}, {"log1p", k.log1p}};
  for (const auto& f : functions) {
    if (kernel == f.name) return seconds_per_call(seconds, [&] { f.function(n, in.data(), out.data()); });
  }
  refuse("timing.elements", kernel);
}

// The C library's copy between two halves of a buffer: what reading and writing cost at their best.
double time_copy(index_t bytes, double seconds) {
  Buffer<char> from(bytes / 2), to(bytes / 2);
  return seconds_per_call(seconds, [&] {
    std::memcpy(to.data(), from.data(), static_cast<std::size_t>(to.size()));
    asm volatile("" : : "r"(to.data()) : "memory");  // the copy is wanted each time
  });
}

// A predictor's call without Python: so many rows, on as many threads as it may have.
template <class T>
double time_predictor(const BoundPredictor<T>& predictor, index_t rows, double seconds) {
  const Plan<T>& plan = predictor.model.plan();
  const index_t size = static_cast<index_t>(sizeof(T));
  const Buffer<T> x = filled<T>(rows * plan.n_inputs);
  Buffer<T> out(rows * plan.n_outputs);
  const RowSource source{reinterpret_cast<const char*>(x.data()), plan.n_inputs * size, size, size == 8};
  return seconds_per_call(seconds, [&] { predictor.model.predict(source, rows, out.data(), predictor.most_threads); });
}

bool is_float64(const std::string& dtype) { return dtype == "float64"; }

}  // namespace

void bind_timing(py::module_& m) {
  using namespace py::literals;
  py::module_ timing = m.def_submodule("timing", "Seconds per call of single kernels, for benchmarks.");
  using Free = py::call_guard<WithoutGil>;
  timing.def(
      "product",
      [](const std::string& dtype, const std::string& role, index_t rows, index_t n_in, index_t n_out, double s) {
        return (is_float64(dtype) ? time_product<double> : time_product<float>)(role, rows, n_in, n_out, s);
      },
      "dtype"_a, "role"_a, "rows"_a, "n_in"_a, "n_out"_a, "seconds"_a, Free());
  timing.def(
      "rows",
      [](const std::string& dtype, const std::string& kernel, const std::string& which, index_t rows, index_t n,
         double s) { return (is_float64(dtype) ? time_rows<double> : time_rows<float>)(kernel, which, rows, n, s); },
      "dtype"_a, "kernel"_a, "which"_a, "rows"_a, "n"_a, "seconds"_a, Free());
  timing.def(
      "elements",
      [](const std::string& dtype, const std::string& kernel, const std::string& which, index_t n, double s) {
        return (is_float64(dtype) ? time_elements<double> : time_elements<float>)(kernel, which, n, s);
      },
      "dtype"_a, "kernel"_a, "which"_a, "n"_a, "seconds"_a, Free());
  timing.def("predictor", &time_predictor<float>, "predictor"_a, "rows"_a, "seconds"_a, Free());
  timing.def("predictor", &time_predictor<double>, "predictor"_a, "rows"_a, "seconds"_a, Free());
  timing.def("copy", &time_copy, "bytes"_a, "seconds"_a, Free());
}

}  // namespace chainrule
