"""The reference's optimizers: steps worked by hand, and what they do in the long run."""

from math import sqrt

import numpy as np
import pytest

from chainrule import reference as ref


def run(optimizer, gradients, learning_rate=0.1, w=1.0, **options):
    """W1 and b1, both starting at w and given the same gradients, after each step."""
    parameters, state, path = {"W1": [[w]], "b1": [[w]]}, None, []
    for g in gradients:
        grads = {"dW1": [[g]], "db1": [[g]]}
        parameters, state = ref.update_parameters(
            parameters, grads, learning_rate, optimizer, state, **options
        )
        path.append((parameters["W1"].item(), parameters["b1"].item()))
    assert state["t"] == len(gradients)
    return np.array(path)


def adam_by_hand():
    # beta1 = 1/2, beta2 = 3/4, epsilon = 1, learning rate 0.1
    # g = 2: m = 1, v = 1, m_hat = 1 / (1/2) = 2, v_hat = 1 / (1/4) = 4
    first = 0.1 * 2 / (2 + 1)
    # g = 1: m = 1/2 + 1/2 = 1, v = 3/4 + 1/4 = 1, m_hat = 1 / (3/4), v_hat = 1 / (7/16)
    second = 0.1 * (4 / 3) / (4 / sqrt(7) + 1)
    return first, second


def nadam_by_hand():
    # m, v_hat as in Adam
    return 0.1 * (8 / 3) / (2 + 1), 0.1 * (26 / 21) / (4 / sqrt(7) + 1)


A1, A2 = adam_by_hand()
N1, N2 = nadam_by_hand()
BETAS = {"beta1": 0.5, "beta2": 0.75, "epsilon": 1.0}
# optimizer, options, gradients, W1 after each step, b1 after each step (None: as W1)
BY_HAND = [
    ("sgd", {}, [1, 2], [0.9, 0.7], None),
    # v = -0.1, then -0.05 - 0.2 = -0.25
    ("sgd", {"momentum": 0.5}, [1, 2], [0.9, 0.65], None),
    # the same v; steps -0.05 - 0.1 = -0.15 and -0.125 - 0.2 = -0.325
    ("sgd", {"momentum": 0.5, "nesterov": True}, [1, 2], [0.85, 0.525], None),
    # s = 1/4 * 4 = 1, then 3/4 + 13/4 = 4
    (
        "rmsprop",
        {"rho": 0.75, "epsilon": 1.0},
        [2, sqrt(13)],
        [0.9, 0.9 - 0.1 * sqrt(13) / 3],
        None,
    ),
    ("adam", BETAS, [2, 1], [1 - A1, 1 - A1 - A2], None),
    # the weight shrinks by 0.1 * 0.5 = 5 % before each step, the bias does not
    (
        "adamw",
        BETAS | {"weight_decay": 0.5},
        [2, 1],
        [0.95 - A1, 0.95 * (0.95 - A1) - A2],
        [1 - A1, 1 - A1 - A2],
    ),
    # momentum_decay so large that 0.96^(..) is 0: mu = 1/2 always, M = 1/2, then 1/4
    # m_hat = 1/2 1 / (3/4) + 1/2 2 / (1/2) = 8/3; then 1/2 1 / (7/8) + 1/2 1 / (3/4) = 26/21
    (
        "nadam",
        BETAS | {"weight_decay": 0.5, "momentum_decay": 1e6},
        [2, 1],
        [0.95 - N1, 0.95 * (0.95 - N1) - N2],
        [1 - N1, 1 - N1 - N2],
    ),
    # R = 7: rho = 7 - 2 < 5, then below 5 again: no step is adaptive, m_hat = 2, then 4/3
    (
        "radam",
        BETAS | {"weight_decay": 0.5},
        [2, 1],
        [0.95 - 0.2, 0.95 * (0.95 - 0.2) - 0.1 * 4 / 3],
        [0.8, 0.8 - 0.1 * 4 / 3],
    ),
    # s = 4, then 4 + 5
    (
        "adagrad",
        {"epsilon": 1.0},
        [2, sqrt(5)],
        [1 - 0.1 * 2 / 3, 1 - 0.1 * (2 / 3 + sqrt(5) / 4)],
        None,
    ),
    # m = 1/4, then 1/2 1/4 - 1/2 1 < 0
    (
        "lion",
        {"beta1": 0.5, "beta2": 0.75, "weight_decay": 0.5},
        [1, -1],
        [0.95 - 0.1, 0.95 * 0.85 + 0.1],
        [0.9, 1.0],
    ),
    # the same sign: 0.1 grows to 0.15; another sign: 0.15 shrinks to 0.03, no step; then no sign
    # before, so 0.03 stays; then it grows to 0.045
    (
        "rprop",
        {"first_step": 0.1, "eta_plus": 1.5, "eta_minus": 0.2},
        [2, 1e-3, -5, -5, -5],
        [0.9, 0.75, 0.75, 0.78, 0.825],
        None,
    ),
    # limits: 0.1 grows to 0.12 only, shrinks to 0.09 only
    (
        "rprop",
        {"first_step": 0.1, "largest_step": 0.12, "smallest_step": 0.09},
        [1, 1, -1, 1],
        [0.9, 0.78, 0.78, 0.69],
        None,
    ),
]


