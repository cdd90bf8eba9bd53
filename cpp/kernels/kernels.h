// The door to the kernels: one table of function pointers per instruction set and scalar type.
//
// Every kernel is a plain loop over memory it is handed: no threads, no allocation, no exceptions. Unless a line says
// otherwise, matrices lie in panels (views.h), and a kernel may read and write the padding of the last one. The padding
// of activations is arbitrary, that of gradients in z (`dz`) is zero, and so is that of parameters and gradients.
//
// The same bits on every instruction set: vector lanes run over the outputs of a product, each sum runs in index order
// with fused multiply-add, and where a row is summed, or multiplied with one column, its sum goes in kPanel<T>
// interleaved parts joined by a fixed tree.
#pragma once

#include "base/views.h"
#include "kernels/lists.h"

namespace chainrule {

// Rows of a user's array that a thread is going to gather: x[order[0]], x[order[1]], .. Who fetches some takes them
// off.
struct RowsAhead {
  const char* x = nullptr;
  index_t row_bytes = 0, bytes = 0;  // from row to row; of what is read of each
  const std::int64_t* order = nullptr;
  index_t left = 0;
};

// Runs of memory that are needed soon. What does not fit into the list is fetched when it is used.
// Cache lines that another core has read are claimed, too, by a store that changes nothing: the core that is going to
// write them would wait for each, and no prefetch takes a line away from a core that has it. So nobody else may use
// them meanwhile.
struct Ahead {
  struct Run {
    const char *begin, *end;
    bool claimed;
  };
  static constexpr int kCapacity = 15;  // a unit of float32; of float64 the last of 22 go without, which costs nothing
  Run runs[kCapacity + 1];              // ended by one that begins at null; what follows it is not written
  int count = 0;
  RowsAhead* rows;  // fetched after the runs; or null

