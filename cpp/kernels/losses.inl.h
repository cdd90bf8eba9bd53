// Losses and their gradients. The list is in lists.h.
//
// `Canonical` takes raw outputs z whose activation is the loss's canonical one: finite for every finite z, and the
// gradient in z is A - Y. `General` takes a = g(z) of any other activation and gives the gradient in a.

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

// L = -[y log p + (1 - y) log(1 - p)], p = sigmoid(z):   max(z, 0) - z y + log1p(e^-|z|)
struct BinaryCrossEntropy {
  template <class T>
  static void canonical(const LossRows<T>& p) {
    each_row(p, [](const Columns<T>& columns, const T* z, Targets<T> y, T scale, T* d) {
      return sum_row(columns, scale, d, [&](Column at) {
        const V<T> x = load(z + at.place), t = y.at(at), zero = splat(T(0)), one = splat(T(1));
        const V<T> e = exp<T>(x < zero ? x : -x);
        return Term<T>{(x < zero ? zero : x) - x * t + log1p<T>(e), (x < zero ? e : one) / (one + e) - t};
      });
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
  static void canonical(const LossRows<T>& p) {
    if (p.targets == nullptr && NarrowRows<T>::pays(p.rows, p.n)) {
      narrow(p);
    } else {
      wide(p);
    }
  }

  // Few classes, a panel of rows at a time.
  template <class T>
  static void narrow(const LossRows<T>& p) {
    NarrowRows<T> block;
    for (index_t first = 0; first < p.rows; first += kPanel<T>) {
      block.exponentials(p.rows - first, p.n, p.y + first * kPanel<T>);
      T log_total[kPanel<T>], inverse[kPanel<T>], scale[kPanel<T>] = {};
      for (int v = 0; v < block.parts; ++v) {
        store(log_total + v * Of<T>::kLanes, log<T>(block.total[v]));
        store(inverse + v * Of<T>::kLanes, block.inverse[v]);
      }
      const auto e = [&](index_t i, index_t j) { return block.e[j][i / Of<T>::kLanes][i % Of<T>::kLanes]; };
      T at_class[kPanel<T>];
      for (index_t i = 0; i < block.rows; ++i) {
        const index_t y = p.classes[first + i], part = i / Of<T>::kLanes, lane = i % Of<T>::kLanes;
        scale[i] = p.scale ? p.scale[first + i] : T(0);
        at_class[i] = scale[i] * (e(i, y) * inverse[i] - T(1));
        p.loss[first + i] = static_cast<double>(log_total[i] - (block.z[y][part][lane] - block.top[part][lane]));
      }
      if (p.d == nullptr) continue;
      for (index_t j = 0; j < p.n; ++j) {
        for (int v = 0; v < block.parts; ++v) {
          block.e[j][v] = load(scale + v * Of<T>::kLanes) * (block.e[j][v] * block.inverse[v]);
        }
      }
      T* d = p.d + first * kPanel<T>;
      block.turn_back(d);
      for (index_t i = 0; i < block.rows; ++i) d[i * kPanel<T> + p.classes[first + i]] = at_class[i];
    }
  }

  // Row by row, but a panel of logarithms and reciprocals at a time.
  template <class T>
  static void wide(const LossRows<T>& p) {
    constexpr index_t block = kPanel<T>;
    const Columns<T> columns(p.n, p.panel);
    for (index_t first = 0; first < p.rows; first += block) {
      const index_t rows = p.rows - first < block ? p.rows - first : block;
      T top[block], total[block], log_total[block], inverse[block];
      for (index_t i = 0; i < block; ++i) total[i] = T(1);
      for (index_t i = 0; i < rows; ++i) {
        const T* z = p.y + (first + i) * kPanel<T>;
        top[i] = Softmax::largest(columns, z);
        total[i] = Softmax::exponentials(columns, z, top[i], p.d ? p.d + (first + i) * kPanel<T> : nullptr);
      }
      for (index_t i = 0; i < block; i += Of<T>::kLanes) {
        store(log_total + i, log<T>(load(total + i)));
        store(inverse + i, splat(T(1)) / load(total + i));
      }
      for (index_t i = 0; i < rows; ++i) {
        const T* z = p.y + (first + i) * kPanel<T>;
        T* d = p.d ? p.d + (first + i) * kPanel<T> : nullptr;
        const T scale = p.scale ? p.scale[first + i] : T(0);
        p.loss[first + i] =
            p.targets
                ? soft(columns, z, p.targets + (first + i) * kPanel<T>, top[i], log_total[i], inverse[i], scale, d)
                : hard(columns, z, p.classes[first + i], top[i], log_total[i], inverse[i], scale, d);
      }
    }
  }

  // With a class; d holds e^(z - top).
  template <class T>
  static double hard(const Columns<T>& columns, const T* z, index_t y, T top, T log_total, T inverse, T scale, T* d) {
    const index_t of_class = Panels<const T>{z, columns.panel}.place(y);
    if (d) {
      const T at_class = scale * (d[of_class] * inverse - T(1));
      columns.each([&](Column at, auto inside) {
        store(d + at.place, inside ? splat(scale) * (load(d + at.place) * splat(inverse)) : splat(T(0)));
      });
      d[of_class] = at_class;
    }
    return static_cast<double>(log_total - (z[of_class] - top));
  }

  // With a label for every class; d holds e^(z - top).
  template <class T>
  static double soft(const Columns<T>& columns, const T* z, const T* y, T top, T log_total, T inverse, T scale, T* d) {
    return sum_row(columns, scale, d, [&](Column at) {
      const V<T> x = load(z + at.place) - splat(top), t = load(y + at.place);
      const V<T> e = d ? load(d + at.place) : splat(T(0));
      // A term without a label counts nothing, even where z is -infinity.
      return Term<T>{t != splat(T(0)) ? t * (splat(log_total) - x) : splat(T(0)), e * splat(inverse) - t};
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
  static void canonical(const LossRows<T>& p) {
    each_row(p, [](const Columns<T>& columns, const T* z, Targets<T> y, T scale, T* d) {
      return sum_row(columns, scale, d, [&](Column at) {
        const V<T> error = load(z + at.place) - y.at(at);
        return Term<T>{splat(T(0.5)) * error * error, error};
      });
    });
  }
};

// Cross-entropies of an activation that is not a probability by construction: p is a clipped to [eps, 1 - eps], and the
// derivative is 0 where it was clipped.
template <class L, class T>
static void loss_of_activations(const LossRows<T>& p) {
  if constexpr (__is_same(L, SquaredError)) {
    L::canonical(p);
  } else {
    const T eps = sizeof(T) == 4 ? T(0x1p-23) : T(0x1p-52);
    const V<T> low = splat(eps), high = splat(T(1) - eps);
    each_row(p, [&](const Columns<T>& columns, const T* a, Targets<T> y, T scale, T* d) {
      return sum_row(columns, scale, d, [&](Column at) {
        const V<T> x = load(a + at.place);
        V<T> clipped = x < low ? low : x;
        clipped = clipped > high ? high : clipped;
        Term<T> term = L::template general<T>(clipped, y.at(at));
        term.gradient = clipped == x ? term.gradient : splat(T(0));
        return term;
      });
    });
  }
}
