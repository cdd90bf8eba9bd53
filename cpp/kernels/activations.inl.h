// Activations: value a = g(z) and derivative g'(z), told from a or, where lists.h says so, from z. Softmax, which works
// on whole rows, and the smooth units, which start from the normal distribution or an exponential, have rooms of their
// own.

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
  static V<T> value(V<T> z, V<T> = V<T>{}) {
    return z < splat(T(0)) ? splat(T(0)) : z;
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T> = V<T>{}) {
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

// z, or slope (e^z - 1) below 0: the slope there at 0, Clevert's alpha. Then a > 0 exactly where z > 0.
struct Elu {
  template <class T>
  static V<T> value(V<T> z, V<T> slope) {
    return z > splat(T(0)) ? z : slope * expm1<T>(clip<T>(z, -Math<T>::kVanishes, T(0)));
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T> slope) {
    return a > splat(T(0)) ? splat(T(1)) : a + slope;
  }
};

// lambda times elu with a slope of alpha, with which outputs tend to mean 0 and variance 1 (Klambauer et al. 2017).
struct Selu {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return z > splat(T(0)) ? splat(T(kSeluScale)) * z : Elu::value<T>(z, splat(T(kSeluScaleSlope)));
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T>) {
    return a > splat(T(0)) ? splat(T(kSeluScale)) : a + splat(T(kSeluScaleSlope));
  }
};

// z / 6 + 1/2 within [0, 1]
struct HardSigmoid {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return clip<T>(z + splat(T(3)), T(0), T(6)) / splat(T(6));
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T>) {
    return ((a > splat(T(0))) & (a < splat(T(1)))) ? splat(T(1) / T(6)) : splat(T(0));
  }
};

// z within [-1, 1]
struct HardTanh {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return clip<T>(z, T(-1), T(1));
  }
  template <class T>
  static V<T> derivative(V<T> a, V<T>) {
    return ((a > splat(T(-1))) & (a < splat(T(1)))) ? splat(T(1)) : splat(T(0));
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

// dz = da * g'(z), from a, or from z where lists.h says so
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
