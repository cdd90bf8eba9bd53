// Activations: value a = g(z) and derivative g'(z), which each of them can tell from a. The list is in lists.h.

struct Identity {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return z;
  }
  template <class T>
  static V<T> derivative(V<T>, V<T>) {
    return splat(T(1));
  }
};

struct Sigmoid {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return sigmoid<T>(z);
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T>) {
    return a * (splat(T(1)) - a);
  }
};

struct Tanh {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return tanh<T>(z);
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T>) {
    return fma(-a, a, splat(T(1)));
  }
};

// max(0, z), and NaN stays NaN. The derivative at 0 is 0 by convention.
struct Relu {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return z < splat(T(0)) ? splat(T(0)) : z;
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T>) {
    return a > splat(T(0)) ? splat(T(1)) : splat(T(0));
  }
};

// z or slope z, 0 <= slope < 1, so that a > 0 exactly where z > 0.
struct LeakyRelu {
  template <class T>
  static V<T> value(V<T> z, V<T> slope) {
    return z < splat(T(0)) ? slope * z : z;
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T> slope) {
    return a > splat(T(0)) ? splat(T(1)) : slope;
  }
};

// Works on whole rows.
struct Softmax {
  // The largest element of a row; padding is left out. NaN may be lost: the exponentials bring it back.
  template <class T>
  static T largest(const Columns<T>& columns, const T* z) {
    V<T> top[kPerPanel];
    for (int v = 0; v < kPerPanel; ++v) top[v] = splat(-T(__builtin_inf()));
    columns.each([&](index_t j, int v, auto inside) {
      const V<T> x = inside ? load(z + j) : top[v];
      top[v] = x > top[v] ? x : top[v];
    });
    return join_panel<T>(top, [](auto a, auto b) { return a > b ? a : b; });
  }

  // out = e^(z - top), zero in the padding; returns the sum. out may be z, or null.
  template <class T>
  static T exponentials(const Columns<T>& columns, const T* z, T top, T* out) {
    PanelSum<T> sum;
    columns.each([&](index_t j, int v, auto inside) {
      const V<T> e = inside ? exp<T>(load(z + j) - splat(top)) : splat(T(0));
      sum.part[v] += e;
      if (out) store(out + j, e);
    });
    return sum.total();
  }

  // a_j = e^(z_j - max z) / sum_k e^(z_k - max z)
  template <class T>
  static void activate_row(const Columns<T>& columns, T* z) {
    const V<T> factor = splat(T(1) / exponentials(columns, z, largest(columns, z), z));
    columns.each([&](index_t j, int, auto) { store(z + j, load(z + j) * factor); });
  }

  // dz_j = a_j (da_j - sum_k a_k da_k)
  template <class T>
  static void gradient_row(const Columns<T>& columns, const T* a, T* d) {
    PanelSum<T> sum;
    columns.each(
        [&](index_t j, int v, auto inside) { sum.part[v] += inside ? load(a + j) * load(d + j) : splat(T(0)); });
    const V<T> mean = splat(sum.total());
    columns.each(
        [&](index_t j, int, auto inside) { store(d + j, inside ? load(a + j) * (load(d + j) - mean) : splat(T(0))); });
  }
};

// One row at a time: elementwise, unless the activation works on whole rows.
template <class G, class T>
static void activate(index_t rows, index_t n, T* z, index_t stride, T slope) {
  const Columns<T> columns(n);
  for (index_t i = 0; i < rows; ++i, z += stride) {
    if constexpr (__is_same(G, Softmax)) {
      Softmax::activate_row(columns, z);
    } else {
      for (index_t j = 0; j < n; j += Of<T>::kLanes) store(z + j, G::template value<T>(load(z + j), splat(slope)));
    }
  }
}

// dz = da * g'(z)
template <class G, class T>
static void activation_gradient(index_t rows, index_t n, const T* a, index_t a_stride, T* d, index_t d_stride,
                                T slope) {
  const Columns<T> columns(n);
  for (index_t i = 0; i < rows; ++i, a += a_stride, d += d_stride) {
    if constexpr (__is_same(G, Softmax)) {
      Softmax::gradient_row(columns, a, d);
    } else {
      for (index_t j = 0; j < n; j += Of<T>::kLanes) {
        store(d + j, load(d + j) * G::template derivative<T>(load(a + j), splat(slope)));
      }
    }
  }
}
