// The lists from which everything else is derived: activations, losses, optimizers. Python reads them through
// `_core.activations()` and its siblings; nothing repeats them.
//
// To add one: a line here, and a struct of the same name in activations.inl.h, losses.inl.h or updates.inl.h, or where
// these say.
#pragma once

namespace chainrule {

// X(struct, name, lowest, highest value, has a slope, derivative from z). The values of those with a slope are that of
// the usual one. The derivative is told from a = g(z) where that can be done, and else from z.
#define CHAINRULE_ACTIVATIONS(X)                                             \
  X(Identity, "identity", -__builtin_inf(), __builtin_inf(), false, false)   \
  X(Sigmoid, "sigmoid", 0.0, 1.0, false, false)                              \
  X(Tanh, "tanh", -1.0, 1.0, false, false)                                   \
  X(Relu, "relu", 0.0, __builtin_inf(), false, false)                        \
  X(LeakyRelu, "leaky_relu", -__builtin_inf(), __builtin_inf(), true, false) \
  X(Softmax, "softmax", 0.0, 1.0, false, false)                              \
  X(Exp, "exp", 0.0, __builtin_inf(), false, false)                          \
  X(Elu, "elu", -1.0, __builtin_inf(), true, false)                          \
  X(Selu, "selu", -1.7580993408473768, __builtin_inf(), false, false)        \
  X(Gelu, "gelu", -0.16997120747990369, __builtin_inf(), false, true)        \
  X(Silu, "silu", -0.27846454276107379, __builtin_inf(), false, true)        \
  X(Softplus, "softplus", 0.0, __builtin_inf(), false, false)                \
  X(Mish, "mish", -0.30884341301725043, __builtin_inf(), false, true)        \
  X(HardSigmoid, "hard_sigmoid", 0.0, 1.0, false, false)                     \
  X(HardTanh, "hard_tanh", -1.0, 1.0, false, false)

// What targets a loss takes: any numbers; counts, which are not negative; labels, from 0 to 1; one class of several, as
// an index or as labels that sum to 1, or one alone, whose label is 1; one of two sides, 0 or 1, or -1 or 1.
#define CHAINRULE_TARGET_KINDS(X) X(Any) X(Counts) X(Labels) X(Classes) X(OneClass) X(Sides)

// X(struct, name, canonical activation, targets). With its canonical activation a loss is computed from z and gives the
// gradient in z.
#define CHAINRULE_LOSSES(X)                                       \
  X(BinaryCrossEntropy, "binary_cross_entropy", Sigmoid, kLabels) \
  X(CrossEntropy, "cross_entropy", Softmax, kClasses)             \
  X(SquaredError, "squared_error", Identity, kAny)                \
  X(AbsoluteError, "absolute_error", Identity, kAny)              \
  X(Huber, "huber", Identity, kAny)                               \
  X(Quantile, "quantile", Identity, kAny)                         \
  X(Poisson, "poisson", Exp, kCounts)                             \
  X(BinaryFocal, "binary_focal", Sigmoid, kLabels)                \
  X(Focal, "focal", Softmax, kClasses)                            \
  X(Hinge, "hinge", Identity, kSides)                             \
  X(MulticlassHinge, "multiclass_hinge", Identity, kOneClass)

// X(struct, name, state arrays, whether these fade, step by step, where the gradient is zero)
#define CHAINRULE_OPTIMIZERS(X)    \
  X(Sgd, "sgd", 0, false)          \
  X(Momentum, "momentum", 1, true) \
  X(Nesterov, "nesterov", 1, true) \
  X(RmsProp, "rmsprop", 1, true)   \
  X(Adam, "adam", 2, true)         \
  X(NAdam, "nadam", 2, true)       \
  X(RAdam, "radam", 2, true)       \
  X(Adagrad, "adagrad", 1, false)  \
  X(Lion, "lion", 1, true)         \
  X(Rprop, "rprop", 2, false)

#define CHAINRULE_ENUMERATOR(struct_name, ...) k##struct_name,
enum class TargetKind { CHAINRULE_TARGET_KINDS(CHAINRULE_ENUMERATOR) };
#define CHAINRULE_COUNT(...) +1
enum class Activation : int { CHAINRULE_ACTIVATIONS(CHAINRULE_ENUMERATOR) };
enum class Loss : int { CHAINRULE_LOSSES(CHAINRULE_ENUMERATOR) };
enum class Optimizer : int { CHAINRULE_OPTIMIZERS(CHAINRULE_ENUMERATOR) };
inline constexpr int kActivations = 0 CHAINRULE_ACTIVATIONS(CHAINRULE_COUNT);
inline constexpr int kLosses = 0 CHAINRULE_LOSSES(CHAINRULE_COUNT);
inline constexpr int kOptimizers = 0 CHAINRULE_OPTIMIZERS(CHAINRULE_COUNT);
#undef CHAINRULE_ENUMERATOR
#undef CHAINRULE_COUNT

}  // namespace chainrule
