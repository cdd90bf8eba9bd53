// Margin losses, which take raw scores a and ask that the right one wins by 1. Where a gradient jumps it is 0.

// L = max(0, 1 - s a), s = 1 for y > 0, else -1
struct Hinge {
  template <class T>
  static void canonical(const LossRows<T>& rows) {
    each_element(rows, [](V<T> a, V<T> y) {
      const V<T> zero = splat(T(0)), one = splat(T(1)), sign = y > zero ? one : -one, missing = fma(-sign, a, one);
      return Term<T>{missing < zero ? zero : missing, missing > zero ? -sign : zero};
    });
  }
  template <class T>
  static void of_activation(const LossRows<T>& rows) {
    canonical(rows);
  }
};

// L = max(0, 1 + a_r - a_y), y the class and r the highest of the others, the first of equals (Crammer & Singer 2001).
struct MulticlassHinge {
  template <class T>
  static void canonical(const LossRows<T>& rows) {
    each_row(rows, [n = rows.n](const Columns<T>& columns, const T* a, Targets<T> y, T scale, T* d) {
      const Panels<const T> row{a, columns.panel};
      index_t own = y.class_index;
      if (y.dense) {
        for (own = 0; own < n - 1 && y.dense[row.place(own)] != T(1);) ++own;
      }
      index_t rival = -1;
      for (index_t j = 0; j < n; ++j) {
        if (j == own) continue;
        const T score = a[row.place(j)];
        if (rival < 0 || score > a[row.place(rival)] || score != score) rival = j;  // NaN wins
      }
      const T missing = rival < 0 ? T(0) : T(1) + (a[row.place(rival)] - a[row.place(own)]);
      if (d) {
        for (index_t j = 0; j < n; ++j) d[row.place(j)] = T(0);
        if (missing > T(0)) d[row.place(rival)] = scale, d[row.place(own)] = -scale;
      }
      return static_cast<double>(missing < T(0) ? T(0) : missing);
    });
  }
  template <class T>
  static void of_activation(const LossRows<T>& rows) {
    canonical(rows);
  }
};
