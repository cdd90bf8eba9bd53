"""Softmax over groups of outputs: each group is a softmax of its own, their losses add up."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, ops, reference

from .helpers import (
    LOSSES,
    WITH_FMA,
    build,
    classes_of,
    columns,
    forms_of,
    grouped,
    one_hot,
    reference_activations,
    reference_loss,
    reference_pass,
    relative_difference,
)

SPLITS = [(3, 4, 2), (1, 1), (2, 1, 16), (7, 8, 9, 17), (16, 16), (40, 3), (1, 100, 2)]
every_split = pytest.mark.parametrize("groups", SPLITS, ids=str)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def head(net, at):
    """The network of one group alone."""
    twin = cr.Network([cr.Dense(at.stop - at.start, "softmax")], net.n_inputs, net.dtype)
    twin.parameters["1.weight"] = net.parameters["1.weight"][:, at]
    twin.parameters["1.bias"] = net.parameters["1.bias"][at]
    return twin


# ---- a group is a softmax of its own, bit for bit ------------------------------------------------


@every_dtype
@every_split
@pytest.mark.parametrize("m", [1, 5, 17, 300])
def test_each_group_has_the_bits_of_a_head_of_its_own(m, groups, dtype, isa, rng):
    net = grouped(6, [], groups, dtype)
    X, w = rng.normal(size=(m, 6)), rng.random(m) + 0.1
    prediction = net.predict(X)
    for loss in (cr.CrossEntropy(), cr.CrossEntropy(label_smoothing=0.3)):
        for Y in forms_of(rng, loss, groups, m):
            total = 0.0
            cost = net.backward(X, Y, loss, w)
            for g, at in enumerate(columns(groups)):
                alone = head(net, at)
                total += alone.backward(X, Y[:, g] if Y.dtype == np.int64 else Y[:, at], loss, w)
                for name in ("1.weight", "1.bias"):
                    expected = alone.gradients[name]
                    assert net.gradients[name][..., at].tobytes() == expected.tobytes()
                assert prediction[:, at].tobytes() == alone.predict(X).tobytes()
            assert cost == pytest.approx(total, rel=1e-14)


@every_dtype
def test_one_group_is_no_group(dtype, rng):
    X, Y = rng.normal(size=(40, 6)), rng.integers(0, 9, 40)
    one, none = (
        grouped(6, [(7, "tanh", 0)], (9,), dtype),
        build(6, [(7, "tanh", 0), (9, "softmax", 0)], dtype),
    )
    assert one.layers[-1].activation.groups == (9,)
    for net in (one, none):
        cr.Trainer(net, cr.CrossEntropy(0.1), cr.Adam(0.01)).fit(X, Y, 3, 7)
    assert one.predict(X).tobytes() == none.predict(X).tobytes()


# ---- the same as in NumPy ------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@every_split
def test_cost_and_gradients_are_those_of_the_reference(groups, loss, isa, rng):
    net = grouped(5, [(33, "relu", 0), (8, "tanh", 0)], groups)
    X = rng.normal(size=(70, 5))
    for Y in forms_of(rng, loss, groups, 70):
        options = {"sample_weight": rng.random(70), "l2": 0.1}
        cost, gradients, AL, caches = reference_pass(net, X, Y, loss, **options)
        assert net.cost(X, Y, loss, **options) == pytest.approx(cost, rel=1e-12)
        assert net.backward(X, Y, loss, **options) == pytest.approx(cost, rel=1e-12)
        assert relative_difference(net.predict(X), AL) < 1e-12
        for name, expected in gradients.items():
            assert relative_difference(net.gradients[name], expected, 1e-3) < 1e-11, name
        trace = net.trace(X, Y, loss, options["sample_weight"])
        grads = reference.backward_propagation(
            AL, Y, caches, reference_loss(loss), samples="rows", **options
        )
        assert relative_difference(trace.dZ[3], grads["dZ3"].T, 1e-3) < 1e-11
        assert relative_difference(trace.A[3], AL) < 1e-12


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_gradients_agree_with_central_differences(loss, rng):
    groups = (3, 1, 4)
    net, X = grouped(4, [(6, "tanh", 0)], groups), rng.normal(size=(9, 4))
    for Y in forms_of(rng, loss, groups, 9):
        assert cr.check_gradients(net, X, Y, loss, rng.random(9)).relative_difference < 1e-7


def test_the_reference_agrees_with_central_differences_and_in_both_orientations(rng):
    groups, X = (3, 2), rng.normal(size=(4, 7))
    classes = classes_of(rng, groups, 7)
    activations = ["tanh", ("softmax", groups)]
    parameters = reference.initialize_parameters([4, 5, 5], seed=1)
    for loss in ("cross_entropy", ("cross_entropy", 0.2), "squared_error"):
        Y = one_hot(classes, groups).T if loss == "squared_error" else classes.T
        AL, caches = reference.forward_propagation(X, parameters, activations)
        np.testing.assert_allclose(AL[:3].sum(axis=0), 1)
        grads = reference.backward_propagation(AL, Y, caches, loss)
        numeric = reference.numerical_gradients(X, Y, parameters, activations, loss)
        for name, expected in numeric.items():
            assert reference.relative_difference(grads[name], expected) < 1e-8
        cost = reference.compute_cost(AL, Y, caches, loss)
        assert cost == reference.compute_cost(AL.T, Y.T, caches, loss, samples="rows")
    options = {"samples": "rows", "epochs": 20, "learning_rate": 0.3}
    trained, costs = reference.optimize(
        X.T, classes, parameters, activations, "cross_entropy", **options
    )
    assert costs[-1] < costs[0]
    found = reference.predict_classes(X.T, trained, activations, samples="rows")
    assert found.shape == classes.shape
    np.testing.assert_array_equal(reference.predict_classes(X, trained, activations), found.T)


@every_dtype
def test_operations_on_arrays_give_the_bits_of_a_network(dtype, rng):
    groups = (3, 4, 2)
    g = cr.Activation("softmax", groups=groups)
    net = grouped(6, [], groups, dtype)
    X = rng.normal(size=(30, 6)).astype(dtype)
    Z = ops.dense_forward(X, net.parameters["1.weight"], net.parameters["1.bias"])
    assert ops.activation(Z, g).tobytes() == net.predict(X).tobytes()
    A = ops.dense_forward(X, net.parameters["1.weight"], net.parameters["1.bias"], g)
    assert A.tobytes() == net.predict(X).tobytes()
    for loss, Y in (
        ("cross_entropy", classes_of(rng, groups, 30)),
        ("squared_error", rng.random((30, 9)).astype(dtype)),
    ):
        cost, dZ = ops.loss_and_gradient(Z, Y, loss, g)
        assert cost == pytest.approx(
            net.backward(X, Y, loss), rel=1e-7 if dtype == "float32" else 1e-14
        )
        db = np.zeros(9, dtype)
        ops.dense_backward(X, net.parameters["1.weight"], dZ, db=db, with_dX=False)
        assert db.tobytes() == net.gradients["1.bias"].tobytes()
    dA = rng.normal(size=(30, 9)).astype(dtype)
    dZ = ops.activation_backward(dA, Z, g)
    for at in columns(groups):
        part = ops.activation_backward(dA[:, at], Z[:, at], "softmax")
        assert dZ[:, at].tobytes() == part.tobytes()
    with pytest.raises(
        ValueError,
        match=r"^\[ops.activation\] activation: expected groups that add up to 8 units, got \(3, 4",
    ):
        ops.activation(Z[:, :8], g)


# ---- training ------------------------------------------------------------------------------------


@every_dtype
def test_training_gives_the_same_bits_on_any_thread_and_path_with_fma(dtype, threads, rng):
    groups, runs, before = (3, 17, 2, 8), set(), _core.isa()
    X, Y = rng.normal(size=(700, 90)), classes_of(rng, groups, 700)
    for isa in WITH_FMA or [before]:
        for n in (1, 2, 3, 7):
            _core.use_isa(isa)
            cr.set_num_threads(n)
            net = grouped(90, [(200, "relu", 0)], groups, dtype)
            trainer = cr.Trainer(net, cr.CrossEntropy(0.1), cr.Adam(0.003))
            history = trainer.fit(X, Y, 2, 99, sample_weight=np.linspace(0, 1, 700))
            runs.add((net.predict(X).tobytes(), *history["loss"]))
    _core.use_isa(before)
    assert len(runs) == 1


def test_training_is_that_of_torch_with_a_loss_per_head(rng):
    """Twenty steps of gradient descent with momentum; the cost is the sum of the heads' means."""
    torch = pytest.importorskip("torch")
    groups, m = (3, 4, 2), 60
    X, Y = rng.normal(size=(m, 5)), classes_of(rng, groups, m)
    net = grouped(5, [(12, "tanh", 0)], groups)
    theirs = {k: torch.tensor(v, requires_grad=True) for k, v in net.parameters.items()}
    optimizer = torch.optim.SGD(list(theirs.values()), lr=0.1, momentum=0.9)
    trainer = cr.Trainer(net, cr.CrossEntropy(0.1), cr.SGD(0.1, momentum=0.9))
    for _ in range(20):
        A = torch.tanh(torch.tensor(X) @ theirs["1.weight"] + theirs["1.bias"])
        Z = A @ theirs["2.weight"] + theirs["2.bias"]
        heads = zip(torch.split(Z, groups, dim=1), torch.tensor(Y).T, strict=True)
        cost = sum(torch.nn.functional.cross_entropy(z, y, label_smoothing=0.1) for z, y in heads)
        assert trainer.step(X, Y) == pytest.approx(cost.item(), rel=1e-12)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
    for name, value in theirs.items():
        np.testing.assert_allclose(net.parameters[name], value.detach(), rtol=1e-10, atol=1e-12)


def test_a_network_with_groups_is_saved_with_them(tmp_path, rng):
    net = grouped(6, [(7, "tanh", 0)], (3, 4, 2))
    net.save(tmp_path / "net.safetensors")
    loaded = cr.Network.load(tmp_path / "net.safetensors")
    X = rng.normal(size=(5, 6))
    assert loaded.layers == net.layers
    assert loaded.layers[-1].activation.groups == (3, 4, 2)
    assert loaded.predict(X).tobytes() == net.predict(X).tobytes()
    assert "softmax (3, 4, 2)" in repr(net.summary())
    trainer = cr.Trainer(net, "cross_entropy")
    assert trainer.fit(X, classes_of(rng, (3, 4, 2), 5), 2)["loss"]


def test_the_helpers_hand_groups_to_the_reference():
    assert reference_activations(grouped(3, [], (2, 1))) == [("softmax", (2, 1))]
