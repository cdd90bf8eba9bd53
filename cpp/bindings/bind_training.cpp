// Optimizer, and the methods of Network that train, for float32 and float64.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/bound_network.h"
#include "bindings/checked_samples.h"
#include "bindings/custom.h"
#include "bindings/gil.h"
#include "bindings/names.h"
#include "network/own_options.h"

namespace chainrule {

namespace {

using ClipArg = std::pair<double, double>;  // to a value, to a norm; infinity for neither

// What an optimizer keeps may overflow while the parameters stay finite, or become finite again.
template <class T>
void store(const Parameter& p, const py::object& value, Buffer<T>& flat) {
  const py::array_t<T> array = parameter_arg<T>(p, value, "Trainer", false);
  p.shape.store(array.data(), flat.data() + p.offset);
}

void check_state(const OptimizerSpec& spec, std::size_t which) {
  const bool exists = which < static_cast<std::size_t>(state_count(spec.kind));
  if (!exists) throw py::index_error("[Trainer] state: this optimizer keeps fewer arrays");
}

template <class T>
Buffer<T>& averages_of(OptimizerState<T>& optimizer) {
  if (!optimizer.average.data()) throw py::index_error("[Trainer] average: this optimizer keeps none");
  return optimizer.average;
}

}  // namespace

template <class T>
void bind_training(py::class_<BoundNetwork<T>>& type, py::module_& m, const char* optimizer_name,
                   const char* hold_name) {
  using namespace py::literals;
  using Net = BoundNetwork<T>;
  using State = OptimizerState<T>;
  py::class_<Hold<T>>(m, hold_name, "A network that trainers of other threads may not work on.")
      .def("__enter__", [](py::object self) { return self; })
      .def("__exit__", [](Hold<T>& self, const py::args&) { self.release(); });
  type.def(
      "hold", [](Net& self, const std::string& where) { return std::make_unique<Hold<T>>(self, where); }, "where"_a,
      py::keep_alive<0, 1>(), "Until it is left: `with network.hold(where)`. A thread may hold it several times.");
  py::class_<State>(m, optimizer_name, "Hyperparameters and state of an optimizer for one network.")
      .def(py::init([](const Net& net, const std::string& kind, const Hyperparameters& hyperparameters) {
             return State(optimizer_arg("Trainer", kind, hyperparameters), net.net.plan().parameters_size);
           }),
           "network"_a, "kind"_a, "hyperparameters"_a)
      .def_readwrite("steps", &State::steps)
      .def(
          "state",
          [](const State& self, const Net& net, std::size_t which, std::size_t index) {
            check_state(self.spec, which);
            return public_array(parameter(net.net, index), self.state[which]);
          },
          "network"_a, "which"_a, "index"_a)
      .def(
          "state_rows",
          [](const State& self, const Net& net, std::size_t which, std::size_t index, index_t first, index_t rows) {
            check_state(self.spec, which);
            return public_rows(parameter(net.net, index), self.state[which], first, rows);
          },
          "network"_a, "which"_a, "index"_a, "first"_a, "rows"_a)
      .def(
          "set_state",
          [](State& self, const Net& net, std::size_t which, std::size_t index, const py::object& value) {
            check_state(self.spec, which);
            store(parameter(net.net, index), value, self.state[which]);
          },
          "network"_a, "which"_a, "index"_a, "value"_a)
      .def(
          "set_own_options",
          [](State& self, const Net& net, const std::vector<std::tuple<double, double, bool>>& given) {
            std::vector<OwnOptions> options;
            for (const auto& [rate_factor, decay_factor, frozen] : given)
              options.push_back({rate_factor, decay_factor, frozen});
            set_own_options(net.net.plan(), options, self);
          },
          "network"_a, "options"_a, "(rate factor, decay factor, frozen) of each parameter.")
      .def(
          "start_averages",
          [](State& self, const Net& net, double ema) { self.start_averages(ema, net.net.plan().parameters_size); },
          "network"_a, "ema"_a)
      .def(
          "show_averages",
          [](State& self, Net& net, bool show) {
            const WithoutGil without_gil;
            const Lock lock = net.wait_and_lock();
            show_averages(net.net, self, show);
          },
          "network"_a, "show"_a, "The network's parameters are their averages, or their own again.")
      .def_readonly("shows_averages", &State::shows_averages)
      .def(
          "average",
          [](State& self, const Net& net, std::size_t index) {
            return public_array(parameter(net.net, index), averages_of(self));
          },
          "network"_a, "index"_a)
      .def(
          "average_rows",
          [](State& self, const Net& net, std::size_t index, index_t first, index_t rows) {
            return public_rows(parameter(net.net, index), averages_of(self), first, rows);
          },
          "network"_a, "index"_a, "first"_a, "rows"_a)
      .def(
          "set_average",
          [](State& self, const Net& net, std::size_t index, const py::object& value) {
            store(parameter(net.net, index), value, averages_of(self));
          },
          "network"_a, "index"_a, "value"_a);
  type.def(
      "train",
      [](Net& self, State& optimizer, const CheckedSamples& samples, const LossParts& loss, double l2, double l1,
         bool penalize_sum, const ClipArg& clip,
         const std::optional<py::array_t<std::int64_t, py::array::c_style>>& order, index_t batch_size,
         const py::array_t<double, py::array::c_style>& learning_rates, std::uint64_t seed, double seconds,
         py::list failures, const std::string& where) {
        const Objective objective{loss_arg(where, loss), l2, l1, penalize_sum};
        const index_t n_rows = order ? order->size() : samples.samples().rows;
        py::array_t<double> costs(learning_rates.size()), penalties(learning_rates.size());
        const Steps steps{order ? order->data() : nullptr, n_rows, batch_size, learning_rates.data(),
                          {clip.first, clip.second},       seed,   seconds,    costs.mutable_data(),
                          penalties.mutable_data()};
        Trained trained{};
        {
          const WithoutGil without_gil;
          const Lock lock = self.wait_and_lock();
          trained = train(self.net, optimizer, samples.samples(), objective, steps);
        }
        if (trained.batches == 0) rethrow(trained.failure);
        if (trained.failure) failures.append(python_exception(trained.failure));
        auto of_steps_done = [&](const py::array& array) -> py::object {
          if (trained.batches == array.size()) return array;
          return array[py::slice(0, trained.batches, 1)];
        };
        return py::make_tuple(of_steps_done(costs), of_steps_done(penalties));
      },
      "optimizer"_a, "samples"_a, "loss"_a, "l2"_a, "l1"_a, "penalize_sum"_a, "clip"_a, "order"_a, "batch_size"_a,
      "learning_rates"_a, "seed"_a, "seconds"_a, "failures"_a, "where"_a,
      "Trains on the batches of `order`; returns the cost of each step done, at least one, and the penalty in it. "
      "What a function of the user's raises after that is appended to `failures`.");
  type.def(
      "apply_gradients",
      [](Net& self, State& optimizer, double learning_rate, const ClipArg& clip) {
        const WithoutGil without_gil;
        const Lock lock = self.wait_and_lock();
        apply_gradients(self.net, optimizer, learning_rate, {clip.first, clip.second});
      },
      "optimizer"_a, "learning_rate"_a, "clip"_a);
}

template void bind_training(py::class_<BoundNetwork<float>>&, py::module_&, const char*, const char*);
template void bind_training(py::class_<BoundNetwork<double>>&, py::module_&, const char*, const char*);

}  // namespace chainrule
