// Threads, instruction sets, the lists, random orders.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <iterator>
#include <vector>

#include "base/helpers.h"
#include "base/rng.h"
#include "base/team_size.h"
#include "base/threads.h"
#include "bindings/gil.h"
#include "kernels/constants.h"
#include "kernels/kernels.h"
#include "ops/random.h"

namespace py = pybind11;

namespace chainrule {

namespace {

template <class T>
py::dict constants() {
  using M = Math<T>;
  const auto list = [](const auto& terms) { return std::vector<T>(std::begin(terms), std::end(terms)); };
  py::dict values;
  values["round"] = T(M::kRound);
  values["log2_e"] = T(kLog2E);
  values["ln2_high"] = T(M::kLn2Hi), values["ln2_low"] = T(M::kLn2Lo);
  values["exp_low"] = T(M::kExpLow), values["exp_high"] = T(M::kExpHigh);
  values["exp_terms"] = int{M::kExpTerms}, values["log_terms"] = int{M::kLogTerms};
  values["vanishes"] = T(M::kVanishes);
  values["normal_high"] = T(M::kNormalHigh);
  values["root_2_less_1"] = T(kRoot2Less1);
  values["selu_scale"] = T(kSeluScale), values["selu_scale_slope"] = T(kSeluScaleSlope);
  values["normal_tail"] = sizeof(T) == 8 ? py::cast(list(kNormalTail64)) : py::cast(list(kNormalTail32));
  return values;
}

}  // namespace

void bind_runtime(py::module_& m) {
  using namespace py::literals;
  m.def("max_threads", &max_threads, "Threads that a call made now may use.");
  m.def("set_max_threads", &set_max_threads, "n"_a, "At most n threads; 0 takes the setting back.");
  m.def("cgroup_quota", &cgroup_quota, "CPUs this container may use; 0 when there is no quota.");

  const auto at = [](double seconds) {
    return TeamSize::Clock::time_point(
        std::chrono::duration_cast<TeamSize::Clock::duration>(std::chrono::duration<double>(seconds)));
  };
  py::class_<TeamSize>(m, "TeamSize", "How training chooses its number of threads; for tests, which bring the clock.")
      .def(py::init<>())
      .def("prepare", &TeamSize::prepare, "flops"_a)
      .def_property_readonly("threads", &TeamSize::threads)
      .def_property_readonly("steps", &TeamSize::steps)
      .def("second_way", &TeamSize::second_way, "step"_a)
      .def(
          "begin", [at](TeamSize& self, double now) { self.begin(at(now)); }, "now"_a)
      .def(
          "next_step", [at](TeamSize& self, double now, double flops) { return self.next_step(at(now), flops); },
          "now"_a, "flops"_a)
      .def("end", [at](TeamSize& self, double now) { self.end(at(now)); }, "now"_a);
  py::class_<Helpers>(m, "Helpers", "Whether calls have more threads than one; for tests, which bring the clock.")
      .def(py::init<>())
      .def(
          "pay", [at](const Helpers& self, double now, double flops) { return self.pay(at(now), flops); }, "now"_a,
          "flops"_a)
      .def(
          "came",
          [at](Helpers& self, double now, int members, double flops, double lost, double seconds) {
            self.came(at(now), members, flops, lost, seconds);
          },
          "now"_a, "members"_a, "flops"_a, "lost"_a, "seconds"_a);

  kernels<float>();  // an instruction set that CHAINRULE_ISA names in vain is an error of the import
  m.def("isa", &current_isa, "The instruction set in use.");
  m.def(
      "available_isas",
      [] {
        const IsaNames isas = available_isas();
        py::tuple names(isas.count);
        for (int i = 0; i < isas.count; ++i) names[static_cast<std::size_t>(i)] = isas.names[i];
        return names;
      },
      "The instruction sets that this CPU runs, best last.");
  m.def(
      "use_isa", [](const std::string& name) { use_isa(name.c_str()); }, "name"_a,
      "Switches all networks to another instruction set; for tests and benchmarks.");
  m.def("compiler", [] { return "C++ " __VERSION__; });

  m.def(
      "activations",
      [] {
        py::dict list;
#define CHAINRULE_ROW(struct_name, name, ...) list[name] = py::make_tuple(__VA_ARGS__);
        CHAINRULE_ACTIVATIONS(CHAINRULE_ROW)
#undef CHAINRULE_ROW
        return list;
      },
      "name -> (lowest value, highest value, has a slope, derivative from z)");
  m.def(
      "constants", [](bool float64) { return float64 ? constants<double>() : constants<float>(); }, "float64"_a,
      "The numbers in the formulas of functions, see kernels/constants.h; of one type.");
  m.def(
      "losses",
      [] {
        py::dict list;
        const char* const activation_names[] = {
#define CHAINRULE_NAME(struct_name, name, ...) name,
            CHAINRULE_ACTIVATIONS(CHAINRULE_NAME)
#undef CHAINRULE_NAME
        };
#define CHAINRULE_ROW(struct_name, name, activation, ...) \
  list[name] = activation_names[static_cast<int>(Activation::k##activation)];
        CHAINRULE_LOSSES(CHAINRULE_ROW)
#undef CHAINRULE_ROW
        return list;
      },
      "name -> the activation that belongs to it");
  m.def(
      "loss_targets",
      [] {
        py::dict list;
#define CHAINRULE_ROW(struct_name, name, activation, targets) list[name] = &#targets[1];  // without the k
        CHAINRULE_LOSSES(CHAINRULE_ROW)
#undef CHAINRULE_ROW
        return list;
      },
      "name -> what targets it takes: Any, Counts, Labels, Classes, OneClass or Sides");
  m.def(
      "optimizers",
      [] {
        py::dict list;
#define CHAINRULE_ROW(struct_name, name, states, fade) list[name] = states;
        CHAINRULE_OPTIMIZERS(CHAINRULE_ROW)
#undef CHAINRULE_ROW
        return list;
      },
      "name -> number of state arrays");

  m.def(
      "permutation",
      [](index_t n, std::uint64_t seed, std::uint32_t epoch) {
        py::array_t<std::int64_t> order(n);
        std::int64_t* out = order.mutable_data();
        const WithoutGil without_gil;
        permutation(n, seed, epoch, out);
        return order;
      },
      "n"_a, "seed"_a, "epoch"_a, "The order of n rows in one epoch, a function of (seed, epoch) alone.");
  m.def(
      "philox", [](const Philox& counter, const std::array<std::uint32_t, 2>& key) { return philox(counter, key); },
      "counter"_a, "key"_a, "Philox4x32-10, for tests against published values.");
}

}  // namespace chainrule
