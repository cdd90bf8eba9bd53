// Activations, of one number; those with a slope take it second. See chainrule.Activation for their formulas.

static real NAME_relu(real z) {
  return z < 0 ? 0 : z;
}

static real NAME_leaky_relu(real z, real slope) {
  return z < 0 ? slope * z : z;
}

// z, or slope (e^z - 1) below 0.
static real NAME_elu(real z, real slope) {
  return z > 0 ? z : slope * NAME_expm1(NAME_clip(z, -NAME_VANISHES, 0));
}

// lambda elu(z) with a slope of alpha (Klambauer et al. 2017).
static real NAME_selu(real z) {
  return z > 0 ? (real)1.0507009873554805 * z : NAME_elu(z, (real)1.7580993408473768);
}

// z / 6 + 1/2 within [0, 1]
static real NAME_hard_sigmoid(real z) {
  return NAME_clip(z + 3, 0, 6) / 6;
}

// z within [-1, 1]
static real NAME_hard_tanh(real z) {
  return NAME_clip(z, -1, 1);
}

// a * a - square exactly, square being a * a rounded; without fma in halves whose products are exact (Dekker 1971).
static real NAME_error_of_square(real a, real square) {
#ifdef NAME_NO_FMA
  const real high = NAME_of_bits(NAME_bits(a) & NAME_UPPER_HALF), low = a - high;
  return ((high * high - square) + (high + high) * low) + low * low;
#else
  return libm_fma(a, a, -square);
#endif
}

// P(Z < z), Z normal: of P(Z > u) = e^(-u^2 / 2) p(t) / (1 + u), t = (u - 4) / (u + 4), u = |z|. The rounding of u^2
// would show in e^(-u^2 / 2): it comes back as a factor 1 - error / 2.
static real NAME_normal_below(real z) {
  const real size = -NAME_minus_size(z), u = size > NAME_NORMAL_HIGH ? NAME_NORMAL_HIGH : size;
  const real square = u * u, half_error = (real)0.5 * NAME_error_of_square(u, square);
  const real e = NAME_exp((real)-0.5 * square), bell = NAME_fma(-e, half_error, e);
  const real tail = bell * NAME_normal_tail((u - 4) / (u + 4)) / (1 + u);
  return z < 0 ? tail : 1 - tail;
}

// z P(Z < z), Z normal (Hendrycks & Gimpel 2016).
static real NAME_gelu(real z) {
  return (z < -NAME_NORMAL_HIGH ? -NAME_NORMAL_HIGH : z) * NAME_normal_below(z);
}

// z sigmoid(z)
static real NAME_silu(real z) {
  return (z < NAME_EXP_LOW ? NAME_EXP_LOW : z) * NAME_sigmoid(z);
}

// log(1 + e^z) = max(z, 0) + log1p(e^-|z|)
static real NAME_softplus(real z) {
  return (z < 0 ? 0 : z) + NAME_log1p(NAME_exp(NAME_minus_size(z)));
}

// z t, t = tanh(softplus(z)) = n / (n + 2) with n = e (e + 2), e = e^z (Misra 2019).
static real NAME_mish(real z) {
  const real e = NAME_exp(z > NAME_VANISHES ? NAME_VANISHES : z), n = e * (e + 2);
  return (z < NAME_EXP_LOW ? NAME_EXP_LOW : z) * (n / (n + 2));
}
