// Parameters: gamma, beta, running mean, running variance; the mirror is 1 / sqrt(running variance + epsilon).
//
// Rows may weigh differently; c_i is a row's share of the weight. Forward: mean = sum c_i x_i, variance =
// sum c_i (x_i - mean)^2, both joined from the moments of blocks of rows. Backward: with n_i the normalized row and d_i
// the gradient of the cost in y_i (which holds c_i already), dx_i = gamma / deviation (d_i - c_i (sum d + n_i sum d
// n)).
#include "layers/batch_norm.h"

#include <algorithm>
#include <cmath>

namespace chainrule {

namespace {
constexpr int kGamma = 0, kBeta = 1, kMean = 2, kVariance = 3, kParameters = 4;

constexpr index_t n_blocks(index_t rows) { return (rows + kBlockRows - 1) / kBlockRows; }
}  // namespace

// What `Slice::sums` holds: of the whole batch, then of each block.
template <class T>
struct BatchNorm<T>::Sums {
  index_t size;
  T *mean, *variance, *inverse, *of_d, *of_products;  // of_d: sum d; of_products: sum d n
  T* blocks;

  Sums(T* sums, index_t padded_columns) : size(padded_columns) {
    T** const fields[] = {&mean, &variance, &inverse, &of_d, &of_products, &blocks};
    for (T** field : fields) *field = sums, sums += size;
  }
  static index_t total(index_t columns, index_t rows) {
    return 5 * columns + n_blocks(rows) * (kPanel<T> + 2 * columns);
  }

