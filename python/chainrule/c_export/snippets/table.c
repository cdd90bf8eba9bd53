// From columns of a table to what a network reads. Numbers are double, whatever the network's type.

// NAN if a number is missing or so large that it counts as missing.
static double NAME_number(double value) {
  return fabs(value) <= NAME_LARGEST ? value : NAN;
}

// 1 if it is missing, else 0.
static real NAME_missing(double value) {
  return value == value ? 0 : 1;
}

// (value - mean) / deviation within limits; what is missing counts as the median.
static real NAME_scaled(double value, double median, double mean, double deviation) {
  const double scaled = ((value == value ? value : median) - mean) / deviation;
  const double low = scaled < -NAME_MOST_DEVIATIONS ? -NAME_MOST_DEVIATIONS : scaled;
  return (real)(low > NAME_MOST_DEVIATIONS ? NAME_MOST_DEVIATIONS : low);
}

// z_j is 1 for the code j of n categories, else 0; with `others`, z_n is 1 for any code but those.
static void NAME_one_hot(double code, size_t n, int others, real *z) {
  int found = 0;
  for (size_t j = 0; j < n; ++j) {
    const int is_it = code == (double)j;
    z[j] = (real)is_it;
    found |= is_it;
  }
  if (others) z[n] = (real)!found;
}

// The phase, in radians, of a time in days in a period of so many.
static double NAME_phase(double days, double period) {
  const double rest = fmod(days, period);
  return NAME_TURN * (rest < 0 ? rest + period : rest) / period;
}
