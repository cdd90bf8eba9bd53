// The vector type of this instruction set: the compiler's vector extension, plus the few operations it cannot spell.
// The only file with intrinsics. Included inside the namespace of one instruction set (isa.cpp).

#if defined(__AVX512F__)
#define CHAINRULE_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define CHAINRULE_VECTOR_BYTES 32
#else
#define CHAINRULE_VECTOR_BYTES 16
#endif

typedef float vfloat __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
typedef double vdouble __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
typedef std::int32_t vint32 __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
typedef std::int64_t vint64 __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
typedef std::uint32_t vuint32 __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
typedef std::uint64_t vuint64 __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));

// What a scalar type goes with: its vector, the integer vectors of the same width, and its format.
template <class T>
struct Of;
template <>
struct Of<float> {
  typedef vfloat V;
  typedef vint32 Int;
  typedef vuint32 Uint;
  static constexpr int kLanes = CHAINRULE_VECTOR_BYTES / 4;
  static constexpr int kMantissaBits = 23, kExponentBias = 127;
};
template <>
struct Of<double> {
  typedef vdouble V;
  typedef vint64 Int;
  typedef vuint64 Uint;
  static constexpr int kLanes = CHAINRULE_VECTOR_BYTES / 8;
  static constexpr int kMantissaBits = 52, kExponentBias = 1023;
};
template <class T>
using V = typename Of<T>::V;

// Vectors in one panel (a cache line).
inline constexpr int kPerPanel = 64 / CHAINRULE_VECTOR_BYTES;

