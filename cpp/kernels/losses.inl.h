// Losses and their gradients. The list is in lists.h; cross-entropy, which works on whole rows, focal losses and
// margins have rooms of their own.
//
// `canonical` takes raw outputs z whose activation is the loss's canonical one and gives the gradient in z; it takes no
// logarithm of a rounded a. `of_activation` takes a = g(z) of any other activation and gives the gradient in a.

// The targets of one row: stored, or one-hot from a class index.
template <class T>
struct Targets {
  const T* dense;
  std::int64_t class_index;

  Targets(const LossRows<T>& p, index_t i)
      : dense(p.targets ? p.targets + i * kPanel<T> : nullptr), class_index(dense ? 0 : p.classes[i]) {}
  V<T> at(Column c) const {
    if (dense) return load(dense + c.place);
    return below<T>(c.index, class_index + 1) & ~below<T>(c.index, class_index) ? splat(T(1)) : splat(T(0));
  }
};

// Sums f(column) = {loss, gradient} over a row; stores scale * gradient unless d is null. Padding counts as 0.
template <class T>
struct Term {
  V<T> loss, gradient;
};
template <class T, class F>
static double sum_row(const Columns<T>& columns, T scale, T* d, F f) {
  PanelSum<T> sum;
  columns.each([&](Column at, auto inside) {
    const Term<T> term = f(at);
    sum.part[at.part] += inside ? term.loss : splat(T(0));
    if (d) store(d + at.place, inside ? splat(scale) * term.gradient : splat(T(0)));
  });
  return static_cast<double>(sum.total());
}

// Row by row: f(columns, y, targets, scale, d) is the loss of one row.
template <class T, class F>
static void each_row(const LossRows<T>& p, F f) {
  const Columns<T> columns(p.n, p.panel);
  for (index_t i = 0; i < p.rows; ++i) {
    p.loss[i] = f(columns, p.y + i * kPanel<T>, Targets<T>(p, i), p.scale ? p.scale[i] : T(0),
                  p.d ? p.d + i * kPanel<T> : nullptr);
  }
}

template <class T, class F>
static void single_column(const LossRows<T>& p, F f) {
  constexpr index_t lanes = Of<T>::kLanes;
  for (index_t first = 0; first < p.rows; first += lanes) {
    const index_t rows = p.rows - first < lanes ? p.rows - first : lanes;
    V<T> x = {}, y = splat(T(1)), scale = {};  // 1: the only class
    for (index_t i = 0; i < rows; ++i) {
      x[i] = p.y[(first + i) * kPanel<T>];
      if (p.targets) y[i] = p.targets[(first + i) * kPanel<T>];
      if (p.scale) scale[i] = p.scale[first + i];
    }
    const Term<T> term = f(x, y);
    const V<T> gradient = scale * term.gradient;
    for (index_t i = 0; i < rows; ++i) {
      p.loss[first + i] = static_cast<double>(term.loss[i]);
      if (p.d == nullptr) continue;
      T* d = p.d + (first + i) * kPanel<T>;
      for (int v = 0; v < kPerPanel; ++v) store(d + v * lanes, V<T>{});
      *d = gradient[i];
    }
  }
}

// Element by element: f(x, y) is the term of an output and its target. A single output per row goes a vector of rows at
// a time.
template <class T, class F>
static void each_element(const LossRows<T>& p, F f) {
  if (p.n == 1) return single_column(p, f);
  each_row(p, [&](const Columns<T>& columns, const T* x, Targets<T> y, T scale, T* d) {
    return sum_row(columns, scale, d, [&](Column at) { return f(load(x + at.place), y.at(at)); });
  });
}

// The same for outputs of any activation where the loss asks for a range: a is clipped to [low, high], and the gradient
// is 0 where it was clipped.
template <class T, class F>
static void each_clipped(const LossRows<T>& p, T low, T high, F f) {
  each_element(p, [&](V<T> a, V<T> y) {
    const V<T> clipped = clip<T>(a, low, high);
    Term<T> term = f(clipped, y);
    term.gradient = clipped == a ? term.gradient : splat(T(0));
    return term;
  });
}

// The spacing of numbers at 1, to which probabilities and rates are clipped, and the smallest normal number.
template <class T>
inline constexpr T kSpacing = sizeof(T) == 4 ? T(0x1p-23) : T(0x1p-52);
template <class T>
inline constexpr T kSmallest = sizeof(T) == 4 ? T(0x1p-126) : T(0x1p-1022);

