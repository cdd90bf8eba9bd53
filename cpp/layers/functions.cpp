#include "layers/functions.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/helpers.h"
#include "layers/dense.h"
#include "ops/activations.h"

namespace chainrule {

namespace {

// A copy, in panels, of a contiguous (rows, n) matrix.
template <class T>
struct Packed {
  index_t rows, n;
  Buffer<T> memory;
  Panels<T> panels;

  Packed(index_t n_rows, index_t n_columns, const T* from = nullptr)
      : rows(n_rows), n(n_columns), memory(panels_size<T>(rows, n)), panels(panels_of(memory.data(), rows)) {
    if (from) pack(rows, n, from, n, 1, panels);
  }
  void save(T* to) const { unpack<T>(rows, n, panels, to, n, 1); }
};

// A dense layer with parameters of its own, from plain matrices.
template <class T>
struct PackedDense {
  Dense<T> layer;
  std::vector<ParameterShape> shapes;  // weight, bias
  Buffer<T> parameters, mirror;

  PackedDense(index_t n_in, index_t n_out, const T* W, const T* b)
      : layer(n_in, n_out),
        shapes(layer.parameters()),
        parameters(shapes[0].template size<T>() + shapes[1].template size<T>()) {
    if (W) shapes[0].store(W, parameters.data());
    if (b) shapes[1].store(b, parameters.data() + shapes[0].template size<T>());
  }
  void make_mirror(bool input_gradient) {
    mirror = Buffer<T>(layer.mirror_size(input_gradient));
    if (mirror.size() == 0) return;
    for (const Unit& unit : layer.units()) layer.refresh(unit, parameters.data(), mirror.data());
  }
  Weights<T> weights() const { return {parameters.data(), mirror.data()}; }
  void save(T* W, T* b) const {
    if (W) shapes[0].read(parameters.data(), W);
    if (b) shapes[1].read(parameters.data() + shapes[0].size<T>(), b);
  }
};

// Threads share n pieces of work of so many floating-point operations altogether.
template <class F>
void share(index_t n, double flops, F f) {
  run_call(flops, [&](const Team& team) {
    const Team::Range part = team.part(n);
    if (part.end > part.begin) f(part.begin, part.end - part.begin);
  });
}

template <class T>
double flops_of(const Dense<T>& layer, index_t rows) {
  return static_cast<double>(layer.flops_per_sample()) * static_cast<double>(rows);
}

}  // namespace

template <class T>
void dense_forward(index_t rows, index_t n_in, index_t n_out, const T* x, const T* W, const T* b,
                   const ActivationSpec& activation, T* out) {
  PackedDense<T> dense(n_in, n_out, W, b);
  dense.make_mirror(false);
  const Packed<T> in(rows, n_in, x), y(rows, n_out);
  share(rows, flops_of(dense.layer, rows), [&](index_t first, index_t n) {
    Slice<T> s{};
    s.rows = n, s.x = in.panels.from(first), s.y = y.panels.from(first);
    dense.layer.forward(dense.weights(), s);
    activate(activation, n, n_out, s.y);
  });
  y.save(out);
}

template <class T>
void dense_backward(index_t rows, index_t n_in, index_t n_out, const T* x, const T* W, const T* dz, T* dW, T* db,
                    T* dx) {
  PackedDense<T> dense(n_in, n_out, dx ? W : nullptr, nullptr);
  const Packed<T> d(rows, n_out, dz);
  if (dx) {
    dense.make_mirror(true);
    const Packed<T> gradient_in_x(rows, n_in);
    share(rows, flops_of(dense.layer, rows), [&](index_t first, index_t n) {
      Slice<T> s{};
      s.rows = n, s.d = d.panels.from(first), s.dx = gradient_in_x.panels.from(first);
      dense.layer.backward(dense.weights(), s);
    });
    gradient_in_x.save(dx);
  }
  if (!dW && !db) return;
  // The sums start from what dW and db hold.
  const Packed<T> in(rows, n_in, x);
  PackedDense<T> gradients(n_in, n_out, dW, db);
  const std::vector<Unit> units = dense.layer.units();
  share(static_cast<index_t>(units.size()), flops_of(dense.layer, rows), [&](index_t first, index_t n) {
    for (index_t u = first; u < first + n; ++u) {
      const Unit& unit = units[static_cast<std::size_t>(u)];
      Slice<T> s{};
      s.rows = rows, s.x = in.panels, s.d = d.panels;
      dense.layer.gradient(unit, s, {gradients.parameters.data() + unit.offset, unit.stride}, true, nullptr);
    }
  });
  gradients.save(dW, db);
}

template <class T>
void activation(index_t rows, index_t n, const T* z, const ActivationSpec& activation, T* out) {
  const Packed<T> y(rows, n, z);
  activate(activation, rows, n, y.panels);
  y.save(out);
}

template <class T>
void activation_backward(index_t rows, index_t n, const T* z, const T* da, const ActivationSpec& activation, T* out) {
  const Packed<T> y(rows, n, z);
  Packed<T> d(rows, n, da);
  if (da == nullptr) std::fill_n(d.memory.data(), d.memory.size(), T(1));
  if (!needs_z(activation)) activate(activation, rows, n, y.panels);
  activation_gradient<T>(activation, rows, n, y.panels, d.panels);
  d.save(out);
}

template <class T>
double loss_and_gradient(index_t rows, index_t n, const T* z, const T* targets, const std::int64_t* classes,
                         const double* weights, const LossSpec& loss, const ActivationSpec& activation, T* dz) {
  const bool canonical = is_canonical(loss, activation);
  const Packed<T> y(rows, n, z), t(targets ? rows : 0, n, targets), d(rows, n);
  if (!canonical) activate(activation, rows, n, y.panels);
  double total = 0, sum = 0;
  for (index_t i = 0; i < rows; ++i) total += weights ? weights[i] : 1.0;
  Buffer<T> scale(rows);
  Buffer<double> losses(rows);
  for (index_t i = 0; i < rows; ++i) scale[i] = static_cast<T>((weights ? weights[i] : 1.0) / total);
  loss_rows(loss, activation,
            LossRows<T>{rows, n, y.panels.panel, y.panels.data, targets ? t.panels.data : nullptr, classes,
                        scale.data(), d.panels.data, losses.data(), T(0), T(0)});
  for (index_t i = 0; i < rows; ++i) sum += (weights ? weights[i] : 1.0) * losses[i];
  if (!canonical) {
    const Packed<T> kept(needs_z(activation) ? rows : 0, n, z);
    activation_gradient<T>(activation, rows, n, needs_z(activation) ? kept.panels : y.panels, d.panels);
  }
  d.save(dz);
  return sum / total;
}

#define CHAINRULE_INSTANTIATE(T)                                                                                   \
  template void dense_forward(index_t, index_t, index_t, const T*, const T*, const T*, const ActivationSpec&, T*); \
  template void dense_backward(index_t, index_t, index_t, const T*, const T*, const T*, T*, T*, T*);               \
  template void activation(index_t, index_t, const T*, const ActivationSpec&, T*);                                 \
  template void activation_backward(index_t, index_t, const T*, const T*, const ActivationSpec&, T*);              \
  template double loss_and_gradient(index_t, index_t, const T*, const T*, const std::int64_t*, const double*,      \
                                    const LossSpec&, const ActivationSpec&, T*);
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
