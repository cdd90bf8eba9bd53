// What becomes of gradients before an optimizer's step: penalties, clipping, and the norm of all.

// Adjusts gradients and sums the penalty; sign(0) = 0, and NaN stays NaN. What l2 alone does not need is left out, with
// the same bits (20-64-64-1 3 % sooner, in float64 6 %).
template <class T>
struct Adjuster {
  const Adjustment<T> by;
  const bool has_l1 = by.l1 != T(0), has_more = by.limit < T(__builtin_inf()) || by.scale != T(1);
  PanelSum<T> squares = {}, sizes = {};  // of the parameters

  // g of the parameter w, vector number v of its panel.
  V<T> operator()(int v, V<T> w, V<T> g) noexcept {
    const V<T> zero = splat(T(0)), l1 = splat(by.l1), limit = splat(by.limit);
    squares.part[v] += w * w;
    if (has_l1) {
      sizes.part[v] += w < zero ? -w : w;
      g += fma(splat(by.l2), w, w > zero ? l1 : (w < zero ? -l1 : zero));
    } else {
      g += splat(by.l2) * (w + zero);  // not -0
    }
    if (has_more) {
      g = g > limit ? limit : g < -limit ? -limit : g;
      g = splat(by.scale) * g;
    }
    return g;
  }
  double penalty() const {
    return 0.5 * static_cast<double>(by.l2) * static_cast<double>(squares.total()) +
           static_cast<double>(by.l1) * static_cast<double>(sizes.total());
  }
};

template <class T>
static double adjust(index_t n, const T* w, T* g, const Adjustment<T>& adjustment) {
  Adjuster<T> adjusted{adjustment};
  for (index_t i = 0; i < n; i += kPanel<T>) {
    for (int v = 0; v < kPerPanel; ++v) {
      const index_t at = i + v * Of<T>::kLanes;
      const V<T> to = adjusted(v, load(w + at), g ? load(g + at) : V<T>{});
      if (g) store(g + at, to);
    }
  }
  return adjusted.penalty();
}

// In kPanel<float> interleaved parts of double.
template <class T>
static double sum_of_squares(index_t n, const T* g) {
  constexpr int lanes = Of<double>::kLanes, parts = kPanel<float> / lanes;
  typedef T Source __attribute__((vector_size(lanes * sizeof(T))));
  V<double> sum[parts] = {};
  for (index_t i = 0; i < n; i += lanes) {
    Source source;
    __builtin_memcpy(&source, g + i, sizeof source);
    const V<double> x = __builtin_convertvector(source, V<double>);
    V<double>& part = sum[i / lanes % parts];
    part = fma(x, x, part);
  }
  double parts_of_all[kPanel<float>];
  __builtin_memcpy(parts_of_all, sum, sizeof sum);
  for (index_t half = kPanel<float> / 2; half > 0; half /= 2) {
    for (index_t j = 0; j < half; ++j) parts_of_all[j] += parts_of_all[j + half];
  }
  return parts_of_all[0];
}
