"""The core computes what the NumPy reference computes: costs, every gradient, predictions."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import _core, reference

from .helpers import (
    HIDDEN,
    LOSSES,
    OUTPUTS,
    WITH_FMA,
    build,
    fewest_outputs,
    reference_pass,
    relative_difference,
    targets,
    term_sizes,
)

# A cross-entropy of outputs that are no probabilities is tested too; only the Trainer warns of it.

layer_sizes = st.one_of(st.integers(1, 9), st.sampled_from([15, 16, 17, 31, 33, 64, 100]))
hidden_layers = st.lists(
    st.tuples(layer_sizes, st.sampled_from(HIDDEN), st.sampled_from([0.0, 0.01, 0.3])), max_size=3
)


@st.composite
def problems(draw):
    """A network, samples, a loss and its options."""
    n_inputs, m = draw(layer_sizes), draw(st.one_of(st.integers(1, 20), st.sampled_from([97, 150])))
    loss, output = draw(st.sampled_from(LOSSES)), draw(st.sampled_from(OUTPUTS))
    n = max(draw(layer_sizes), fewest_outputs(loss))
    layers = [*draw(hidden_layers), (n, output, 0.1)]
    seed = draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(m, n_inputs))
    Y = targets(rng, loss, m, n, draw(st.sampled_from(["dense", "classes"])))
    options = {
        "sample_weight": draw(st.sampled_from([None, rng.random(m) + 0.01])),
        "l2": draw(st.sampled_from([0.0, 0.1])),
        "l1": draw(st.sampled_from([0.0, 0.01])),
    }
    return n_inputs, layers, seed, X, Y, loss, options


def error_of_logarithm(A, loss, output):
    """How far 1e-12 must be widened where a loss divides by outputs, or 1 - outputs, that are close
    to 0: their own error is relative to what they were summed from."""
    if not loss.name.endswith(("cross_entropy", "focal", "poisson")):
        return 1
    if output == _core.losses()[loss.name]:
        return 1
    ends = A if loss.name == "poisson" else np.minimum(A, 1 - A)
    return max(1, 1e-3 / np.min(ends[ends > 0], initial=1))


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(problems())
def test_cost_gradients_and_prediction_agree_in_float64(isa, problem):
    n_inputs, layers, seed, X, Y, loss, options = problem
    net = build(n_inputs, layers, "float64", seed)
    cost, gradients, AL, caches = reference_pass(net, X, Y, loss, **options)
    sizes = term_sizes(caches, Y, loss, **options)
    bound = 1e-12 * error_of_logarithm(AL, loss, layers[-1][1])

    assert net.backward(X, Y, loss, **options) == pytest.approx(cost, rel=1e-12, abs=1e-12)
    assert net.cost(X, Y, loss, **options) == pytest.approx(cost, rel=1e-12, abs=1e-12)
    assert relative_difference(net.predict(X), AL) < 1e-12
    for name, expected in gradients.items():
        assert relative_difference(net.gradients[name], expected, sizes[name]) < bound, name


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("rows", [1023, 1024, 1025, 3000])
def test_large_batches_go_through_in_chunks(rows, loss, rng):
    """Rows of the second chunk must find their own targets and weights."""
    net = build(7, [(20, "tanh", 0), (3, _core.losses()[loss.name], 0)], "float64")
    X = rng.normal(size=(rows, 7))
    options = {"sample_weight": rng.random(rows), "l2": 0.1}
    for form in ("dense", "classes"):
        Y = targets(rng, loss, rows, 3, form)
        cost, gradients, *_ = reference_pass(net, X, Y, loss, **options)
        assert net.backward(X, Y, loss, **options) == pytest.approx(cost, rel=1e-12)
        assert net.cost(X, Y, loss, **options) == pytest.approx(cost, rel=1e-12)
        for name, expected in gradients.items():
            assert relative_difference(net.gradients[name], expected) < 1e-12, name


def test_backward_sees_parameters_assigned_after_an_earlier_backward(rng):
    net = build(6, [(33, "tanh", 0), (20, "relu", 0), (3, "softmax", 0)], "float64")
    X, Y = rng.normal(size=(9, 6)), rng.integers(0, 3, 9)
    for _ in range(3):
        _, gradients, *_ = reference_pass(net, X, Y, "cross_entropy")
        net.backward(X, Y, "cross_entropy")
        for name, expected in gradients.items():
            assert relative_difference(net.gradients[name], expected) < 1e-12, name
        for name, value in net.parameters.items():
            net.parameters[name] = value + rng.normal(0, 0.2, value.shape)


def test_accumulated_gradients_add_up(rng):
    net = build(5, [(8, "relu", 0), (3, "softmax", 0)], "float64")
    X, Y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    net.backward(X[:4], Y[:4], "cross_entropy")
    first = dict(net.gradients)
    net.backward(X[4:], Y[4:], "cross_entropy")
    second = dict(net.gradients)
    net.backward(X[:4], Y[:4], "cross_entropy")
    net.backward(X[4:], Y[4:], "cross_entropy", accumulate=True)
    for name, total in net.gradients.items():
        assert relative_difference(total, first[name] + second[name]) < 1e-14


def test_trace_holds_every_value_of_the_reference(rng):
    net = build(6, [(9, "leaky_relu", 0.2), (4, "sigmoid", 0), (3, "softmax", 0)], "float64")
    X, Y = rng.normal(size=(11, 6)), rng.integers(0, 3, 11)
    weights = rng.random(11)
    trace = net.trace(X, Y, "cross_entropy", sample_weight=weights)
    cost, _, AL, caches = reference_pass(net, X, Y, "cross_entropy", sample_weight=weights)
    grads = reference.backward_propagation(
        AL, Y, caches, "cross_entropy", sample_weight=weights, samples="rows"
    )
    assert trace.cost == pytest.approx(cost, rel=1e-13)
    np.testing.assert_array_equal(trace.A[0], X)
    for l, cache in enumerate(caches, start=1):
        assert relative_difference(trace.Z[l], cache.Z.T) < 1e-12
        assert relative_difference(trace.A[l], cache.A.T) < 1e-12
        assert relative_difference(trace.dZ[l], np.reshape(grads[f"dZ{l}"], (-1, 11)).T) < 1e-12
        assert relative_difference(trace.dW[l], grads[f"dW{l}"]) < 1e-12
        assert relative_difference(trace.db[l], grads[f"db{l}"]) < 1e-12
        assert trace.dW[l].shape == net.W[l].shape
        assert trace.db[l].shape == net.b[l].shape


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_canonical_pairs_stay_finite_at_extreme_outputs(loss, dtype, isa):
    output = _core.losses()[loss]
    net = cr.Network([cr.Dense(3, output)], 1, dtype)
    net.parameters["1.weight"] = np.array([[1.0, 0.0, -1.0]])
    for size in (1e2, 1e4, 1e30):
        X = np.array([[size], [-size]])
        Y = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
        assert np.isfinite(net.backward(X, Y, loss))
        assert all(np.isfinite(g).all() for g in net.gradients.values())
        assert np.isfinite(net.predict(X)).all()


# ---- NaN as an output of relu --------------------------------------------------------------------


@pytest.fixture
def deaf(own_functions):
    """An activation that passes everything on but NaN, so that no more than relu's outputs are."""
    cr.register_activation(
        "deaf", lambda z: np.where(np.isnan(z), 0, z).astype(z.dtype), lambda z: np.ones_like(z)
    )


