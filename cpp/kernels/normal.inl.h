// The standard normal distribution: P(Z < z) and the density at z.

template <class T>
struct NormalTail;
template <>
struct NormalTail<float> {
  static constexpr auto& kPolynomial = kNormalTail32;
};
template <>
struct NormalTail<double> {
  static constexpr auto& kPolynomial = kNormalTail64;
};

template <class T>
struct Normal {
  V<T> bell;  // e^(-z^2 / 2)
  V<T> tail;  // P(Z > |z|)

  explicit Normal(V<T> z) {
    const V<T> one = splat(T(1)), high = splat(Math<T>::kNormalHigh), size = -minus_size<T>(z);
    const V<T> u = size > high ? high : size;
    // The rounding of u^2 would show in e^(-u^2 / 2): it comes back as a factor 1 - error / 2.
    const V<T> square = u * u, half_error = splat(T(0.5)) * error_of_square<T>(u, square);
    const V<T> e = exp<T>(splat(T(-0.5)) * square);
    bell = fma(-e, half_error, e);
    const V<T> t = (u - splat(T(4))) / (u + splat(T(4)));
    constexpr auto& polynomial = NormalTail<T>::kPolynomial;
    constexpr int terms = sizeof(polynomial) / sizeof(T);
    V<T> p = splat(polynomial[terms - 1]);
#pragma GCC unroll 26
    for (int k = terms - 2; k >= 0; --k) p = fma(p, t, splat(polynomial[k]));
    tail = bell * p / (one + u);
  }
  V<T> below(V<T> z) const { return z < splat(T(0)) ? tail : splat(T(1)) - tail; }  // P(Z < z)
  V<T> density() const { return splat(T(0.3989422804014327)) * bell; }
};
