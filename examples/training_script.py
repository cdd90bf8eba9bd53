"""One training script, written twice: on chainrule.ops and on chainrule.reference.

Both train 64 -> 64 relu -> 10 softmax on scikit-learn's handwritten digits with Adam, from the same
weights and in the same order of samples, so they learn the same to the last few bits; they differ
in speed and in orientation. With ops samples are rows and W is (n_in, n_out); in the reference, as
in the course, W is (n[l], n[l-1]).

    python examples/training_script.py [epochs]
"""

import sys
import time
from itertools import pairwise

import numpy as np
from sklearn.datasets import load_digits

import chainrule as cr
from chainrule import ops, reference

EPOCHS, BATCH_SIZE, SIZES = 20, 32, (64, 64, 10)


def digits(n_test=360):
    """(X, Y, X_test, Y_test): pixels from 0 to 1, class indices; an order without writers in it."""
    X, Y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(Y))
    X, Y = (X[order] / 16).astype(np.float32), Y[order]
    return X[n_test:], Y[n_test:], X[:n_test], Y[:n_test]


def first_weights():
    """W1, b1, W2, b2 for samples as rows; He et al. 2015."""
    rng = np.random.default_rng(1)
    parameters = {}
    for l, (n_in, n_out) in enumerate(pairwise(SIZES), start=1):
        W = rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out))
        parameters |= {f"W{l}": W.astype(np.float32), f"b{l}": np.zeros(n_out, np.float32)}
    return parameters


def batches(n, epochs):
    """Indices of one mini-batch after the other; the last of an epoch may be smaller."""
    rng = np.random.default_rng(2)
    for _ in range(epochs):
        order = rng.permutation(n)
        yield from (order[start : start + BATCH_SIZE] for start in range(0, n, BATCH_SIZE))


def train_with_ops(X, Y, X_test, epochs):
    P, adam, state = first_weights(), cr.Adam(learning_rate=1e-3), {}
    gradients = {name: np.zeros_like(p) for name, p in P.items()}
    dW1, db1, dW2, db2 = gradients.values()
    costs = []

    for batch in batches(len(X), epochs):
        A0 = X[batch]
        # forward
        Z1 = ops.dense_forward(A0, P["W1"], P["b1"])
        A1 = ops.activation(Z1, "relu")
        Z2 = ops.dense_forward(A1, P["W2"], P["b2"])
        # the cost, and the way back; dense_backward adds to dW and db
        cost, dZ2 = ops.loss_and_gradient(Z2, Y[batch], "cross_entropy")
        for gradient in gradients.values():
            gradient[...] = 0
        dA1 = ops.dense_backward(A1, P["W2"], dZ2, dW=dW2, db=db2)
        dZ1 = ops.activation_backward(dA1, Z1, "relu")
        ops.dense_backward(A0, P["W1"], dZ1, dW=dW1, db=db1, with_dX=False)
        # the step, in place
        ops.optimizer_step(adam, P, gradients, state)
        costs.append(cost)

    A1 = ops.dense_forward(X_test, P["W1"], P["b1"], "relu")
    A2 = ops.dense_forward(A1, P["W2"], P["b2"], "softmax")
    return A2, costs


def train_with_reference(X, Y, X_test, epochs):
    P = {name: p.T if p.ndim == 2 else p[:, None] for name, p in first_weights().items()}
    activations, state = ["relu", "softmax"], None
    costs = []

    for batch in batches(len(X), epochs):
        # forward
        A2, caches = reference.forward_propagation(X[batch], P, activations, samples="rows")
        # the cost, and the way back
        cost = reference.compute_cost(A2, Y[batch], caches, "cross_entropy", samples="rows")
        gradients = reference.backward_propagation(
            A2, Y[batch], caches, "cross_entropy", samples="rows"
        )
        # the step
        P, state = reference.update_parameters(P, gradients, 1e-3, "adam", state)
        costs.append(cost)

    return reference.predict(X_test, P, activations, samples="rows"), costs


def main(epochs=EPOCHS):
    """Trains both; returns {name: (accuracy, costs)}."""
    X, Y, X_test, Y_test = digits()
    results = {}
    for train in (train_with_ops, train_with_reference):
        start = time.perf_counter()
        probabilities, costs = train(X, Y, X_test, epochs)
        seconds = time.perf_counter() - start
        accuracy = float(np.mean(probabilities.argmax(axis=1) == Y_test))
        print(f"{train.__name__:22} test accuracy {100 * accuracy:.1f} %   {seconds:.2f} s")
        results[train.__name__] = accuracy, costs
    return results


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