  // Of a block: its weight and how many of its rows weigh anything; then two vectors, the mean and the sum of squares,
  // or the two sums of gradients.
  T* weight_and_count(index_t block) const { return blocks + block * (kPanel<T> + 2 * size); }
  T* first(index_t block) const { return weight_and_count(block) + kPanel<T>; }
  T* second(index_t block) const { return first(block) + size; }
};

template <class T>
BatchNorm<T>::BatchNorm(index_t n, double momentum, double epsilon)
    : n_(n), size_(padded<T>(n)), momentum_(static_cast<T>(momentum)), epsilon_(static_cast<T>(epsilon)) {}

template <class T>
std::vector<ParameterShape> BatchNorm<T>::parameters() const {
  return {vector_shape("gamma", n_), vector_shape("beta", n_), vector_shape("running_mean", n_, false),
          vector_shape("running_variance", n_, false)};
}

template <class T>
std::vector<Unit> BatchNorm<T>::units() const {
  std::vector<Unit> units;
  for (int p = 0; p < kParameters; ++p) units.push_back(vector_unit(p, size_, size_));
  return units;
}

template <class T>
void BatchNorm<T>::forward(Weights<T> weights, const Slice<T>& s) const {
  const T *gamma = weights.parameters, *beta = gamma + kBeta * size_;
  const Sums of(s.sums, s.mode.training ? size_ : 0);
  const T* mean = s.mode.training ? of.mean : weights.parameters + kMean * size_;
  const T* inverse = s.mode.training ? of.inverse : weights.mirror;
  kernels<T>().normalize_columns(s.rows, n_, s.x, mean, inverse, gamma, beta, s.y);
}

template <class T>
void BatchNorm<T>::backward(Weights<T> weights, const Slice<T>& s) const {
  if (s.dx.data == nullptr) return;
  const Sums of(s.sums, size_);
  kernels<T>().normalize_columns_gradient(s.rows, n_, s.x, s.d, s.share, of.mean, of.inverse, weights.parameters,
                                          of.of_d, of.of_products, s.adds, s.dx);
}

template <class T>
void BatchNorm<T>::gradient(const Unit& unit, const Slice<T>& s, UnitGradient<T> g, bool add, const Ahead*) const {
  const Sums of(s.sums, size_);
  const T* sums = unit.parameter == kGamma ? of.of_products : of.of_d;
  for (index_t j = 0; j < size_; ++j) g.data[j] = add ? g.data[j] + sums[j] : sums[j];
}

template <class T>
void BatchNorm<T>::refresh(const Unit& unit, const T* parameters, T* mirror) const {
  if (unit.parameter != kVariance) return;
  kernels<T>().inverse_deviation(size_, parameters + kVariance * size_, epsilon_, mirror);
}

template <class T>
index_t BatchNorm<T>::sums_size(index_t rows) const {
  return Sums::total(size_, rows);
}

template <class T>
void BatchNorm<T>::collect(const Slice<T>& s) const {
  const Sums of(s.sums, size_);
  for (index_t i = 0; i < s.rows; i += kBlockRows) {
    const index_t block = (s.first + i) / kBlockRows, rows = std::min(kBlockRows, s.rows - i);
    T weight = 0, count = 0;
    for (index_t r = i; r < i + rows; ++r) weight += s.share[r], count += s.share[r] > T(0) ? T(1) : T(0);
    of.weight_and_count(block)[0] = weight, of.weight_and_count(block)[1] = count;
    kernels<T>().moments(rows, n_, s.x.from(i), s.share + i, weight, of.first(block), of.second(block));
  }
}

template <class T>
void BatchNorm<T>::join(const Slice<T>& s, index_t begin_panel, index_t end_panel) const {
  const Sums of(s.sums, size_);
  const index_t from = begin_panel * kPanel<T>, n = (end_panel - begin_panel) * kPanel<T>;
  std::fill_n(of.mean + from, n, T(0));
  std::fill_n(of.variance + from, n, T(0));
  T weight = 0;
  for (index_t b = 0; b < n_blocks(s.rows); ++b) {
    const T more = of.weight_and_count(b)[0];
    kernels<T>().join_moments(n, weight, of.mean + from, of.variance + from, more, of.first(b) + from,
                              of.second(b) + from);
    weight += more;
  }
  if (weight > T(0)) {
    for (index_t j = from; j < from + n; ++j) of.variance[j] /= weight;
  }
  kernels<T>().inverse_deviation(n, of.variance + from, epsilon_, of.inverse + from);
}

template <class T>
void BatchNorm<T>::collect_gradient(const Slice<T>& s) const {
  const Sums of(s.sums, size_);
  for (index_t i = 0; i < s.rows; i += kBlockRows) {
    const index_t block = (s.first + i) / kBlockRows;
    kernels<T>().gradient_moments(std::min(kBlockRows, s.rows - i), n_, s.x.from(i), s.d.from(i), of.mean, of.inverse,
                                  of.first(block), of.second(block));
  }
}

template <class T>
void BatchNorm<T>::join_gradient(const Slice<T>& s, index_t begin_panel, index_t end_panel) const {
  const Sums of(s.sums, size_);
  for (index_t j = begin_panel * kPanel<T>; j < end_panel * kPanel<T>; ++j) {
    T sum = 0, product = 0;
    for (index_t b = 0; b < n_blocks(s.rows); ++b) sum += of.first(b)[j], product += of.second(b)[j];
    of.of_d[j] = sum, of.of_products[j] = product;
  }
}

// The running variance is that of the population as the batch lets one estimate it: m / (m - 1) times the batch's own.
template <class T>
void BatchNorm<T>::track(const Unit& unit, const Slice<T>& s, T* parameters) const {
  const Sums of(s.sums, size_);
  T count = 0;
  for (index_t b = 0; b < n_blocks(s.rows); ++b) count += of.weight_and_count(b)[1];
  if (count < T(2)) return;
  const T* batch = unit.parameter == kMean ? of.mean : of.variance;
  const T factor = unit.parameter == kMean ? T(1) : count / (count - T(1));
  T* running = parameters + unit.offset;
  for (index_t j = 0; j < n_; ++j) {
    const T next = momentum_ * running[j] + (T(1) - momentum_) * (factor * batch[j]);
    if (std::isfinite(next)) running[j] = next;
  }
}

template class BatchNorm<float>;
template class BatchNorm<double>;

}  // namespace chainrule
