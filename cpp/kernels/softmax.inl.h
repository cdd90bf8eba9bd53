// Softmax and what cross-entropy shares with it: exponentials of a row less its largest element, and their sum.
//
// Rows of one panel go a panel of rows at a time, turned so that lanes run over rows: two classes then take two
// exponentials for as many rows as a vector has lanes, and no sum across lanes. The sums are the same to the bit.

// At most kPanel rows of at most kPanel columns: column j of row i is lane i of e[j].
template <class T>
struct NarrowRows {
  index_t rows, n;
  int parts;                          // vectors with a row in them
  V<T> z[kPanel<T>][kPerPanel] = {};  // lanes without a row hold anything finite
  V<T> e[kPanel<T>][kPerPanel];       // e^(z - top)
  V<T> top[kPerPanel], total[kPerPanel], inverse[kPerPanel];

  // Whether so many rows of n columns take fewer exponentials than one by one.
  static bool pays(index_t n_rows, index_t n) {
    const index_t rows = n_rows < kPanel<T> ? n_rows : kPanel<T>;
    return n <= kPanel<T> && n * parts_of(rows) < rows * kPerPanel;
  }
  // Of the first `n_rows` rows (or all, if there are more) and `n_columns` columns at `from`.
  void exponentials(index_t n_rows, index_t n_columns, const T* from) {
    rows = n_rows < kPanel<T> ? n_rows : kPanel<T>, n = n_columns, parts = parts_of(rows);
    turn(from, rows, n, z);
    for (int v = 0; v < parts; ++v) {
      top[v] = splat(-T(__builtin_inf()));
      for (index_t j = 0; j < n; ++j) top[v] = z[j][v] > top[v] ? z[j][v] : top[v];
      V<T> sum[kPanel<T>];
      sum[0] = splat(T(0));
      for (index_t j = 0; j < n; ++j) sum[j] = e[j][v] = exp<T>(z[j][v] - top[v]);
      // The tree of join_panel: the upper half onto the lower one.
      for (index_t half = kPanel<T> / 2; half > 0; half /= 2) {
        for (index_t j = 0; j < half && j + half < n; ++j) sum[j] += sum[j + half];
      }
      total[v] = sum[0];
      inverse[v] = splat(T(1)) / sum[0];
    }
  }
  // e to the rows at `to`. Of the padding, only what shares 16 bytes with a column that counts is written: zeros.
  void turn_back(T* to) const { turn(e, n, rows, to); }

 private:
  static int parts_of(index_t rows) { return static_cast<int>((rows + Of<T>::kLanes - 1) / Of<T>::kLanes); }
  // to[j, i] = from[i, j]
  static void turn(const void* from, index_t n_from, index_t n_to, void* to) {
    constexpr index_t block = 16 / static_cast<index_t>(sizeof(T));
    for (index_t i = 0; i < n_from; i += block) {
      for (index_t j = 0; j < n_to; j += block) {
        transpose_part(static_cast<const T*>(from) + i * kPanel<T> + j, static_cast<T*>(to) + j * kPanel<T> + i,
                       n_from - i, n_to - j);
      }
    }
  }
};

struct Softmax {
  // The largest element of a row; padding is left out. NaN may be lost: the exponentials bring it back.
  template <class T>
  static T largest(const Columns<T>& columns, const T* z) {
    V<T> top[kPerPanel];
    for (int v = 0; v < kPerPanel; ++v) top[v] = splat(-T(__builtin_inf()));
    columns.each([&](Column at, auto inside) {
      V<T>& t = top[at.part];
      const V<T> x = inside ? load(z + at.place) : t;
      t = x > t ? x : t;
    });
    return join_panel<T>(top, [](auto a, auto b) { return a > b ? a : b; });
  }

  // out = e^(z - top), zero in the padding; returns the sum. out may be z, or null.
  template <class T>
  static T exponentials(const Columns<T>& columns, const T* z, T top, T* out) {
    PanelSum<T> sum;
    columns.each([&](Column at, auto inside) {
      const V<T> e = inside ? exp<T>(load(z + at.place) - splat(top)) : splat(T(0));
      sum.part[at.part] += e;
      if (out) store(out + at.place, e);
    });
    return sum.total();
  }

  // a_j = e^(z_j - max z) / sum_k e^(z_k - max z)
  template <class T>
  static void activate(index_t rows, index_t n, Panels<T> z) {
    if (NarrowRows<T>::pays(rows, n)) {
      NarrowRows<T> block;
      for (index_t i = 0; i < rows; i += kPanel<T>) {
        T* at = z.data + i * kPanel<T>;
        block.exponentials(rows - i, n, at);
        for (index_t j = 0; j < n; ++j) {
          for (int v = 0; v < block.parts; ++v) block.e[j][v] *= block.inverse[v];
        }
        block.turn_back(at);
      }
      return;
    }
    const Columns<T> columns(n, z.panel);
    for (index_t i = 0; i < rows; ++i) activate_row(columns, z.data + i * kPanel<T>);
  }
  template <class T>
  static void activate_row(const Columns<T>& columns, T* z) {
    const V<T> factor = splat(T(1) / exponentials(columns, z, largest(columns, z), z));
    columns.each([&](Column at, auto) { store(z + at.place, load(z + at.place) * factor); });
  }

  // dz_j = a_j (da_j - sum_k a_k da_k)
  template <class T>
  static void gradient(index_t rows, index_t n, Panels<const T> a, Panels<T> d) {
    const Columns<T> columns(n, a.panel);
    for (index_t i = 0; i < rows; ++i) gradient_row(columns, a.data + i * kPanel<T>, d.data + i * kPanel<T>);
  }
  template <class T>
  static void gradient_row(const Columns<T>& columns, const T* a, T* d) {
    PanelSum<T> sum;
    columns.each([&](Column at, auto inside) {
      sum.part[at.part] += inside ? load(a + at.place) * load(d + at.place) : splat(T(0));
    });
    const V<T> mean = splat(sum.total());
    columns.each([&](Column at, auto inside) {
      store(d + at.place, inside ? load(a + at.place) * (load(d + at.place) - mean) : splat(T(0)));
    });
  }
};