  [[gnu::always_inline]] explicit Ahead(RowsAhead* rows_after = nullptr) : rows(rows_after) { runs[0].begin = nullptr; }
  [[gnu::always_inline]] void add(const void* data, index_t bytes, bool claimed = false) {
    if (count == kCapacity) return;
    const char* begin = static_cast<const char*>(data);
    runs[count++] = {begin, begin + bytes, claimed};
    runs[count].begin = nullptr;
  }
};

// C[i, j] = start + sum over l in order of A[i, l] * B[l, j],   i < m, l < k, j < columns.
// With start == nullptr the sums go on from C; otherwise they start from start[j] (a bias, or zero). C is written in
// whole panels; its padding is zero if that of B and of `start` is, else anything. Complete sums become relu(C), if
// `rectified`, or C relu'(active), neither with a transposed A. So each element is written once (predictions of
// 20-64-64-2 take 3 % less, steps 2 %).
template <class T>
struct Product {
  index_t m, k, columns;
  Panels<const T> a;  // (m, k); or, if transposed, (k, m), whose transpose is A
  bool transposed;
  Panels<const T> b;
  Panels<T> c;
  const T* start;       // element j of panel p at start[p * start_panel + j]; or nullptr
  index_t start_panel;  // kPanel, or 0 when all panels start alike
  bool rectified = false;
  index_t active = 0;            // from an element of C to the output of relu there; or 0
  const Ahead* ahead = nullptr;  // fetched meanwhile
};

// A sparse matrix of so many rows as it is used with: row i has the elements begin[i] .. end[i] - 1, in ascending
// columns.
template <class T>
struct SparseMatrix {
  const index_t *begin, *end;
  const std::int32_t* column;
  const T* value;
};

// C as in Product, in whole panels, for a sparse A (m, k). The same bits but for signs of zeros, as long as B is
// finite: zero times infinity is not computed.
template <class T>
struct SparseProduct {
  index_t m, panels;
  SparseMatrix<T> a;
  Panels<const T> b;
  Panels<T> c;
  const T* start;
  index_t start_panel;
  bool rectified = false;
};

// The losses of `rows` rows of outputs and their gradients, in one pass.
template <class T>
struct LossRows {
  index_t rows, n;              // n outputs
  index_t panel;                // of the three matrices, (rows, n)
  const T* y;                   // outputs: z for a loss with its canonical activation, else the activation a
  const T* targets;             // or nullptr; their padding may be anything
  const std::int64_t* classes;  // (rows) class indices when targets == nullptr
  const T* scale;               // (rows) factor of each row's gradient
  T* d;  // gradient: scale * dL/dz for a canonical pair, else scale * dL/da; its padding is zero before; or nullptr
  double* loss;  // (rows) unscaled losses
  T parameter;   // the loss's number, if it has one: Huber's delta, the quantile, the smoothing of the cross-entropies'
                 // labels, the focal losses' gamma
  T parameter2;  // the binary focal loss's alpha
};

// The numbers of one optimizer step, computed once per step in double.
template <class T>
struct UpdateStep {
  T learning_rate;  // of Adam: times sqrt(1 - beta2^t) / (1 - beta1^t)
  T decay;          // w shrinks by it before the step: 1 - learning_rate * weight_decay for weights, 1 otherwise
  T momentum;       // momentum, rho or beta1; of Rprop the factor of a step that was too large
  T one_minus_momentum;
  T beta2;  // of Rprop the factor of a step that may grow
  T one_minus_beta2;
  T epsilon;        // of Adam: times sqrt(1 - beta2^t); of Rprop the smallest step
  T largest;        // step of Rprop
  T gradient_rate;  // of NAdam: what multiplies g, as learning_rate does m
  bool adaptive;    // of RAdam: whether the step is divided by the root of v
  bool flushes;     // whether subnormal numbers in states that fade become zero after it, where g is zero
};

// So many pieces of `size` elements (a multiple of kPanel), `stride` apart.
struct Pieces {
  index_t size, count = 1, stride = 0;
};

// The gradient of pieces of parameters: its elements; or, if these are null, that of one sample, an outer product, in
// which panel l of piece q is fma(down[place(l)], panel q of across, 0).
template <class T>
struct PiecesGradient {
  const T* elements;
  index_t stride = 0;  // from piece to piece of the elements
  Panels<const T> down = {}, across = {};
};

// What becomes of a gradient before its step: g + l2 w + l1 sign(w), cut to [-limit, limit], times scale. The penalty
// is l2 / 2 * sum w^2 + l1 * sum |w|.
template <class T>
struct Adjustment {
  T l2 = 0, l1 = 0, limit = T(__builtin_inf()), scale = 1;
};

// The random numbers that are drawn for one purpose in one step; see base/rng.h.
struct RandomStream {
  std::uint32_t key[2], step, purpose;
};

// Those of one layer of dropout.
struct DropoutStream {
  RandomStream random;
  std::uint32_t threshold;  // an element whose 16 bits are below it is dropped
  index_t first_row;        // in the batch
};

template <class T>
struct Kernels {
  void (*multiply)(const Product<T>&);
  void (*multiply_sparse)(const SparseProduct<T>&);
  // The same for one column, where b is the transpose of B, (1, k), its padding zero, and each sum goes in kPanel
  // interleaved parts, to which start[0] is added. No A is transposed, and nothing is gated or fetched ahead.
  void (*multiply_column)(const Product<T>&);
  void (*multiply_sparse_column)(const SparseProduct<T>&);

  // In place on (rows, n): z becomes a = g(z).
  void (*activate[kActivations])(index_t rows, index_t n, Panels<T> z, T slope);
  // In place: d, the gradient in a, becomes the gradient in z, d * g'(z). g' is computed from a = g(z), or from z for
  // the activations of which lists.h says so.
  void (*activation_gradient[kActivations])(index_t rows, index_t n, Panels<const T> a_or_z, Panels<T> d, T slope);

  void (*loss[kLosses])(const LossRows<T>&);                // with its canonical activation: from z
  void (*loss_of_activation[kLosses])(const LossRows<T>&);  // with any other: from a

  // One optimizer step on pieces of w with g, adjusted unless the adjustment is null; returns its penalty. The states
  // lie as w does; unused ones may be null.
  double (*update[kOptimizers])(const Pieces&, T* w, const PiecesGradient<T>& g, T* state1, T* state2,
                                const UpdateStep<T>&, const Adjustment<T>*);

  // average += share (w - average)   n a multiple of kPanel
  void (*average)(index_t n, const T* w, T* average, T share);

  // Adjusts g in place, unless it is null; returns the penalty.   n a multiple of kPanel
  double (*adjust)(index_t n, const T* w, T* g, const Adjustment<T>&);

  // The sum of g^2 in double, which no float32 overflows.   n a multiple of kPanel
  double (*sum_of_squares)(index_t n, const T* g);

  // sums[j] = sum over rows in order of x[i, j], or sums[j] += it
  void (*column_sums)(index_t rows, index_t n, Panels<const T> x, bool add, T* sums);

