// Loops over rows that only move or add: gathering, column sums, sums of matrices, transposing.

// n elements to the columns of a row, converted.
template <class T, class Source>
static inline void spread_row(index_t n, const Source* from, T* __restrict to, index_t panel) {
  for (; n >= kPanel<T>; n -= kPanel<T>, from += kPanel<T>, to += panel) {
    if constexpr (__is_same(T, Source)) {
      __builtin_memcpy(to, from, 64);
    } else {
      for (index_t i = 0; i < kPanel<T>; ++i) to[i] = static_cast<T>(from[i]);
    }
  }
  if constexpr (__is_same(T, Source)) {  // half a panel, a quarter, ..: a loop over single elements takes twice as long
#pragma GCC unroll 4
    for (index_t size = kPanel<T> / 2; size > 0; size /= 2) {
      if ((n & size) == 0) continue;
      __builtin_memcpy(to, from, static_cast<std::size_t>(size) * sizeof(T));
      from += size, to += size;
    }
  } else {
    for (index_t i = 0; i < n; ++i) to[i] = static_cast<T>(from[i]);
  }
}

template <class T, class Source>
static void gather(const char* x, index_t row_bytes, index_t column_bytes, const std::int64_t* order, index_t known,
                   index_t rows, index_t n, Panels<T> out) {
  if (!order && row_bytes == sizeof(Source) && column_bytes != sizeof(Source)) {  // by columns
    for (index_t j = 0; j < n; ++j) {
      const auto* column = reinterpret_cast<const Source*>(x + j * column_bytes);
      T* to = out.data + out.place(j);
      for (index_t i = 0; i < rows; ++i) to[i * kPanel<T>] = static_cast<T>(column[i]);
    }
    return;
  }
  constexpr index_t ahead = 8;  // rows; hides the latency of memory where the rows are shuffled
  for (index_t i = 0; i < rows; ++i) {
    const char* row = x + (order ? order[i] : i) * row_bytes;
    if (order && i + ahead < known) {
      const char* next = x + order[i + ahead] * row_bytes;
      for (index_t at = 0; at < n * column_bytes && at < 1024; at += 64) __builtin_prefetch(next + at);
    }
    T* to = out.data + i * kPanel<T>;
    if (column_bytes == sizeof(Source)) {
      spread_row(n, reinterpret_cast<const Source*>(row), to, out.panel);
    } else {
      for (index_t j = 0; j < n; ++j, row += column_bytes) {
        to[out.place(j)] = static_cast<T>(*reinterpret_cast<const Source*>(row));
      }
    }
  }
}

// So many panels at a time hide the latency of the additions.
template <class T, int kPanels>
static void panel_sums(index_t rows, Panels<const T> x, bool add, T* sums) {
  constexpr int lanes = Of<T>::kLanes, vectors = kPanels * kPerPanel;
  V<T> sum[vectors];
#pragma GCC unroll 16
  for (int v = 0; v < vectors; ++v) sum[v] = add ? load(sums + v * lanes) : V<T>{};
  for (index_t i = 0; i < rows; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      sum[v] += load(x.data + v / kPerPanel * x.panel + i * kPanel<T> + v % kPerPanel * lanes);
    }
  }
#pragma GCC unroll 16
  for (int v = 0; v < vectors; ++v) store(sums + v * lanes, sum[v]);
}

template <class T>
static void column_sums(index_t rows, index_t n, Panels<const T> x, bool add, T* sums) {
  index_t p = 0;
  for (; p + 4 <= n_panels<T>(n); p += 4) {
    panel_sums<T, 4>(rows, {x.data + p * x.panel, x.panel}, add, sums + p * kPanel<T>);
  }
  for (; p < n_panels<T>(n); ++p) {
    panel_sums<T, 1>(rows, {x.data + p * x.panel, x.panel}, add, sums + p * kPanel<T>);
  }
}

// y = a + b, or y += a if b is null.
template <class T>
static void add_rows(index_t rows, index_t n, Panels<const T> a, Panels<const T> b, Panels<T> y) {
  for (index_t p = 0; p < n_panels<T>(n); ++p) {
    const T* from = a.data + p * a.panel;
    T* to = y.data + p * y.panel;
    const T* other = b.data ? b.data + p * b.panel : to;
    for (index_t i = 0; i < rows * kPanel<T>; i += Of<T>::kLanes) store(to + i, load(from + i) + load(other + i));
  }
}

// A square block of as many rows as a 16-byte vector has lanes: to[j] = column j of the rows from[i]. Tried: squares of
// whole vectors, halves of which change places; on Zen 4 a step of 64-128-10 was 4 % slower.
typedef float Float4 __attribute__((vector_size(16)));
typedef double Double2 __attribute__((vector_size(16)));
static inline void transpose_block(const Float4* from, Float4* to) {
  const Float4 low01 = __builtin_shufflevector(from[0], from[1], 0, 4, 1, 5);
  const Float4 low23 = __builtin_shufflevector(from[2], from[3], 0, 4, 1, 5);
  const Float4 high01 = __builtin_shufflevector(from[0], from[1], 2, 6, 3, 7);
  const Float4 high23 = __builtin_shufflevector(from[2], from[3], 2, 6, 3, 7);
  to[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
  to[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
  to[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
  to[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}
static inline void transpose_block(const Double2* from, Double2* to) {
  to[0] = __builtin_shufflevector(from[0], from[1], 0, 2);
  to[1] = __builtin_shufflevector(from[0], from[1], 1, 3);
}

// One block of a panel, its first n_from rows and n_to columns; what is missing counts as zero. Rows of both sides are
// one panel apart.
template <class T>
static inline void transpose_part(const T* from, T* to, index_t n_from, index_t n_to) {
  typedef T Row __attribute__((vector_size(16)));
  constexpr index_t block = 16 / static_cast<index_t>(sizeof(T));
  Row in[block] = {}, out[block];
#pragma GCC unroll 4
  for (index_t i = 0; i < block; ++i) {
    if (i < n_from) __builtin_memcpy(&in[i], from + i * kPanel<T>, sizeof(Row));
  }
  transpose_block(in, out);
#pragma GCC unroll 4
  for (index_t j = 0; j < block; ++j) {
    if (j < n_to) __builtin_memcpy(to + j * kPanel<T>, &out[j], sizeof(Row));
  }
}

template <class T>
static void transpose_panel(index_t n_in, index_t n_out, index_t panel, index_t begin, index_t end, const T* w,
                            T* out) {
  constexpr index_t width = kPanel<T>, block = 16 / static_cast<index_t>(sizeof(T));
  const index_t columns = n_out - panel * width < width ? n_out - panel * width : width;
  for (index_t l = begin; l < end; l += width) {
    const T* from = w + (panel * n_in + l) * width;
    T* to = out + l * n_out + panel * width * width;  // panel l / width of the transpose, row panel * width
    const index_t inputs = n_in - l < width ? n_in - l : width;
    const bool whole = inputs == width && columns == width;
    for (index_t i = 0; i < inputs; i += block) {  // beyond, `out` holds zeros already
      for (index_t j = 0; j < columns; j += block) {
        if (whole) {
          transpose_part(from + i * width + j, to + j * width + i, block, block);
        } else {
          transpose_part(from + i * width + j, to + j * width + i, inputs - i, columns - j);
        }
      }
    }
  }
}
