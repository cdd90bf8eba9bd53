// Network, Optimizer and Samples, for float32 and float64. The GIL is released while the core works; a lock per network
// lets any number of threads predict, or one train.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <shared_mutex>

#include "base/threads.h"
#include "bindings/checked_samples.h"
#include "bindings/names.h"
#include "bindings/sparse.h"
#include "network/pass.h"

namespace chainrule {

namespace {

using Lock = std::unique_lock<std::shared_mutex>;
using SharedLock = std::shared_lock<std::shared_mutex>;
using NameAndNumber = std::pair<std::string, double>;  // of a loss
using ClipArg = std::pair<double, double>;             // to a value, to a norm; infinity for neither

template <class T>
struct BoundNetwork {
  Network<T> net;
  mutable std::shared_mutex mutex;

  explicit BoundNetwork(const NetworkSpec& spec) : net(spec) {}

  // Taken without waiting: who comes while the network is trained is told, never made to wait or to race.
  template <class AnyLock>
  AnyLock lock(const std::string& where) const {
    AnyLock l(mutex, std::try_to_lock);
    if (!l) throw std::runtime_error("[" + where + "] the network is at work in another thread");
    return l;
  }

  // Training waits for predictions that are under way. Call it without the GIL, which they may need.
  Lock wait_and_lock() const { return Lock(mutex); }
};

NetworkSpec spec_arg(index_t n_inputs, const py::list& layers) {
  NetworkSpec spec{n_inputs, {}};
  for (const py::handle& layer : layers) {
    const auto kind = layer["kind"].cast<std::string>();
    if (kind != "Dense")
      throw py::value_error(complaint("Network", "layers", "a known kind of layer", "'" + kind + "'"));
    const auto units = layer["units"].cast<index_t>();
    spec.layers.push_back(
        DenseSpec{units, activation_arg("Network", layer["activation"].cast<ActivationParts>(), units)});
  }
  return spec;
}

template <class T>
py::array_t<T> public_array(const Parameter& p, const Buffer<T>& flat) {
  const ParameterShape& s = p.shape;
  py::array_t<T> out(s.is_vector ? std::vector<py::ssize_t>{s.columns} : std::vector<py::ssize_t>{s.rows, s.columns});
  s.read(flat.data() + p.offset, out.mutable_data());
  return out;
}

// A value in the shape of a parameter. Runs the user's code if `value` is an object that converts itself to an array.
template <class T>
py::array_t<T> parameter_arg(const Parameter& p, const py::object& value, const std::string& where,
                             bool finite = true) {
  return p.shape.is_vector ? contiguous_arg<T>(where, p.name, value, p.shape.columns, 0, finite)
                           : contiguous_arg<T>(where, p.name, value, p.shape.rows, p.shape.columns, finite);
}

// A copy of the first `rows` rows of a workspace slice.
template <class T>
py::array_t<T> rows_array(Panels<T> from, index_t rows, index_t columns) {
  py::array_t<T> out({rows, columns});
  unpack<T>(rows, columns, from, out.mutable_data(), columns, 1);
  return out;
}

template <class T>
const Parameter& parameter(const Network<T>& net, std::size_t index) {
  return net.plan().parameters.at(index);
}

template <class T>
void bind_parameters(py::class_<BoundNetwork<T>>& type) {
  using namespace py::literals;
  using Net = BoundNetwork<T>;
  type.def(
      "parameter_table",
      [](const Net& self) {
        py::list table;
        for (const Parameter& p : self.net.plan().parameters) {
          const py::tuple shape = p.shape.is_vector ? py::tuple(py::make_tuple(p.shape.columns))
                                                    : py::tuple(py::make_tuple(p.shape.rows, p.shape.columns));
          table.append(py::make_tuple(p.name, shape, p.shape.decays));
        }
        return table;
      },
      "(name, shape, decays) of each parameter, in the order of the flat buffers.");
  type.def(
      "parameter",
      [](const Net& self, std::size_t index) {
        const auto lock = self.template lock<SharedLock>("Network.parameters");
        return public_array(parameter(self.net, index), self.net.parameters());
      },
      "index"_a);
  type.def(
      "set_parameter",
      [](Net& self, std::size_t index, const py::object& value) {
        const Parameter& p = parameter(self.net, index);
        const py::array_t<T> array = parameter_arg<T>(p, value, "Network.parameters");
        const auto lock = self.template lock<Lock>("Network.parameters");
        self.net.set_parameter(p, array.data());
      },
      "index"_a, "value"_a);
  type.def(
      "gradient",
      [](const Net& self, std::size_t index) {
        const auto lock = self.template lock<SharedLock>("Network.gradients");
        return public_array(parameter(self.net, index), self.net.gradients());
      },
      "index"_a);
}

template <class T>
void bind_passes(py::class_<BoundNetwork<T>>& type) {
  using namespace py::literals;
  using Net = BoundNetwork<T>;
  constexpr bool is_double = sizeof(T) == 8;
  type.def(
      "predict",
      [](const Net& self, const py::object& X, const py::object& out, const std::string& where) {
        const Plan<T>& plan = self.net.plan();
        const Matrix x = features_arg(where, X, plan.n_inputs, is_double);
        const py::object result = out.is_none() ? py::object(py::array_t<T>({x.rows, plan.n_outputs})) : out;
        T* to = output_arg<T>(where, "out", result, x.rows, plan.n_outputs);
        const auto lock = self.template lock<SharedLock>(where);
        {
          const py::gil_scoped_release without_gil;
          self.net.predict(x.source, x.rows, to);
        }
        return result;
      },
      "X"_a, "out"_a, "where"_a);
  type.def(
      "cost",
      [](Net& self, const CheckedSamples& samples, const NameAndNumber& loss, double l2, double l1,
         const std::string& where) {
        const Objective objective{loss_arg(where, loss), l2, l1};
        const auto lock = self.template lock<Lock>(where);
        const py::gil_scoped_release without_gil;
        return cost(self.net, samples.samples(), objective);
      },
      "samples"_a, "loss"_a, "l2"_a, "l1"_a, "where"_a);
  type.def(
      "backward",
      [](Net& self, const CheckedSamples& samples, const NameAndNumber& loss, double l2, double l1, bool accumulate,
         const std::string& where) {
        const Objective objective{loss_arg(where, loss), l2, l1};
        const auto lock = self.template lock<Lock>(where);
        const py::gil_scoped_release without_gil;
        return backward(self.net, samples.samples(), objective, accumulate);
      },
      "samples"_a, "loss"_a, "l2"_a, "l1"_a, "accumulate"_a, "where"_a);
  type.def(
      "trace",
      [](Net& self, const CheckedSamples& samples, const NameAndNumber& loss, const std::string& where) {
        const Objective objective{loss_arg(where, loss)};
        const auto lock = self.template lock<Lock>(where);
        const Trace<T> trace = chainrule::trace(self.net, samples.samples(), objective);
        py::list Z, A, dZ;
        const auto& layers = self.net.plan().layers;
        for (std::size_t l = 0; l < layers.size(); ++l) {
          const index_t rows = samples.samples().rows, columns = layers[l]->n_out();
          Z.append(rows_array(trace.raw.y[l], rows, columns));
          A.append(rows_array(trace.activated.y[l], rows, columns));
          dZ.append(rows_array(trace.activated.d[l], rows, columns));
        }
        return py::make_tuple(Z, A, dZ);
      },
      "samples"_a, "loss"_a, "where"_a, "(Z, A, dZ), a list of arrays (rows, units) each.");
}

void check_state(const OptimizerSpec& spec, std::size_t which) {
  const bool exists = which < static_cast<std::size_t>(state_count(spec.kind));
  if (!exists) throw py::index_error("[Trainer] state: this optimizer keeps fewer arrays");
}

template <class T>
void bind_training(py::class_<BoundNetwork<T>>& type, py::module_& m, const char* optimizer_name) {
  using namespace py::literals;
  using Net = BoundNetwork<T>;
  using State = OptimizerState<T>;
  py::class_<State>(m, optimizer_name, "Hyperparameters and state of an optimizer for one network.")
      .def(py::init([](const Net& net, const std::string& kind, double momentum, double beta2, double epsilon,
                       double weight_decay, bool epsilon_hat) {
             return State({optimizer_arg("Trainer", kind), momentum, beta2, epsilon, weight_decay, epsilon_hat},
                          net.net.plan().parameters_size);
           }),
           "network"_a, "kind"_a, "momentum"_a, "beta2"_a, "epsilon"_a, "weight_decay"_a, "epsilon_hat"_a)
      .def_readwrite("steps", &State::steps)
      .def(
          "state",
          [](const State& self, const Net& net, std::size_t which, std::size_t index) {
            check_state(self.spec, which);
            return public_array(parameter(net.net, index), self.state[which]);
          },
          "network"_a, "which"_a, "index"_a)
      .def(
          "set_state",
          [](State& self, const Net& net, std::size_t which, std::size_t index, const py::object& value) {
            check_state(self.spec, which);
            const Parameter& p = parameter(net.net, index);
            // A mean of squares may overflow while the parameters stay finite.
            const py::array_t<T> array = parameter_arg<T>(p, value, "Trainer", false);
            p.shape.store(array.data(), self.state[which].data() + p.offset);
          },
          "network"_a, "which"_a, "index"_a, "value"_a);
  type.def(
      "train",
      [](Net& self, State& optimizer, const CheckedSamples& samples, const NameAndNumber& loss, double l2, double l1,
         bool penalize_sum, const ClipArg& clip,
         const std::optional<py::array_t<std::int64_t, py::array::c_style>>& order, index_t batch_size,
         const py::array_t<double, py::array::c_style>& learning_rates, double seconds, const std::string& where) {
        const Objective objective{loss_arg(where, loss), l2, l1, penalize_sum};
        const index_t n_rows = order ? order->size() : samples.samples().rows;
        py::array_t<double> costs(learning_rates.size()), penalties(learning_rates.size());
        const Steps steps{order ? order->data() : nullptr, n_rows,  batch_size,           learning_rates.data(),
                          {clip.first, clip.second},       seconds, costs.mutable_data(), penalties.mutable_data()};
        index_t done = 0;
        {
          const py::gil_scoped_release without_gil;
          const Lock lock = self.wait_and_lock();
          done = train(self.net, optimizer, samples.samples(), objective, steps);
        }
        const py::slice steps_done(0, done, 1);
        return py::make_tuple(costs[steps_done], penalties[steps_done]);
      },
      "optimizer"_a, "samples"_a, "loss"_a, "l2"_a, "l1"_a, "penalize_sum"_a, "clip"_a, "order"_a, "batch_size"_a,
      "learning_rates"_a, "seconds"_a, "where"_a,
      "Trains on the batches of `order`; returns the cost of each step done, at least one, and the penalty in it.");
  type.def(
      "apply_gradients",
      [](Net& self, State& optimizer, double learning_rate, const ClipArg& clip) {
        const py::gil_scoped_release without_gil;
        const Lock lock = self.wait_and_lock();
        apply_gradients(self.net, optimizer, learning_rate, {clip.first, clip.second});
      },
      "optimizer"_a, "learning_rate"_a, "clip"_a);
}

template <class T>
void bind_type(py::module_& m, const char* name, const char* optimizer_name) {
  using namespace py::literals;
  py::class_<BoundNetwork<T>> type(m, name);
  type.def(py::init([](index_t n_inputs, const py::list& layers) {
             return std::make_unique<BoundNetwork<T>>(spec_arg(n_inputs, layers));
           }),
           "n_inputs"_a, "layers"_a);
  type.def("parameters_are_finite", [](const BoundNetwork<T>& self) {
    const auto lock = self.template lock<SharedLock>("Network.parameters");
    return self.net.parameters_are_finite();
  });
  type.def_property_readonly("n_outputs", [](const BoundNetwork<T>& self) { return self.net.plan().n_outputs; });
  type.def_property_readonly("groups", [](const BoundNetwork<T>& self) { return self.net.plan().groups(); });
  type.def(
      "sizes",
      [](const BoundNetwork<T>& self, index_t batch) {
        const Plan<T>& plan = self.net.plan();
        py::dict sizes;
        sizes["flops_per_sample"] = plan.flops_per_sample;
        sizes["training_flops_per_sample"] = plan.training_flops;
        sizes["parameter_bytes"] = self.net.parameters().bytes();
        sizes["mirror_bytes"] = plan.mirror_size * static_cast<index_t>(sizeof(T));
        sizes["workspace_bytes"] = self.net.workspace_bytes(batch);
        return sizes;
      },
      "batch"_a, "Work per sample and memory, in floating-point operations and bytes.");
  bind_parameters(type);
  bind_passes(type);
  bind_training(type, m, optimizer_name);
}

}  // namespace

void bind_network(py::module_& m) {
  using namespace py::literals;
  py::class_<CheckedSamples>(m, "Samples", "Checked samples for networks of one shape and one loss.")
      .def(py::init([](const std::string& where, const py::object& X, const py::object& Y,
                       const py::object& sample_weight, index_t n_inputs, const Groups& groups, const std::string& loss,
                       bool float64) {
             return std::make_unique<CheckedSamples>(where, X, Y, sample_weight, n_inputs, groups,
                                                     loss_arg(where, loss), float64);
           }),
           "where"_a, "X"_a, "Y"_a, "sample_weight"_a, "n_inputs"_a, "groups"_a, "loss"_a, "float64"_a)
      .def_property_readonly("rows", [](const CheckedSamples& self) { return self.samples().rows; })
      .def_property_readonly(
          "X", [](const CheckedSamples& self) { return self.x(); },
          "The features as they are read: the array or CSR matrix itself, or what it was converted to.");
  bind_type<float>(m, "Network32", "Optimizer32");
  bind_type<double>(m, "Network64", "Optimizer64");
}

}  // namespace chainrule
