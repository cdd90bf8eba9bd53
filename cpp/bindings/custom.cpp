#include "bindings/custom.h"

#include <pybind11/numpy.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "bindings/gil.h"

namespace chainrule {

namespace {

// A copy that the function may keep, but not write to: what it changed there would be lost.
template <class T>
py::array_t<T> read_only(std::vector<py::ssize_t> shape, const T* values) {
  py::array_t<T> array(std::move(shape), values);
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

thread_local int functions_begun = 0;

struct Within {
  Within() { ++functions_begun; }
  ~Within() { --functions_begun; }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;
};

class PythonActivation final : public CustomActivation {
 public:
  explicit PythonActivation(py::object function) : function_(std::move(function)) {}
  void apply(bool derivative, index_t n, float* values) const override { call(derivative, n, values); }
  void apply(bool derivative, index_t n, double* values) const override { call(derivative, n, values); }

 private:
  template <class T>
  void call(bool derivative, index_t n, T* values) const {
    const WithGil with_gil;
    const Within within;
    const auto function = [&] { return function_(derivative, read_only<T>({n}, values)); };
    const auto result = unless_python_ends(function).template cast<py::array_t<T>>();
    std::copy_n(result.data(), n, values);
  }

  py::object function_;
};

class PythonLoss final : public CustomLoss {
 public:
  explicit PythonLoss(py::object function) : function_(std::move(function)) {}
  void apply(index_t rows, index_t n, const float* a, const float* y, double* loss, float* d) const override {
    call(rows, n, a, y, loss, d);
  }
  void apply(index_t rows, index_t n, const double* a, const double* y, double* loss, double* d) const override {
    call(rows, n, a, y, loss, d);
  }

 private:
  template <class T>
  void call(index_t rows, index_t n, const T* a, const T* y, double* loss, T* d) const {
    const WithGil with_gil;
    const Within within;
    const auto function = [&] {
      return function_(read_only<T>({rows, n}, a), read_only<T>({rows, n}, y), d != nullptr);
    };
    const py::tuple result = unless_python_ends(function);
    std::copy_n(result[0].cast<py::array_t<double>>().data(), rows, loss);
    if (d) std::copy_n(result[1].cast<py::array_t<T>>().data(), rows * n, d);
  }

  py::object function_;
};

}  // namespace

bool in_a_function() { return functions_begun > 0; }

std::shared_ptr<const CustomActivation> custom_activation(const py::object& function) {
  return std::make_shared<PythonActivation>(function);
}

std::shared_ptr<const CustomLoss> custom_loss(const py::object& function) {
  return std::make_shared<PythonLoss>(function);
}

py::object python_exception(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (py::error_already_set& error) {
    py::object value = error.value();
    if (error.trace()) PyException_SetTraceback(value.ptr(), error.trace().ptr());
    return value;
  }
}

}  // namespace chainrule
