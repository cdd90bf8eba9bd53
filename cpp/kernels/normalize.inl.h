// Normalization: over the rows of a batch, column by column, or over the columns of each row.

// mean[j] = sum_i share_i x_ij / weight, squares[j] = sum_i share_i (x_ij - mean[j])^2 of a few rows whose shares add
// up to `weight`; all zero if nothing weighs.
template <class T>
static void moments(index_t rows, index_t n, Panels<const T> x, const T* share, T weight, T* mean, T* squares) {
  const V<T> inverse = splat(weight > T(0) ? T(1) / weight : T(0));
  for (index_t j = 0; j < padded<T>(n); j += Of<T>::kLanes) {
    const T* from = x.data + x.place(j);
    V<T> sum = splat(T(0)), of_squares = splat(T(0));
    for (index_t i = 0; i < rows; ++i) sum = fma(splat(share[i]), load(from + i * kPanel<T>), sum);
    const V<T> m = sum * inverse;
    for (index_t i = 0; i < rows; ++i) {
      const V<T> off = load(from + i * kPanel<T>) - m;
      of_squares = fma(splat(share[i]) * off, off, of_squares);
    }
    store(mean + j, m);
    store(squares + j, of_squares);
  }
}

// Joins those of two sets of rows (Chan, Golub & LeVeque 1979); what is joined lies in `mean` and `squares`.
template <class T>
static void join_moments(index_t n, T weight, T* mean, T* squares, T other_weight, const T* other_mean,
                         const T* other_squares) {
  if (!(other_weight > T(0))) return;
  const T part = other_weight / (weight + other_weight);
  const V<T> of_mean = splat(part), of_squares = splat(weight * part);
  for (index_t j = 0; j < n; j += Of<T>::kLanes) {
    const V<T> off = load(other_mean + j) - load(mean + j);
    store(mean + j, fma(off, of_mean, load(mean + j)));
    store(squares + j, fma(off * off, of_squares, load(squares + j) + load(other_squares + j)));
  }
}

// 1 / sqrt(variance + epsilon), n a multiple of kPanel
template <class T>
static void inverse_deviation(index_t n, const T* variance, T epsilon, T* out) {
  for (index_t j = 0; j < n; j += Of<T>::kLanes) {
    store(out + j, splat(T(1)) / sqrt(load(variance + j) + splat(epsilon)));
  }
}

// y = (x - mean) * inverse * gamma + beta
template <class T>
static void normalize_columns(index_t rows, index_t n, Panels<const T> x, const T* mean, const T* inverse,
                              const T* gamma, const T* beta, Panels<T> y) {
  for (index_t j = 0; j < padded<T>(n); j += Of<T>::kLanes) {
    const T* from = x.data + x.place(j);
    T* to = y.data + y.place(j);
    const V<T> m = load(mean + j), factor = load(inverse + j) * load(gamma + j), b = load(beta + j);
    for (index_t i = 0; i < rows * kPanel<T>; i += kPanel<T>) store(to + i, fma(load(from + i) - m, factor, b));
  }
}

// sums[j] = sum_i d_ij, products[j] = sum_i d_ij (x_ij - mean[j]) inverse[j], rows in order
template <class T>
static void gradient_moments(index_t rows, index_t n, Panels<const T> x, Panels<const T> d, const T* mean,
                             const T* inverse, T* sums, T* products) {
  for (index_t j = 0; j < padded<T>(n); j += Of<T>::kLanes) {
    const T *of_x = x.data + x.place(j), *of_d = d.data + d.place(j);
    const V<T> m = load(mean + j);
    V<T> sum = splat(T(0)), product = splat(T(0));
    for (index_t i = 0; i < rows * kPanel<T>; i += kPanel<T>) {
      const V<T> g = load(of_d + i);
      sum += g;
      product = fma(g, load(of_x + i) - m, product);
    }
    store(sums + j, sum);
    store(products + j, product * load(inverse + j));
  }
}

// dx = gamma inverse (d - share_i (sums + products (x - mean) inverse)), written or, with `add`, added
template <class T>
static void normalize_columns_gradient(index_t rows, index_t n, Panels<const T> x, Panels<const T> d, const T* share,
                                       const T* mean, const T* inverse, const T* gamma, const T* sums,
                                       const T* products, bool add, Panels<T> dx) {
  for (index_t j = 0; j < padded<T>(n); j += Of<T>::kLanes) {
    const T *of_x = x.data + x.place(j), *of_d = d.data + d.place(j);
    T* to = dx.data + dx.place(j);
    const V<T> m = load(mean + j), factor = load(inverse + j) * load(gamma + j), s = load(sums + j),
               p = load(products + j) * load(inverse + j);
    for (index_t i = 0; i < rows; ++i) {
      const V<T> mixed = fma(load(of_x + i * kPanel<T>) - m, p, s);
      const V<T> g = factor * fma(-splat(share[i]), mixed, load(of_d + i * kPanel<T>));
      store(to + i * kPanel<T>, add ? load(to + i * kPanel<T>) + g : g);
    }
  }
}

