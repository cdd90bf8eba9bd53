// The core's functions against the C library in a wider type, in units in the last place, and its products against
// plain loops of fused multiply-adds, bit for bit: on every path with fused multiply-add that this CPU runs.
//
//     accuracy tests/golden/accuracy.txt
//
// Prints the largest error of each function. Start at check_function(). The exit status is 1 where a bound or a bit is
// not kept.

#include <algorithm>
#include <cmath>
#include <iostream>

#include "layers/functions.h"
#include "table.h"

namespace {

using namespace chainrule;

int failures = 0;

void expect(bool holds, const std::string& what) {
  if (holds) return;
  std::cout << "wrong: " << what << std::endl;
  ++failures;
}

// ---- Functions ------------------------------------------------------------------------------------------------------

template <class T>
struct Wider;
template <>
struct Wider<float> {
  using Real = double;
  using Bits = std::uint32_t;
};
template <>
struct Wider<double> {
  using Real = long double;
  using Bits = std::uint64_t;
};

// P(Z < x), Z standard normal: erfc(y) / 2, y = -x / sqrt(2), and what the rounding of y makes of it.
template <class Real>
Real normal_below(Real x) {
  const Real root = std::sqrt(Real(2)), rest = std::fma(-root, root, Real(2)) / (2 * root), y = -x / root;
  const Real error = (std::fma(-y, root, -x) - y * rest) / root;
  return std::erfc(y) / 2 - error * std::exp(-y * y) / std::sqrt(4 * std::atan(Real(1)));
}

template <class Real>
Real softplus(Real x) {
  return std::fmax(x, Real(0)) + std::log1p(std::exp(-std::fabs(x)));
}

template <class Real>
constexpr Real kScale = Real(1.0507009873554804934193349852946L);
template <class Real>
constexpr Real kSlope = Real(1.6732632423543772848170429916717L);

template <class Real>
struct Function {
  const char* name;
  Real (*exact)(Real);
};
template <class Real>
const Function<Real> functions[] = {
    {"exp", [](Real x) { return std::exp(x); }},
    {"log", [](Real x) { return std::log(x); }},
    {"log1p", [](Real x) { return std::log1p(x); }},
    {"tanh", [](Real x) { return std::tanh(x); }},
    {"sigmoid", [](Real x) { return 1 / (1 + std::exp(-x)); }},
    {"elu", [](Real x) { return x > 0 ? x : std::expm1(x); }},
    {"selu", [](Real x) { return kScale<Real> * (x > 0 ? x : kSlope<Real> * std::expm1(x)); }},
    {"gelu", [](Real x) { return x * normal_below(x); }},
    {"silu", [](Real x) { return x / (1 + std::exp(-x)); }},
    {"softplus", [](Real x) { return softplus(x); }},
    {"mish", [](Real x) { return x * std::tanh(softplus(x)); }},
    {"hard_sigmoid", [](Real x) { return std::fmin(std::fmax(x + 3, Real(0)), Real(6)) / 6; }},
};

// The kernel of that name: of a function, or of an activation, whose slope is 1.
template <class T>
void evaluate(const std::string& name, const std::vector<T>& x, std::vector<T>& y) {
  const auto n = static_cast<index_t>(x.size());
  const Kernels<T>& k = kernels<T>();
  if (name == "log") return k.log(n, x.data(), y.data());
  if (name == "log1p") return k.log1p(n, x.data(), y.data());
#define NAME(struct_name, name, ...) name,
  const char* const activations[] = {CHAINRULE_ACTIVATIONS(NAME)};
#undef NAME
  y = x;
  for (int g = 0; g < kActivations; ++g) {
    if (name == activations[g]) k.activate[g](n / kPanel<T>, kPanel<T>, {y.data(), n}, T(1));
  }
}

// Evenly spread over [low, high], and of every magnitude in it.
template <class T>
std::vector<T> arguments(double low, double high) {
  constexpr index_t kEach = 1 << 14;
  std::vector<T> x;
  for (index_t i = 0; i < kEach; ++i) x.push_back(static_cast<T>(low + (high - low) * ((number(1, i) + 1) / 2)));
  for (index_t i = 0; x.size() < 2 * kEach; ++i) {
    const auto bits = static_cast<typename Wider<T>::Bits>(random_bits(2, i));
    T value;
    __builtin_memcpy(&value, &bits, sizeof value);
    if (std::isnormal(value) && low <= value && value <= high) x.push_back(value);
  }
  return x;
}

template <class T>
double error_in_ulp(T got, typename Wider<T>::Real exact) {
  const T size = static_cast<T>(std::fabs(exact));
  const T spacing = std::nextafter(size, static_cast<T>(INFINITY)) - size;
  return static_cast<double>(std::fabs(got - exact) / spacing);
}

template <class T>
void check_function(const std::string& name, double low, double high, double bound, const std::string& hash) {
  using Real = typename Wider<T>::Real;
  for (const Function<Real>& f : functions<Real>) {
    if (f.name != name) continue;
    const std::vector<T> x = arguments<T>(low, high);
    std::vector<T> y(x.size());
    for (const std::string& isa : isas_with_fma()) {
      use_isa(isa.c_str());
      evaluate(name, x, y);
      Digest digest;
      digest.add(y);
      expect(digest.text() == hash, name + " on " + isa + ": " + digest.text() + ", not " + hash);
    }
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, error_in_ulp(y[i], f.exact(x[i])));
    expect(worst <= bound, name + " is beyond its bound");
    std::cout << name << " float" << 8 * sizeof(T) << ": " << std::fixed << std::setprecision(2) << worst << " ULP"
              << std::endl;
    return;
  }
  throw std::runtime_error("no function " + name);
}

// ---- Products -------------------------------------------------------------------------------------------------------

