"""A training script on chainrule.ops gives the bits of Network and Trainer; out= changes none."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import Activation, ops

from .helpers import HIDDEN, LOSSES, OUTPUTS, build, fewest_outputs, targets

SIZES = [1, 7, 8, 9, 15, 16, 17, 33]
OPTIMIZERS = [
    cr.SGD(0.1),
    cr.SGD(0.1, momentum=0.9),
    cr.SGD(0.1, momentum=0.9, nesterov=True),
    cr.RMSProp(0.01),
    cr.Adam(0.01),
    cr.AdamW(0.01, weight_decay=0.1),
    cr.NAdam(0.01, weight_decay=0.1),
    cr.RAdam(0.01, beta2=0.9),
    cr.Adagrad(0.1),
    cr.Lion(0.01, weight_decay=0.1),
    cr.Rprop(0.01),
]


def script(net, X, Y, loss, weights=None):
    """(cost, gradients by name, prediction): forward and backward by hand."""
    P, g = net.parameters, [layer.activation for layer in net.layers]
    L = len(g)
    A, Z = [np.asarray(X, net.dtype)], []
    for i in range(L):
        W, b = P[f"{i + 1}.weight"], P[f"{i + 1}.bias"]
        Z.append(ops.dense_forward(A[i], W, b))
        A.append(ops.dense_forward(A[i], W, b, g[i]))
        np.testing.assert_array_equal(ops.activation(Z[i], g[i]), A[-1])
    cost, dZ = ops.loss_and_gradient(Z[-1], Y, loss, g[-1], weights)
    gradients = {name: np.zeros_like(value) for name, value in P.items()}
    for i in reversed(range(L)):
        dW, db = gradients[f"{i + 1}.weight"], gradients[f"{i + 1}.bias"]
        dA = ops.dense_backward(A[i], P[f"{i + 1}.weight"], dZ, dW=dW, db=db, with_dX=i > 0)
        if i > 0:
            dZ = ops.activation_backward(dA, Z[i - 1], g[i - 1])
    return cost, gradients, A[-1]


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(other[name], value, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_script_has_the_bits_of_the_network(output, loss, dtype, rng, isa):
    for i, m in enumerate(SIZES):
        n_in, n, n_out = SIZES[i - 2], SIZES[i - 4], max(SIZES[i - 7], fewest_outputs(loss))
        net = build(n_in, [(n, HIDDEN[i % len(HIDDEN)], 0.1), (n_out, output, 0.2)], dtype)
        X, Y = rng.normal(size=(m, n_in)), targets(rng, loss, m, n_out)
        weights = rng.random(m) if i % 2 else None
        cost, gradients, A = script(net, X, Y, loss, weights)
        assert net.backward(X, Y, loss, weights) == cost
        assert_same(net.gradients, gradients)
        np.testing.assert_array_equal(net.predict(X), A)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 5, 40, 133])
@pytest.mark.parametrize("widths", [(300, 70, 600), (64, 6, 100), (33, 257, 3), (17, 600, 68)])
def test_relu_within_a_product_is_relu_after_it(widths, rows, dtype, rng, isa):
    """Wide and narrow layers, sums in several pieces."""
    net = build(widths[0], [(n, "relu", 0) for n in widths] + [(4, "softmax", 0)], dtype)
    X, y = rng.normal(size=(rows, widths[0])), rng.integers(0, 4, rows)
    cost, gradients, A = script(net, X, y, "cross_entropy")
    assert net.backward(X, y, "cross_entropy") == cost
    assert_same(net.gradients, gradients)
    np.testing.assert_array_equal(net.predict(X), A)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 5, 40])
@pytest.mark.parametrize("n", [3, 10, 70])
def test_relu_within_a_product_keeps_nan_and_the_sign_of_zero(n, rows, dtype, rng, isa):
    X, largest = abs(rng.normal(size=(rows, 40))) + 2, np.finfo(dtype).max
    net = build(40, [(n, "relu", 0)], dtype)
    W, b = net.parameters["1.weight"], net.parameters["1.bias"]
    W[:, 0] = b[0] = -0.0
    net.parameters["1.weight"], net.parameters["1.bias"] = W, b
    A, Z = net.predict(X), ops.dense_forward(X.astype(dtype), W, b)
    np.testing.assert_array_equal(A, ops.activation(Z, "relu"))
    np.testing.assert_array_equal(np.signbit(A), np.arange(n) == np.zeros((rows, 1)))

    net = build(40, [(40, "relu", 0), (n, "relu", 0)], dtype)
    W, V = net.parameters["1.weight"], net.parameters["2.weight"]
    W[:, 0] = largest  # and infinity, times a weight of zero, is NaN
    V[0, :3] = V[0, -3:] = 1, -1, 0
    net.parameters["1.weight"], net.parameters["2.weight"] = W, V
    for A in (net.predict(X)[:, :3], net.predict(X)[:, -3:]):
        np.testing.assert_array_equal(A, np.tile(np.array([np.inf, 0, np.nan], dtype), (rows, 1)))


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_large_batches_on_threads_have_the_same_bits(n_threads, rng, threads):
    net = build(50, [(120, "relu", 0), (10, "softmax", 0)], "float32")
    X, Y = rng.normal(size=(2500, 50)), rng.integers(0, 10, 2500)
    expected = net.backward(X, Y, "cross_entropy"), dict(net.gradients), net.predict(X)
    cr.set_num_threads(n_threads)
    cost, gradients, A = script(net, X, Y, "cross_entropy")
    assert cost == expected[0]
    assert_same(gradients, expected[1])
    np.testing.assert_array_equal(A, expected[2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_optimizer_step_follows_the_trainer_bit_for_bit(optimizer, dtype, rng, isa):
    net = build(7, [(33, "tanh", 0), (9, "sigmoid", 0), (3, "softmax", 0)], dtype)
    parameters = dict(net.parameters)
    # One array of all elements, with two dimensions so that it decays like the weights in it.
    flat = np.concatenate([p.ravel() for name, p in parameters.items() if "weight" in name])[None]
    trainer = cr.Trainer(net, "cross_entropy", optimizer)
    state, flat_state = {}, {}
    for _ in range(6):
        X, Y = rng.normal(size=(10, 7)), rng.integers(0, 3, 10)
        net.backward(X, Y, "cross_entropy")
        gradients = dict(net.gradients)
        trainer.step(X, Y)
        ops.optimizer_step(optimizer, parameters, gradients, state)
        assert_same(net.parameters, parameters)
        weights = [gradients[name].ravel() for name in parameters if "weight" in name]
        ops.optimizer_step(optimizer, {"W": flat}, {"W": np.concatenate(weights)[None]}, flat_state)
        here = [p.ravel() for name, p in parameters.items() if "weight" in name]
        np.testing.assert_array_equal(flat[0], np.concatenate(here))
    assert state["steps"] == trainer.steps == 6


def step_by_root(squares, g):
    """-g / (the root of `squares` + the smallest number), as RMSProp's step; g^2 counts as 0."""
    w, state = np.zeros_like(squares), {"kind": "rmsprop", "arrays": {"w": [2 * squares]}}
    rule = cr.RMSProp(1.0, rho=0.5, epsilon=np.finfo(squares.dtype).tiny)
    ops.optimizer_step(rule, {"w": w}, {"w": g}, state)
    return w


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_optimizers_take_roots_as_numpy_rounds_them(dtype, rng, isa):
    """Of any numbers, those whose roots are nearly halfway between two others among them."""
    info = np.finfo(dtype)
    halfway = (1 - np.arange(1, 9) * info.epsneg).astype(dtype)
    exponents = np.arange(info.minexp - info.nmant + 1, info.maxexp - 2)
    scaled = [np.ldexp(m, exponents) for m in (*halfway, *rng.uniform(1, 2, 60).astype(dtype))]
    edges = np.repeat(np.array([0, info.tiny, np.inf, np.nan], dtype), 40)
    squares = np.concatenate([*scaled, edges, rng.uniform(1, 4, 100_000)]).astype(dtype)
    rng.shuffle(squares)
    g = np.full_like(squares, np.ldexp(1, (info.minexp - info.nmant) // 2 - 1))  # its square is 0
    np.testing.assert_array_equal(step_by_root(squares, g), -g / (np.sqrt(squares) + info.tiny))


def test_optimizers_take_every_float32_root_between_two_powers_of_four(isa):
    """Which is to take all but subnormal ones, on whichever vector of a turn they fall."""
    first, end = (int(np.float32(x).view(np.uint32)) for x in (1, 4))
    squares = np.arange(first, end, dtype=np.uint32).view(np.float32)
    g = np.full_like(squares, 2.0**-76)
    expected = -g / np.sqrt(squares)
    for panels in range(4):
        shift = 16 * panels
        np.testing.assert_array_equal(
            step_by_root(np.roll(squares, shift), g), np.roll(expected, shift)
        )


def test_optimizer_step_takes_a_schedule_s_rate():
    w, v = np.ones(5), np.ones(5)
    ops.optimizer_step(cr.SGD(0.5), {"w": w}, {"w": np.ones(5)}, {})
    ops.optimizer_step(cr.SGD(0.1), {"w": v}, {"w": np.ones(5)}, {}, learning_rate=0.5)
    np.testing.assert_array_equal(w, np.full(5, 0.5))
    np.testing.assert_array_equal(v, w)


def test_biases_do_not_decay_but_weights_do():
    parameters = {"W": np.ones((3, 3)), "b": np.ones(3)}
    gradients = {name: np.zeros_like(value) for name, value in parameters.items()}
    ops.optimizer_step(cr.AdamW(0.1, weight_decay=0.5), parameters, gradients, {})
    np.testing.assert_array_equal(parameters["b"], np.ones(3))
    np.testing.assert_array_equal(parameters["W"], np.full((3, 3), 0.95))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", SIZES)
def test_out_takes_the_result_with_the_same_bits(n, dtype, rng):
    draw = lambda *shape: rng.normal(size=shape).astype(dtype)  # noqa: E731
    X, W, b, Z, dA = draw(9, 5), draw(5, n), draw(n), draw(9, n), draw(9, n)
    leaky = Activation("leaky_relu", 0.3)
    calls = {
        "dense_forward": (lambda out: ops.dense_forward(X, W, b, "tanh", out=out), (9, n)),
        "activation": (lambda out: ops.activation(Z, leaky, out=out), (9, n)),
        "derivative": (lambda out: ops.activation_derivative(Z, "tanh", out=out), (9, n)),
        "backward": (lambda out: ops.activation_backward(dA, Z, "softmax", out=out), (9, n)),
        "dense_backward": (lambda out: ops.dense_backward(X, W, Z, out=out), (9, 5)),
        "loss": (lambda out: ops.loss_and_gradient(Z, dA, "squared_error", out=out)[1], (9, n)),
    }
    for name, (call, shape) in calls.items():
        out = np.full(shape, np.nan, dtype)
        assert call(out) is out, name
        np.testing.assert_array_equal(out, call(None), err_msg=name)


def test_out_may_be_an_argument(rng):
    X, W, Z, dA = (rng.normal(size=(6, 6)) for _ in range(4))
    Y = rng.integers(0, 6, 6)

    def both(call, argument):
        """The call on its own, and with its result in one of its arguments."""
        expected, in_place = call(argument, None), argument.copy()
        call(in_place, in_place)
        np.testing.assert_array_equal(in_place, expected)

    both(lambda Z, out: ops.activation(Z, "softmax", out=out), Z)
    both(lambda dA, out: ops.activation_backward(dA, Z, "softmax", out=out), dA)
    both(lambda Z, out: ops.activation_backward(dA, Z, "tanh", out=out), Z)
    both(lambda X, out: ops.dense_forward(X, W, Z[0], "tanh", out=out), X)
    both(lambda dZ, out: ops.dense_backward(X, W, dZ, out=out), Z)
    both(lambda X, out: ops.dense_backward(X, W, Z, out=out), X)
    both(lambda Z, out: ops.loss_and_gradient(Z, Y, "cross_entropy", out=out)[1], Z)


def test_dX_in_the_memory_of_X_leaves_dW_right(rng):
    X, W, dZ = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=(6, 3))
    expected, dW = np.zeros((4, 3)), np.zeros((4, 3))
    ops.dense_backward(X, W, dZ, dW=expected)
    ops.dense_backward(X, W, dZ, dW=dW, out=X)
    np.testing.assert_array_equal(dW, expected)