// Each row by its own mean and deviation: y = (x - mean) * inverse * gamma + beta. `mean` is rounded, and what it is
// too small by is the mean of the differences from it (Chan, Golub & LeVeque 1983): without that, two units of which
// one is near the other would keep few digits. mean, 1 / deviation and this rest go to columns 0, 1 and 2 of `notes`.
template <class T>
static void normalize_rows(index_t rows, index_t n, Panels<const T> x, T epsilon, const T* gamma, const T* beta,
                           Panels<T> y, T* notes) {
  const Columns<T> columns(n, x.panel);
  const index_t to_y = y.panel - x.panel;
  for (index_t i = 0; i < rows; ++i) {
    const T* from = x.data + i * kPanel<T>;
    PanelSum<T> sum, differences, squares;
    columns.each([&](Column at, auto inside) { sum.part[at.part] += inside ? load(from + at.place) : splat(T(0)); });
    const T mean = sum.total() / static_cast<T>(n);
    columns.each([&](Column at, auto inside) {
      differences.part[at.part] += inside ? load(from + at.place) - splat(mean) : splat(T(0));
    });
    const T rest = differences.total() / static_cast<T>(n);
    columns.each([&](Column at, auto inside) {
      const V<T> off = inside ? load(from + at.place) - splat(mean) - splat(rest) : splat(T(0));
      squares.part[at.part] = fma(off, off, squares.part[at.part]);
    });
    T inverse[Of<T>::kLanes];
    store(inverse, splat(T(1)) / sqrt(splat(squares.total() / static_cast<T>(n)) + splat(epsilon)));
    T* to = y.data + i * kPanel<T>;
    columns.each([&](Column at, auto) {
      const V<T> normal = (load(from + at.place) - splat(mean) - splat(rest)) * splat(inverse[0]);
      const index_t place = at.place + at.index / kPanel<T> * to_y;
      store(to + place, fma(normal, load(gamma + at.index), load(beta + at.index)));
    });
    if (notes) notes[i * kPanel<T>] = mean, notes[i * kPanel<T> + 1] = inverse[0], notes[i * kPanel<T> + 2] = rest;
  }
}

// With h = d * gamma and normal = (x - mean) inverse: dx = inverse (h - mean of h - normal * mean of (h * normal)).
template <class T>
static void normalize_rows_gradient(index_t rows, index_t n, Panels<const T> x, Panels<const T> d, const T* notes,
                                    const T* gamma, bool add, Panels<T> dx) {
  for (index_t i = 0; i < rows; ++i) {
    const T *of_x = x.data + i * kPanel<T>, *of_d = d.data + i * kPanel<T>;
    T* to = dx.data + i * kPanel<T>;
    const V<T> mean = splat(notes[i * kPanel<T>]), inverse = splat(notes[i * kPanel<T> + 1]),
               rest = splat(notes[i * kPanel<T> + 2]);
    PanelSum<T> sum, product;
    for (index_t j = 0; j < padded<T>(n); j += Of<T>::kLanes) {  // d and gamma are zero in the padding
      const int part = static_cast<int>(j % kPanel<T> / Of<T>::kLanes);
      const V<T> h = load(of_d + d.place(j)) * load(gamma + j);
      sum.part[part] += h;
      product.part[part] = fma(h, (load(of_x + x.place(j)) - mean - rest) * inverse, product.part[part]);
    }
    const V<T> s = splat(sum.total() / static_cast<T>(n)), p = splat(product.total() / static_cast<T>(n));
    const Columns<T> columns(n, 0);
    columns.each([&](Column at, auto inside) {
      const index_t j = at.index;
      const V<T> normal = (load(of_x + x.place(j)) - mean - rest) * inverse;
      const V<T> h = load(of_d + d.place(j)) * load(gamma + j);
      const V<T> g = inside ? inverse * fma(-normal, p, h - s) : splat(T(0));
      T* out = to + dx.place(j);
      store(out, add ? load(out) + g : g);
    });
  }
}

// sums[j] += sum_i d_ij (x_ij - mean_i) inverse_i, rows in order
template <class T>
static void add_normal_sums(index_t rows, index_t n, Panels<const T> x, Panels<const T> d, const T* notes, T* sums) {
  for (index_t j = 0; j < padded<T>(n); j += Of<T>::kLanes) {
    const T *of_x = x.data + x.place(j), *of_d = d.data + d.place(j);
    V<T> sum = load(sums + j);
    for (index_t i = 0; i < rows; ++i) {
      const T* note = notes + i * kPanel<T>;
      const V<T> normal = (load(of_x + i * kPanel<T>) - splat(note[0]) - splat(note[2])) * splat(note[1]);
      sum = fma(load(of_d + i * kPanel<T>), normal, sum);
    }
    store(sums + j, sum);
  }
}
