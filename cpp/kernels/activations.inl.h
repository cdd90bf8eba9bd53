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
    columns.each([&](Column at, auto inside) {
      V<T>& t = top[at.part];
      const V<T> x = inside ? load(z + at.place) : t;
      t = x > t ? x : t;
    });
    return join_panel<T>(top, [](auto a, auto b) { return a > b ? a : b; });
  }

  // out = e^(z - top), zero in the padding; returns the sum. out may be z, or null.
  template <class T>
  static T exponentials(const Columns<T>& columns, const T* z, T top, T* out) {
    PanelSum<T> sum;
    columns.each([&](Column at, auto inside) {
      const V<T> e = inside ? exp<T>(load(z + at.place) - splat(top)) : splat(T(0));
      sum.part[at.part] += e;
      if (out) store(out + at.place, e);
    });
    return sum.total();
  }

  // a_j = e^(z_j - max z) / sum_k e^(z_k - max z)
  template <class T>
  static void activate_row(const Columns<T>& columns, T* z) {
    const V<T> factor = splat(T(1) / exponentials(columns, z, largest(columns, z), z));
    columns.each([&](Column at, auto) { store(z + at.place, load(z + at.place) * factor); });
  }

  // dz_j = a_j (da_j - sum_k a_k da_k)
  template <class T>
  static void gradient_row(const Columns<T>& columns, const T* a, T* d) {
    PanelSum<T> sum;
    columns.each([&](Column at, auto inside) {
      sum.part[at.part] += inside ? load(a + at.place) * load(d + at.place) : splat(T(0));
    });
    const V<T> mean = splat(sum.total());
    columns.each([&](Column at, auto inside) {
      store(d + at.place, inside ? load(a + at.place) * (load(d + at.place) - mean) : splat(T(0)));
    });
  }
};

// Elementwise, a panel of rows at a time, unless the activation works on whole rows.
template <class G, class T>
static void activate(index_t rows, index_t n, Panels<T> z, T slope) {
  if constexpr (__is_same(G, Softmax)) {
    const Columns<T> columns(n, z.panel);
    for (index_t i = 0; i < rows; ++i) Softmax::activate_row(columns, z.data + i * kPanel<T>);
  } else {
    for (index_t p = 0; p < n_panels<T>(n); ++p) {
      T* of = z.data + p * z.panel;
      for (index_t j = 0; j < rows * kPanel<T>; j += Of<T>::kLanes) {
        store(of + j, G::template value<T>(load(of + j), splat(slope)));
      }
    }
  }
}

// dz = da * g'(z)
template <class G, class T>
static void activation_gradient(index_t rows, index_t n, Panels<const T> a, Panels<T> d, T slope) {
  if constexpr (__is_same(G, Softmax)) {
    const Columns<T> columns(n, a.panel);
    for (index_t i = 0; i < rows; ++i) Softmax::gradient_row(columns, a.data + i * kPanel<T>, d.data + i * kPanel<T>);
  } else {
    for (index_t p = 0; p < n_panels<T>(n); ++p) {
      const T* from = a.data + p * a.panel;
      T* to = d.data + p * d.panel;
      for (index_t j = 0; j < rows * kPanel<T>; j += Of<T>::kLanes) {
        store(to + j, load(to + j) * G::template derivative<T>(load(from + j), splat(slope)));
      }
    }
  }
}
