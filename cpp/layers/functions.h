// The core's operations on plain arrays, row-major and contiguous, for people who write their own training script.
// They run the kernels of the network on temporary panels, so they give the same bits.
#pragma once

#include "ops/losses.h"

namespace chainrule {

// out = g(x W + b).   x (rows, n_in), W (n_in, n_out), b (n_out) or null, out (rows, n_out)
template <class T>
void dense_forward(index_t rows, index_t n_in, index_t n_out, const T* x, const T* W, const T* b,
                   const ActivationSpec& activation, T* out);

// dW += x^T dz, db += sum over rows of dz, dx = dz W^T.   Any of dW, db, dx may be null.
template <class T>
void dense_backward(index_t rows, index_t n_in, index_t n_out, const T* x, const T* W, const T* dz, T* dW, T* db,
                    T* dx);

// out = g(z).   (rows, n); out may be z
template <class T>
void activation(index_t rows, index_t n, const T* z, const ActivationSpec& activation, T* out);

// out = da * g'(z), for softmax the product with its Jacobian; da == nullptr stands for ones.   out may be da
template <class T>
void activation_backward(index_t rows, index_t n, const T* z, const T* da, const ActivationSpec& activation, T* out);

// The weighted mean loss; dz = its gradient in z.   z, dz (rows, n); dense targets or classes (rows, groups); weights
// or null
template <class T>
double loss_and_gradient(index_t rows, index_t n, const T* z, const T* targets, const std::int64_t* classes,
                         const double* weights, const LossSpec& loss, const ActivationSpec& activation, T* dz);

}  // namespace chainrule
