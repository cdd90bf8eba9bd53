// Losses and their gradients, a row at a time. The list is in lists.h.
//
// `Canonical` takes raw outputs z whose activation is the loss's canonical one: finite for every finite z, and the
// gradient in z is A - Y. `General` takes a = g(z) of any other activation and gives the gradient in a.

// The targets of one row: stored, or one-hot from a class index.
template <class T>
struct Targets {
  const T* dense;
  std::int64_t class_index;

  Targets(const LossRows<T>& p, index_t i)
      : dense(p.targets ? p.targets + i * p.targets_stride : nullptr), class_index(dense ? 0 : p.classes[i]) {}
  V<T> at(index_t j) const {
    if (dense) return load(dense + j);
    return below<T>(j, class_index + 1) & ~below<T>(j, class_index) ? splat(T(1)) : splat(T(0));
  }
};

// Sums f(j) = {loss, gradient} over a row of n elements; stores scale * gradient unless d is null. Padding counts as 0.
template <class T>
struct Term {
  V<T> loss, gradient;
};
template <class T, class F>
static double sum_row(index_t n, T scale, T* d, F f) {
  PanelSum<T> sum;
  for (index_t j = 0; j < n; j += kPanel<T>) {
    for (int v = 0; v < kPerPanel; ++v) {
      const index_t at = j + v * Of<T>::kLanes;
      const auto inside = below<T>(at, n);
      const Term<T> term = f(at);
      sum.part[v] += inside ? term.loss : splat(T(0));
      if (d) store(d + at, inside ? splat(scale) * term.gradient : splat(T(0)));
    }
  }
  return static_cast<double>(sum.total());
}

// L = -[y log p + (1 - y) log(1 - p)], p = sigmoid(z):   max(z, 0) - z y + log1p(e^-|z|)
struct BinaryCrossEntropy {
  template <class T>
  static double canonical(index_t n, const T* z, Targets<T> y, T scale, T* d) {
    return sum_row(n, scale, d, [&](index_t j) {
      const V<T> x = load(z + j), t = y.at(j), zero = splat(T(0)), one = splat(T(1));
      const V<T> e = exp<T>(x < zero ? x : -x);
      return Term<T>{(x < zero ? zero : x) - x * t + log1p<T>(e), (x < zero ? e : one) / (one + e) - t};
    });
  }
  template <class T>
  static Term<T> general(V<T> p, V<T> y) {
    const V<T> one = splat(T(1));
    return {-(y * log<T>(p) + (one - y) * log<T>(one - p)), (p - y) / (p * (one - p))};
  }
};

// L = logsumexp(z) - z_y for a class y, sum_k y_k (logsumexp(z) - z_k) for soft labels
struct CrossEntropy {
  template <class T>
  static double canonical(index_t n, const T* z, Targets<T> y, T scale, T* d) {
    const T top = Softmax::largest(n, z);
    PanelSum<T> sum;
    for (index_t j = 0; j < n; j += kPanel<T>) {
      for (int v = 0; v < kPerPanel; ++v) {
        const index_t at = j + v * Of<T>::kLanes;
        sum.part[v] += below<T>(at, n) ? exp<T>(load(z + at) - splat(top)) : splat(T(0));
      }
    }
    const V<T> total = splat(sum.total()), log_total = log<T>(total);
    return sum_row(n, scale, d, [&](index_t j) {
      const V<T> x = load(z + j) - splat(top), t = y.at(j);
      // A term without a label counts nothing, even where z is -infinity.
      return Term<T>{t != splat(T(0)) ? t * (log_total - x) : splat(T(0)), exp<T>(x) / total - t};
    });
  }
  template <class T>
  static Term<T> general(V<T> p, V<T> y) {
    return {-(y * log<T>(p)), -y / p};
  }
};

// L = 1/2 sum (a - y)^2; the same from z and from a
struct SquaredError {
  template <class T>
  static Term<T> term(V<T> a, V<T> y) {
    const V<T> error = a - y;
    return {splat(T(0.5)) * error * error, error};
  }
  template <class T>
  static double canonical(index_t n, const T* z, Targets<T> y, T scale, T* d) {
    return sum_row(n, scale, d, [&](index_t j) { return term<T>(load(z + j), y.at(j)); });
  }
};

template <class L, class T>
static void loss_of_outputs(const LossRows<T>& p) {
  for (index_t i = 0; i < p.rows; ++i) {
    p.loss[i] = L::canonical(p.n, p.y + i * p.y_stride, Targets<T>(p, i), p.scale ? p.scale[i] : T(0),
                             p.d ? p.d + i * p.d_stride : nullptr);
  }
}

// Cross-entropies of an activation that is not a probability by construction: p is a clipped to [eps, 1 - eps], and the
// derivative is 0 where it was clipped.
template <class L, class T>
static void loss_of_activations(const LossRows<T>& p) {
  if constexpr (__is_same(L, SquaredError)) {
    loss_of_outputs<L, T>(p);
  } else {
    const T eps = sizeof(T) == 4 ? T(0x1p-23) : T(0x1p-52);
    const V<T> low = splat(eps), high = splat(T(1) - eps);
    for (index_t i = 0; i < p.rows; ++i) {
      const T* a = p.y + i * p.y_stride;
      const Targets<T> y(p, i);
      p.loss[i] = sum_row(p.n, p.scale ? p.scale[i] : T(0), p.d ? p.d + i * p.d_stride : nullptr, [&](index_t j) {
        const V<T> x = load(a + j);
        V<T> clipped = x < low ? low : x;
        clipped = clipped > high ? high : clipped;
        Term<T> term = L::template general<T>(clipped, y.at(j));
        term.gradient = clipped == x ? term.gradient : splat(T(0));
        return term;
      });
    }
  }
}
