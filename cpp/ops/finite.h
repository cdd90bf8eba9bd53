// Whether numbers are finite.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "base/views.h"

namespace chainrule {

// Whether every |value| <= limit, which is false for NaN.
template <class T>
bool are_within(const T* values, index_t n, T limit) {
  using Flag = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;  // as wide as T, so that it vectorizes
  Flag outside = 0;
  for (index_t i = 0; i < n; ++i) outside |= std::fabs(values[i]) <= limit ? 0 : 1;
  return outside == 0;
}

template <class T>
bool are_finite(const T* values, index_t n) {
  return are_within(values, n, std::numeric_limits<T>::max());
}

}  // namespace chainrule
