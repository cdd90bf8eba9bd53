// The matrix product: micro-tiles of MR rows by NP panels held in registers. See Product in kernels.h.
//
// Each element of C is one chain of fused multiply-adds in index order that starts from `start` or from C itself, so
// cutting m, k or the panels anywhere gives the same bits.

// Panels of a tile, and rows of a tile of so many panels. Accumulators + vectors of B + one broadcast fill the
// registers:
//   AVX2     6 x 1 panel   12 + 2 + 1 of 16        AVX-512  6 x 4 panels   24 + 4 + 1 of 32
//   NEON     6 x 1 panel   24 + 4 + 1 of 32        SSE2     2 x 1 panel     8 + 4 + 1 of 16
// AVX-512 tried on Zen 4, 256 x 2048 x 2048, share of peak: 14 x 2 82 %, 12 x 2 75 %, 8 x 3 84 %, 6 x 4 91 %. Where
// there are fewer rows, more panels take their registers, because two sums at a time wait for one another: the forward
// pass of one row is up to four times as fast.
#if defined(__AVX512F__)
constexpr int tile_height(int panels) { return panels == 4 ? 6 : panels == 3 ? 8 : 12; }
constexpr int widest_tile(index_t) { return 4; }
#elif defined(__AVX2__) || defined(__aarch64__)
constexpr int tile_height(int panels) { return 6 / panels; }
constexpr int widest_tile(index_t rows) { return rows > 3 ? 1 : rows == 3 ? 2 : rows == 2 ? 3 : 4; }
#else
constexpr int tile_height(int panels) { return panels == 1 ? 2 : 1; }
constexpr int widest_tile(index_t rows) { return rows > 1 ? 1 : 2; }
#endif

// Brings runs of memory into the second-level cache, a few cache lines with every panel of indices of a tile, so that
// what is streamed from further away does not hold up the product (1024-2048-2048-1000: 2 to 8 %, 784-512-256-10: 0 to
// 5 %, the more the slower the memory). All lines of a tile at once, before it, cost as much as they saved.
// Claiming, on two cores of Zen 4 with one third-level cache: 3 to 8 % (see TeamSize for what it costs to wait).
struct Fetcher {
  static constexpr int kLines = widest_tile(64) > 1 ? 8 : 4;
  const char *at, *end;
  index_t step;  // 0 when nothing is left: the same lines again, which cost less than a branch
  const Ahead::Run* next;
  RowsAhead* rows;
  bool claims = false;

  Fetcher(const Ahead* ahead, const void* anything)
      : at(static_cast<const char*>(anything)),
        next(ahead ? ahead->runs : nullptr),
        rows(ahead ? ahead->rows : nullptr) {
    turn();
  }
  __attribute__((always_inline)) void fetch() {
#pragma GCC unroll 8
    for (int line = 0; line < kLines; ++line) __builtin_prefetch(at + 64 * line, 0, 2);
    if (__builtin_expect(claims, 0)) claim();
    at += step;
    if (__builtin_expect(at >= end, 0)) turn();
  }
  __attribute__((always_inline)) void turn() {
    const bool more = next && next->begin;
    if (!more && rows && rows->left > 0) return turn_to_row();
    at = more ? next->begin : at;
    end = more ? next->end : reinterpret_cast<const char*>(UINTPTR_MAX);
    step = more ? 64 * kLines : 0;
    claims = more && next->claimed;
    next = more ? next + 1 : nullptr;
  }
  __attribute__((always_inline)) void turn_to_row() {
    at = rows->x + *rows->order++ * rows->row_bytes, end = at + rows->bytes;
    step = 64 * kLines, claims = false;
    --rows->left;
  }
  void claim() {
    for (const char* line = at; line < at + 64 * kLines && line < end; line += 64) {
      volatile char* mine = const_cast<char*>(line);
      *mine = *mine;
    }
  }
};

// acc += a b for one index of the sum: elements of A (MR, kStep apart), a row of NP panels of B. The shorter side of
// the tile waits in registers while the other passes.
template <class T, int kStep, int MR, int NP>
__attribute__((always_inline)) static inline void multiply_add(const T* a, const T* b, index_t b_panel,
                                                               V<T> (&acc)[MR][NP][kPerPanel]) {
  constexpr bool b_waits = NP * kPerPanel <= MR;
  constexpr int vectors = NP * kPerPanel, waiting = b_waits ? vectors : MR, passing = b_waits ? MR : vectors;
  auto load_a = [&](int i) { return splat(a[i * kStep]); };
  auto load_b = [&](int v) { return load(b + v / kPerPanel * b_panel + v % kPerPanel * Of<T>::kLanes); };
  V<T> wait[waiting];
#pragma GCC unroll 16
  for (int w = 0; w < waiting; ++w) wait[w] = b_waits ? load_b(w) : load_a(w);
#pragma GCC unroll 16
  for (int n = 0; n < passing; ++n) {
    const V<T> pass = b_waits ? load_a(n) : load_b(n);
#pragma GCC unroll 16
    for (int w = 0; w < waiting; ++w) {
      V<T>& sum = b_waits ? acc[n][w / kPerPanel][w % kPerPanel] : acc[w][n / kPerPanel][n % kPerPanel];
      sum = fma(pass, wait[w], sum);
    }
  }
}

