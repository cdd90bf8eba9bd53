// The matrix product: micro-tiles of MR rows by NP panels held in registers. See Product in kernels.h.
//
// Each element of C is one chain of fused multiply-adds in index order that starts from `start` or from C itself, so
// cutting m, k or the panels anywhere gives the same bits.

// Panels per tile, and rows of a tile of NP panels. Accumulators + vectors of B + one broadcast fill the registers:
//   AVX2     6 x 1 panel   12 + 2 + 1 of 16        AVX-512  6 x 4 panels   24 + 4 + 1 of 32
//   NEON     6 x 1 panel   24 + 4 + 1 of 32        SSE2     2 x 1 panel     8 + 4 + 1 of 16
// AVX-512 tried on Zen 4, 256 x 2048 x 2048, share of peak: 14 x 2 82 %, 12 x 2 75 %, 8 x 3 84 %, 6 x 4 91 %. Four
// panels also read whole runs of 256 bytes where B lies in rows, as in the gradient of the weights.
#if defined(__AVX512F__)
inline constexpr int kTilePanels = 4;
constexpr int tile_height(int panels) { return panels == 4 ? 6 : panels == 3 ? 8 : 12; }
#elif defined(__AVX2__) || defined(__aarch64__)
inline constexpr int kTilePanels = 1;
constexpr int tile_height(int) { return 6; }
#else
inline constexpr int kTilePanels = 1;
constexpr int tile_height(int) { return 2; }
#endif

// `Far`: each step of the sum reads another row of A and B, as in the gradient of the weights. No hardware follows such
// strides, so these rows are fetched so many steps ahead. AVX-512, 512 x 2048 x 2048: 77 -> 88 % of peak (8 and 48
// steps gave less); narrow tiles need B as well (AVX2: 72 -> 84 %), those of four panels do not.
inline constexpr index_t kAhead = kTilePanels == 1 ? 8 : 16;

template <class T, bool Far, int MR, int NP>
static inline void multiply_tile(const Product<T>& p, const T* a, const T* b, T* c, const T* start) {
  constexpr int lanes = Of<T>::kLanes;
  V<T> acc[MR][NP][kPerPanel];
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int q = 0; q < NP; ++q) {
#pragma GCC unroll 4
      for (int v = 0; v < kPerPanel; ++v) {
        acc[i][q][v] =
            start ? load(start + q * p.start_panel + v * lanes) : load(c + i * p.c_row + q * p.c_panel + v * lanes);
      }
    }
  }
  // The next tile of C, which would wait for the second- or third-level cache (k = 256: 89 -> 93 % of peak).
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int q = 0; q < NP; ++q) __builtin_prefetch(c + (i + MR) * p.c_row + q * p.c_panel);
  }
  const index_t a_row = p.a_row, a_k = p.a_k, b_k = p.b_k, b_panel = p.b_panel;
  for (index_t l = p.k; l > 0; --l, a += a_k, b += b_k) {
    if constexpr (Far) __builtin_prefetch(a + kAhead * a_k);
    if constexpr (Far && kTilePanels == 1) __builtin_prefetch(b + kAhead * b_k);
    V<T> row[NP][kPerPanel];
#pragma GCC unroll 4
    for (int q = 0; q < NP; ++q) {
#pragma GCC unroll 4
      for (int v = 0; v < kPerPanel; ++v) row[q][v] = load(b + q * b_panel + v * lanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const V<T> ai = splat(a[i * a_row]);
#pragma GCC unroll 4
      for (int q = 0; q < NP; ++q) {
#pragma GCC unroll 4
        for (int v = 0; v < kPerPanel; ++v) acc[i][q][v] = fma(ai, row[q][v], acc[i][q][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int q = 0; q < NP; ++q) {
#pragma GCC unroll 4
      for (int v = 0; v < kPerPanel; ++v) store(c + i * p.c_row + q * p.c_panel + v * lanes, acc[i][q][v]);
    }
  }
}

// The last m < MR + 1 rows of a strip: a tile of just that height.
template <class T, bool Far, int MR, int NP>
static inline void multiply_rows(const Product<T>& p, index_t m, const T* a, const T* b, T* c, const T* start) {
  if constexpr (MR > 0) {
    if (m == MR) {
      multiply_tile<T, Far, MR, NP>(p, a, b, c, start);
    } else {
      multiply_rows<T, Far, MR - 1, NP>(p, m, a, b, c, start);
    }
  }
}

template <class T, bool Far, int NP>
static void multiply_strip(const Product<T>& p, index_t panel) {
  constexpr int height = tile_height(NP);
  const T* b = p.b + panel * p.b_panel;
  const T* start = p.start ? p.start + panel * p.start_panel : nullptr;
  index_t i = 0;
  for (; i + height <= p.m; i += height) {
    multiply_tile<T, Far, height, NP>(p, p.a + i * p.a_row, b, p.c + i * p.c_row + panel * p.c_panel, start);
  }
  multiply_rows<T, Far, height - 1, NP>(p, p.m - i, p.a + i * p.a_row, b, p.c + i * p.c_row + panel * p.c_panel, start);
}

// Strips of NP panels, then what is left in narrower ones.
template <class T, bool Far, int NP>
static void multiply_strips(const Product<T>& p, index_t panel) {
  for (; panel + NP <= p.panels; panel += NP) multiply_strip<T, Far, NP>(p, panel);
  if constexpr (NP > 1) multiply_strips<T, Far, NP - 1>(p, panel);
}

template <class T>
static void multiply(const Product<T>& p) {
  if (p.a_k == 1) {
    multiply_strips<T, false, kTilePanels>(p, 0);
  } else {
    multiply_strips<T, true, kTilePanels>(p, 0);
  }
}

// As many independent chains as the registers hold next to two operands.
template <class T>
static double fma_peak(index_t rounds, T* sink) {
  constexpr int chains = sizeof(V<T>) == 16 ? 12 : (sizeof(V<T>) == 64 ? 24 : 12);
  V<T> acc[chains];
  for (int c = 0; c < chains; ++c) acc[c] = splat(T(c));
  const V<T> x = splat(sink[0]), y = splat(sink[1]);
  for (index_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 32
    for (int c = 0; c < chains; ++c) acc[c] = fma(acc[c], x, y);
  }
  V<T> sum = {};
  for (int c = 0; c < chains; ++c) sum += acc[c];
  sink[0] = sum[0];
  return 2.0 * chains * Of<T>::kLanes * static_cast<double>(rounds);
}
