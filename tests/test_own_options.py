"""Options by the names of parameters and layers: learning rates, weight decay, what is frozen."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, reference

from .helpers import (
    WITH_FMA,
    bits,
    build,
    reference_activations,
    reference_parameters,
    relative_difference,
)

OPTIMIZERS = [
    cr.SGD(0.2, momentum=0.9),
    cr.AdamW(0.02, weight_decay=0.5),
    cr.NAdam(0.02, weight_decay=0.5),
    cr.RAdam(0.02, beta2=0.9, weight_decay=0.5),
    cr.Lion(0.005, weight_decay=0.5),
    cr.Rprop(0.01),
]
OPTIONS = {
    "learning_rate_factors": {"1": 0.1, "1.bias": 3, "3.weight": 0.5},
    "decay_factors": {"1": 0, "2.bias": True, "3": 0.25},
    "frozen": ["2.weight"],
}
# The same for each parameter of the reference.
FACTORS = {"W1": 0.1, "b1": 3.0, "W3": 0.5}
DECAYS = {"W1": 0.0, "b1": 0.0, "b2": 1.0, "W3": 0.25, "b3": 0.25}
# Networks of several units and steps of several chunks of rows are among them.
SHAPES = {"small": (7, 18, 23), "units": (70, 130, 40), "chunks": (5, 9, 2600)}


def new_net(shape, dtype="float64"):
    n_inputs, hidden, _ = SHAPES[shape]
    layers = [(hidden, "tanh", 0), (hidden, "relu", 0), (5, "softmax", 0)]
    return build(n_inputs, layers, dtype)


def samples(shape):
    rng, (n_inputs, _, rows) = np.random.default_rng(2), SHAPES[shape]
    return rng.normal(size=(rows, n_inputs)), rng.integers(0, 5, rows)


def options_of(optimizer):
    """Without decay_factors where nothing decays."""
    decays = hasattr(optimizer, "weight_decay")
    return {key: value for key, value in OPTIONS.items() if decays or key != "decay_factors"}


@pytest.mark.parametrize(
    ("frozen", "norm"),
    [(["2.weight"], None), (["2.weight"], 0.01), (["1"], None), (["1", "2"], 0.01)],
    ids=str,
)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.name)
def test_steps_follow_the_reference(optimizer, shape, frozen, norm):
    net, (X, Y) = new_net(shape), samples(shape)
    parameters, activations = reference_parameters(net), reference_activations(net)
    hyperparameters = optimizer.to_dict()
    name, rate = hyperparameters.pop("kind"), hyperparameters.pop("learning_rate")
    if name == "rprop":
        hyperparameters["first_step"] = rate
    by_name = {name: f"{name[1]}.{'weight' if name[0] == 'W' else 'bias'}" for name in parameters}
    still = [n for n, ours in by_name.items() if any(ours.startswith(one) for one in frozen)]
    state, costs = None, []
    for _ in range(10):
        AL, caches = reference.forward_propagation(X, parameters, activations, samples="rows")
        costs.append(
            reference.compute_cost(AL, Y, caches, "cross_entropy", samples="rows", l2=0.01)
        )
        grads = reference.backward_propagation(
            AL, Y, caches, "cross_entropy", samples="rows", l2=0.01
        )
        trained = {"d" + n: grads["d" + n] for n in parameters if n not in still}
        grads |= reference.clip_gradients(trained, norm=norm)
        parameters, state = reference.update_parameters(
            parameters,
            grads,
            rate,
            name,
            state,
            learning_rate_factors=FACTORS,
            decay_factors=DECAYS,
            frozen=still,
            **hyperparameters,
        )
    options = options_of(optimizer) | {"frozen": frozen, "clip_norm": norm}
    trainer = cr.Trainer(net, "cross_entropy", optimizer, l2=0.01, **options)
    np.testing.assert_allclose([trainer.step(X, Y) for _ in range(10)], costs, rtol=1e-12)
    for l in (1, 2, 3):
        assert relative_difference(net.W[l], parameters[f"W{l}"]) < 1e-12, l
        assert relative_difference(net.b[l], parameters[f"b{l}"]) < 1e-12, l


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_factors_of_1_change_no_bit(optimizer, dtype):
    X, Y = samples("units")
    plain, factors = new_net("units", dtype), new_net("units", dtype)
    cr.Trainer(plain, "cross_entropy", optimizer).fit(X, Y, 3, len(X))
    by_name = {"learning_rate_factors": {"1": 1, "2": 1.0}}
    if hasattr(optimizer, "weight_decay"):
        by_name["decay_factors"] = {"1.weight": True, "2.bias": 0}
    cr.Trainer(factors, "cross_entropy", optimizer, **by_name).fit(X, Y, 3, len(X))
    assert bits(plain) == bits(factors)


@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.01}, {"clip_value": 0.001}], ids=str)
@pytest.mark.parametrize("frozen", [["1"], ["1", "2"], ["2", "3.bias"], ["3"], ["1.bias"]], ids=str)
def test_frozen_parameters_keep_their_bits_and_take_no_state(frozen, clip, threads):
    X, Y = samples("units")
    for n in (1, 3):
        cr.set_num_threads(n)
        net = new_net("units", "float32")
        before = bits(net)
        trainer = cr.Trainer(net, "cross_entropy", "adamw", l2=0.1, frozen=frozen, **clip)
        trainer.fit(X, Y, 3, 16)
        trainer.step(X, Y)
        net.backward(X, Y, "cross_entropy")
        trainer.apply_gradients()
        for index, (name, value) in enumerate(bits(net).items()):
            is_frozen = any(name.startswith(one) for one in frozen)
            assert (value == before[name]) == is_frozen, name
            for which in (0, 1):
                moment = trainer._state.state(net._core, which, index)
                assert not moment.any() if is_frozen else moment.any(), name


def test_the_penalty_of_what_is_frozen_is_part_of_the_cost():
    X, Y = samples("small")
    for frozen in (["1"], ["2.weight", "3"]):
        expected = new_net("small").cost(X, Y, "cross_entropy", l2=0.1, l1=0.01)
        trainer = cr.Trainer(new_net("small"), "cross_entropy", l2=0.1, l1=0.01, frozen=frozen)
        assert trainer.step(X, Y) == pytest.approx(expected, rel=1e-14)


def test_a_trainer_that_freezes_leaves_no_trace_in_the_next():
    """The sums of squares of the norm stand in a memory that trainers share."""
    X, Y = samples("units")
    alone, after = new_net("units"), new_net("units")
    start = dict(after.parameters)
    cr.Trainer(after, "cross_entropy", clip_norm=0.01).step(X, Y)
    for name, value in start.items():
        after.parameters[name] = value
    for net in (alone, after):
        cr.Trainer(net, "cross_entropy", cr.SGD(0.1), clip_norm=0.01, frozen=["1"]).step(X, Y)
    assert bits(alone) == bits(after)


def test_options_give_the_same_bits_on_any_path_and_any_number_of_threads(threads):
    X, Y = samples("units")
    seen, before = set(), _core.isa()
    for isa in WITH_FMA:
        _core.use_isa(isa)
        for n in (1, 2, 7):
            cr.set_num_threads(n)
            net = new_net("units", "float32")
            trainer = cr.Trainer(net, "cross_entropy", "adamw", ema=0.9, **OPTIONS)
            trainer.fit(np.tile(X, (9, 1)), np.tile(Y, 9), 3, 100)
            seen.add((*bits(net).values(), *bits(trainer.averaged_network()).values()))
    _core.use_isa(before)
    assert len(seen) <= 1


def test_steps_are_those_of_torch_with_groups_of_parameters(rng):
    torch = pytest.importorskip("torch")
    X, Y = rng.normal(size=(40, 7)), rng.integers(0, 5, 40)
    net = cr.Network([cr.Dense(12, "tanh"), cr.Dense(5, "softmax")], 7, "float64", seed=1)
    theirs = {k: torch.tensor(v, requires_grad=k != "1.bias") for k, v in net.parameters.items()}
    groups = [
        {"params": [theirs["1.weight"]], "lr": 0.002, "weight_decay": 0.05},
        {"params": [theirs["2.weight"]], "weight_decay": 0.1},
        {"params": [theirs["2.bias"]], "weight_decay": 0.1},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.02)
    trainer = cr.Trainer(
        net,
        "cross_entropy",
        cr.AdamW(0.02, weight_decay=0.1),
        learning_rate_factors={"1": 0.1},
        decay_factors={"1.weight": 0.5, "2": 1},
        frozen=["1.bias"],
        clip_norm=0.05,
    )
    for _ in range(100):
        trainer.step(X, Y)
        optimizer.zero_grad()
        hidden = torch.tanh(torch.tensor(X) @ theirs["1.weight"] + theirs["1.bias"])
        Z = hidden @ theirs["2.weight"] + theirs["2.bias"]
        torch.nn.functional.cross_entropy(Z, torch.tensor(Y)).backward()
        # PyTorch adds 1e-6 to the norm.
        total = torch.sqrt(sum((p.grad**2).sum() for p in theirs.values() if p.grad is not None))
        for p in theirs.values():
            if p.grad is not None:
                p.grad *= min(1.0, 0.05 / float(total))
        optimizer.step()
    for key, value in theirs.items():
        expected = value.detach().numpy()
        np.testing.assert_allclose(net.parameters[key], expected, rtol=1e-9, atol=1e-9)


NORMALIZED = [
    cr.Dense(20, "tanh"),
    cr.BatchNorm(),
    cr.Residual([cr.BatchNorm(), cr.Dense(20, "relu")]),
    cr.Dense(5, "softmax"),
]
STATISTICS = ["2.running_mean", "2.running_variance", "3.1.running_mean", "3.1.running_variance"]


@pytest.mark.parametrize(
    ("frozen", "still"),
    [
        ([], []),
        (["1", "2"], STATISTICS[:2]),
        (["2.gamma", "2.beta"], STATISTICS[:2]),
        (["2.gamma", "3.2"], []),
        (["3"], STATISTICS[2:]),
    ],
    ids=str,
)
def test_statistics_stand_still_where_their_whole_layer_is_frozen(frozen, still, tmp_path):
    X, Y = samples("small")
    net = cr.Network(NORMALIZED, 7, "float64")
    trainer, before = cr.Trainer(net, "cross_entropy", frozen=frozen), bits(net)
    for go_on in (lambda t: t.step(X, Y), lambda t: t.fit(X, Y, 2, 8)):
        go_on(trainer)
        trainer.save(tmp_path / "run")
        trainer = cr.Trainer.load(tmp_path / "run")
        after = bits(trainer.net)
        assert [name for name in STATISTICS if after[name] == before[name]] == still


def test_steps_beside_a_frozen_batch_norm_normalize_by_the_batch():
    X, Y = samples("small")
    nets = [cr.Network(NORMALIZED, 7, "float64") for _ in range(2)]
    nets[1].parameters["2.running_mean"] = np.full(20, 3.0)
    costs = [cr.Trainer(net, "cross_entropy", frozen=["2"]).step(X, Y) for net in nets]
    assert (
        costs[0]
        == costs[1]
        == cr.Network(NORMALIZED, 7, "float64").cost(X, Y, "cross_entropy", training=True)
    )


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_estimators_keep_the_statistics_of_what_is_frozen(solver):
    X, Y = samples("small")
    layers = [cr.BatchNorm(), cr.Dense(6, "tanh"), cr.BatchNorm()]
    options = {"layers": layers, "solver": solver, "max_iter": 5, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge
        est = cr.MLPClassifier(**options, frozen=["1"]).fit(X, Y)
    found = cr.Network.from_sklearn(est).parameters
    assert not found["1.running_mean"].any()
    assert (found["1.running_variance"] == 1).all()
    assert found["3.running_mean"].all()