def with_overflow(dtype, units, n_outputs, rows, rng):
    """A network and samples of which every seventh overflows in the first layer.

    Of the relu that follows a third of the outputs is NaN then, infinity times 0, and a third
    infinite.
    """
    layers = [(4, "relu", 0), (units, "relu", 0), (n_outputs, "deaf", 0)]
    net, X = build(9, layers, dtype), rng.normal(size=(rows, 9))
    X[:, 0] = 2 * (np.arange(rows) % 7 == 0)
    first, second = net.parameters["1.weight"], net.parameters["2.weight"]
    first[:, 0] = 0
    first[0, 0] = np.finfo(dtype).max
    second[0] = np.resize([0, 1, -1], units)
    net.parameters["1.weight"], net.parameters["2.weight"] = first, second
    return net, X, rng.normal(size=(rows, n_outputs))


@pytest.mark.usefixtures("deaf")
@pytest.mark.parametrize("n_outputs", [5, 40])  # fewer terms than a narrow product has, and more
@pytest.mark.parametrize("units", [3, 8, 16, 33, 150])
def test_relu_passes_no_gradient_where_it_gives_nan(units, n_outputs, isa, rng):
    net, X, Y = with_overflow("float64", units, n_outputs, 50, rng)
    with np.errstate(over="ignore", invalid="ignore"):
        _, gradients, A, caches = reference_pass(net, X, Y, "squared_error")
    assert np.isnan(caches[1].A[::3, ::7]).all()
    cost = np.sum((A - Y) ** 2) / 2 / len(Y)
    assert net.backward(X, Y, "squared_error") == pytest.approx(cost, rel=1e-12)
    assert np.isfinite(gradients["1.weight"]).all()
    for name, expected in gradients.items():
        found, finite = net.gradients[name], np.isfinite(expected)
        np.testing.assert_array_equal(found[~finite], expected[~finite], err_msg=name)
        assert relative_difference(found[finite], expected[finite]) < 1e-12, name
    assert (net.trace(X, Y, "squared_error").dZ[2][::7, ::3] == 0).all()


@pytest.mark.usefixtures("deaf", "threads")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [3, 150])
def test_nan_of_relu_gives_the_same_bits_everywhere(units, dtype, rng):
    net, X, Y = with_overflow(dtype, units, 40, 3000, rng)
    before, alike = _core.isa(), set()
    for isa in WITH_FMA or [before]:
        _core.use_isa(isa)
        for n in (1, 2, 3):
            cr.set_num_threads(n)
            cost = net.backward(X, Y, "squared_error")
            alike.add((cost, *(g.tobytes() for g in net.gradients.values())))
    _core.use_isa(before)
    assert np.isfinite(net.gradients["1.weight"]).all()
    assert np.isnan(net.gradients["3.weight"][::3]).all()
    assert len(alike) == 1
