// Optimizer steps on pieces of parameters. The list is in lists.h; the textbook variant is named at each. What takes
// square roots takes them by `root`.
struct WithRoots {
  static constexpr bool kTakesRoots = true;
};
struct WithoutRoots {
  static constexpr bool kTakesRoots = false;
};

// By the divider.
struct Root {
  template <class V>
  V operator()(V a) const {
    return sqrt(a);
  }
};

#if defined(__AVX512F__)
// Without the divider, by Newton's iterations for the root g and h = 1 / (2 g) (Markstein 1990), but as the divider
// rounds. Every other vector so in float64, every fourth in float32, whose roots keep the divider half as long, takes
// 10 and 4 % off a step of 30-64-1 (Zen 4). More of them would keep the multipliers longer than the divider.
struct RootOfProducts {
  // Every float32 in [1, 4) gives its rounded root, from every rough value within 2^-14 (tried all, 3.5e10); so does
  // every other one, times a power of 4, unless a - g g is subnormal.
  vfloat operator()(vfloat a) const {
    const vfloat g = iterated<float, 1>(a);
    return __builtin_expect(is_zero_or_from(0x1p-100f, a), 1) ? g : sqrt(a);
  }
  // That g is the rounded root is proved by g (g - ulp) < a < g (g + ulp) (Tuckerman's test), or else the divider is
  // asked: of infinity, NaN and subnormal numbers, of all others next to none.
  vdouble operator()(vdouble a) const {
    const vdouble g = iterated<double, 2>(a);
    const vdouble lower = (vdouble)((vint64)g - 1), upper = (vdouble)((vint64)g + 1);
    return __builtin_expect(enclose_zero(fma(-g, lower, a), fma(-g, upper, a), a), 1) ? g : sqrt(a);
  }

 private:
  // One iteration for g and h, to 28 bits or 24 of float32, then so many for g alone.
  template <class T, int kMore>
  __attribute__((always_inline)) static V<T> iterated(V<T> a) {
    const V<T> half = splat(T(0.5)), rough = rough_reciprocal_root(a);
    V<T> g = a * rough, h = half * rough;
    const V<T> error = fma(-g, h, half);
    g = fma(g, error, g), h = fma(h, error, h);
#pragma GCC unroll 2
    for (int i = 0; i < kMore; ++i) g = fma(fma(-g, g, a), h, g);
    return g;
  }
};
// Panels of which the last one does without the divider.
template <class T>
constexpr index_t kPanelsPerTurn = sizeof(T) == 8 ? 2 : 4;
#else
using RootOfProducts = Root;
template <class T>
constexpr index_t kPanelsPerTurn = 1;
#endif

// w -= lr g
struct Sgd : WithoutRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>&, V<T>&, const UpdateStep<T>& s, R) {
    w = fma(splat(-s.learning_rate), g, w);
  }
};

// v = mu v - lr g; w += v   (Sutskever et al. 2013, eq. 1-2)
struct Momentum : WithoutRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>& v, V<T>&, const UpdateStep<T>& s, R) {
    v = fma(splat(s.momentum), v, splat(-s.learning_rate) * g);
    w += v;
  }
};

// v = mu v - lr g; w += mu v - lr g   (Sutskever et al. 2013, eq. 3-4, in terms of the looked-ahead parameters)
struct Nesterov : WithoutRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>& v, V<T>&, const UpdateStep<T>& s, R) {
    const V<T> step = splat(-s.learning_rate) * g;
    v = fma(splat(s.momentum), v, step);
    w += fma(splat(s.momentum), v, step);
  }
};

// mean = share mean + rest g^2. The square is not rounded on its own: it may be subnormal, or infinite, where the mean
// is not.
template <class T>
static void add_square(V<T>& mean, V<T> g, T share, T rest) {
  mean = fma(splat(rest) * g, g, splat(share) * mean);
}

// s = rho s + (1 - rho) g^2; w -= lr g / (sqrt(s) + eps)   (Tieleman & Hinton 2012)
struct RmsProp : WithRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>& mean_square, V<T>&, const UpdateStep<T>& s, R root) {
    add_square<T>(mean_square, g, s.momentum, s.one_minus_momentum);
    w -= splat(s.learning_rate) * g / (root(mean_square) + splat(s.epsilon));
  }
};

// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2
template <class T>
static void advance_moments(V<T>& m, V<T>& v, V<T> g, const UpdateStep<T>& s) {
  m = fma(splat(s.momentum), m, splat(s.one_minus_momentum) * g);
  add_square<T>(v, g, s.beta2, s.one_minus_beta2);
}

// m and v advance; w -= lr m_hat / (sqrt(v_hat) + eps), with the bias corrections moved into lr and eps (Kingma & Ba
// 2015, algorithm 1 and the remark after it). Tried: dividing by Newton's iterations, which leaves the divider to the
// roots; 6 to 9 % of a step slower on Zen 5. Every other quotient so, rounded exactly: 5 % of an update on Zen 4, 14 %
// in float64, which the look for exponents that it cannot divide takes back. One division for two vectors, 1 / a = b /
// (a b); 4 % of 30-64-1 and of small steps in float64, but a NaN would reach a neighbour.
struct Adam : WithRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>& m, V<T>& v, const UpdateStep<T>& s, R root) {
    advance_moments(m, v, g, s);
    w = fma(splat(-s.learning_rate), m / (root(v) + splat(s.epsilon)), w);
  }
};

