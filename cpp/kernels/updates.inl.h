// Optimizer steps on a contiguous range of parameters. The list is in lists.h; the textbook variant is named at each.

// w -= lr g
struct Sgd {
  template <class T>
  static void update(V<T>& w, V<T> g, V<T>&, V<T>&, const UpdateStep<T>& s) {
    w = fma(splat(-s.learning_rate), g, w);
  }
};

// v = mu v - lr g; w += v   (Sutskever et al. 2013, eq. 1-2)
struct Momentum {
  template <class T>
  static void update(V<T>& w, V<T> g, V<T>& v, V<T>&, const UpdateStep<T>& s) {
    v = fma(splat(s.momentum), v, splat(-s.learning_rate) * g);
    w += v;
  }
};

// v = mu v - lr g; w += mu v - lr g   (Sutskever et al. 2013, eq. 3-4, in terms of the looked-ahead parameters)
struct Nesterov {
  template <class T>
  static void update(V<T>& w, V<T> g, V<T>& v, V<T>&, const UpdateStep<T>& s) {
    const V<T> step = splat(-s.learning_rate) * g;
    v = fma(splat(s.momentum), v, step);
    w += fma(splat(s.momentum), v, step);
  }
};

// s = rho s + (1 - rho) g^2; w -= lr g / (sqrt(s) + eps)   (Tieleman & Hinton 2012)
struct RmsProp {
  template <class T>
  static void update(V<T>& w, V<T> g, V<T>& mean_square, V<T>&, const UpdateStep<T>& s) {
    mean_square = fma(splat(s.momentum), mean_square, splat(s.one_minus_momentum) * (g * g));
    w -= splat(s.learning_rate) * g / (sqrt(mean_square) + splat(s.epsilon));
  }
};

// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w = decay w - lr m_hat / (sqrt(v_hat) + eps), with the bias
// corrections moved into lr and eps (Kingma & Ba 2015, algorithm 1 and the remark after it; decay as in Loshchilov &
// Hutter 2019)
struct Adam {
  template <class T>
  static void update(V<T>& w, V<T> g, V<T>& m, V<T>& v, const UpdateStep<T>& s) {
    m = fma(splat(s.momentum), m, splat(s.one_minus_momentum) * g);
    v = fma(splat(s.beta2), v, splat(s.one_minus_beta2) * (g * g));
    w = fma(splat(-s.learning_rate), m / (sqrt(v) + splat(s.epsilon)), splat(s.decay) * w);
  }
};

// Tried: each step right after the tile of its gradient, and steps between the multiplications of the next tile. On Zen
// 3 divisions and square roots hold up the multipliers either way, and short runs cost 13 cycles a vector instead of 9.
template <class O, int kStates, class T>
static void update(index_t n, T* w, const T* g, T* state1, T* state2, const UpdateStep<T>& step) {
  const UpdateStep<T> s = step;  // a copy, which the stores below cannot change
  for (index_t i = 0; i < n; i += Of<T>::kLanes) {
    V<T> wi = load(w + i), s1 = {}, s2 = {};
    if constexpr (kStates > 0) s1 = load(state1 + i);
    if constexpr (kStates > 1) s2 = load(state2 + i);
    O::template update<T>(wi, load(g + i), s1, s2, s);
    store(w + i, wi);
    if constexpr (kStates > 0) store(state1 + i, s1);
    if constexpr (kStates > 1) store(state2 + i, s2);
  }
}

// J += l2 / 2 sum w^2 + l1 sum |w|, so g += l2 w + l1 sign(w) with sign(0) = 0.
template <class T>
static double add_penalty(index_t n, const T* w, T* g, T l2, T l1) {
  PanelSum<T> squares, sizes;
  const V<T> zero = splat(T(0));
  for (index_t i = 0; i < n; i += kPanel<T>) {
    for (int v = 0; v < kPerPanel; ++v) {
      const index_t at = i + v * Of<T>::kLanes;
      const V<T> wi = load(w + at), size = wi < zero ? -wi : wi;
      const V<T> sign = wi > zero ? splat(l1) : (wi < zero ? splat(-l1) : zero);
      squares.part[v] += wi * wi;
      sizes.part[v] += size;
      if (g) store(g + at, load(g + at) + fma(splat(l2), wi, sign));
    }
  }
  return 0.5 * static_cast<double>(l2) * static_cast<double>(squares.total()) +
         static_cast<double>(l1) * static_cast<double>(sizes.total());
}
