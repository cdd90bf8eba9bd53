// chainrule.ops: the core's operations on NumPy arrays. `float64` says in which type to compute.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>

#include "bindings/checked_samples.h"
#include "bindings/gil.h"
#include "bindings/names.h"
#include "layers/functions.h"
#include "ops/optimizers.h"

namespace chainrule {

namespace {

// `out` as given, checked, or a new array.
template <class T>
py::object result_arg(const std::string& where, const py::object& out, index_t rows, index_t columns) {
  if (out.is_none()) return py::array_t<T>({rows, columns});
  output_arg<T>(where, "out", out, rows, columns);
  return out;
}

template <class T>
T* data_of(const py::object& array) {
  return static_cast<T*>(py::reinterpret_borrow<py::array>(array).mutable_data());
}

template <class T>
py::object bound_dense_forward(const py::object& X, const py::object& W, const py::object& b, const ActivationParts& g,
                               const py::object& out) {
  const std::string where = "ops.dense_forward";
  const py::array_t<T> x = contiguous_arg<T>(where, "X", X, kAny, kAny);
  const py::array_t<T> w = contiguous_arg<T>(where, "W", W, x.shape(1), kAny);
  const index_t rows = x.shape(0), n_in = x.shape(1), n_out = w.shape(1);
  const ActivationSpec activation = activation_arg(where, g, n_out);
  const py::array_t<T> bias = b.is_none() ? py::array_t<T>() : contiguous_arg<T>(where, "b", b, n_out, 0);
  py::object result = result_arg<T>(where, out, rows, n_out);
  T* to = data_of<T>(result);
  const T* start = b.is_none() ? nullptr : bias.data();
  const WithoutGil without_gil;
  dense_forward(rows, n_in, n_out, x.data(), w.data(), start, activation, to);
  return result;
}

template <class T>
py::object bound_dense_backward(const py::object& X, const py::object& W, const py::object& dZ, const py::object& dW,
                                const py::object& db, const py::object& out, bool with_dx) {
  const std::string where = "ops.dense_backward";
  const py::array_t<T> x = contiguous_arg<T>(where, "X", X, kAny, kAny);
  const py::array_t<T> w = contiguous_arg<T>(where, "W", W, x.shape(1), kAny);
  const index_t rows = x.shape(0), n_in = x.shape(1), n_out = w.shape(1);
  const py::array_t<T> dz = contiguous_arg<T>(where, "dZ", dZ, rows, n_out);
  T* dw = dW.is_none() ? nullptr : output_arg<T>(where, "dW", dW, n_in, n_out);
  T* dbias = db.is_none() ? nullptr : output_arg<T>(where, "db", db, n_out, 0);
  py::object result = with_dx ? result_arg<T>(where, out, rows, n_in) : py::none();
  T* dx = with_dx ? data_of<T>(result) : nullptr;
  {
    const WithoutGil without_gil;
    dense_backward(rows, n_in, n_out, x.data(), w.data(), dz.data(), dw, dbias, dx);
  }
  return result;
}

template <class T>
py::object bound_activation(const py::object& Z, const ActivationParts& parts, const py::object& out) {
  const std::string where = "ops.activation";
  const py::array_t<T> z = contiguous_arg<T>(where, "Z", Z, kAny, kAny);
  const ActivationSpec g = activation_arg(where, parts, z.shape(1));
  py::object result = result_arg<T>(where, out, z.shape(0), z.shape(1));
  activation(z.shape(0), z.shape(1), z.data(), g, data_of<T>(result));
  return result;
}

template <class T>
py::object bound_activation_backward(const std::string& where, const py::object& dA, const py::object& Z,
                                     const ActivationParts& parts, const py::object& out) {
  const py::array_t<T> z = contiguous_arg<T>(where, "Z", Z, kAny, kAny);
  const ActivationSpec g = activation_arg(where, parts, z.shape(1));
  const py::array_t<T> da =
      dA.is_none() ? py::array_t<T>() : contiguous_arg<T>(where, "dA", dA, z.shape(0), z.shape(1));
  py::object result = result_arg<T>(where, out, z.shape(0), z.shape(1));
  activation_backward(z.shape(0), z.shape(1), z.data(), dA.is_none() ? nullptr : da.data(), g, data_of<T>(result));
  return result;
}

template <class T>
py::tuple bound_loss_and_gradient(const py::object& Z, const py::object& Y, const LossParts& loss_parts,
                                  const ActivationParts& parts, const py::object& sample_weight,
                                  const py::object& out) {
  const std::string where = "ops.loss_and_gradient";
  const LossSpec loss = loss_arg(where, loss_parts);
  const py::array_t<T> z = contiguous_arg<T>(where, "Z", Z, kAny, kAny);
  const index_t rows = z.shape(0), n = z.shape(1);
  const ActivationSpec g = activation_arg(where, parts, n);
  const TargetsArg targets = targets_arg(where, Y, rows, g.groups_of(n), target_kind(loss.kind), sizeof(T) == 8);
  py::array_t<T> dense;
  if (targets.dense) dense = contiguous_arg<T>(where, "Y", targets.keep, rows, targets.keep.ndim() == 1 ? 0 : n);
  py::array keep;
  const double* weights = weights_arg(where, sample_weight, rows, keep);
  py::object result = result_arg<T>(where, out, rows, n);
  const double cost = loss_and_gradient(rows, n, z.data(), targets.dense ? dense.data() : nullptr, targets.classes,
                                        weights, loss, g, data_of<T>(result));
  return py::make_tuple(cost, result);
}

// The flat elements of an array that is updated in place.
template <class T>
T* in_place_arg(const std::string& name, const py::object& object, index_t size) {
  const auto array = py::reinterpret_borrow<py::array>(object);
  if (!py::isinstance<py::array_t<T, py::array::c_style>>(object) || !array.writeable() || array.size() != size) {
    throw py::value_error(complaint("ops.optimizer_step", name,
                                    "writable, contiguous arrays of one type, with gradients and state of their shapes",
                                    std::string(py::str(array.dtype())) + " of shape " + shape_text(array)));
  }
  return static_cast<T*>(py::reinterpret_borrow<py::array>(object).mutable_data());
}

// One step on a whole array: kernels count in panels, so the rest goes through one padded panel.
template <class T>
void bound_optimizer_step(const std::string& kind, const py::object& w, const py::object& g, const py::object& state1,
                          const py::object& state2, double learning_rate, std::int64_t t, bool decays,
                          const Hyperparameters& hyperparameters) {
  OptimizerSpec spec = optimizer_arg("ops.optimizer_step", kind, hyperparameters);
  if (!decays) spec.weight_decay = 0;
  const index_t n = py::reinterpret_borrow<py::array>(w).size(), whole = n / kPanel<T> * kPanel<T>;
  const py::object objects[] = {w, g, state1, state2};
  const char* const names[] = {"parameters", "gradients", "state", "state"};
  T* arrays[4] = {};
  for (std::size_t a = 0; a < 4; ++a) {
    if (!objects[a].is_none()) arrays[a] = in_place_arg<T>(names[a], objects[a], n);
  }
  const UpdateStep<T> step = update_step<T>(spec, learning_rate, t);
  const auto update = kernels<T>().update[static_cast<std::size_t>(spec.kind)];
  update({whole}, arrays[0], {arrays[1]}, arrays[2], arrays[3], step, nullptr);
  alignas(64) T rest[4][kPanel<T>] = {};
  for (std::size_t a = 0; a < 4; ++a) {
    if (arrays[a]) std::copy(arrays[a] + whole, arrays[a] + n, rest[a]);
  }
  update({kPanel<T>}, rest[0], {rest[1]}, rest[2], rest[3], step, nullptr);
  for (const std::size_t a : {0, 2, 3}) {
    if (arrays[a]) std::copy_n(rest[a], n - whole, arrays[a] + whole);
  }
}

template <class T>
void bind_type(py::module_& m, const char* suffix) {
  using namespace py::literals;
  auto name = [suffix](const char* function) { return std::string(function) + suffix; };
  m.def(name("dense_forward").c_str(), &bound_dense_forward<T>, "X"_a, "W"_a, "b"_a, "activation"_a, "out"_a);
  m.def(name("dense_backward").c_str(), &bound_dense_backward<T>, "X"_a, "W"_a, "dZ"_a, "dW"_a, "db"_a, "out"_a,
        "with_dx"_a);
  m.def(name("activation").c_str(), &bound_activation<T>, "Z"_a, "activation"_a, "out"_a);
  m.def(name("activation_backward").c_str(), &bound_activation_backward<T>, "where"_a, "dA"_a, "Z"_a, "activation"_a,
        "out"_a);
  m.def(name("loss_and_gradient").c_str(), &bound_loss_and_gradient<T>, "Z"_a, "Y"_a, "loss"_a, "activation"_a,
        "sample_weight"_a, "out"_a);
  m.def(name("optimizer_step").c_str(), &bound_optimizer_step<T>, "kind"_a, "w"_a, "g"_a, "state1"_a, "state2"_a,
        "learning_rate"_a, "t"_a, "decays"_a, "hyperparameters"_a);
}

}  // namespace

void bind_functions(py::module_& m) {
  py::module_ functions = m.def_submodule("functions", "The core's operations on NumPy arrays; see chainrule.ops.");
  bind_type<float>(functions, "32");
  bind_type<double>(functions, "64");
}

}  // namespace chainrule
