// Dropout. A counter of Philox serves one column of eight rows, 16 bits for each of them.

// The words of a vector of columns from `column` on: lane l of bits[w] is word w of column + l.
template <class T>
static inline void dropout_bits(const DropoutStream& stream, index_t column, index_t eight_rows,
                                typename Of<T>::Uint* bits) {
  constexpr int vectors = 8 / static_cast<int>(sizeof(T));  // of 64-bit lanes: even columns and odd ones, or all
  PhiloxLanes of[vectors] = {};
#pragma GCC unroll 2
  for (int v = 0; v < vectors; ++v) {
    for (int l = 0; l < CHAINRULE_VECTOR_BYTES / 8; ++l) {
      of[v].word[0][l] = static_cast<std::uint64_t>(column + l * vectors + v);
    }
    of[v].word[1] = vuint64{} + static_cast<std::uint64_t>(eight_rows);
    of[v].draw(stream.random);
  }
#pragma GCC unroll 4
  for (int w = 0; w < 4; ++w) {
    if constexpr (vectors == 1) {
      bits[w] = (typename Of<T>::Uint)of[0].word[w];
    } else {
      bits[w] = (typename Of<T>::Uint)((of[0].word[w] & std::uint64_t{0xFFFFFFFF}) | (of[vectors - 1].word[w] << 32));
    }
  }
}

// y = x * scale where the element's bits reach the threshold, else zero; with `add`, added to y. Rows count from
// stream.first_row.
template <class T>
static void dropout(index_t rows, index_t n, const DropoutStream& stream, T scale, Panels<const T> x, bool add,
                    Panels<T> y) {
  using Uint = typename Of<T>::Uint;
  using Int = typename Of<T>::Int;
  const Int threshold = Int{} + static_cast<decltype(Int{}[0] + 0)>(stream.threshold);
  const V<T> factor = splat(scale);
  for (index_t j = 0; j < n_panels<T>(n) * kPanel<T>; j += Of<T>::kLanes) {
    const T* from = x.data + x.place(j);
    T* to = y.data + y.place(j);
    for (index_t i = 0; i < rows;) {
      const index_t row = stream.first_row + i;
      Uint bits[4];
      dropout_bits<T>(stream, j, row / 8, bits);
      const index_t end = i + 8 - row % 8 < rows ? i + 8 - row % 8 : rows;
      for (index_t r = row % 8; i < end; ++i, ++r) {
        const Int drawn = (Int)((bits[r / 2] >> static_cast<int>(r % 2 * 16)) & 0xFFFF);
        const V<T> kept = drawn >= threshold ? load(from + i * kPanel<T>) * factor : splat(T(0));
        store(to + i * kPanel<T>, add ? load(to + i * kPanel<T>) + kept : kept);
      }
    }
  }
}