// m and v advance; w -= (lr m + lr' g) / (sqrt(v) + eps), with the schedule of the momentum and the bias corrections
// moved into lr, lr' and eps (Dozat 2016, algorithm 2, with the schedule of section 3.2)
struct NAdam : WithRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>& m, V<T>& v, const UpdateStep<T>& s, R root) {
    advance_moments(m, v, g, s);
    const V<T> ahead = fma(splat(s.learning_rate), m, splat(s.gradient_rate) * g);
    w -= ahead / (root(v) + splat(s.epsilon));
  }
};

// m and v advance; w -= lr m / (sqrt(v) + eps), or lr m while v is not to be trusted, with rectifier and bias
// corrections moved into lr (Liu et al. 2020, algorithm 2; eps as PyTorch has it)
struct RAdam : WithRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>& m, V<T>& v, const UpdateStep<T>& s, R root) {
    advance_moments(m, v, g, s);
    const V<T> divisor = s.adaptive ? root(v) + splat(s.epsilon) : splat(T(1));
    w = fma(splat(-s.learning_rate), m / divisor, w);
  }
};

// s += g^2; w -= lr g / (sqrt(s) + eps)   (Duchi, Hazan & Singer 2011, diagonal form)
struct Adagrad : WithRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>& squares, V<T>&, const UpdateStep<T>& s, R root) {
    squares = fma(g, g, squares);
    w -= splat(s.learning_rate) * g / (root(squares) + splat(s.epsilon));
  }
};

// w -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g   (Chen et al. 2023, algorithm 2). sign(0) = 0, and NaN stays
// NaN.
struct Lion : WithoutRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>& m, V<T>&, const UpdateStep<T>& s, R) {
    const V<T> zero = {}, rate = splat(s.learning_rate);
    const V<T> c = fma(splat(s.momentum), m, splat(s.one_minus_momentum) * g);
    w -= c > zero ? rate : c < zero ? -rate : c;
    m = fma(splat(s.beta2), m, splat(s.one_minus_beta2) * g);
  }
};

// iRprop-: where g has the sign of the step before, size = min(eta+ size, largest), where it has the other one, size =
// max(eta- size, smallest) and g = 0; w -= lr sign(g) size   (Igel & Huesken 2003; sizes here in units of lr, 0 before
// the first step, which has size 1). Signs are compared, because a product of gradients may underflow.
struct Rprop : WithoutRoots {
  template <class T, class R>
  static void update(V<T>& w, V<T> g, V<T>& before, V<T>& size, const UpdateStep<T>& s, R) {
    const V<T> zero = {}, largest = splat(s.largest), smallest = splat(s.epsilon);
    size = size == zero ? splat(T(1)) : size;
    const V<T> grown = size * splat(s.beta2), shrunk = size * splat(s.momentum);
    const auto same = ((g > zero) & (before > zero)) | ((g < zero) & (before < zero));
    const auto other = ((g > zero) & (before < zero)) | ((g < zero) & (before > zero));
    size = same ? (grown < largest ? grown : largest) : other ? (shrunk > smallest ? shrunk : smallest) : size;
    g = other ? zero : g;
    w -= splat(s.learning_rate) * (g > zero ? size : g < zero ? -size : g);
    before = g;
  }
};

template <class T>
static void average(index_t n, const T* w, T* average, T share) {
  for (index_t i = 0; i < n; i += Of<T>::kLanes) {
    const V<T> before = load(average + i);
    store(average + i, fma(splat(share), load(w + i) - before, before));
  }
}

// The two forms of a PiecesGradient, of one piece: vector v of its panel that begins at element i.
template <class T>
struct Elements {
  const T* g;
  Elements(const PiecesGradient<T>& all, index_t piece) : g(all.elements + piece * all.stride) {}
  V<T> operator()(index_t i, int v) const noexcept { return load(g + i + v * Of<T>::kLanes); }
};
template <class T>
struct Outer {
  Panels<const T> down;
  V<T> across[kPerPanel];
  Outer(const PiecesGradient<T>& all, index_t piece) : down(all.down) {
    const T* const panel = all.across.data + piece * all.across.panel;
    for (int v = 0; v < kPerPanel; ++v) across[v] = load(panel + v * Of<T>::kLanes);
  }
  V<T> operator()(index_t i, int v) const noexcept {
    return fma(splat(down.data[down.place(i / kPanel<T>)]), across[v], V<T>{});
  }
};

