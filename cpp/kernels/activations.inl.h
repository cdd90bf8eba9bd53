// Activations: value a = g(z) and derivative g'(z), which each of them can tell from a. The list is in lists.h;
// softmax, which works on whole rows, has a room of its own.

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

// For rates, which are positive.
struct Exp {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return exp<T>(z);
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T>) {
    return a;
  }
};

// Elementwise, a panel of rows at a time, unless the activation works on whole rows.
template <class G, class T>
static void activate(index_t rows, index_t n, Panels<T> z, T slope) {
  if constexpr (__is_same(G, Softmax)) {
    Softmax::activate(rows, n, z);
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
    Softmax::gradient(rows, n, a, d);
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