  // W (n_in, n_out) in panels -> its transpose in panels: out[q, n, i] = w[p, l, j] with n = p * kPanel + j,
  // l = q * kPanel + i, for the rows l in [begin, end) (begin a multiple of kPanel) of one panel p. Padding of `out` is
  // zero before and after.
  void (*transpose_panel)(index_t n_in, index_t n_out, index_t panel, index_t begin, index_t end, const T* w, T* out);

  // Batch normalization (see normalize.inl.h for the formulas); vectors are padded to whole panels.
  void (*moments)(index_t rows, index_t n, Panels<const T> x, const T* share, T weight, T* mean, T* squares);
  void (*join_moments)(index_t n, T weight, T* mean, T* squares, T other_weight, const T* other_mean,
                       const T* other_squares);
  void (*inverse_deviation)(index_t n, const T* variance, T epsilon, T* out);
  void (*normalize_columns)(index_t rows, index_t n, Panels<const T> x, const T* mean, const T* inverse, const T* gamma,
                            const T* beta, Panels<T> y);
  void (*gradient_moments)(index_t rows, index_t n, Panels<const T> x, Panels<const T> d, const T* mean,
                           const T* inverse, T* sums, T* products);
  void (*normalize_columns_gradient)(index_t rows, index_t n, Panels<const T> x, Panels<const T> d, const T* share,
                                     const T* mean, const T* inverse, const T* gamma, const T* sums, const T* products,
                                     bool add, Panels<T> dx);

  // Layer normalization. The mean of row i goes to notes[i * kPanel], after it 1 / deviation and the mean's rounding.
  void (*normalize_rows)(index_t rows, index_t n, Panels<const T> x, T epsilon, const T* gamma, const T* beta,
                         Panels<T> y, T* notes);
  void (*normalize_rows_gradient)(index_t rows, index_t n, Panels<const T> x, Panels<const T> d, const T* notes,
                                  const T* gamma, bool add, Panels<T> dx);
  void (*add_normal_sums)(index_t rows, index_t n, Panels<const T> x, Panels<const T> d, const T* notes, T* sums);

  // out[i]: 64 bits of the stream for element first + i, i < n, a multiple of kPanel<double>.
  void (*random_bits)(const RandomStream&, std::uint64_t first, index_t n, std::uint64_t* out);
  // y = x * scale, or zero where the stream drops the element; with `add`, added to y.
  void (*dropout)(index_t rows, index_t n, const DropoutStream&, T scale, Panels<const T> x, bool add, Panels<T> y);
  // y = a + b; y += a if b.data is null.
  void (*add_rows)(index_t rows, index_t n, Panels<const T> a, Panels<const T> b, Panels<T> y);

  // out[i, j] = x[order[i], j], or x[i, j] without an order: rows of a user's array, whose element (i, j) lies at
  // x + i * row_bytes + j * column_bytes. The order has `known` >= rows indices; rows that come next are fetched ahead.
  void (*gather_float)(const char* x, index_t row_bytes, index_t column_bytes, const std::int64_t* order, index_t known,
                       index_t rows, index_t n, Panels<T> out);
  void (*gather_double)(const char* x, index_t row_bytes, index_t column_bytes, const std::int64_t* order,
                        index_t known, index_t rows, index_t n, Panels<T> out);

  // Elementwise functions on n elements (a multiple of kPanel), for tests of their accuracy. The others are
  // activations.
  void (*log)(index_t n, const T* x, T* out);
  void (*log1p)(index_t n, const T* x, T* out);  // on [0, 1]

  // Runs `rounds` rounds of independent fused multiply-adds in registers; returns the number of floating-point
  // operations.
  double (*fma_peak)(index_t rounds, T* sink);
};

struct KernelTables {
  const char* isa;
  Kernels<float> float32;
  Kernels<double> float64;
};

// The table in use. Chosen at first use: the best path this CPU runs, or the one CHAINRULE_ISA names.
template <class T>
const Kernels<T>& kernels();

// For tests and benchmarks: the paths this CPU runs, best last; the one in use; and a switch, which must not be thrown
// while a network is working. Throws std::invalid_argument for a path that is unknown or that this CPU does not run.
struct IsaNames {
  const char* names[4];
  int count;
};
IsaNames available_isas();
const char* current_isa();
void use_isa(const char* name);

}  // namespace chainrule
