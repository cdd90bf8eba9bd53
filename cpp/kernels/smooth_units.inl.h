// Activations that are smooth and close to relu. See activations.inl.h for what each of them has.
//
// At -infinity those that tend to 0 are -0: below a limit z is that limit, so that no infinity meets a 0.

// z P(Z < z), Z normal (Hendrycks & Gimpel 2016; the exact form, not that with tanh).
struct Gelu {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    const T low = -Math<T>::kNormalHigh;
    return (z < splat(low) ? splat(low) : z) * Normal<T>(z).below(z);
  }
  // P(Z < z) + z times the density
  template <class T>
  static V<T> derivative(V<T> z, V<T>) {
    const Normal<T> normal(z);
    return fma(clip<T>(z, -Math<T>::kNormalHigh, Math<T>::kNormalHigh), normal.density(), normal.below(z));
  }
};

// z s, s = sigmoid(z) (Elfwing, Uchibe & Doya 2018; also called swish).
struct Silu {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return (z < splat(Math<T>::kExpLow) ? splat(Math<T>::kExpLow) : z) * sigmoid<T>(z);
  }
  // s (1 + z (1 - s)), where neither s nor 1 - s is a difference
  template <class T>
  static V<T> derivative(V<T> z, V<T>) {
    const V<T> one = splat(T(1)), e = exp<T>(minus_size<T>(z)), larger = one / (one + e), smaller = e * larger;
    const auto negative = z < splat(T(0));
    const V<T> s = negative ? smaller : larger, rest = negative ? larger : smaller;
    return s * fma(clip<T>(z, Math<T>::kExpLow, -Math<T>::kExpLow), rest, one);
  }
};

// log(1 + e^z) = max(z, 0) + log1p(e^-|z|)
struct Softplus {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    return (z < splat(T(0)) ? splat(T(0)) : z) + log1p<T>(exp<T>(minus_size<T>(z)));
  }
  // sigmoid(z) = 1 - e^-a
  template <class T>
  static V<T> derivative(V<T> a, V<T>) {
    return -expm1<T>(clip<T>(-a, -Math<T>::kVanishes, T(0)));
  }
};

// z t, t = tanh(softplus(z)) (Misra 2019). With e = e^z and n = e (e + 2): t = n / (n + 2).
struct Mish {
  template <class T>
  static V<T> value(V<T> z, V<T>) {
    const V<T> two = splat(T(2)), e = exp<T>(z > splat(Math<T>::kVanishes) ? splat(Math<T>::kVanishes) : z);
    const V<T> n = e * (e + two);
    return (z < splat(Math<T>::kExpLow) ? splat(Math<T>::kExpLow) : z) * (n / (n + two));
  }
  // t + z (1 - t^2) sigmoid(z), and 1 - t^2 = 4 (e + 1)^2 / (n + 2)^2, sigmoid(z) = e / (e + 1)
  template <class T>
  static V<T> derivative(V<T> z, V<T>) {
    const V<T> x = clip<T>(z, Math<T>::kExpLow, Math<T>::kVanishes), e = exp<T>(x), n = e * (e + splat(T(2)));
    const V<T> inverse = splat(T(1)) / (n + splat(T(2)));
    return inverse * fma(x * inverse, splat(T(4)) * e * (e + splat(T(1))), n);
  }
};
