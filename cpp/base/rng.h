// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A number is a function of (seed, purpose, step, element) alone, so it is the same on any thread,
// in any order, and after a resume.
#pragma once

#include <array>
#include <cstdint>

namespace chainrule {

// What a stream is for. Numbers are part of the bits a seed stands for: never renumber.
enum class Purpose : std::uint32_t { kShuffle = 1, kDropout = 2 };

// One draw; kernels draw in lanes (kernels/philox.inl.h), and tests hold them against this one.
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

}  // namespace chainrule
