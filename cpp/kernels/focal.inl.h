// Focal losses (Lin et al. 2017): the cross-entropies with every term times (1 - p)^gamma, p the probability of what is
// true, so that rows which are right count little. `parameter` is gamma >= 0. See losses.inl.h for what the loops
// share.
//
// (1 - p)^gamma is e^(gamma log(1 - p)). From z both logarithms and 1 - p are computed without a difference of p and 1.

// -(1 - p)^gamma log p, and as its gradient p times the derivative in p: (1 - p)^gamma (gamma p log p / (1 - p) - 1)
template <class T>
static inline Term<T> focal_term(V<T> p, V<T> rest, V<T> log_p, V<T> log_rest, T gamma) {
  const V<T> zero = splat(T(0)), one = splat(T(1));
  const V<T> factor = gamma == T(0) ? one : exp<T>(splat(gamma) * log_rest);
  const V<T> ratio = rest > zero ? log_p / rest : -one;  // its limit
  return {-factor * log_p, factor * fma(splat(gamma) * p, ratio, -one)};
}

// L = -[alpha y (1 - p)^gamma log p + (1 - alpha) (1 - y) p^gamma log(1 - p)], p = sigmoid(z). The second parameter is
// alpha; a negative one leaves both shares out.
struct BinaryFocal {
  template <class T>
  struct Shares {
    T of_true, of_false;

    explicit Shares(T alpha) : of_true(alpha < T(0) ? T(1) : alpha), of_false(alpha < T(0) ? T(1) : T(1) - alpha) {}
    // The loss, and its gradient where p has the derivatives `d_true` and the false one `d_false`, relative to p and 1
    // - p.
    Term<T> sum(V<T> y, Term<T> if_true, Term<T> if_false, V<T> d_true, V<T> d_false) const {
      const V<T> t = splat(of_true) * y, f = splat(of_false) * (splat(T(1)) - y);
      return {t * if_true.loss + f * if_false.loss, t * if_true.gradient * d_true - f * if_false.gradient * d_false};
    }
  };

  template <class T>
  static void canonical(const LossRows<T>& rows) {
    each_element(rows, [gamma = rows.parameter, shares = Shares<T>(rows.parameter2)](V<T> z, V<T> y) {
      const V<T> zero = splat(T(0)), one = splat(T(1));
      const V<T> e = exp<T>(minus_size<T>(z)), tail = log1p<T>(e), larger = one / (one + e), smaller = e * larger;
      const auto negative = z < zero;
      const V<T> p = negative ? smaller : larger, rest = negative ? larger : smaller;
      const V<T> log_p = (negative ? z : zero) - tail, log_rest = (negative ? zero : -z) - tail;
      return shares.sum(y, focal_term<T>(p, rest, log_p, log_rest, gamma),
                        focal_term<T>(rest, p, log_rest, log_p, gamma), rest, p);
    });
  }
  template <class T>
  static void of_activation(const LossRows<T>& rows) {
    each_clipped(rows, kSpacing<T>, T(1) - kSpacing<T>,
                 [gamma = rows.parameter, shares = Shares<T>(rows.parameter2)](V<T> p, V<T> y) {
                   const V<T> one = splat(T(1)), rest = one - p, log_p = log<T>(p), log_rest = log<T>(rest);
                   return shares.sum(y, focal_term<T>(p, rest, log_p, log_rest, gamma),
                                     focal_term<T>(rest, p, log_rest, log_p, gamma), one / p, one / rest);
                 });
  }
};

// L = -sum_k y_k (1 - p_k)^gamma log p_k, p = softmax(z)
struct Focal {
  // What the terms of a row share. Beside a probability above 1/2 the rest is the sum of the others.
  template <class T>
  struct Row {
    T top, inverse, gamma;
    V<T> others, log_total;

    Row(const Columns<T>& columns, const T* z, T g) : top(Softmax::largest(columns, z)), gamma(g) {
      PanelSum<T> total, below_top;
      columns.each([&](Column at, auto inside) {
        const V<T> x = load(z + at.place) - splat(top), e = inside ? exp<T>(x) : splat(T(0));
        total.part[at.part] += e;
        below_top.part[at.part] += x < splat(T(0)) ? e : splat(T(0));
      });
      inverse = T(1) / total.total();
      others = splat(below_top.total());
      log_total = log<T>(splat(total.total()));
    }
    V<T> probability(V<T> z) const { return exp<T>(z - splat(top)) * splat(inverse); }
    V<T> rest(V<T> p) const { return p > splat(T(0.5)) ? others * splat(inverse) : splat(T(1)) - p; }
    Term<T> term(V<T> z) const {
      const V<T> p = probability(z), q = rest(p);
      const V<T> log_p = p > splat(T(0.5)) ? -log1p<T>(others) : (z - splat(top)) - log_total;
      return focal_term<T>(p, q, log_p, log<T>(q), gamma);
    }
  };

  template <class T>
  static void canonical(const LossRows<T>& rows) {
    each_row(rows, [gamma = rows.parameter](const Columns<T>& columns, const T* z, Targets<T> y, T scale, T* d) {
      const Row<T> row(columns, z, gamma);
      return y.dense ? soft(columns, row, z, y, scale, d) : hard(columns, row, z, y.class_index, scale, d);
    });
  }

  // With a class y and g the gradient of its term: dL/dz_j = g ((j = y) - p_j)
  template <class T>
  static double hard(const Columns<T>& columns, const Row<T>& row, const T* z, index_t y, T scale, T* d) {
    const index_t of_class = Panels<const T>{z, columns.panel}.place(y);
    const V<T> own = splat(z[of_class]);
    const Term<T> term = row.term(own);
    if (d) {
      const V<T> factor = splat(scale) * term.gradient;
      columns.each([&](Column at, auto inside) {
        store(d + at.place, inside ? -factor * row.probability(load(z + at.place)) : splat(T(0)));
      });
      d[of_class] = (factor * row.rest(row.probability(own)))[0];
    }
    return static_cast<double>(term.loss[0]);
  }

  // With a label for every class: dL/dz_j = y_j g_j - p_j sum_k y_k g_k
  template <class T>
  static double soft(const Columns<T>& columns, const Row<T>& row, const T* z, Targets<T> y, T scale, T* d) {
    PanelSum<T> loss, gradient;
    columns.each([&](Column at, auto inside) {
      const V<T> label = y.at(at);
      const Term<T> term = row.term(load(z + at.place));
      const auto counts = inside & (label != splat(T(0)));  // even where z is -infinity
      loss.part[at.part] += counts ? label * term.loss : splat(T(0));
      const V<T> of_label = counts ? label * term.gradient : splat(T(0));
      gradient.part[at.part] += of_label;
      if (d) store(d + at.place, of_label);
    });
    if (d) {
      const V<T> sum = splat(gradient.total());
      columns.each([&](Column at, auto inside) {
        const V<T> p = row.probability(load(z + at.place));
        store(d + at.place, inside ? splat(scale) * fma(-p, sum, load(d + at.place)) : splat(T(0)));
      });
    }
    return static_cast<double>(loss.total());
  }

  template <class T>
  static void of_activation(const LossRows<T>& rows) {
    each_clipped(rows, kSpacing<T>, T(1) - kSpacing<T>, [gamma = rows.parameter](V<T> p, V<T> y) {
      const V<T> rest = splat(T(1)) - p;
      const Term<T> term = focal_term<T>(p, rest, log<T>(p), log<T>(rest), gamma);
      return Term<T>{y * term.loss, y * term.gradient / p};
    });
  }
};
