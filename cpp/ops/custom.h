// Functions that the user wrote: an activation, a loss.
//
// They run on the thread that called the core, one at a time, and what they throw comes out of the call. NumPy's loops
// may treat the last few elements of an array in another way than whole vectors, so an activation gets blocks of whole
// vectors, filled up with the last element.
#pragma once

#include <algorithm>

#include "base/buffer.h"
#include "ops/groups.h"
#include "ops/panels.h"

namespace chainrule {

class CustomActivation {
 public:
  virtual ~CustomActivation() = default;
  // Each of the n values z becomes g(z) or, with `derivative`, g'(z).
  virtual void apply(bool derivative, index_t n, float* values) const = 0;
  virtual void apply(bool derivative, index_t n, double* values) const = 0;
};

class CustomLoss {
 public:
  virtual ~CustomLoss() = default;
  // loss[i] = L_i and, unless it is null, d = dL_i / da.   a, y, d (rows, n), contiguous
  virtual void apply(index_t rows, index_t n, const float* a, const float* y, double* loss, float* d) const = 0;
  virtual void apply(index_t rows, index_t n, const double* a, const double* y, double* loss, double* d) const = 0;
};

// Elements of a block. Squareplus takes 1.4 ns per element of 4096, 0.9 of 16384 and 0.8 of 524288 (float32, Zen).
inline constexpr index_t kCustomBlock = 16384;

// Calls f(row, rows, values) with g or g' of blocks of z, whose rows lie one after the other in `values`.
template <class T, class F>
void each_custom_block(const CustomActivation& g, bool derivative, index_t rows, index_t n, Panels<const T> z, F f) {
  const index_t most = std::min(rows, std::max<index_t>(1, kCustomBlock / n));
  Buffer<T> values(padded<T>(most * n));
  for (index_t i = 0; i < rows; i += most) {
    const index_t some = std::min(most, rows - i), size = some * n;
    unpack<T>(some, n, z.from(i), values.data(), n, 1);
    std::fill(values.data() + size, values.data() + padded<T>(size), values[size - 1]);
    g.apply(derivative, padded<T>(size), values.data());
    f(i, some, values.data());
  }
}

// a = g(z).   (rows, n)
template <class T>
void activate(const CustomActivation& g, index_t rows, index_t n, Panels<const T> z, Panels<T> a) {
  each_custom_block<T>(g, false, rows, n, z,
                       [&](index_t i, index_t some, const T* values) { pack(some, n, values, n, 1, a.from(i)); });
}

// d, the gradient in a = g(z), becomes the gradient in z.   (rows, n)
template <class T>
void activation_gradient(const CustomActivation& g, index_t rows, index_t n, Panels<const T> z, Panels<T> d) {
  each_custom_block<T>(g, true, rows, n, z, [&](index_t i, index_t some, const T* values) {
    for (index_t r = 0; r < some; ++r) {
      T* const row = d.from(i + r).data;
      for (index_t j = 0; j < n; ++j) row[d.place(j)] *= values[r * n + j];
    }
  });
}

// Like a kernel of losses, from a. Classes become labels 0 and 1, of each group.
template <class T>
void custom_loss_rows(const CustomLoss& loss, const Groups& groups, const LossRows<T>& p) {
  const index_t size = p.rows * p.n;
  Buffer<T> a(size), y(size), d(p.d ? size : 0);
  unpack<T>(p.rows, p.n, {p.y, p.panel}, a.data(), p.n, 1);
  if (p.targets) {
    unpack<T>(p.rows, p.n, {p.targets, p.panel}, y.data(), p.n, 1);
  } else {
    const std::int64_t* next_class = p.classes;
    for (index_t i = 0; i < p.rows; ++i) {
      T* group = y.data() + i * p.n;
      for (const index_t units : groups) group[*next_class++] = T(1), group += units;
    }
  }
  loss.apply(p.rows, p.n, a.data(), y.data(), p.loss, p.d ? d.data() : nullptr);
  if (!p.d) return;
  for (index_t i = 0; i < p.rows; ++i) {
    for (index_t j = 0; j < p.n; ++j) d[i * p.n + j] *= p.scale[i];
  }
  pack<T>(p.rows, p.n, d.data(), p.n, 1, {p.d, p.panel});
}

}  // namespace chainrule
