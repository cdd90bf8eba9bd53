// What differs between the types: float32.

#define NAME_PANEL 16  // of a cache line

#define NAME_SIGN 0x80000000u

#define NAME_UPPER_HALF 0xfffff000u  // of the mantissa, with all above it

#define NAME_EXPONENT_BIAS 127u
#define NAME_MANTISSA_BITS 23

#define NAME_LOG2_E 1.442695f
#define NAME_ROUND 12582912.0f  // 1.5 2^23

// ln 2 in two parts: the first has trailing zeros, so that n times it is exact.
#define NAME_LN2_HIGH 0.69314575f
#define NAME_LN2_LOW 1.4286068e-06f

// Beyond them e^x is 0 or infinity.
#define NAME_EXP_LOW (-104.0f)
#define NAME_EXP_HIGH 89.0f

#define NAME_VANISHES 20.0f  // x from which e^-x is nothing beside 1

#define NAME_NORMAL_HIGH 16.0f  // x from which e^(-x^2 / 2) is 0

// (e^r - 1) / r on |r| <= ln 2 / 2: Taylor's series.
static float NAME_expm1_over_r(float r) {
  float p = 1.0f / 5040;
  p = NAME_fma(p, r, 1.0f / 720);
  p = NAME_fma(p, r, 1.0f / 120);
  p = NAME_fma(p, r, 1.0f / 24);
  p = NAME_fma(p, r, 1.0f / 6);
  p = NAME_fma(p, r, 1.0f / 2);
  return NAME_fma(p, r, 1);
}

// 2 (1 / 3 + z / 5 + z^2 / 7 + ..)
static float NAME_atanh_series(float z) {
  float p = 2.0f / 9;
  p = NAME_fma(p, z, 2.0f / 7);
  p = NAME_fma(p, z, 2.0f / 5);
  return NAME_fma(p, z, 2.0f / 3);
}

// p of NAME_normal_below: Chebyshev's series on [-1, 1], cut off at 1.5e-8 of p.
static float NAME_normal_tail(float t) {
  float p = 1.25685465e-05f;
  p = NAME_fma(p, t, -5.8091235e-05f);
  p = NAME_fma(p, t, -8.455402e-05f);
  p = NAME_fma(p, t, 0.0006649887f);
  p = NAME_fma(p, t, -0.0002912675f);
  p = NAME_fma(p, t, -0.0049877143f);
  p = NAME_fma(p, t, 0.017937696f);
  p = NAME_fma(p, t, -0.032201163f);
  p = NAME_fma(p, t, 0.028600167f);
  p = NAME_fma(p, t, 0.013999914f);
  p = NAME_fma(p, t, -0.09670347f);
  return NAME_fma(p, t, 0.4720532f);
}
