// The product of few terms: of a layer of few inputs, and on the way back from a layer of few outputs. What such a
// product reads and writes takes longer than its sums, so rows pass one after the other through panels of B that wait
// in registers, and nothing is set up for a tile.

// Terms up to which it pays, as measured on Zen 4: a step of 150 rows of 4-100-3 is 10 % shorter, on AVX2 6 %. Of 9
// terms and more, tiles are faster.
constexpr int kShallow = 8;
constexpr int kShallowPanels = kPerPanel == 1 ? 2 : 1;  // at once

// NP panels of C.
template <class T, int K, int NP>
static void multiply_shallow_strip(const Product<T>& p, index_t panel) {
  constexpr index_t lanes = Of<T>::kLanes, width = kPanel<T>;
  constexpr int vectors = NP * kPerPanel;
  const index_t b_panel = p.b.panel, c_panel = p.c.panel, active = p.active;
  const bool starts = p.start, rectified = p.rectified;
  V<T> b[K][vectors], start[vectors] = {};
  const T* from = p.b.data + panel * b_panel;
  T* c = p.c.data + panel * c_panel;
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    const index_t q = v / kPerPanel, rest = v % kPerPanel * lanes;
    if (starts) start[v] = load(p.start + (panel + q) * p.start_panel + rest);
#pragma GCC unroll 8
    for (int l = 0; l < K; ++l) b[l][v] = load(from + q * b_panel + l * width + rest);
  }
  const T* a = p.a.data;
  for (index_t i = 0; i < p.m; ++i, a += width, c += width) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      T* const to = c + v / kPerPanel * c_panel + v % kPerPanel * lanes;
      V<T> sum = starts ? start[v] : load(to);
#pragma GCC unroll 8
      for (int l = 0; l < K; ++l) sum = fma(splat(a[l]), b[l][v], sum);
      if (rectified) {
        sum = Relu::value<T>(sum);
      } else if (active) {
        sum = sum * Relu::derivative<T>(load(to + active));
      }
      store(to, sum);
    }
  }
}

// p.k is at least 1 and at most K.
template <class T, int K = kShallow>
static void multiply_shallow(const Product<T>& p) {
  if constexpr (K > 1) {
    if (p.k < K) return multiply_shallow<T, K - 1>(p);
  }
  const index_t panels = n_panels<T>(p.columns);
  index_t panel = 0;
  for (; panel + kShallowPanels <= panels; panel += kShallowPanels) {
    multiply_shallow_strip<T, K, kShallowPanels>(p, panel);
  }
  if constexpr (kShallowPanels > 1) {
    if (panel < panels) multiply_shallow_strip<T, K, 1>(p, panel);
  }
}
