// The product with one column, as of a layer with one output: sums in kPanel interleaved parts joined by a fixed tree,
// then `start`. One chain of fused multiply-adds lets a single sample wait for each term, lanes over rows need the
// transpose of A, and either wants the column in panels of its own: without all this steps of 30-64-1 take 8 % less, in
// float64 10 %, and those of 20-64-64-1, batch 32, as well as predictions 3 % (Zen 4).

// Rows at once, whose parts stand in registers.
inline constexpr int kColumnRows = kPerPanel == 1 ? 8 : kPerPanel == 2 ? 4 : 2;

// A row of C: the one element and padding.
template <class T>
static inline void store_column(T sum, bool rectified, T* c) {
  V<T> row[kPerPanel] = {};
  row[0][0] = rectified && sum < 0 ? T(0) : sum;
#pragma GCC unroll 4
  for (int v = 0; v < kPerPanel; ++v) store(c + v * Of<T>::kLanes, row[v]);
}

// Of R rows.
template <class T, int R>
static inline void multiply_column_rows(const Product<T>& p, const T* a, T* c) {
  constexpr int lanes = Of<T>::kLanes;
  constexpr index_t width = kPanel<T>;
  typedef typename Of<T>::Int Mask;
  PanelSum<T> sum[R];
  const T* b = p.b.data;
  auto add = [&](auto inside) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int v = 0; v < kPerPanel; ++v) {
      const V<T> bv = load(b + v * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) {
        const V<T> av = inside(load(a + i * width + v * lanes), v);
        sum[i].part[v] = fma(av, bv, sum[i].part[v]);
      }
    }
  };
  index_t left = p.k;
  for (; left >= width; left -= width, a += p.a.panel, b += p.b.panel) add([](V<T> av, int) { return av; });
  if (left > 0) {  // the padding of A may be anything
    add([&](V<T> av, int v) { return (V<T>)((Mask)av & below<T>(v * lanes, left)); });
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) store_column(p.start[0] + sum[i].total(), p.rectified, c + i * width);
}

template <class T>
static void multiply_column(const Product<T>& p) {
  index_t i = 0;
  for (; i + kColumnRows <= p.m; i += kColumnRows) {
    multiply_column_rows<T, kColumnRows>(p, p.a.data + i * kPanel<T>, p.c.data + i * kPanel<T>);
  }
  for (; i < p.m; ++i) multiply_column_rows<T, 1>(p, p.a.data + i * kPanel<T>, p.c.data + i * kPanel<T>);
}

// The same for a sparse A.
template <class T>
static void multiply_sparse_column(const SparseProduct<T>& p) {
  T* c = p.c.data;
  for (index_t i = 0; i < p.m; ++i, c += kPanel<T>) {
    PanelSum<T> sum;
    T part[kPanel<T>] = {};
    for (index_t k = p.a.begin[i]; k < p.a.end[i]; ++k) {
      const index_t l = p.a.column[k];
      T& to = part[l % kPanel<T>];
      to = fma(splat(p.a.value[k]), splat(p.b.data[p.b.place(l)]), splat(to))[0];
    }
    __builtin_memcpy(sum.part, part, sizeof part);
    store_column(p.start[0] + sum.total(), p.rectified, c);
  }
}
