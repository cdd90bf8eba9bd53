// The product for few columns, whose panel would be mostly padding: as many rows as a vector has lanes stand in the
// lanes, with one sum per column. 20-64-64-2 predicts 100,000 rows 7 % sooner, in float64 3 % (Zen 4).

// Columns up to which, and terms from which, it pays, as measured; the columns of a last panel as well.
template <class T>
inline constexpr int kNarrow = static_cast<int>(kPerPanel == 2 ? (sizeof(T) == 4 ? 8 : 3) : kPanel<T> * 5 / 8);
inline constexpr index_t kNarrowTerms = 32;

// 0, 1, .. N - 1
template <int... I>
struct Indices {};
template <int N, int... I>
struct UpTo : UpTo<N - 1, N - 1, I...> {};
template <int... I>
struct UpTo<0, I...> : Indices<I...> {};

// Of two rows, the columns that have the bit H in the first change places with those that lack it in the second.
template <int H, class Row, int... I>
static inline void swap_columns(Row& first, Row& second, Indices<I...>) {
  constexpr int n = sizeof...(I);
  const Row lower = __builtin_shufflevector(first, second, (I & H ? n + I - H : I)...);
  second = __builtin_shufflevector(first, second, (I & H ? n + I : I + H)...);
  first = lower;
}

// A square of whole vectors: halves change places, then halves of these, ..
template <class T, int H = Of<T>::kLanes / 2>
__attribute__((always_inline)) static inline void transpose_square(V<T> (&row)[Of<T>::kLanes]) {
  if constexpr (H > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < Of<T>::kLanes; ++i) {
      if ((i & H) == 0) swap_columns<H>(row[i], row[i + H], UpTo<Of<T>::kLanes>());
    }
    transpose_square<T, H / 2>(row);
  }
}

// So many rows of C as a vector has lanes.
template <class T, int N>
static inline void multiply_lanes(const Product<T>& p, const T* a, T* c) {
  constexpr int lanes = Of<T>::kLanes;
  constexpr index_t width = kPanel<T>;
  V<T> sum[width] = {}, square[lanes];
  auto load_columns = [&](const T* from) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) square[i] = load(from + i * width);
    transpose_square<T>(square);
  };
  if (p.start) {
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) sum[j] = splat(p.start[j]);
  } else {
#pragma GCC unroll 4
    for (int j = 0; j < N; j += lanes) {
      load_columns(c + j);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        if (j + i < N) sum[j + i] = square[i];
      }
    }
  }
  for (index_t l = 0; l < p.k; l += lanes) {
    load_columns(a + p.a.place(l));
    const T* b = p.b.data + l * width;
    const index_t left = p.k - l;
    auto add = [&](int i) {
#pragma GCC unroll 16
      for (int j = 0; j < N; ++j) sum[j] = fma(square[i], splat(b[i * width + j]), sum[j]);
    };
    if (left >= lanes) {
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) add(i);
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        if (i < left) add(i);
      }
    }
  }
#pragma GCC unroll 4
  for (index_t j = 0; j < width; j += lanes) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) square[i] = p.rectified ? Relu::value<T>(sum[j + i]) : sum[j + i];
    transpose_square<T>(square);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      const index_t at = i * width + j;
      store(c + at, p.active ? square[i] * Relu::derivative<T>(load(c + p.active + at)) : square[i]);
    }
  }
}

// The rows that fill no vector are left.
template <class T, int N = kNarrow<T>>
static index_t multiply_narrow(const Product<T>& p) {
  if constexpr (N > 1) {
    if (p.columns < N) return multiply_narrow<T, N - 1>(p);
  }
  const index_t whole = p.m - p.m % Of<T>::kLanes;
  for (index_t i = 0; i < whole; i += Of<T>::kLanes) {
    multiply_lanes<T, N>(p, p.a.data + i * kPanel<T>, p.c.data + i * kPanel<T>);
  }
  return whole;
}