// The last `left` indices, fewer than 2 kHalf: half a panel, a quarter, .. and no loop, whose end the processor would
// not foresee.
template <class T, int kAcross, int kAlong, int kHalf, int MR, int NP>
__attribute__((always_inline)) static inline void multiply_rest(index_t left, const T* a, const T* b, index_t b_panel,
                                                                V<T> (&acc)[MR][NP][kPerPanel]) {
  if constexpr (kHalf > 0) {
    if (left & kHalf) {
#pragma GCC unroll 16
      for (int l = 0; l < kHalf; ++l) multiply_add<T, kAcross>(a + l * kAlong, b + l * kPanel<T>, b_panel, acc);
      a += kHalf * kAlong, b += kHalf * kPanel<T>;
    }
    multiply_rest<T, kAcross, kAlong, kHalf / 2>(left, a, b, b_panel, acc);
  }
}

// A panel of indices at a time, unrolled: all addresses in it are constants, and the branch that ends a short sum is
// foreseen (64 terms, AVX2: 86 -> 92 % of peak).
template <class T, bool kTransposed, int MR, int NP>
static inline void multiply_tile(const Product<T>& p, const T* a, const T* b, T* c, const T* start, Fetcher& fetcher) {
  constexpr int lanes = Of<T>::kLanes, width = static_cast<int>(kPanel<T>);
  constexpr int across = kTransposed ? 1 : width, along = kTransposed ? width : 1;  // steps in i and in l
  V<T> acc[MR][NP][kPerPanel];
  // f(vector of the tile, its place in C, its place in `start`)
  auto each = [&](auto f) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
      for (int q = 0; q < NP; ++q) {
#pragma GCC unroll 4
        for (int v = 0; v < kPerPanel; ++v) {
          f(acc[i][q][v], i * width + q * p.c.panel + v * lanes, q * p.start_panel + v * lanes);
        }
      }
    }
  };
  each([&](V<T>& sum, index_t at, index_t of_start) { sum = load(start ? start + of_start : c + at); });
  // The next tile of C, which would wait for the second- or third-level cache.
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int q = 0; q < NP; ++q) __builtin_prefetch(c + (i + MR) * width + q * p.c.panel);
  }
  const index_t b_panel = p.b.panel, next = kTransposed ? width * width : p.a.panel;
  index_t left = p.k;
  Fetcher f = fetcher;  // a copy, which stays in registers
  for (; left >= width; left -= width, a += next, b += width * width) {
#pragma GCC unroll 16
    for (int l = 0; l < width; ++l) multiply_add<T, across>(a + l * along, b + l * width, b_panel, acc);
    f.fetch();
  }
  fetcher = f;
  multiply_rest<T, across, along, width / 2>(left, a, b, b_panel, acc);
  if (!kTransposed && p.rectified) {
    each([](V<T>& sum, index_t, index_t) { sum = Relu::value<T>(sum); });
  } else if (!kTransposed && p.active) {
    each([&](V<T>& sum, index_t at, index_t) { sum = sum * Relu::derivative<T>(load(c + p.active + at)); });
  }
  each([&](V<T>& sum, index_t at, index_t) { store(c + at, sum); });
}

// A tile of `rows` rows, at most MR of them.
template <class T, bool kTransposed, int MR, int NP>
static inline void multiply_rows(const Product<T>& p, index_t rows, const T* a, const T* b, T* c, const T* start,
                                 Fetcher& fetcher) {
  if constexpr (MR > 0) {
    if (rows == MR) {
      multiply_tile<T, kTransposed, MR, NP>(p, a, b, c, start, fetcher);
    } else {
      multiply_rows<T, kTransposed, MR - 1, NP>(p, rows, a, b, c, start, fetcher);
    }
  }
}

