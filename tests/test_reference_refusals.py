"""What the reference refuses, and that it says why, with the values."""

import numpy as np
import pytest

from chainrule import reference as ref

P = ref.initialize_parameters([4, 5, 3])
X = np.zeros((4, 7))
Y = np.zeros(7, int)
AL, CACHES = ref.forward_propagation(X, P, ["relu", "softmax"])
GRADS = ref.backward_propagation(AL, Y, CACHES, "cross_entropy")
LABELS = np.full((3, 7), 1 / 3)


def forward(X=X, P=P, activations=("relu", "softmax"), **options):
    return ref.forward_propagation(X, P, activations, **options)


def cost(AL=AL, Y=Y, loss="cross_entropy", **options):
    ref.compute_cost(AL, Y, CACHES, loss, **options)
    return ref.backward_propagation(AL, Y, CACHES, loss, **options)


def update(P=P, grads=GRADS, learning_rate=0.1, optimizer="sgd", **options):
    return ref.update_parameters(P, grads, learning_rate, optimizer, **options)


def optimize(**options):
    return ref.optimize(X, Y, P, ["relu", "softmax"], "cross_entropy", **options)


REFUSED = [
    (
        lambda: forward(np.zeros((5, 7))),
        r"X: expected shape \(4, m\), columns are samples, got \(5, 7\)",
    ),
    (
        lambda: forward(X, samples="rows"),
        r"X: expected shape \(m, 4\), rows are samples, got \(4, 7\)",
    ),
    (lambda: forward(np.zeros(4)), r"X: expected shape \(4, m\), columns are samples, got \(4,\)"),
    (
        lambda: forward(np.zeros((4, 0))),
        r"X: expected shape \(4, m\), columns are samples, got \(4, 0\)",
    ),
    (lambda: forward(samples="row"), "samples: expected one of columns, rows, got 'row'"),
    (
        lambda: forward(activations=["relu"]),
        r"activations: expected a list of 2, one per layer, got \['relu'\]",
    ),
    (
        lambda: forward(activations="relu"),
        "activations: expected a list of 2, one per layer, got 'relu'",
    ),
    (
        lambda: forward(activations=["relu", "step"]),
        "expected one of identity, .*, softmax, exp, .*, got 'step'",
    ),
    (
        lambda: forward(activations=["relu", ("tanh", 0.1)]),
        r"for leaky_relu and elu only, got \('tanh', 0.1\)",
    ),
    (lambda: forward(activations=["relu", ("leaky_relu", np.nan)]), "expected a finite slope"),
    (
        lambda: forward(activations=["relu", ("leaky_relu",)]),
        r"a pair \(name, slope\), got \('leaky_relu',\)",
    ),
    (lambda: forward(P={}), "parameters: expected the names W1, b1, got none"),
    (
        lambda: forward(P={"W1": X, "b1": X, "W2": X}),
        "expected the names W1, b1, W2, b2, got W1, b1, W2",
    ),
    (lambda: forward(P=P | {"b1": np.zeros(5)}), r"b1: expected shape \(5, 1\), got \(5,\)"),
    (
        lambda: forward(P=P | {"W2": np.zeros((3, 4))}),
        r"W2: expected shape \(n\[2\], 5\), got \(3, 4\)",
    ),
    (
        lambda: forward(P=P | {"W1": np.zeros(4)}),
        r"W1: expected shape \(n\[l\], n\[l-1\]\), got \(4,\)",
    ),
    (lambda: cost(loss="hinge"), "loss: expected one of binary_cross_entropy, .*, got 'hinge'"),
    (lambda: cost(AL=AL.T), r"AL: expected shape \(3, m\), columns are samples, got \(7, 3\)"),
    (
        lambda: cost(AL=AL[:, :6]),
        "AL: expected the output of these caches, 7 samples, got another, 6",
    ),
    (
        lambda: cost(AL=AL + 0.1),
        "AL: expected the output of these caches, 7 samples, got another, 7",
    ),
    (
        lambda: cost(Y=[0, 1, 2, 3, 0, 0, 0]),
        "Y: expected class indices, integers from 0 to 2, got values from 0 to 3",
    ),
    (
        lambda: cost(Y=[0, 1, 2, -1, 0, 0, 0]),
        "Y: expected class indices, integers from 0 to 2, got values from -1",
    ),
    (lambda: cost(Y=[0, 0.5, 0, 0, 0, 0, 0]), "Y: expected class indices, integers from 0 to 2"),
    (lambda: cost(Y=Y[:6]), "Y: expected 7 samples, as in X, got 6"),
    (
        lambda: cost(Y=np.zeros((2, 7))),
        r"Y: expected shape \(3, m\), columns are samples, got \(2, 7\)",
    ),
    (lambda: cost(Y=LABELS.T), r"Y: expected shape \(3, m\), columns are samples, got \(7, 3\)"),
    (
        lambda: cost(Y=LABELS * 2),
        "Y: expected labels that sum to 1 in each sample, got sums from 2.0 to 2.0",
    ),
    (lambda: cost(Y=LABELS - 1), "Y: expected labels from 0 to 1, got values from -0.66"),
    (lambda: cost(Y=LABELS * 4, loss="binary_cross_entropy"), "Y: expected labels from 0 to 1"),
    (lambda: cost(Y=LABELS * np.nan), "Y: expected labels from 0 to 1"),
    (
        lambda: cost(Y=Y, loss="squared_error"),
        r"Y: expected shape \(3, m\), columns are samples, got \(7,\)",
    ),
    (
        lambda: cost(Y=LABELS - 0.4, loss="poisson"),
        "Y: expected numbers >= 0, got values from -0.06",
    ),
    (
        lambda: cost(loss=("squared_error", 1.0)),
        r"loss: expected no number for squared_error, got \('squared_error', 1.0\)",
    ),
    (lambda: cost(loss=("huber", 0.0)), "loss: expected a finite delta > 0, got"),
    (lambda: cost(loss=("huber", np.inf)), "loss: expected a finite delta > 0, got"),
    (lambda: cost(loss=("quantile", 1.0)), "loss: expected a finite quantile > 0 and < 1, got"),
    (lambda: cost(loss=("quantile", np.nan)), "loss: expected a finite quantile > 0 and < 1, got"),
    (
        lambda: cost(loss=("cross_entropy", 1.0)),
        "loss: expected a finite label_smoothing >= 0 and < 1, got",
    ),
    (
        lambda: cost(loss=("cross_entropy", -0.1)),
        "loss: expected a finite label_smoothing >= 0 and < 1, got",
    ),
    (lambda: cost(loss=("huber",)), r"loss: expected a name or a pair \(name, number\), got"),
    (lambda: cost(sample_weight=np.ones(6)), r"sample_weight: expected shape \(7,\), got \(6,\)"),
    (
        lambda: cost(sample_weight=[1, 1, 1, 1, 1, 1, -1]),
        "sample_weight: expected finite numbers >= 0",
    ),
    (lambda: cost(sample_weight=np.full(7, np.nan)), "sample_weight: expected finite numbers >= 0"),
    (
        lambda: cost(sample_weight=np.zeros(7)),
        "sample_weight: expected at least one positive number",
    ),
    (
        lambda: forward(activations="ab"),
        "activations: expected a list of 2, one per layer, got 'ab'",
    ),
    (lambda: cost(l2=np.inf), "l2: expected a finite number >= 0, got inf"),
    (lambda: cost(l2=-0.1), "l2: expected a finite number >= 0, got -0.1"),
    (lambda: cost(l1=np.nan), "l1: expected a finite number >= 0, got nan"),
    (
        lambda: update(optimizer="adamax"),
        "optimizer: expected one of sgd, rmsprop, adam, adamw, nadam, radam, adagrad, lion, rprop, "
        "got 'adamax'",
    ),
    (lambda: update(beta1=0.9), "option of sgd: expected one of momentum, nesterov, got 'beta1'"),
    (lambda: update(alpha=0.9), "option of sgd: expected one of momentum, nesterov, got 'alpha'"),
    (lambda: update(momentum=1.0), "momentum: expected a number from 0 to below 1, got 1.0"),
    (lambda: update(nesterov=True), "nesterov: expected momentum > 0 with it, got 0.0"),
    (
        lambda: update(optimizer="rmsprop", rho=-0.1),
        "rho: expected a number from 0 to below 1, got -0.1",
    ),
    (
        lambda: update(optimizer="adam", beta2=1.5),
        "beta2: expected a number from 0 to below 1, got 1.5",
    ),
    (
        lambda: update(optimizer="adam", epsilon=0.0),
        "epsilon: expected a finite number > 0, got 0.0",
    ),
    (
        lambda: update(optimizer="adamw", weight_decay=-1),
        "weight_decay: expected a finite number >= 0, got -1",
    ),
    (lambda: update(learning_rate=-0.1), "learning_rate: expected a finite number >= 0, got -0.1"),
    (lambda: update(learning_rate=np.inf), "learning_rate: expected a finite number >= 0, got inf"),
    (lambda: update(grads={}), r"grads\['dW1'\]: expected shape \(5, 4\), got none"),
    (
        lambda: update(grads=GRADS | {"db2": np.zeros(3)}),
        r"grads\['db2'\]: expected shape \(3, 1\), got \(3,\)",
    ),
    (
        lambda: update(state=ref.initialize_optimizer(P, "adam")),
        "state: expected that of sgd, got one with t, m, v",
    ),
    (lambda: ref.initialize_optimizer(P, "ftrl"), "optimizer: expected one of sgd, .*, got 'ftrl'"),
    (
        lambda: update(optimizer="nadam", momentum_decay=-1),
        "momentum_decay: expected a finite number >= 0, got -1",
    ),
    (
        lambda: update(optimizer="rprop", first_step=0),
        "first_step: expected a finite number > 0, got 0",
    ),
    (
        lambda: update(optimizer="rprop", eta_minus=1.0),
        "eta_minus: expected a number from 0 to below 1, got 1.0",
    ),
    (
        lambda: optimize(batch_size=0),
        r"batch_size: expected an integer from 1 to 7 \(.*\) or None, got 0",
    ),
    (
        lambda: optimize(batch_size=8),
        r"batch_size: expected an integer from 1 to 7 \(.*\) or None, got 8",
    ),
    (lambda: optimize(epochs=-1), "epochs: expected an integer >= 0, got -1"),
    (
        lambda: optimize(sample_weight=np.zeros(7)),
        "sample_weight: expected at least one positive number",
    ),
    (lambda: optimize(beta1=0.5), "option of sgd: expected one of momentum, nesterov, got 'beta1'"),
    (
        lambda: ref.initialize_parameters([4]),
        r"layer_dims: expected at least two integers >= 1, got \[4\]",
    ),
    (
        lambda: ref.initialize_parameters([4, 0]),
        r"layer_dims: expected at least two integers >= 1, got \[4, 0\]",
    ),
    (
        lambda: ref.initialize_parameters([4, 2], method="he"),
        "method: expected one of he_normal, .*, got 'he'",
    ),
    (
        lambda: ref.initialize_parameters([4, 2], dtype="int64"),
        "dtype: expected one of float32, float64, got 'int64'",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_is_refused(call, message):
    with pytest.raises(ValueError, match=r"^\[reference\.\w+\] .*" + message):
        call()
