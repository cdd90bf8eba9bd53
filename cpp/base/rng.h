// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A number is a function of (seed, purpose, step, element) alone, so it is the same on any thread,
// in any order, and after a resume.
#pragma once

#include <array>
#include <cstdint>

#include "base/views.h"

namespace chainrule {

// What a stream is for. Numbers are part of the bits a seed stands for: never renumber.
enum class Purpose : std::uint32_t { kShuffle = 1, kDropout = 2 };

using Philox = std::array<std::uint32_t, 4>;

inline Philox philox(Philox counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// 64 random bits for one element of one step. The element has 64 bits of the counter, the step and the purpose 32 each.
inline std::uint64_t random_bits(std::uint64_t seed, Purpose purpose, std::uint32_t step, std::uint64_t element) {
  const Philox bits = philox({static_cast<std::uint32_t>(element), static_cast<std::uint32_t>(element >> 32), step,
                              static_cast<std::uint32_t>(purpose)},
                             {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return std::uint64_t{bits[1]} << 32 | bits[0];
}

// The order of the rows in one epoch: Fisher and Yates' shuffle of 0 .. n-1, keyed by (seed, epoch).
// The draw below i + 1 is the high half of a 64 x 64 bit product (Lemire 2019) without the rejection step: the bias is
// below (i + 1) / 2^64.
inline void permutation(index_t n, std::uint64_t seed, std::uint32_t epoch, std::int64_t* order) {
  for (index_t i = 0; i < n; ++i) order[i] = i;
  for (index_t i = n - 1; i > 0; --i) {
    const std::uint64_t bits = random_bits(seed, Purpose::kShuffle, epoch, static_cast<std::uint64_t>(i));
    const auto j =
        static_cast<index_t>((static_cast<unsigned __int128>(bits) * static_cast<std::uint64_t>(i + 1)) >> 64);
    const std::int64_t kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}

}  // namespace chainrule
