// exp, expm1, tanh, sigmoid and log1p, from IEEE operations and fma only, operation by operation those of
// chainrule's core. `real` is float or double, `bits_t` the unsigned integer of its size.

// a * b + c, rounded once: on its own bits with NAME_NO_FMA, which rounds twice.
static real NAME_fma(real a, real b, real c) {
#ifdef NAME_NO_FMA
  return a * b + c;
#else
  return libm_fma(a, b, c);
#endif
}

static bits_t NAME_bits(real x) {
  bits_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static real NAME_of_bits(bits_t bits) {
  real x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// x within [low, high]; NaN stays NaN.
static real NAME_clip(real x, real low, real high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

// -|x|
static real NAME_minus_size(real x) {
  return NAME_of_bits(NAME_bits(x) | NAME_SIGN);
}

// x = n ln 2 + r with |r| <= ln 2 / 2: r, and in *n the integer n, modulo 2^32 or 2^64. Adding NAME_ROUND rounds to an
// integer, which then stands in the low bits.
static real NAME_reduce(real x, bits_t *n) {
  const real shifted = NAME_fma(x, NAME_LOG2_E, NAME_ROUND), whole = shifted - NAME_ROUND;
  *n = NAME_bits(shifted) - NAME_bits(NAME_ROUND);
  return NAME_fma(whole, -NAME_LN2_LOW, NAME_fma(whole, -NAME_LN2_HIGH, x));
}

// 2^n for n in the exponent's normal range.
static real NAME_power_of_two(bits_t n) {
  return NAME_of_bits((n + NAME_EXPONENT_BIAS) << NAME_MANTISSA_BITS);
}

// e^x. 2^n comes in two factors, so that n may leave the normal range; 4096 keeps it positive for the shift.
static real NAME_exp(real x) {
  bits_t n, half;
  const real r = NAME_reduce(NAME_clip(x, NAME_EXP_LOW, NAME_EXP_HIGH), &n);
  const real p = NAME_fma(NAME_expm1_over_r(r), r, 1);
  half = ((n + 4096u) >> 1) - 2048u;
  return p * NAME_power_of_two(half) * NAME_power_of_two(n - half);
}

// e^x - 1 for |x| <= NAME_VANISHES: 2^n (e^r - 1) + (2^n - 1).
static real NAME_expm1(real x) {
  bits_t n;
  const real r = NAME_reduce(x, &n), scale = NAME_power_of_two(n);
  return NAME_fma(scale, NAME_expm1_over_r(r) * r, scale - 1);
}

// e / (e + 2) with e = e^(2|x|) - 1, and the sign of x.
static real NAME_tanh(real x) {
  const bits_t sign = NAME_bits(x) & NAME_SIGN;
  real twice = NAME_of_bits(NAME_bits(x) ^ sign), e;
  twice += twice;
  e = NAME_expm1(twice > NAME_VANISHES ? NAME_VANISHES : twice);
  return NAME_of_bits(NAME_bits(e / (e + 2)) ^ sign);
}

// 1 / (1 + e) or e / (1 + e) with e = e^-|x|.
static real NAME_sigmoid(real x) {
  const real e = NAME_exp(NAME_minus_size(x));
  return (x < 0 ? e : 1) / (1 + e);
}

// log(1 + x) for x in [0, 1]: log(1 + f) + n ln 2 from 2 atanh(s) = 2 (s + s^3 / 3 + s^5 / 5 + ..), s = f / (2 + f).
// Since 2 s = f - s f, the series is f - s (f - z p), z = s s. Above sqrt(2) - 1, f is that of (1 + x) / 2, and n is 1.
static real NAME_log1p(real x) {
  const int above = x > (real)0.41421356237309505;
  const real f = above ? NAME_fma(x, (real)0.5, (real)-0.5) : x;
  const real n = above ? 1 : 0;
  const real s = f / (f + 2), z = s * s;
  const real tail = NAME_fma(n, NAME_LN2_LOW, -(s * NAME_fma(-z, NAME_atanh_series(z), f)));
  return NAME_fma(n, NAME_LN2_HIGH, f + tail);
}
