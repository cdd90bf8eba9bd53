// Whether numbers are finite.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/views.h"

namespace chainrule {

// Added to an exponent of ones alone, that of infinity and NaN, its lowest bit carries into the sign's. Comparing
// doubles without AVX takes three times as long.
template <class T>
bool are_finite(const T* values, index_t n) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits lowest = Bits{1} << (std::numeric_limits<T>::digits - 1), sign = ~(~Bits{0} >> 1);
  constexpr Bits exponent = sign - lowest;
  Bits sums = 0;
  for (index_t i = 0; i < n; ++i) {
    Bits bits;
    std::memcpy(&bits, values + i, sizeof bits);
    sums |= (bits & exponent) + lowest;
  }
  return (sums & sign) == 0;
}

// Whether every |value| <= limit, which is false for NaN.
template <class T>
bool are_within(const T* values, index_t n, T limit) {
  if (limit == std::numeric_limits<T>::max()) return are_finite(values, n);
  using Flag = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;  // as wide as T, so that it vectorizes
  Flag outside = 0;
  for (index_t i = 0; i < n; ++i) outside |= std::fabs(values[i]) <= limit ? 0 : 1;
  return outside == 0;
}

}  // namespace chainrule