// With label smoothing s the labels of n classes are (1 - s) y + s / n, those of a class too.
template <class T>
struct SmoothedLabels {
  V<T> keep, add;

  SmoothedLabels(T smoothing, index_t n) : keep(splat(T(1) - smoothing)), add(splat(smoothing / static_cast<T>(n))) {}
  V<T> of(V<T> y) const { return fma(keep, y, add); }  // y itself without smoothing
};

// L = -[y log p + (1 - y) log(1 - p)], p = sigmoid(z):   max(z, 0) - z y + log1p(e^-|z|), and dL/dz = p - y
struct BinaryCrossEntropy {
  template <class T>
  static void canonical(const LossRows<T>& p) {
    each_element(p, [labels = SmoothedLabels<T>(p.parameter, 2)](V<T> x, V<T> of) {
      const V<T> zero = splat(T(0)), one = splat(T(1)), y = labels.of(of);
      const V<T> e = exp<T>(x < zero ? x : -x);
      return Term<T>{(x < zero ? zero : x) - x * y + log1p<T>(e), (x < zero ? e : one) / (one + e) - y};
    });
  }
  template <class T>
  static void of_activation(const LossRows<T>& p) {
    each_clipped(p, kSpacing<T>, T(1) - kSpacing<T>, [labels = SmoothedLabels<T>(p.parameter, 2)](V<T> a, V<T> of) {
      const V<T> one = splat(T(1)), y = labels.of(of);
      return Term<T>{-(y * log<T>(a) + (one - y) * log<T>(one - a)), (a - y) / (a * (one - a))};
    });
  }
};

// L = y log(y / a) - y + a, half the Poisson deviance, a = e^z:   (a - y) - y (z - log y), and dL/dz = a - y.
// For y = 0 it is a, whatever z.
struct Poisson {
  template <class T>
  static void canonical(const LossRows<T>& p) {
    each_element(p, [](V<T> x, V<T> y) {
      const V<T> smallest = splat(kSmallest<T>), gradient = exp<T>(x) - y;
      const V<T> ratio = y * (x - log<T>(y < smallest ? smallest : y));
      return Term<T>{gradient - (y > splat(T(0)) ? ratio : splat(T(0))), gradient};
    });
  }
  template <class T>
  static void of_activation(const LossRows<T>& p) {
    each_clipped(p, kSpacing<T>, T(__builtin_inf()), [](V<T> a, V<T> y) {
      const V<T> smallest = splat(kSmallest<T>), ratio = y / a;
      return Term<T>{(a - y) + y * log<T>(ratio < smallest ? smallest : ratio), splat(T(1)) - ratio};
    });
  }
};

// Losses of the error e = a - y alone, the same from z = a and from any a: L::term(e, parameter). Where a gradient
// jumps it is 0, and NaN stays NaN.
template <class L>
struct LossOfError {
  template <class T>
  static void canonical(const LossRows<T>& p) {
    each_element(p, [parameter = splat(p.parameter)](V<T> a, V<T> y) { return L::template term<T>(a - y, parameter); });
  }
  template <class T>
  static void of_activation(const LossRows<T>& p) {
    canonical(p);
  }
};

// L = 1/2 e^2
struct SquaredError : LossOfError<SquaredError> {
  template <class T>
  static Term<T> term(V<T> e, V<T>) {
    return {splat(T(0.5)) * e * e, e};
  }
};

// L = |e|
struct AbsoluteError : LossOfError<AbsoluteError> {
  template <class T>
  static Term<T> term(V<T> e, V<T>) {
    const V<T> zero = splat(T(0)), one = splat(T(1));
    return {e < zero ? -e : e, e > zero ? one : e < zero ? -one : e};
  }
};

// L = 1/2 e^2 for |e| <= delta, delta (|e| - delta / 2) beyond
struct Huber : LossOfError<Huber> {
  template <class T>
  static Term<T> term(V<T> e, V<T> delta) {
    const V<T> half = splat(T(0.5)), size = e < splat(T(0)) ? -e : e;
    const V<T> bounded = e > delta ? delta : e < -delta ? -delta : e;
    return {size > delta ? delta * (size - half * delta) : half * e * e, bounded};
  }
};

// L = q (y - a) where y > a, (1 - q) (a - y) elsewhere: the pinball loss of the q-th quantile
struct Quantile : LossOfError<Quantile> {
  template <class T>
  static Term<T> term(V<T> e, V<T> q) {
    const V<T> zero = splat(T(0)), above = splat(T(1)) - q;
    return {e < zero ? -q * e : above * e, e > zero ? above : e < zero ? -q : e};
  }
};
