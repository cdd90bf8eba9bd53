// The matrix product, cut in pieces of k that keep one panel of B in the first-level cache.
#pragma once

#include <algorithm>

#include "kernels/kernels.h"

namespace chainrule {

// 256 x 64 bytes = 16 KiB of B, half of a 32 KiB cache. The sums go on from C, so the cut does not change a bit.
inline constexpr index_t kDepth = 256;

template <class T>
void multiply(Product<T> p) {
  for (index_t left = p.k; left > 0; left -= kDepth) {
    p.k = std::min(left, kDepth);
    kernels<T>().multiply(p);
    p.a += kDepth * p.a_k;
    p.b += kDepth * p.b_k;
    p.start = nullptr;
  }
}

// One panel of zeros: the `start` of a product without a bias.
template <class T>
inline constexpr T kZeroPanel alignas(64)[kPanel<T>] = {};

}  // namespace chainrule
