// Loops over rows that only move or add: gathering, column sums, transposing.

template <class T, class Source>
static void gather(const char* x, index_t row_bytes, index_t column_bytes, const std::int64_t* order, index_t rows,
                   index_t n, T* out, index_t stride) {
  for (index_t i = 0; i < rows; ++i, out += stride) {
    const char* row = x + (order ? order[i] : i) * row_bytes;
    if (column_bytes == sizeof(Source)) {
      const Source* source = reinterpret_cast<const Source*>(row);
      for (index_t j = 0; j < n; ++j) out[j] = static_cast<T>(source[j]);
    } else {
      for (index_t j = 0; j < n; ++j) out[j] = static_cast<T>(*reinterpret_cast<const Source*>(row + j * column_bytes));
    }
  }
}

// sums[j] += sum_i x[i, j], rows in order. Eight vectors at a time hide the latency of the additions.
template <class T>
static void add_column_sums(index_t rows, index_t n, const T* x, index_t stride, T* sums) {
  constexpr int lanes = Of<T>::kLanes, strip = 8;
  index_t j = 0;
  for (; j + strip * lanes <= n; j += strip * lanes) {
    V<T> sum[strip];
#pragma GCC unroll 8
    for (int v = 0; v < strip; ++v) sum[v] = load(sums + j + v * lanes);
    for (index_t i = 0; i < rows; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < strip; ++v) sum[v] += load(x + i * stride + j + v * lanes);
    }
#pragma GCC unroll 8
    for (int v = 0; v < strip; ++v) store(sums + j + v * lanes, sum[v]);
  }
  for (; j < n; j += lanes) {
    V<T> sum = load(sums + j);
    for (index_t i = 0; i < rows; ++i) sum += load(x + i * stride + j);
    store(sums + j, sum);
  }
}

// A square block of as many rows as a 16-byte vector has lanes: to[j, i] = from[i, j]; rows are one panel apart.
static inline void transpose_block(const float* from, float* to) {
  typedef float V4 __attribute__((vector_size(16)));
  V4 row[4];
  for (int i = 0; i < 4; ++i) __builtin_memcpy(&row[i], from + i * kPanel<float>, 16);
  for (int j = 0; j < 4; ++j) {
    const V4 column = {row[0][j], row[1][j], row[2][j], row[3][j]};
    __builtin_memcpy(to + j * kPanel<float>, &column, 16);
  }
}
static inline void transpose_block(const double* from, double* to) {
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) to[j * kPanel<double> + i] = from[i * kPanel<double> + j];
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
    if (inputs == width && columns == width) {
      for (index_t i = 0; i < width; i += block) {
#pragma GCC unroll 4
        for (index_t j = 0; j < width; j += block) transpose_block(from + i * width + j, to + j * width + i);
      }
    } else {
      for (index_t j = 0; j < columns; ++j) {
        for (index_t i = 0; i < width; ++i) to[j * width + i] = i < inputs ? from[i * width + j] : T(0);
      }
    }
  }
}