template <class T>
static inline V<T> load(const T* p) {
  V<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
static inline void store(T* p, V<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// fma(a, b, c) = a * b + c, rounded once (twice on the baseline, which has its own bits). multiply_wide(a, b) is the
// product of the lower halves of each lane.
#if defined(__AVX512F__)
static inline vfloat fma(vfloat a, vfloat b, vfloat c) { return _mm512_fmadd_ps(a, b, c); }
static inline vdouble fma(vdouble a, vdouble b, vdouble c) { return _mm512_fmadd_pd(a, b, c); }
static inline vfloat sqrt(vfloat a) { return _mm512_maskz_sqrt_ps(-1, a); }
static inline vdouble sqrt(vdouble a) { return _mm512_maskz_sqrt_pd(-1, a); }
static inline vfloat splat(float a) { return _mm512_set1_ps(a); }
static inline vdouble splat(double a) { return _mm512_set1_pd(a); }
// 1 / sqrt(a) to 14 bits, 0 of 0. And, in every lane in which a is not 0: whether a >= least, but not infinite or NaN
// (or negative); whether above > 0 > below.
static inline __mmask16 are_not_zero(vfloat a) { return _mm512_test_epi32_mask((__m512i)a, (__m512i)a); }
static inline __mmask8 are_not_zero(vdouble a) { return _mm512_cmp_pd_mask(a, __m512d{}, _CMP_NEQ_UQ); }
static inline vfloat rough_reciprocal_root(vfloat a) { return _mm512_maskz_rsqrt14_ps(are_not_zero(a), a); }
static inline vdouble rough_reciprocal_root(vdouble a) { return _mm512_maskz_rsqrt14_pd(are_not_zero(a), a); }
static inline bool is_zero_or_from(float least, vfloat a) {
  const vuint32 first = (vuint32)splat(least), end = (vuint32)splat(__builtin_inff());
  const __m512i place = (__m512i)((vuint32)a - first), places = (__m512i)(end - first);
  return _mm512_mask_cmpge_epu32_mask(are_not_zero(a), place, places) == 0;
}
static inline bool enclose_zero(vdouble above, vdouble below, vdouble a) {
  const __mmask8 above_it = _mm512_mask_cmp_pd_mask(are_not_zero(a), above, __m512d{}, _CMP_GT_OQ);
  return _mm512_mask_cmp_pd_mask(above_it, below, __m512d{}, _CMP_LT_OQ) == are_not_zero(a);
}
static inline vuint64 multiply_wide(vuint64 a, vuint64 b) { return (vuint64)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
static inline vfloat fma(vfloat a, vfloat b, vfloat c) { return _mm256_fmadd_ps(a, b, c); }
static inline vdouble fma(vdouble a, vdouble b, vdouble c) { return _mm256_fmadd_pd(a, b, c); }
static inline vfloat sqrt(vfloat a) { return _mm256_sqrt_ps(a); }
static inline vdouble sqrt(vdouble a) { return _mm256_sqrt_pd(a); }
static inline vfloat splat(float a) { return _mm256_set1_ps(a); }
static inline vdouble splat(double a) { return _mm256_set1_pd(a); }
static inline vuint64 multiply_wide(vuint64 a, vuint64 b) { return (vuint64)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
#elif defined(__aarch64__)
static inline vfloat fma(vfloat a, vfloat b, vfloat c) {
  return (vfloat)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
static inline vdouble fma(vdouble a, vdouble b, vdouble c) {
  return (vdouble)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
static inline vfloat sqrt(vfloat a) { return (vfloat)vsqrtq_f32((float32x4_t)a); }
static inline vdouble sqrt(vdouble a) { return (vdouble)vsqrtq_f64((float64x2_t)a); }
static inline vfloat splat(float a) { return (vfloat)vdupq_n_f32(a); }
static inline vdouble splat(double a) { return (vdouble)vdupq_n_f64(a); }
static inline vuint64 multiply_wide(vuint64 a, vuint64 b) {
  return (vuint64)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
}
#else
static inline vfloat fma(vfloat a, vfloat b, vfloat c) { return a * b + c; }
static inline vdouble fma(vdouble a, vdouble b, vdouble c) { return a * b + c; }
static inline vfloat splat(float a) { return vfloat{a, a, a, a}; }
static inline vdouble splat(double a) { return vdouble{a, a}; }
static inline vuint64 multiply_wide(vuint64 a, vuint64 b) {
  return (a & std::uint64_t{0xFFFFFFFF}) * (b & std::uint64_t{0xFFFFFFFF});
}
static inline vfloat sqrt(vfloat a) {
  return vfloat{__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}
static inline vdouble sqrt(vdouble a) { return vdouble{__builtin_sqrt(a[0]), __builtin_sqrt(a[1])}; }
#endif

// a * a - s exactly, s being a * a rounded.
template <class T>
static inline V<T> error_of_square(V<T> a, V<T> s) {
#if defined(__AVX2__) || defined(__aarch64__)
  return fma(a, a, -s);
#else
  // In halves whose products are exact (Dekker 1971).
  const typename Of<T>::Int upper_half = ~typename Of<T>::Int{} << ((Of<T>::kMantissaBits + 2) / 2);
  const V<T> high = (V<T>)((typename Of<T>::Int)a & upper_half), low = a - high;
  return ((high * high - s) + (high + high) * low) + low * low;
#endif
}

// All bits set in the lanes whose element, `first` for lane 0, is below n.
template <class T>
static inline typename Of<T>::Int below(index_t first, index_t n) {
  typename Of<T>::Int lane = {};
  for (int l = 0; l < Of<T>::kLanes; ++l) lane[l] = l;
  const index_t limit = n - first < Of<T>::kLanes ? n - first : Of<T>::kLanes;
  return lane < (typename Of<T>::Int{} + static_cast<decltype(lane[0] + 0)>(limit));
}

// The columns of a row of n elements in a matrix in panels, a vector at a time: f(at, inside), where `inside` has all
// bits set in the lanes below n.
struct Column {
  index_t place;  // of lane 0, from the start of the row
  index_t index;  // of lane 0
  int part;       // which vector of its panel
};
template <class T>
struct Columns {
  using Mask = typename Of<T>::Int;
  index_t panels_before, panel;  // the last one may be filled in part
  Mask tail[kPerPanel];

  Columns(index_t n, index_t panel_stride) : panels_before((n - 1) / kPanel<T>), panel(panel_stride) {
    for (int v = 0; v < kPerPanel; ++v) tail[v] = below<T>(panels_before * kPanel<T> + v * Of<T>::kLanes, n);
  }
  template <class F>
  void each(F f) const {
    for (index_t p = 0; p < panels_before; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < kPerPanel; ++v) f(column(p, v), ~Mask{});
    }
#pragma GCC unroll 4
    for (int v = 0; v < kPerPanel; ++v) f(column(panels_before, v), tail[v]);
  }
  Column column(index_t p, int v) const {
    return {p * panel + v * Of<T>::kLanes, p * kPanel<T> + v * Of<T>::kLanes, v};
  }
};

// A row in kPanel interleaved parts, joined by a fixed tree (halves onto halves): the same bits for every vector width.
template <class T, class Join>
static inline T join_panel(const V<T>* part, Join join) {
  typedef T Quarter __attribute__((vector_size(16)));  // of a panel
  Quarter q[4];
  __builtin_memcpy(q, part, sizeof q);
  const Quarter all = join(join(q[0], q[2]), join(q[1], q[3]));
  if constexpr (sizeof(T) == 4) {
    return join(join(all[0], all[2]), join(all[1], all[3]));
  } else {
    return join(all[0], all[1]);
  }
}

template <class T>
struct PanelSum {
  V<T> part[kPerPanel] = {};

  T total() const {
    return join_panel<T>(part, [](auto a, auto b) { return a + b; });
  }
};