// NP panels of C. Rows of A that lie one after the other are cut into tiles as alike as can be, because a low tile has
// too few independent sums: 32 rows as 6 6 5 5 5 5, not as 6 6 6 6 6 2.
template <class T, bool kTransposed, int NP>
static void multiply_strip(const Product<T>& p, index_t panel, Fetcher& fetcher) {
  constexpr index_t height = tile_height(NP);
  const T* b = p.b.data + panel * p.b.panel;
  const T* start = p.start ? p.start + panel * p.start_panel : nullptr;
  T* c = p.c.data + panel * p.c.panel;
  const index_t run = kTransposed ? kPanel<T> : p.m;
  for (index_t first = 0; first < p.m; first += run) {
    const T* a = kTransposed ? p.a.data + p.a.place(first) : p.a.data;
    const index_t rows = p.m - first < run ? p.m - first : run;
    const index_t tiles = (rows + height - 1) / height, low = rows / tiles, higher = rows - low * tiles;
    for (index_t t = 0; t < tiles; ++t) {
      const index_t n = low + (t < higher);
      multiply_rows<T, kTransposed, height, NP>(p, n, a, b, c, start, fetcher);
      a += kTransposed ? n : n * kPanel<T>;
      c += n * kPanel<T>;
    }
  }
}

// A strip of `panels` panels, at most NP.
template <class T, bool kTransposed, int NP>
static inline void multiply_panels(const Product<T>& p, index_t panels, index_t panel, Fetcher& fetcher) {
  if constexpr (NP > 0) {
    if (panels == NP) {
      multiply_strip<T, kTransposed, NP>(p, panel, fetcher);
    } else {
      multiply_panels<T, kTransposed, NP - 1>(p, panels, panel, fetcher);
    }
  }
}

// Panels of a strip. A transposed A has a run of kPanel rows: eight doubles make two tiles of 4 x 4 panels, or one of
// 8 x 3, which reads B half as often. That pays where a strip of B leaves the first-level cache (512 x 2048 x 2048 in
// float64: 83 -> 92 % of peak; 64 x 128 x 10: 90 -> 83 %).
template <class T, bool kTransposed>
static index_t widest_strip(const Product<T>& p) {
  constexpr bool eight_rows = kTransposed && kPanel<T> == 8 && tile_height(3) == 8;
  return eight_rows && p.m >= 8 && p.k > 128 ? 3 : widest_tile(p.m);
}

template <class T, bool kTransposed>
static void multiply_strips(const Product<T>& p) {
  const index_t widest = widest_strip<T, kTransposed>(p);
  const index_t panels = n_panels<T>(p.columns);
  Fetcher of_caller(p.ahead, p.c.data);
  for (index_t panel = 0; panel < panels; panel += widest) {
    const index_t left = panels - panel;
    if (kTransposed || left <= widest) {
      multiply_panels<T, kTransposed, widest_tile(1)>(p, left < widest ? left : widest, panel, of_caller);
    } else {  // the panels of B that come next
      Ahead strip;
      for (index_t q = panel + widest; q < panel + 2 * widest && q < panels; ++q) {
        strip.add(p.b.data + q * p.b.panel, p.k * 64);
      }
      Fetcher fetcher(&strip, p.c.data);
      multiply_panels<T, kTransposed, widest_tile(1)>(p, widest, panel, fetcher);
    }
  }
}

// Columns that fill little of the last panel are a product of their own: the last 4 of 100, in 200 rows of 64 inputs,
// save 5 %, in float64 2 %. Tried: long sums cut so that a block of A stays in the second-level cache (2 KB of each
// row); no faster on Zen 4.
template <class T>
static void multiply(const Product<T>& p) {
  if (p.transposed) return multiply_strips<T, true>(p);
  if (p.k > 0 && p.k <= kShallow) return multiply_shallow(p);
  const index_t panels = p.columns / kPanel<T>, narrow = p.columns % kPanel<T>;
  if (narrow == 0 || narrow > kNarrow<T> || p.k < kNarrowTerms || p.m < Of<T>::kLanes) {
    return multiply_strips<T, false>(p);
  }
  Product<T> part = p;
  if (panels > 0) {
    part.columns = panels * kPanel<T>;
    multiply_strips<T, false>(part);
    part.b.data += panels * p.b.panel, part.c.data += panels * p.c.panel;
    if (p.start) part.start += panels * p.start_panel;
  }
  part.columns = narrow;
  const index_t done = multiply_narrow(part);
  part.m -= done, part.a.data += done * kPanel<T>, part.c.data += done * kPanel<T>;
  multiply_strips<T, false>(part);
}

// Enough independent chains to hide the latency of a fused multiply-add; 16 registers hold 12 and the operands.
template <class T>
static double fma_peak(index_t rounds, T* sink) {
  constexpr int chains = sizeof(V<T>) == 64 ? 24 : 12;
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
