// The matrix product, cut in pieces whose operands stay in a near cache.
#pragma once

#include <algorithm>

#include "kernels/kernels.h"

namespace chainrule {

// The pieces of one product: so many terms of each sum, so many rows of A. A piece of A stays in the second-level cache
// while the panels of B, which stream from there or from beyond, pass over it. A transposed one is read along whole
// panels and needs no cut before its panels outgrow that cache. The sums go on from C, so no cut changes a bit.
inline constexpr index_t kDepth = 256, kRowsAtOnce = 132, kTransposedDepth = 512;

template <class T>
void multiply(const Product<T>& whole) {
  const index_t most = whole.transposed ? kTransposedDepth : kDepth;
  const index_t rows_at_once = whole.transposed ? whole.m : kRowsAtOnce;
  // As it is: a copy would wait for the stores that have just filled `whole` (a step of 30-64-1 takes 9 % more with
  // this copy and that of a slice).
  if (whole.k <= most && whole.m <= rows_at_once) return kernels<T>().multiply(whole);
  const index_t pieces = (whole.k + most - 1) / most, depth = padded<T>((whole.k + pieces - 1) / pieces);
  Product<T> p = whole;
  p.ahead = nullptr;
  for (index_t l = 0; l < whole.k; l += depth) {
    p.k = std::min(depth, whole.k - l);
    p.b.data = whole.b.data + l * kPanel<T>;
    if (l > 0) p.start = nullptr;
    const bool is_last = l + depth >= whole.k;
    p.rectified = is_last && whole.rectified, p.active = is_last ? whole.active : 0;
    for (index_t i = 0; i < whole.m; i += rows_at_once) {
      p.m = std::min(rows_at_once, whole.m - i);
      if (is_last && i + rows_at_once >= whole.m) p.ahead = whole.ahead;
      p.a.data = whole.a.data + (whole.transposed ? l * kPanel<T> : whole.a.place(l) + i * kPanel<T>);
      p.c.data = whole.c.data + i * kPanel<T>;
      kernels<T>().multiply(p);
    }
  }
}

// One panel of zeros: the `start` of a product without a bias.
template <class T>
inline constexpr T kZeroPanel alignas(64)[kPanel<T>] = {};

}  // namespace chainrule
