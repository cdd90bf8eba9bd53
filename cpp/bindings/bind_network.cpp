// Network and Samples, for float32 and float64: all but training.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>

#include "base/threads.h"
#include "bindings/bound_network.h"
#include "bindings/checked_samples.h"
#include "bindings/gil.h"
#include "bindings/layers.h"
#include "bindings/names.h"
#include "bindings/predict_call.h"

namespace chainrule {

namespace {

using ModeArg = std::tuple<bool, std::uint64_t, std::uint32_t>;  // training, seed, step

Mode mode_arg(const ModeArg& mode) { return {std::get<0>(mode), std::get<1>(mode), std::get<2>(mode)}; }

// A copy of the first `rows` rows of a workspace slice.
template <class T>
py::array_t<T> rows_array(Panels<T> from, index_t rows, index_t columns) {
  py::array_t<T> out({rows, columns});
  unpack<T>(rows, columns, from, out.mutable_data(), columns, 1);
  return out;
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
          table.append(py::make_tuple(p.name, shape, p.shape.decays, p.shape.trained));
        }
        return table;
      },
      "(name, shape, decays, trained) of each parameter, in the order of the flat buffers.");
  type.def(
      "parameter",
      [](const Net& self, std::size_t index) {
        const auto lock = self.template lock<SharedLock>("Network.parameters");
        return public_array(parameter(self.net, index), self.net.parameters());
      },
      "index"_a);
  type.def(
      "reading",
      [](const Net& self, const std::string& where) {
        return std::make_unique<Reading<T>>(Reading<T>{self, self.template lock<SharedLock>(where)});
      },
      "where"_a, py::keep_alive<0, 1>(), "Holds training up until it is left: `with network.reading(where) as r`.");
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
void bind_reading(py::module_& m, const char* name) {
  using namespace py::literals;
  py::class_<Reading<T>>(m, name, "A network's parameters while a file is written.")
      .def("__enter__", [](py::object self) { return self; })
      .def("__exit__", [](Reading<T>& self, const py::args&) { self.lock = SharedLock(); })
      .def(
          "parameter_rows",
          [](const Reading<T>& self, std::size_t index, index_t first, index_t rows) {
            const Network<T>& net = self.network.net;
            return public_rows(parameter(net, index), net.parameters(), first, rows);
          },
          "index"_a, "first"_a, "rows"_a);
}

template <class T>
void bind_passes(py::class_<BoundNetwork<T>>& type) {
  using namespace py::literals;
  using Net = BoundNetwork<T>;
  type.def(
      "predict",
      [](const Net& self, const py::object& X, const py::object& out, const std::string& where) {
        const PredictCall<T> call(where, self.net.plan(), X, out);
        const auto lock = self.template lock<SharedLock>(where);
        return call.run(self.net);
      },
      "X"_a, "out"_a, "where"_a);
  type.def(
      "cost",
      [](Net& self, const CheckedSamples& samples, const LossParts& loss, double l2, double l1, const ModeArg& mode,
         const std::string& where) {
        const Objective objective{loss_arg(where, loss), l2, l1};
        const auto lock = self.template lock<Lock>(where);
        const WithoutGil without_gil;
        return cost(self.net, samples.samples(), objective, mode_arg(mode));
      },
      "samples"_a, "loss"_a, "l2"_a, "l1"_a, "mode"_a, "where"_a);
  type.def(
      "backward",
      [](Net& self, const CheckedSamples& samples, const LossParts& loss, double l2, double l1, bool accumulate,
         const ModeArg& mode, const std::string& where, index_t first_row, bool tracks) {
        const Objective objective{loss_arg(where, loss), l2, l1};
        Mode of_batch = mode_arg(mode);
        of_batch.first_row = first_row, of_batch.tracks = tracks;
        const auto lock = self.template lock<Lock>(where);
        const WithoutGil without_gil;
        return backward(self.net, samples.samples(), objective, of_batch, accumulate);
      },
      "samples"_a, "loss"_a, "l2"_a, "l1"_a, "accumulate"_a, "mode"_a, "where"_a, "first_row"_a = 0, "tracks"_a = true);
  type.def(
      "trace",
      [](Net& self, const CheckedSamples& samples, const LossParts& loss, const ModeArg& mode,
         const std::string& where) {
        const Objective objective{loss_arg(where, loss)};
        const auto lock = self.template lock<Lock>(where);
        const Trace<T> trace = chainrule::trace(self.net, samples.samples(), objective, mode_arg(mode));
        py::list Z, A, dZ;
        const Plan<T>& plan = self.net.plan();
        for (const Outlet& outlet : plan.outlets) {
          const index_t rows = samples.samples().rows, columns = plan.nodes[outlet.node].layer->n_out();
          const Workspace<T>& of_A = outlet.activated ? trace.activated : trace.raw;
          Z.append(rows_array(trace.raw.slices[outlet.z].y, rows, columns));
          A.append(rows_array(of_A.slices[outlet.node].y, rows, columns));
          dZ.append(rows_array(trace.activated.slices[outlet.z].d, rows, columns));
        }
        return py::make_tuple(Z, A, dZ);
      },
      "samples"_a, "loss"_a, "mode"_a, "where"_a, "(Z, A, dZ), for each layer an array (rows, units) each.");
}

template <class T>
void bind_type(py::module_& m, const char* name, const char* optimizer_name, const char* hold_name,
               const char* predictor_name) {
  using namespace py::literals;
  py::class_<BoundNetwork<T>> type(m, name);
  type.def(py::init([](index_t n_inputs, const py::list& layers) {
             return std::make_unique<BoundNetwork<T>>(NetworkSpec{n_inputs, layers_arg(layers)});
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
  bind_training(type, m, optimizer_name, hold_name);
  bind_predictor(type, m, predictor_name);
}

}  // namespace

void bind_network(py::module_& m) {
  using namespace py::literals;
  py::class_<CheckedSamples>(m, "Samples", "Checked samples for networks of one shape and losses of such targets.")
      .def(py::init([](const std::string& where, const py::object& X, const py::object& Y,
                       const py::object& sample_weight, index_t n_inputs, const Groups& groups,
                       const std::string& targets, bool float64) {
             return std::make_unique<CheckedSamples>(where, X, Y, sample_weight, n_inputs, groups,
                                                     target_kind_arg(targets), float64);
           }),
           "where"_a, "X"_a, "Y"_a, "sample_weight"_a, "n_inputs"_a, "groups"_a, "targets"_a, "float64"_a)
      .def("bring_rows_together", &CheckedSamples::bring_rows_together)
      .def_property_readonly("rows", [](const CheckedSamples& self) { return self.samples().rows; })
      .def_property_readonly(
          "X", [](const CheckedSamples& self) { return self.x(); },
          "The features as they are read: the array or CSR matrix itself, or what it was converted to.");
  bind_reading<float>(m, "_Reading32");
  bind_reading<double>(m, "_Reading64");
  bind_type<float>(m, "Network32", "Optimizer32", "_Hold32", "Predictor32");
  bind_type<double>(m, "Network64", "Optimizer64", "_Hold64", "Predictor64");
}

}  // namespace chainrule