@pytest.mark.parametrize(
    ("optimizer", "options", "gradients", "W", "b"), BY_HAND, ids=[str(row[:2]) for row in BY_HAND]
)
def test_steps_worked_by_hand(optimizer, options, gradients, W, b):
    path = run(optimizer, gradients, **options)
    np.testing.assert_allclose(path[:, 0], W, rtol=1e-14)
    np.testing.assert_allclose(path[:, 1], W if b is None else b, rtol=1e-14)


def test_every_optimizer_is_worked_by_hand():
    assert {row[0] for row in BY_HAND} == set(ref.OPTIMIZERS)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_reaches_its_terminal_velocity(nesterov):
    # v = mu v - alpha g has the fixed point -alpha g / (1 - mu), and 0.9^400 is below 1e-18.
    path = run("sgd", [3.0] * 400, learning_rate=0.01, momentum=0.9, nesterov=nesterov)[:, 0]
    assert path[-2] - path[-1] == pytest.approx(0.01 * 3 / (1 - 0.9), rel=1e-12)


def test_nesterov_steps_from_the_gradient_looked_ahead():
    # Sutskever et al. 2013: v' = mu v - alpha g(theta + mu v), theta' = theta + v'.
    # The w of the library is the point looked ahead to, theta + mu v.
    def gradient(w):
        return 3 * w + np.sin(w)

    theta, v = 1.0, 0.0
    parameters, state = {"W1": [[1.0]], "b1": [[0.0]]}, None
    for _ in range(20):
        v = 0.8 * v - 0.05 * gradient(theta + 0.8 * v)
        theta = theta + v
        grads = {"dW1": gradient(np.array(parameters["W1"])), "db1": [[0.0]]}
        parameters, state = ref.update_parameters(
            parameters, grads, 0.05, "sgd", state, momentum=0.8, nesterov=True
        )
        assert parameters["W1"].item() == pytest.approx(theta + 0.8 * v, rel=1e-12)


@pytest.mark.parametrize("g", [1e-3, 1.0, -1e3])
def test_adam_moves_by_the_learning_rate_while_the_gradient_is_constant(g):
    # The bias correction makes m_hat = g and v_hat = g^2 from the first step on.
    steps = np.diff(run("adam", [g] * 50, learning_rate=0.01, epsilon=1e-300)[:, 0], prepend=1.0)
    np.testing.assert_allclose(steps, -0.01 * np.sign(g), rtol=1e-11)


def test_rmsprop_first_runs_ahead_then_moves_by_the_learning_rate():
    # s = (1 - rho^t) g^2: no bias correction.
    steps = np.diff(
        run("rmsprop", [5.0] * 300, learning_rate=0.01, epsilon=1e-300)[:, 0], prepend=1.0
    )
    t = np.arange(1, 301)
    np.testing.assert_allclose(steps, -0.01 / np.sqrt(1 - 0.9**t), rtol=1e-10)


def test_adamw_without_gradient_only_shrinks_the_weights():
    path = run("adamw", [0.0] * 30, learning_rate=0.1, w=2.0, weight_decay=0.2)
    np.testing.assert_allclose(path[:, 0], 2.0 * 0.98 ** np.arange(1, 31), rtol=1e-13)
    np.testing.assert_array_equal(path[:, 1], 2.0)


