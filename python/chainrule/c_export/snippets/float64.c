// What differs between the types: float64.

#define NAME_PANEL 8  // of a cache line

#define NAME_SIGN 0x8000000000000000u

#define NAME_UPPER_HALF 0xfffffffff8000000u  // of the mantissa, with all above it

#define NAME_EXPONENT_BIAS 1023u
#define NAME_MANTISSA_BITS 52

#define NAME_LOG2_E 1.4426950408889634
#define NAME_ROUND 6755399441055744.0  // 1.5 2^52

// ln 2 in two parts: the first has trailing zeros, so that n times it is exact.
#define NAME_LN2_HIGH 0.6931471805598903
#define NAME_LN2_LOW 5.497923018708371e-14

// Beyond them e^x is 0 or infinity.
#define NAME_EXP_LOW (-746.0)
#define NAME_EXP_HIGH 710.0

#define NAME_VANISHES 42.0  // x from which e^-x is nothing beside 1

#define NAME_NORMAL_HIGH 40.0  // x from which e^(-x^2 / 2) is 0

// (e^r - 1) / r on |r| <= ln 2 / 2: Taylor's series.
static double NAME_expm1_over_r(double r) {
  double p = 1.0 / 6227020800;
  p = NAME_fma(p, r, 1.0 / 479001600);
  p = NAME_fma(p, r, 1.0 / 39916800);
  p = NAME_fma(p, r, 1.0 / 3628800);
  p = NAME_fma(p, r, 1.0 / 362880);
  p = NAME_fma(p, r, 1.0 / 40320);
  p = NAME_fma(p, r, 1.0 / 5040);
  p = NAME_fma(p, r, 1.0 / 720);
  p = NAME_fma(p, r, 1.0 / 120);
  p = NAME_fma(p, r, 1.0 / 24);
  p = NAME_fma(p, r, 1.0 / 6);
  p = NAME_fma(p, r, 1.0 / 2);
  return NAME_fma(p, r, 1);
}

// 2 (1 / 3 + z / 5 + z^2 / 7 + ..)
static double NAME_atanh_series(double z) {
  double p = 2.0 / 21;
  p = NAME_fma(p, z, 2.0 / 19);
  p = NAME_fma(p, z, 2.0 / 17);
  p = NAME_fma(p, z, 2.0 / 15);
  p = NAME_fma(p, z, 2.0 / 13);
  p = NAME_fma(p, z, 2.0 / 11);
  p = NAME_fma(p, z, 2.0 / 9);
  p = NAME_fma(p, z, 2.0 / 7);
  p = NAME_fma(p, z, 2.0 / 5);
  return NAME_fma(p, z, 2.0 / 3);
}

// p of NAME_normal_below: Chebyshev's series on [-1, 1], cut off at 4e-17 of p.
static double NAME_normal_tail(double t) {
  double p = 1.968773941157256e-10;
  p = NAME_fma(p, t, 1.7873545221852657e-10);
  p = NAME_fma(p, t, -1.9068104342795306e-09);
  p = NAME_fma(p, t, -2.6180348731255444e-09);
  p = NAME_fma(p, t, 8.858538843412724e-09);
  p = NAME_fma(p, t, 2.0257667136861587e-08);
  p = NAME_fma(p, t, -2.3315488161994288e-08);
  p = NAME_fma(p, t, -1.1446850712758079e-07);
  p = NAME_fma(p, t, 4.242344418455244e-09);
  p = NAME_fma(p, t, 5.548340462207789e-07);
  p = NAME_fma(p, t, 4.029912427574402e-07);
  p = NAME_fma(p, t, -2.6144101706596152e-06);
  p = NAME_fma(p, t, -3.4316562688625695e-06);
  p = NAME_fma(p, t, 1.3627395285352675e-05);
  p = NAME_fma(p, t, 2.1249915729449347e-05);
  p = NAME_fma(p, t, -8.785330394797745e-05);
  p = NAME_fma(p, t, -9.443023204456728e-05);
  p = NAME_fma(p, t, 0.0006948971219073166);
  p = NAME_fma(p, t, -0.0002856231002340135);
  p = NAME_fma(p, t, -0.005002378592511494);
  p = NAME_fma(p, t, 0.017936097479808313);
  p = NAME_fma(p, t, -0.03219783742802203);
  p = NAME_fma(p, t, 0.02860036405354698);
  p = NAME_fma(p, t, 0.013999634724424333);
  p = NAME_fma(p, t, -0.09670347732652577);
  return NAME_fma(p, t, 0.47205320650984467);
}
