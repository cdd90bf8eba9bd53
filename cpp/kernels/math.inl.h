// exp, expm1, log, log1p, tanh and sigmoid on vectors, from IEEE operations and fma only: the same bits on every
// instruction set with fma. Maximal errors stand above each function and are tested (tests/test_accuracy.py).

// x within [low, high]; NaN stays NaN.
template <class T>
static inline V<T> clip(V<T> x, T low, T high) {
  x = x < splat(low) ? splat(low) : x;
  return x > splat(high) ? splat(high) : x;
}

// -|x|
template <class T>
static inline V<T> minus_size(V<T> x) {
  using Int = typename Of<T>::Int;
  return (V<T>)((Int)x | (Int)splat(T(-0.0)));
}

// x = n ln 2 + r, |r| <= ln 2 / 2. Of NaN n is whatever its bits make: unsigned, so that it may wrap.
template <class T>
struct Reduced {
  typename Of<T>::Uint n;
  V<T> r;
};
template <class T>
static inline Reduced<T> reduce(V<T> x) {
  using M = Math<T>;
  using Uint = typename Of<T>::Uint;
  const V<T> shifted = fma(x, splat(T(kLog2E)), splat(M::kRound));
  const V<T> n = shifted - splat(M::kRound);
  V<T> r = fma(n, splat(-M::kLn2Hi), x);
  r = fma(n, splat(-M::kLn2Lo), r);
  return {(Uint)shifted - (Uint)splat(M::kRound), r};
}

// 2^n for n in the exponent's normal range.
template <class T>
static inline V<T> power_of_two(typename Of<T>::Uint n) {
  return (V<T>)((n + Of<T>::kExponentBias) << Of<T>::kMantissaBits);
}

// (e^r - 1) / r on |r| <= ln 2 / 2: Taylor's series in Horner's form; the first term left out is below 0.1 ULP.
template <class T>
static inline V<T> expm1_over_r(V<T> r) {
  constexpr int terms = Math<T>::kExpTerms;
  T factorial = 1;
  for (int k = 2; k <= terms; ++k) factorial *= T(k);
  V<T> p = splat(T(1) / factorial);
#pragma GCC unroll 16
  for (int k = terms - 1; k >= 1; --k) {
    factorial /= T(k + 1);
    p = fma(p, r, splat(T(1) / factorial));
  }
  return p;
}

// 1 ULP for normal results; denormal results are rounded twice. NaN stays NaN.
template <class T>
static inline V<T> exp(V<T> x) {
  using M = Math<T>;
  const Reduced<T> a = reduce<T>(clip<T>(x, M::kExpLow, M::kExpHigh));
  const V<T> p = fma(expm1_over_r<T>(a.r), a.r, splat(T(1)));
  // 2^n in two factors, so that n may leave the normal range. The shift is logical, hence the offset.
  const typename Of<T>::Uint half = ((a.n + 4096) >> 1) - 2048;
  return p * power_of_two<T>(half) * power_of_two<T>(a.n - half);
}

// e^x - 1 for |x| <= kVanishes: 2^n (e^r - 1) + (2^n - 1).
template <class T>
static inline V<T> expm1(V<T> x) {
  const Reduced<T> a = reduce<T>(x);
  const V<T> scale = power_of_two<T>(a.n);
  return fma(scale, expm1_over_r<T>(a.r) * a.r, scale - splat(T(1)));
}

// 3.3 ULP; exact symmetry. tanh(x) = e / (e + 2) with e = e^(2|x|) - 1.
template <class T>
static inline V<T> tanh(V<T> x) {
  using Int = typename Of<T>::Int;
  const Int sign = (Int)x & (Int)splat(T(-0.0));
  V<T> twice = (V<T>)((Int)x ^ sign);
  twice += twice;
  twice = twice > splat(Math<T>::kVanishes) ? splat(Math<T>::kVanishes) : twice;
  const V<T> e = expm1<T>(twice);
  return (V<T>)((Int)(e / (e + splat(T(2)))) ^ sign);
}

// 2.5 ULP. sigmoid(x) = 1 / (1 + e) or e / (1 + e) with e = e^-|x|, which never overflows.
template <class T>
static inline V<T> sigmoid(V<T> x) {
  const V<T> e = exp<T>(minus_size<T>(x));
  const V<T> numerator = x < splat(T(0)) ? e : splat(T(1));
  return numerator / (splat(T(1)) + e);
}

// log(1 + f) + n ln 2 for 1 + f in [sqrt(1/2), sqrt(2)], from 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ..), s = f / (2 + f).
template <class T>
static inline V<T> log_of(V<T> f, V<T> n) {
  constexpr int terms = Math<T>::kLogTerms;
  const V<T> s = f / (f + splat(T(2)));
  const V<T> z = s * s;
  V<T> p = splat(T(2) / T(2 * terms - 1));
#pragma GCC unroll 16
  for (int k = terms - 1; k >= 2; --k) p = fma(p, z, splat(T(2) / T(2 * k - 1)));
  // 2 s = f - s f, so the series is f - s (f - z p): the leading term is exact.
  const V<T> tail = fma(n, splat(Math<T>::kLn2Lo), -(s * fma(-z, p, f)));
  return fma(n, splat(Math<T>::kLn2Hi), f + tail);
}

// 1 ULP for positive normal x. 0 gives -infinity, negative x and NaN give NaN, infinity stays.
template <class T>
static inline V<T> log(V<T> x) {
  using Int = typename Of<T>::Int;
  using Uint = typename Of<T>::Uint;
  constexpr int bits = Of<T>::kMantissaBits;
  const Uint root_half = (Uint)splat(T(0.70710678118654752));
  // The exponent field, counted from sqrt(1/2); adding the bits of 1 (the bias) keeps it positive for the shift.
  const Int n = (Int)(((Uint)x - root_half + (Uint)splat(T(1))) >> bits) - Of<T>::kExponentBias;
  const V<T> m = (V<T>)((Int)x - (n << bits));
  const Int n_in_low_bits = (Int)splat(Math<T>::kRound) + n;
  V<T> y = log_of<T>(m - splat(T(1)), (V<T>)n_in_low_bits - splat(Math<T>::kRound));
  y = x == splat(T(0)) ? splat(-T(__builtin_inf())) : y;
  y = x == splat(T(__builtin_inf())) ? x : y;
  return x >= splat(T(0)) ? y : splat(T(__builtin_nan("")));
}

// 1.6 ULP for x in [0, 1]; NaN stays NaN.
template <class T>
static inline V<T> log1p(V<T> x) {
  const auto above = x > splat(T(kRoot2Less1));  // then log1p(x) = log((1 + x) / 2) + ln 2
  const V<T> f = above ? fma(x, splat(T(0.5)), splat(T(-0.5))) : x;
  return log_of<T>(f, above ? splat(T(1)) : splat(T(0)));
}
