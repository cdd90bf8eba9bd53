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
  // The largest of n elements; padding is left out. NaN may be lost: the exponentials bring it back.
  template <class T>
  static T largest(index_t n, const T* z) {
    V<T> top = splat(-T(__builtin_inf()));
    for (index_t j = 0; j < n; j += Of<T>::kLanes) {
      const V<T> x = below<T>(j, n) ? load(z + j) : top;
      top = x > top ? x : top;
    }
    T result = top[0];
    for (int l = 1; l < Of<T>::kLanes; ++l) result = top[l] > result ? top[l] : result;
    return result;
  }

  // out = e^(z - top), zero in the padding; returns the sum. out may be z.
  template <class T>
  static T exponentials(index_t n, const T* z, T top, T* out) {
    PanelSum<T> sum;
    for (index_t j = 0; j < n; j += kPanel<T>) {
      for (int v = 0; v < kPerPanel; ++v) {
        const index_t at = j + v * Of<T>::kLanes;
        const V<T> e = below<T>(at, n) ? exp<T>(load(z + at) - splat(top)) : splat(T(0));
        sum.part[v] += e;
        store(out + at, e);
      }
    }
    return sum.total();
  }

  // a_j = e^(z_j - max z) / sum_k e^(z_k - max z)
  template <class T>
  static void activate_row(index_t n, T* z) {
    const V<T> sum = splat(exponentials(n, z, largest(n, z), z));
    for (index_t j = 0; j < n; j += Of<T>::kLanes) store(z + j, load(z + j) / sum);
  }

  // dz_j = a_j (da_j - sum_k a_k da_k)
  template <class T>
  static void gradient_row(index_t n, const T* a, T* d) {
    PanelSum<T> sum;
    for (index_t j = 0; j < n; j += kPanel<T>) {
      for (int v = 0; v < kPerPanel; ++v) {
        const index_t at = j + v * Of<T>::kLanes;
        sum.part[v] += below<T>(at, n) ? load(a + at) * load(d + at) : splat(T(0));
      }
    }
    const V<T> mean = splat(sum.total());
    for (index_t j = 0; j < n; j += Of<T>::kLanes) {
      store(d + j, below<T>(j, n) ? load(a + j) * (load(d + j) - mean) : splat(T(0)));
    }
  }
};

// One row at a time: elementwise, unless the activation works on whole rows.
template <class G, class T>
static void activate(index_t rows, index_t n, T* z, index_t stride, T slope) {
  for (index_t i = 0; i < rows; ++i, z += stride) {
    if constexpr (__is_same(G, Softmax)) {
      Softmax::activate_row(n, z);
    } else {
      for (index_t j = 0; j < n; j += Of<T>::kLanes) store(z + j, G::template value<T>(load(z + j), splat(slope)));
    }
  }
}

// dz = da * g'(z)
template <class G, class T>
static void activation_gradient(index_t rows, index_t n, const T* a, index_t a_stride, T* d, index_t d_stride,
                                T slope) {
  for (index_t i = 0; i < rows; ++i, a += a_stride, d += d_stride) {
    if constexpr (__is_same(G, Softmax)) {
      Softmax::gradient_row(n, a, d);
    } else {
      for (index_t j = 0; j < n; j += Of<T>::kLanes) {
        store(d + j, load(d + j) * G::template derivative<T>(load(a + j), splat(slope)));
      }
    }
  }
}
