// Calls that predict, and Predictor, for float32 and float64.
#include <memory>
#include <utility>

#include "bindings/bound_predictor.h"
#include "bindings/gil.h"
#include "bindings/predict_call.h"

namespace chainrule {

namespace {

// From so many floating-point operations on, those in float64 counted twice, a call releases the GIL: about 10 us. To
// release it costs 0.05 us while nobody wants it. Beside a Python thread that computes, a call of 9 us took 31 us on
// average that way and up to 1.7 ms, because who takes the GIL keeps it for 5 ms; one of 1 us took 0.9 us instead of
// 0.8 (20-64-64-2 with 64 rows and one row, two busy cores of Zen 4).
constexpr double kWorkWithoutGil = 1e6;

// Whether what X is read from lies, at least in part, between the first and the last byte that will be written.
bool overlaps(const Matrix& x, const void* to, index_t bytes) {
  const RowSource& s = x.source;
  const index_t rows = s.sparse ? 1 : x.rows, columns = s.sparse ? s.sparse.stored : x.columns;
  const char *first = s.data, *last = s.data;
  for (const index_t way : {(rows - 1) * s.row_bytes, (columns - 1) * s.column_bytes}) (way < 0 ? first : last) += way;
  const char* out = static_cast<const char*>(to);
  return columns > 0 && first < out + bytes && out < last + (s.is_double ? 8 : 4);
}

}  // namespace

template <class T>
PredictCall<T>::PredictCall(const std::string& where, const Plan<T>& plan, const py::object& X, const py::object& out,
                            bool takes_row, int most_threads)
    : x_(features_arg(where, X, plan.n_inputs, sizeof(T) == 8, takes_row, most_threads)),
      out_(out),
      most_threads_(most_threads) {
  if (out.is_none()) {
    py::array_t<T> made = x_.is_row ? py::array_t<T>(plan.n_outputs) : py::array_t<T>({x_.rows, plan.n_outputs});
    to_ = made.mutable_data();
    out_ = std::move(made);
    return;
  }
  to_ = x_.is_row ? output_arg<T>(where, "out", out_, plan.n_outputs, 0)
                  : output_arg<T>(where, "out", out_, x_.rows, plan.n_outputs);
  // Rows are written before later rows are read.
  if (overlaps(x_, to_, x_.rows * plan.n_outputs * static_cast<index_t>(sizeof(T)))) {
    x_ = features_arg(where, x_.object.attr("copy")(), plan.n_inputs, sizeof(T) == 8, takes_row, most_threads);
  }
}

template <class T>
py::object PredictCall<T>::run(const Model<T>& model) const {
  std::optional<WithoutGil> without_gil;
  if (work<T>(model.plan().flops_per_sample, x_.rows) >= kWorkWithoutGil) without_gil.emplace();
  model.predict(x_.source, x_.rows, to_, most_threads_);
  without_gil.reset();
  return out_;
}

template <class T>
void bind_predictor(py::class_<BoundNetwork<T>>& network, py::module_& m, const char* name) {
  using namespace py::literals;
  using Predictor = BoundPredictor<T>;
  py::class_<Predictor>(m, name, "What `Network.predict` does now, for good.")
      .def(
          "__call__",
          [](const Predictor& self, const py::object& X, const py::object& out) {
            return PredictCall<T>("Predictor", self.model.plan(), X, out, true, self.most_threads).run(self.model);
          },
          "X"_a, "out"_a = py::none())
      .def(
          "parameter",
          [](const Predictor& self, std::size_t index) {
            return public_array(self.model.plan().parameters.at(index), self.model.parameters());
          },
          "index"_a)
      .def_property_readonly("n_outputs", [](const Predictor& self) { return self.model.plan().n_outputs; })
      .def_property_readonly("nbytes", [](const Predictor& self) { return self.model.bytes(); });
  network.def(
      "predictor",
      [](const BoundNetwork<T>& self, int most_threads, const std::string& where) {
        const auto lock = self.template lock<SharedLock>(where);
        const WithoutGil without_gil;
        if (!self.net.parameters_are_finite()) {
          throw py::value_error(complaint(where, "parameters", "finite numbers", "NaN or infinity"));
        }
        return std::unique_ptr<Predictor>(new Predictor{{self.spec, self.net}, most_threads});
      },
      "most_threads"_a, "where"_a);
}

#define CHAINRULE_INSTANTIATE(T) \
  template class PredictCall<T>; \
  template void bind_predictor(py::class_<BoundNetwork<T>>&, py::module_&, const char*);
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
