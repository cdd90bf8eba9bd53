// The numbers in the kernels' formulas, which are written in math.inl.h, normal.inl.h and activations.inl.h. Who
// follows the formulas elsewhere, as ONNX files do, has them from here, by `_core.constants`.
#pragma once

namespace chainrule {

constexpr double kLog2E = 1.4426950408889634, kRoot2Less1 = 0.41421356237309505;

// lambda and lambda alpha of Klambauer et al. 2017.
constexpr double kSeluScale = 1.0507009873554805, kSeluScaleSlope = 1.7580993408473768;

// Of the argument reductions, with ln 2 in two parts: the first has trailing zeros, so that n * first is exact. And how
// many terms a series has.
template <class T>
struct Math;
template <>
struct Math<float> {
  static constexpr float kRound = 0x1.8p23f;  // adding it rounds to an integer, which then stands in the low bits
  static constexpr float kLn2Hi = 0x1.62e4p-1f, kLn2Lo = 0x1.7f7d1cp-20f;
  static constexpr float kExpLow = -104.0f, kExpHigh = 89.0f;  // beyond: 0 and infinity
  static constexpr int kExpTerms = 7, kLogTerms = 5;
  static constexpr float kVanishes = 20.0f;    // x from which e^-x is nothing beside 1
  static constexpr float kNormalHigh = 16.0f;  // x from which e^(-x^2 / 2) is 0
};
template <>
struct Math<double> {
  static constexpr double kRound = 0x1.8p52;
  static constexpr double kLn2Hi = 0x1.62e42fefa38p-1, kLn2Lo = 0x1.ef35793c7673p-45;
  static constexpr double kExpLow = -746.0, kExpHigh = 710.0;
  static constexpr int kExpTerms = 13, kLogTerms = 11;
  static constexpr double kVanishes = 42.0;
  static constexpr double kNormalHigh = 40.0;
};

// P(Z > u) = e^(-u^2 / 2) p(t) / (1 + u), Z normal, t = (u - 4) / (u + 4), u >= 0. The polynomials p are Chebyshev's
// series on [-1, 1], cut off at 1.5e-8 and 4e-17 of p; ascending powers.
constexpr float kNormalTail32[] = {0x1.e361eap-2f,  -0x1.8c18f0p-4f,  0x1.cabfcap-7f,   0x1.d495ccp-6f,
                                   -0x1.07cabcp-5f, 0x1.25e426p-6f,   -0x1.46dff6p-8f,  -0x1.316a86p-12f,
                                   0x1.5ca546p-11f, -0x1.62a530p-14f, -0x1.e74dfap-15f, 0x1.a5bafep-17f};
constexpr double kNormalTail64[] = {
    0x1.e361ea6fba141p-2,  -0x1.8c18f2086e34bp-4,  0x1.cabd72a60f83ep-7,   0x1.d4969f10e01adp-6,
    -0x1.07c3c2582b3fap-5, 0x1.25dd7205fe467p-6,   -0x1.47d5fc75010e9p-8,  -0x1.2b7f5dfde64f2p-12,
    0x1.6c53834d294f8p-11, -0x1.8c11b08961b0dp-14, -0x1.707bc44ead834p-14, 0x1.6483b16f0cd72p-16,
    0x1.c9426f2524a1ep-17, -0x1.cc96cfc2db46bp-19, -0x1.5ee6730f3029ep-19, 0x1.b0b563aadd2a1p-22,
    0x1.29dfcf879fee4p-21, 0x1.23881cbdfc629p-28,  -0x1.eba37460ba14ap-24, -0x1.908e99f317a74p-26,
    0x1.5c06298ad0543p-26, 0x1.3060881dfb98ap-27,  -0x1.67d1e9c212fe9p-29, -0x1.0611ed85c7789p-29,
    0x1.890b1d4ff2a34p-33, 0x1.b0f01eae4da3ep-33};

}  // namespace chainrule
