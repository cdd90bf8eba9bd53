// What works on a whole row. Sums over one go in NAME_PANEL interleaved parts joined by a fixed tree; those of a product
// of several columns run in index order.

// The sum of NAME_PANEL parts: the upper half onto the lower one, until one is left.
static real NAME_join(real *part) {
  for (size_t half = NAME_PANEL / 2; half > 0; half /= 2) {
    for (size_t j = 0; j < half; ++j) part[j] += part[j + half];
  }
  return part[0];
}

// y = b + x W.   x (n_in), W (n_in, n_out), b, y (n_out); y is neither x nor within it
// Four terms at a time are added to all sums, which so come from memory a quarter as often.
static void NAME_dense(const real *x, size_t n_in, const real *W, const real *b, size_t n_out, real *y) {
  size_t l = 0;
  for (size_t j = 0; j < n_out; ++j) y[j] = b[j];
  for (; l < n_in % 4; ++l, W += n_out) {
    for (size_t j = 0; j < n_out; ++j) y[j] = NAME_fma(x[l], W[j], y[j]);
  }
  for (; l < n_in; l += 4, W += 4 * n_out) {
    const real x0 = x[l], x1 = x[l + 1], x2 = x[l + 2], x3 = x[l + 3];
    const real *W1 = W + n_out, *W2 = W1 + n_out, *W3 = W2 + n_out;
    for (size_t j = 0; j < n_out; ++j) {
      const real sum = NAME_fma(x1, W1[j], NAME_fma(x0, W[j], y[j]));
      y[j] = NAME_fma(x3, W3[j], NAME_fma(x2, W2[j], sum));
    }
  }
}

// y = b + x W for one column.   x, W (n); b, y (1)
static void NAME_column(const real *x, size_t n, const real *W, const real *b, real *y) {
  real part[NAME_PANEL] = {0};
  for (size_t l = 0; l < n; ++l) part[l % NAME_PANEL] = NAME_fma(x[l], W[l], part[l % NAME_PANEL]);
  y[0] = b[0] + NAME_join(part);
}

// y = (x - mean) factor + beta, factor = gamma / sqrt(variance + epsilon); y may be x.   all (n)
static void NAME_batch_norm(const real *x, size_t n, const real *mean, const real *factor, const real *beta, real *y) {
  for (size_t j = 0; j < n; ++j) y[j] = NAME_fma(x[j] - mean[j], factor[j], beta[j]);
}

// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, mean and variance those of x; y may be x. The mean of the
// differences from the rounded mean is what it is too small by.   all (n)
static void NAME_layer_norm(const real *x, size_t n, real epsilon, const real *gamma, const real *beta, real *y) {
  real part[NAME_PANEL] = {0}, differences[NAME_PANEL] = {0}, squares[NAME_PANEL] = {0}, mean, rest, inverse;
  for (size_t j = 0; j < n; ++j) part[j % NAME_PANEL] += x[j];
  mean = NAME_join(part) / (real)n;
  for (size_t j = 0; j < n; ++j) differences[j % NAME_PANEL] += x[j] - mean;
  rest = NAME_join(differences) / (real)n;
  for (size_t j = 0; j < n; ++j) {
    const real off = x[j] - mean - rest;
    squares[j % NAME_PANEL] = NAME_fma(off, off, squares[j % NAME_PANEL]);
  }
  inverse = 1 / libm_sqrt(NAME_join(squares) / (real)n + epsilon);
  for (size_t j = 0; j < n; ++j) y[j] = NAME_fma((x[j] - mean - rest) * inverse, gamma[j], beta[j]);
}

// In place: e^(z_j - max z) / sum_k e^(z_k - max z).   z (n)
static void NAME_softmax(real *z, size_t n) {
  real part[NAME_PANEL] = {0}, top = z[0], factor;
  for (size_t j = 1; j < n; ++j) top = z[j] > top ? z[j] : top;
  for (size_t j = 0; j < n; ++j) z[j] = NAME_exp(z[j] - top);
  for (size_t j = 0; j < n; ++j) part[j % NAME_PANEL] += z[j];
  factor = 1 / NAME_join(part);
  for (size_t j = 0; j < n; ++j) z[j] *= factor;
}
