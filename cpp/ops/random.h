// Random numbers of the library: which stream serves what, and the order of the rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/rng.h"
#include "kernels/kernels.h"

namespace chainrule {

// Streams of one purpose are told apart by a number of 24 bits.
inline RandomStream random_stream(std::uint64_t seed, Purpose purpose, std::uint32_t step, std::uint32_t number = 0) {
  return {{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
          step,
          static_cast<std::uint32_t>(purpose) | number << 8};
}

// The order of the rows in one epoch: Fisher and Yates' shuffle of 0 .. n-1, keyed by (seed, epoch).
// The draw below i + 1 is the high half of a 64 x 64 bit product (Lemire 2019) without the rejection step: the bias is
// below (i + 1) / 2^64.
inline void permutation(index_t n, std::uint64_t seed, std::uint32_t epoch, std::int64_t* order) {
  constexpr index_t kAtOnce = 256;
  const RandomStream stream = random_stream(seed, Purpose::kShuffle, epoch);
  std::uint64_t bits[kAtOnce];
  for (index_t i = 0; i < n; ++i) order[i] = i;
  for (index_t end = n; end > 0;) {
    const index_t first = (end - 1) / kAtOnce * kAtOnce;
    kernels<double>().random_bits(stream, static_cast<std::uint64_t>(first), padded<double>(end - first), bits);
    for (index_t i = end - 1; i >= std::max<index_t>(first, 1); --i) {
      const auto draw = static_cast<unsigned __int128>(bits[i - first]) * static_cast<std::uint64_t>(i + 1);
      std::swap(order[i], order[static_cast<index_t>(draw >> 64)]);
    }
    end = first;
  }
}

}  // namespace chainrule
