// The product of a sparse matrix. See SparseProduct in kernels.h.

// NP panels of C. Zeros of A, which are passed over, would change nothing but most sums that are -0, so none begins
// there.
template <class T, int NP>
static void multiply_stored(const SparseProduct<T>& p, index_t panel) {
  constexpr int vectors = NP * kPerPanel, lanes = Of<T>::kLanes;
  const T* b = p.b.data + panel * p.b.panel;
  T* c = p.c.data + panel * p.c.panel;
  const T* start = p.start ? p.start + panel * p.start_panel : nullptr;
  for (index_t i = 0; i < p.m; ++i, c += kPanel<T>) {
    V<T> sum[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      const index_t of_start = v / kPerPanel * p.start_panel, of_c = v / kPerPanel * p.c.panel;
      sum[v] = load((start ? start + of_start : c + of_c) + v % kPerPanel * lanes) + V<T>{};
    }
    for (index_t k = p.a.begin[i]; k < p.a.end[i]; ++k) {
      const V<T> value = splat(p.a.value[k]);
      const T* row = b + p.a.column[k] * kPanel<T>;
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) {
        sum[v] = fma(value, load(row + v / kPerPanel * p.b.panel + v % kPerPanel * lanes), sum[v]);
      }
    }
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      store(c + v / kPerPanel * p.c.panel + v % kPerPanel * lanes, p.rectified ? Relu::value<T>(sum[v]) : sum[v]);
    }
  }
}

// So many panels at a time hide the latency of the additions.
template <class T, int NP = 8 / kPerPanel>
static void multiply_stored_from(const SparseProduct<T>& p, index_t panel) {
  for (; panel + NP <= p.panels; panel += NP) multiply_stored<T, NP>(p, panel);
  if constexpr (NP > 1) multiply_stored_from<T, NP / 2>(p, panel);
}

template <class T>
static void multiply_sparse(const SparseProduct<T>& p) {
  multiply_stored_from(p, 0);
}