// One chain of fused multiply-adds: start + sum over l in order of a[l * a_step] * b[l * b_step].
template <class T>
T chain(index_t n, T start, const T* a, index_t a_step, const T* b, index_t b_step) {
  for (index_t l = 0; l < n; ++l) start = std::fma(a[l * a_step], b[l * b_step], start);
  return start;
}

// kPanel such chains of every kPanel-th term, the upper half added to the lower one until one is left.
template <class T>
T parts(index_t n, const T* a, const T* b) {
  T part[kPanel<T>] = {};
  for (index_t l = 0; l < n; ++l) part[l % kPanel<T>] = std::fma(a[l], b[l], part[l % kPanel<T>]);
  for (index_t half = kPanel<T> / 2; half > 0; half /= 2) {
    for (index_t i = 0; i < half; ++i) part[i] += part[i + half];
  }
  return part[0];
}

template <class T>
void check_products(index_t rows, index_t n_in, index_t n_out) {
  const std::vector<T> x = numbers<T>(1, rows * n_in), W = numbers<T>(2, n_in * n_out), b = numbers<T>(3, n_out),
                       dz = numbers<T>(4, rows * n_out), dW_before = numbers<T>(5, n_in * n_out);
  std::vector<T> y(dz.size()), dW = dW_before, dx(x.size());
  dense_forward(rows, n_in, n_out, x.data(), W.data(), b.data(), {}, y.data());
  dense_backward<T>(rows, n_in, n_out, x.data(), W.data(), dz.data(), dW.data(), nullptr, dx.data());
  bool same[] = {true, true, true};
  for (index_t j = 0; j < n_out; ++j) {
    for (index_t i = 0; i < rows; ++i) {
      const T *row = &x[i * n_in], *column = &W[j];
      same[0] &=
          y[i * n_out + j] == (n_out == 1 ? b[j] + parts(n_in, row, column) : chain(n_in, b[j], row, 1, column, n_out));
    }
    for (index_t l = 0; l < n_in; ++l) {
      same[1] &= dW[l * n_out + j] == chain(rows, dW_before[l * n_out + j], &x[l], n_in, &dz[j], n_out);
    }
  }
  for (index_t i = 0; i < rows; ++i) {
    for (index_t l = 0; l < n_in; ++l) {
      same[2] &= dx[i * n_in + l] == chain(n_out, T(0), &dz[i * n_out], 1, &W[l * n_out], 1);
    }
  }
  const char* const names[] = {"x W + b", "dW + x^T dz", "dz W^T"};
  for (int i = 0; i < 3; ++i) {
    expect(same[i], std::string(names[i]) + " for " + std::to_string(rows) + " x " + std::to_string(n_in) + " x " +
                        std::to_string(n_out) + " on " + current_isa());
  }
}

// Whatever stands in the padding of A.
template <class T>
void check_column(index_t rows, index_t n) {
  const std::vector<T> w = numbers<T>(2, n), start = numbers<T>(3, kPanel<T>);
  std::vector<T> a = numbers<T>(1, padded<T>(n) * rows), b(static_cast<std::size_t>(padded<T>(n))),
                 c(static_cast<std::size_t>(rows * kPanel<T>), T(NAN));
  std::copy(w.begin(), w.end(), b.begin());
  Product<T> p{};
  p.m = rows, p.k = n, p.columns = 1;
  p.a = {a.data(), rows * kPanel<T>}, p.b = {b.data(), kPanel<T>}, p.c = {c.data(), rows * kPanel<T>};
  p.start = start.data();
  for (index_t i = 0; i < rows; ++i) {
    for (index_t l = n; l < padded<T>(n); ++l) a[p.a.place(l) + i * kPanel<T>] = T(NAN);
  }
  kernels<T>().multiply_column(p);
  bool same = true;
  for (index_t i = 0; i < rows; ++i) {
    std::vector<T> row;
    for (index_t l = 0; l < n; ++l) row.push_back(a[p.a.place(l) + i * kPanel<T>]);
    const T* const of_row = &c[i * kPanel<T>];
    same &= of_row[0] == start[0] + parts(n, row.data(), w.data());
    same &= std::all_of(of_row + 1, of_row + kPanel<T>, [](T padding) { return padding == 0; });
  }
  expect(same, "x w + b for " + std::to_string(rows) + " x " + std::to_string(n) + " on " + current_isa());
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("usage: accuracy accuracy.txt");
  for (const std::string& line : lines_of(argv[1])) {
    std::istringstream columns(line);
    std::string name, hash32, hash64;
    double low32 = 0, high32 = 0, low64 = 0, high64 = 0, bound = 0;
    columns >> name >> low32 >> high32 >> low64 >> high64 >> bound >> hash32 >> hash64;
    if (!columns) throw std::runtime_error("cannot read the line: " + line);
    check_function<float>(name, low32, high32, bound, hash32);
    check_function<double>(name, low64, high64, bound, hash64);
  }
  // Around the heights and widths of the tiles, and past the depth of one block.
  for (const std::string& isa : isas_with_fma()) {
    use_isa(isa.c_str());
    for (const index_t rows : {1, 5, 7, 15, 33}) {
      for (const index_t n_in : {1, 16, 300}) {
        for (const index_t n_out : {1, 7, 17, 48, 64, 81}) check_products<float>(rows, n_in, n_out);
        for (const index_t n_out : {1, 17, 33}) check_products<double>(rows, n_in, n_out);
      }
      for (const index_t n : {1, 7, 8, 15, 16, 17, 30, 64}) check_column<float>(rows, n), check_column<double>(rows, n);
    }
  }
  return failures > 0;
} catch (const std::exception& error) {
  std::cerr << "accuracy: " << error.what() << std::endl;
  return 2;
}