def test_adamw_without_decay_is_adam():
    gradients = np.random.default_rng(0).normal(size=20)
    np.testing.assert_array_equal(run("adamw", gradients, weight_decay=0.0), run("adam", gradients))


def test_defaults_are_the_published_ones():
    gradients = np.random.default_rng(0).normal(size=20)
    for optimizer, options in [
        ("sgd", {"momentum": 0.0, "nesterov": False}),
        ("rmsprop", {"rho": 0.9, "epsilon": 1e-8}),
        ("adam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
        ("adamw", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01}),
        ("nadam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "momentum_decay": 4e-3}),
        ("radam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}),
        ("adagrad", {"epsilon": 1e-10}),
        ("lion", {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}),
        ("rprop", {"eta_minus": 0.5, "eta_plus": 1.2, "smallest_step": 1e-6, "largest_step": 50}),
    ]:
        np.testing.assert_array_equal(
            run(optimizer, gradients), run(optimizer, gradients, **options)
        )


@pytest.mark.parametrize(
    ("optimizer", "learning_rate", "options"),
    [
        ("sgd", 0.09, {}),
        ("sgd", 0.05, {"momentum": 0.9}),
        ("sgd", 0.05, {"momentum": 0.9, "nesterov": True}),
        ("rmsprop", 0.02, {}),
        ("adam", 0.1, {}),
        ("adamw", 0.1, {"weight_decay": 1e-4}),
        ("nadam", 0.1, {}),
        ("radam", 0.1, {}),
        ("adagrad", 0.5, {}),
        ("lion", 0.01, {}),
        ("rprop", 0.1, {"first_step": 0.1}),
    ],
    ids=str,
)
def test_every_optimizer_descends_a_narrow_valley(optimizer, learning_rate, options):
    # J = 1/2 (20 w1^2 + w2^2), from (1, 1) where J = 10.5.
    curvature = np.array([[20.0], [1.0]])
    parameters, state = {"W1": np.ones((2, 1)), "b1": np.zeros((2, 1))}, None
    for _ in range(300):
        grads = {"dW1": curvature * parameters["W1"], "db1": np.zeros((2, 1))}
        parameters, state = ref.update_parameters(
            parameters, grads, learning_rate, optimizer, state, **options
        )
    assert 0.5 * np.sum(curvature * parameters["W1"] ** 2) < 0.01


def test_the_state_starts_at_zero_in_the_shapes_of_the_parameters():
    parameters = ref.initialize_parameters([3, 4, 2], dtype=np.float32)
    moments = {"sgd": "v", "rmsprop": "s", "adagrad": "s", "lion": "m", "rprop": "gd"}
    for optimizer in ref.OPTIMIZERS:
        state = ref.initialize_optimizer(parameters, optimizer)
        assert state.pop("t") == 0
        assert set(state) == set(moments.get(optimizer, "mv"))
        for arrays in state.values():
            assert {n: (a.shape, a.dtype) for n, a in arrays.items()} == {
                n: (w.shape, w.dtype) for n, w in parameters.items()
            }
            assert all(np.all(a == 0) for a in arrays.values())


def test_radam_moves_by_the_rectified_rate_while_the_gradient_is_constant():
    # m_hat = g and v_hat = g^2, so a step is alpha g at first, then alpha r.
    path = run("radam", [4.0] * 200, learning_rate=0.01, beta2=0.99, epsilon=1e-300)[:, 0]
    t = np.arange(1, 201)
    rho = 199 - 2 * t * 0.99**t / (1 - 0.99**t)
    with np.errstate(invalid="ignore"):
        r = np.sqrt((rho - 4) * (rho - 2) * 199 / (195 * 197 * rho))
    steps = -np.diff(path, prepend=1.0)
    np.testing.assert_allclose(steps, np.where(rho > 5, 0.01 * r, 0.04), rtol=1e-9)
    assert 0 < (rho > 5).argmax() < 10


def test_nadam_with_constant_gradient_moves_by_the_learning_rate_in_the_long_run():
    path = run("nadam", [3.0] * 4000, learning_rate=0.01, epsilon=1e-300)[:, 0]
    assert path[-2] - path[-1] == pytest.approx(0.01, rel=1e-4)
