// Powers of the numbers of an optimizer, by additions, multiplications and divisions alone: the bits do not depend on a
// math library.
#pragma once

#include <cstdint>

namespace chainrule {

// base^n for 0 <= n <= largest, by squaring. The squares are kept, so that one power after another waits for a product
// per bit of n that is set: 5 % of a step of 30-64-1 with a batch of one.
class Powers {
 public:
  explicit Powers(double base, std::int64_t largest = INT64_MAX) {
    for (int bit = 0; largest >> bit > 0; ++bit, base *= base) squares_[bit] = base;
  }
  double operator()(std::int64_t n) const {
    double result = 1;
    for (auto bits = static_cast<std::uint64_t>(n); bits != 0; bits &= bits - 1) {
      result *= squares_[__builtin_ctzll(bits)];
    }
    return result;
  }

 private:
  double squares_[63];  // [bit]: base^(2^bit)
};

inline double integer_power(double base, std::int64_t n) { return Powers(base, n)(n); }

// 0.96^x for x >= 0: the series of e^y for y = x ln(0.96) / 2^k within 1/2 of 0, squared k times.
inline double power_of_096(double x) {
  double y = x * -0.04082199452025517;
  if (y < -1000) return 0;
  std::int64_t squarings = 1;
  for (; y < -0.5; y *= 0.5) squarings *= 2;
  double sum = 1;
  for (int k = 15; k > 0; --k) sum = 1 + sum * y / k;
  return integer_power(sum, squarings);
}

// The momentum of NAdam: mu(i) = beta1 (1 - 0.96^(i decay) / 2) in step i.
struct MomentumSchedule {
  double now, next, product;  // mu(t), mu(t + 1), mu(1) .. mu(t)
};

inline MomentumSchedule momentum_schedule(double beta1, double decay, std::int64_t t) {
  constexpr double kNegligible = 0x1p-60;  // beside 1, from which it is subtracted
  constexpr double kFaded = 0x1p-54;       // a power that leaves mu at beta1
  // Goes on where the thread's last call ended: a function of the arguments all the same.
  thread_local struct {
    double beta1 = -1, decay = -1;
    std::int64_t t = 0;
    double base = 1, power = 1, product = 1;
  } last;
  if (last.beta1 != beta1 || last.decay != decay || last.t > t) last = {beta1, decay, 0, power_of_096(decay), 1, 1};
  // At most 3000 times: of a slow decay the product is negligible by then, of a fast one the power has faded.
  for (; last.t < t && last.product > kNegligible && last.power > kFaded; ++last.t) {
    last.power *= last.base;
    last.product *= beta1 * (1 - 0.5 * last.power);
  }
  const double power = integer_power(last.base, t);
  const double product = last.product > kNegligible || last.t == t ? last.product : 0.0;
  return {beta1 * (1 - 0.5 * power), beta1 * (1 - 0.5 * (power * last.base)),
          product * integer_power(beta1, t - last.t)};
}

}  // namespace chainrule
