/* @{about}
 */

#ifndef NAME_INPUTS
#define NAME_INPUTS @{inputs}
#define NAME_OUTPUTS @{outputs}
#define NAME_WORKSPACE @{workspace}

#include <stddef.h>
#include <stdint.h>

// What stands before the functions below; `static` where this file is included instead of linked.
#ifndef NAME_API
#define NAME_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

@{declarations}
#ifdef __cplusplus
}
#endif
#endif

#ifndef NAME_HEADER

#include <float.h>
#include <math.h>
#include <string.h>

// Every operation is rounded as it stands here: none is left out, joined with another or done in another precision.
// About the flags that follow GCC tells; Clang only about the first and the last one.
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    defined(__NO_SIGNED_ZEROS__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "compile without -ffast-math and without the parts of it that change results, as -fassociative-math"
#endif
#if @{other_precision}  // 16 is that of _Float16 alone
#error "compile for numbers in their own precision, on 32-bit x86 with -msse2 -mfpmath=sse"
#endif
typedef char NAME_needs_no_single_precision_constant[sizeof(1.0) == sizeof(double) ? 1 : -1];
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#ifdef __cplusplus
extern "C" {
#endif

// ---- Functions ----

@{functions}
// ---- Parameters: a weight matrix has a row for each input ----

@{parameters}
// ---- Prediction ----

@{definitions}
#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#else
#pragma STDC FP_CONTRACT DEFAULT
#endif

#ifdef NAME_MAIN // a program that predicts a row, and tells whether chainrule gave the same
#include <stdio.h>

int main(void) {
  static const input_t x[NAME_INPUTS] = {
@{example}  };
  static const output_t expected[NAME_OUTPUTS] = {
@{expected}  };
  static real workspace[NAME_WORKSPACE];
  output_t out[NAME_OUTPUTS];
  int differing = 0;
  NAME_predict_in(x, out, workspace);
  for (size_t j = 0; j < NAME_OUTPUTS; ++j) {
    printf("%.@{digits}g\n", (double)out[j]);
    if (memcmp(&out[j], &expected[j], sizeof out[j]) != 0 && expected[j] == expected[j]) ++differing;
  }
  printf("%d of %d outputs differ from those of chainrule\n", differing, NAME_OUTPUTS);
  return differing != 0;
}
#endif

#endif