// Tried: each step right after the tile of its gradient, and steps between the multiplications of the next tile. On Zen
// 3 divisions and square roots hold up the multipliers either way, and short runs cost 13 cycles a vector instead of 9.
// On Zen 4 they do not (1.2 ns between 24 vectors of multiplications, 4.4 alone), but the rest of Adam's step does, and
// steps of 20-64-64-2 and 64-128-10 became no shorter.
template <class O, int kStates, class T, class G, class Adjust>
static void update_each(index_t n, T* w, const G& g, T* state1, T* state2, const UpdateStep<T>& step, Adjust&& adjust) {
  const UpdateStep<T> s = step;  // a copy, which the stores below cannot change
  const bool decays = s.decay != T(1);
  auto update_panel = [&](index_t i, auto root) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int v = 0; v < kPerPanel; ++v) {
      const index_t at = i + v * Of<T>::kLanes;
      V<T> wi = load(w + at), s1 = {}, s2 = {};
      if constexpr (kStates > 0) s1 = load(state1 + at);
      if constexpr (kStates > 1) s2 = load(state2 + at);
      const V<T> gi = adjust(v, wi, g(i, v));
      if (decays) wi = splat(s.decay) * wi;  // apart from the gradient (Loshchilov & Hutter 2019)
      O::template update<T>(wi, gi, s1, s2, s, root);
      store(w + at, wi);
      if constexpr (kStates > 0) store(state1 + at, s1);
      if constexpr (kStates > 1) store(state2 + at, s2);
    }
  };
  index_t i = 0;
  if constexpr (constexpr index_t last = kPanelsPerTurn<T> - 1; O::kTakesRoots && last > 0) {
    for (; i + last * kPanel<T> < n; i += (last + 1) * kPanel<T>) {
#pragma GCC unroll 4
      for (index_t p = 0; p < last; ++p) update_panel(i + p * kPanel<T>, Root());
      update_panel(i + last * kPanel<T>, RootOfProducts());
    }
  }
  for (; i < n; i += kPanel<T>) update_panel(i, Root());
}

// Zero in place of subnormal numbers where g is zero; signs stay.
template <class T, class G>
static void flush(index_t n, const G& g, T* state) {
  typedef typename Of<T>::Int Int;
  const Int sign = (Int)splat(T(-0.0)), exponent = (Int)splat(T(__builtin_inf()));
  for (index_t i = 0; i < n; i += kPanel<T>) {
    for (int v = 0; v < kPerPanel; ++v) {
      T* const at = state + i + v * Of<T>::kLanes;
      const Int bits = (Int)load(at), is_normal = (bits & exponent) != 0, has_gradient = g(i, v) != V<T>{};
      store(at, (V<T>)(bits & (is_normal | has_gradient | sign)));
    }
  }
}

// Where the gradient has become zero, as before a unit that relu has cut off, states fade to subnormal numbers, some of
// which, times 0.9 or 0.999, round to themselves and so stay. Processors are slow with them: on Zen 4 steps of
// 64-64-64-64-10 on digits take 9 % less without them, and 5 % less again without squares of gradients among them. (A
// look at every step would take 6 % of 30-64-1; the control register, which makes them zero everywhere, would save 2 %
// more, but rounds otherwise on aarch64.)
template <class O, int kStates, bool kFade, class T, class G>
static double update_piece(index_t n, T* w, const G& g, T* state1, T* state2, const UpdateStep<T>& step,
                           const Adjustment<T>* adjustment) {
  double penalty = 0;
  if (adjustment == nullptr) {
    update_each<O, kStates>(n, w, g, state1, state2, step, [](int, V<T>, V<T> gi) { return gi; });
  } else {
    Adjuster<T> adjusted{*adjustment};
    update_each<O, kStates>(n, w, g, state1, state2, step, adjusted);
    penalty = adjusted.penalty();
  }
  if (kFade && __builtin_expect(step.flushes, false)) {
    if constexpr (kStates > 0) flush(n, g, state1);
    if constexpr (kStates > 1) flush(n, g, state2);
  }
  return penalty;
}

template <class O, int kStates, bool kFade, class G, class T>
static double update_pieces(const Pieces& pieces, T* w, const PiecesGradient<T>& g, T* state1, T* state2,
                            const UpdateStep<T>& step, const Adjustment<T>* adjustment) {
  double penalty = 0;
  for (index_t q = 0; q < pieces.count; ++q) {
    const index_t at = q * pieces.stride;
    penalty += update_piece<O, kStates, kFade>(pieces.size, w + at, G(g, q), kStates > 0 ? state1 + at : nullptr,
                                               kStates > 1 ? state2 + at : nullptr, step, adjustment);
  }
  return penalty;
}

template <class O, int kStates, bool kFade, class T>
static double update(const Pieces& pieces, T* w, const PiecesGradient<T>& g, T* state1, T* state2,
                     const UpdateStep<T>& step, const Adjustment<T>* adjustment) {
  const auto f =
      g.elements ? update_pieces<O, kStates, kFade, Elements<T>, T> : update_pieces<O, kStates, kFade, Outer<T>, T>;
  return f(pieces, w, g, state1, state2, step, adjustment);
}
