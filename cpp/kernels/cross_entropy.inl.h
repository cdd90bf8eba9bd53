// Cross-entropy and its gradient, softmax and all: one class of n. See losses.inl.h for what the loops share.

// L = logsumexp(z) - z_y for a class y, sum_k y_k (logsumexp(z) - z_k) for soft labels, and dL/dz = softmax(z) - y
struct CrossEntropy {
  template <class T>
  static void canonical(const LossRows<T>& p) {
    if (p.targets == nullptr && p.parameter == T(0) && NarrowRows<T>::pays(p.rows, p.n)) {
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
    const SmoothedLabels<T> labels(p.parameter, p.n);
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
            p.targets || p.parameter != T(0)
                ? soft(columns, z, Targets<T>(p, first + i), labels, top[i], log_total[i], inverse[i], scale, d)
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
  static double soft(const Columns<T>& columns, const T* z, Targets<T> y, const SmoothedLabels<T>& labels, T top,
                     T log_total, T inverse, T scale, T* d) {
    return sum_row(columns, scale, d, [&](Column at) {
      const V<T> x = load(z + at.place) - splat(top), t = labels.of(y.at(at));
      const V<T> e = d ? load(d + at.place) : splat(T(0));
      // A term without a label counts nothing, even where z is -infinity.
      return Term<T>{t != splat(T(0)) ? t * (splat(log_total) - x) : splat(T(0)), e * splat(inverse) - t};
    });
  }

  template <class T>
  static void of_activation(const LossRows<T>& p) {
    each_clipped(p, kSpacing<T>, T(1) - kSpacing<T>, [labels = SmoothedLabels<T>(p.parameter, p.n)](V<T> a, V<T> y) {
      const V<T> t = labels.of(y);
      return Term<T>{-(t * log<T>(a)), -t / a};
    });
  }
};
