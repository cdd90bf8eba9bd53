// All kernels of one instruction set. Compiled once per set with its flags and CHAINRULE_ISA = baseline, avx2, avx512
// or neon; exports one symbol, and everything else has internal linkage: an inline function shared with other objects
// could be taken from this one by the linker and run on a CPU that lacks its instructions (a test reads the symbols).

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels/constants.h"
#include "kernels/kernels.h"

#define CHAINRULE_PASTE_(a, b) a##b
#define CHAINRULE_PASTE(a, b) CHAINRULE_PASTE_(a, b)
#define CHAINRULE_STRING_(a) #a
#define CHAINRULE_STRING(a) CHAINRULE_STRING_(a)

namespace chainrule {

namespace {

namespace CHAINRULE_ISA {

// clang-format off: each file uses those before it
#include "kernels/vec.inl.h"
#include "kernels/math.inl.h"
#include "kernels/normal.inl.h"
#include "kernels/rows.inl.h"
#include "kernels/softmax.inl.h"
#include "kernels/smooth_units.inl.h"
#include "kernels/activations.inl.h"
#include "kernels/losses.inl.h"
#include "kernels/cross_entropy.inl.h"
#include "kernels/focal.inl.h"
#include "kernels/margins.inl.h"
#include "kernels/adjust.inl.h"
#include "kernels/updates.inl.h"
#include "kernels/normalize.inl.h"
#include "kernels/philox.inl.h"
#include "kernels/dropout.inl.h"
#include "kernels/narrow.inl.h"
#include "kernels/shallow.inl.h"
#include "kernels/multiply.inl.h"
#include "kernels/sparse.inl.h"
#include "kernels/column.inl.h"
// clang-format on

template <class T, V<T> (*F)(V<T>)>
void map(index_t n, const T* x, T* out) {
  for (index_t i = 0; i < n; i += Of<T>::kLanes) store(out + i, F(load(x + i)));
}

#define CHAINRULE_ACTIVATE(name, ...) activate<name, T>,
#define CHAINRULE_ACTIVATION_GRADIENT(name, ...) activation_gradient<name, T>,
#define CHAINRULE_LOSS(name, ...) name::template canonical<T>,
#define CHAINRULE_LOSS_OF_ACTIVATION(name, ...) name::template of_activation<T>,
#define CHAINRULE_UPDATE(name, text, states, fade) update<name, states, fade, T>,

template <class T>
constexpr Kernels<T> table() {
  return {multiply<T>,
          multiply_sparse<T>,
          multiply_column<T>,
          multiply_sparse_column<T>,
          {CHAINRULE_ACTIVATIONS(CHAINRULE_ACTIVATE)},
          {CHAINRULE_ACTIVATIONS(CHAINRULE_ACTIVATION_GRADIENT)},
          {CHAINRULE_LOSSES(CHAINRULE_LOSS)},
          {CHAINRULE_LOSSES(CHAINRULE_LOSS_OF_ACTIVATION)},
          {CHAINRULE_OPTIMIZERS(CHAINRULE_UPDATE)},
          average<T>,
          adjust<T>,
          sum_of_squares<T>,
          column_sums<T>,
          transpose_panel<T>,
          moments<T>,
          join_moments<T>,
          inverse_deviation<T>,
          normalize_columns<T>,
          gradient_moments<T>,
          normalize_columns_gradient<T>,
          normalize_rows<T>,
          normalize_rows_gradient<T>,
          add_normal_sums<T>,
          random_bits,
          dropout<T>,
          add_rows<T>,
          gather<T, float>,
          gather<T, double>,
          map<T, log<T>>,
          map<T, log1p<T>>,
          fma_peak<T>};
}

constexpr KernelTables tables = {CHAINRULE_STRING(CHAINRULE_ISA), table<float>(), table<double>()};

}  // namespace CHAINRULE_ISA

}  // namespace

extern const KernelTables* CHAINRULE_PASTE(kernel_tables_, CHAINRULE_ISA)();
const KernelTables* CHAINRULE_PASTE(kernel_tables_, CHAINRULE_ISA)() { return &CHAINRULE_ISA::tables; }

}  // namespace chainrule
