"""Networks as objects: parameters by name and by the course's symbols, summary."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr

from .helpers import build


@pytest.fixture
def net():
    return build(5, [(17, "leaky_relu", 0.2), (3, "softmax", 0)], "float32")


def test_parameters_have_names_shapes_and_types(net):
    shapes = {name: value.shape for name, value in net.parameters.items()}
    assert shapes == {
        "1.weight": (5, 17),
        "1.bias": (17,),
        "2.weight": (17, 3),
        "2.bias": (3,),
    }
    assert all(value.dtype == np.float32 for value in net.parameters.values())
    assert net.n_parameters == 5 * 17 + 17 + 17 * 3 + 3
    assert (net.n_inputs, net.n_outputs) == (5, 3)


@pytest.mark.parametrize("sizes", [(1, 1), (5, 17), (16, 16), (33, 8), (7, 100)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_read_back_what_was_assigned(sizes, dtype, rng):
    net = cr.Network([cr.Dense(sizes[1]), cr.Dense(2)], sizes[0], dtype)
    for name, value in net.parameters.items():
        new = rng.normal(size=value.shape).astype(dtype)
        net.parameters[name] = new
        np.testing.assert_array_equal(net.parameters[name], new)
        net.parameters[name] = np.asfortranarray(new[..., ::-1])
        np.testing.assert_array_equal(net.parameters[name], new[..., ::-1])


def test_reading_copies(net):
    value = net.parameters["1.weight"]
    value[:] = 0
    assert (net.parameters["1.weight"] != 0).any()
    net.W[1][:] = 0
    assert (net.W[1] != 0).any()


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda view: pickle.loads(pickle.dumps(view)),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=list(COPIES))
def test_copies_and_pickles_of_parameters_are_dicts_of_the_arrays_of_then(copied, rng):
    net = cr.Network([cr.Dense(7), cr.BatchNorm(), cr.Dense(3, "softmax")], 5)
    net.backward(rng.normal(size=(20, 5)), rng.integers(0, 3, 20), loss="cross_entropy")
    for view in (net.parameters, net.gradients, net.W, net.b):
        keys = view if isinstance(view, cr.parameters.Parameters) else (1, 3)
        before, kept = {key: view[key] for key in keys}, copied(view)
        assert type(kept) is dict
        for name, value in net.parameters.items():
            net.parameters[name] = value + 1
        assert list(kept) == list(before)
        for key, value in kept.items():
            assert value.dtype == np.float32
            np.testing.assert_array_equal(value, before[key])


def test_the_best_weights_are_put_back(net):
    best, first = copy.deepcopy(net.parameters), net.W[1]
    net.W[1] = 0 * first
    for name, array in best.items():
        net.parameters[name] = array
    np.testing.assert_array_equal(net.W[1], first)


def test_course_symbols_are_the_same_parameters_transposed(net, rng):
    np.testing.assert_array_equal(net.W[1], net.parameters["1.weight"].T)
    np.testing.assert_array_equal(net.b[2], net.parameters["2.bias"][:, np.newaxis])
    W, b = rng.normal(size=(3, 17)).astype(np.float32), np.ones((3, 1), np.float32)
    net.W[2], net.b[2] = W, b
    np.testing.assert_array_equal(net.parameters["2.weight"], W.T)
    np.testing.assert_array_equal(net.parameters["2.bias"], b.ravel())
    assert len(net.W) == len(list(net.b)) == 2
    assert [W.shape for W in reversed(net.W)] == [(3, 17), (17, 5)]
    with pytest.raises(IndexError, match="1 to 2, got 0"):
        net.W[0]
    with pytest.raises(IndexError, match="1 to 2, got 3"):
        net.b[3]
    with pytest.raises(ValueError, match=r"W\[1\]: expected shape \(17, 5\), got \(5, 17\)"):
        net.W[1] = np.zeros((5, 17))


def test_a_training_step_written_in_the_course_symbols(net, rng):
    X, Y = rng.normal(size=(20, 5)), rng.integers(0, 3, 20)
    before = net.cost(X, Y, loss="cross_entropy")
    for _ in range(20):
        trace = net.trace(X, Y, loss="cross_entropy")
        for l in (1, 2):
            net.W[l] -= 0.1 * trace.dW[l]
            net.b[l] -= 0.1 * trace.db[l]
    assert net.cost(X, Y, loss="cross_entropy") < before


def test_gradients_are_read_only(net):
    with pytest.raises(TypeError, match="read only"):
        net.gradients["1.weight"] = np.zeros((5, 17))


def test_initialization_follows_layer_activation_and_seed():
    layers = [
        cr.Dense(400, "relu"),
        cr.Dense(400, "tanh", "lecun_normal"),
        cr.Dense(3, "sigmoid", "zeros"),
    ]
    net = cr.Network(layers, 300, seed=5)
    assert net.parameters["1.weight"].std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)
    assert net.parameters["2.weight"].std() == pytest.approx(np.sqrt(1 / 400), rel=0.02)
    assert not net.parameters["3.weight"].any()
    assert not any(value.any() for name, value in net.parameters.items() if "bias" in name)


def test_zero_initialization_keeps_the_units_of_a_layer_identical(rng):
    net = cr.Network([cr.Dense(6, "tanh", "zeros"), cr.Dense(2, "softmax", "zeros")], 4)
    trainer = cr.Trainer(net, "cross_entropy", cr.SGD(0.5))
    trainer.fit(rng.normal(size=(50, 4)), rng.integers(0, 2, 50), 10)
    W = net.parameters["1.weight"]
    np.testing.assert_array_equal(W, np.repeat(W[:, :1], 6, axis=1))


def test_summary_counts_what_there_is(net):
    summary = net.summary(batch_size=64)
    assert summary.n_parameters == net.n_parameters
    assert summary.flops_per_sample == 2 * (5 * 17 + 17 * 3)
    assert summary.training_flops_per_sample == 4 * 5 * 17 + 6 * 17 * 3
    assert set(summary.memory) == {
        "parameters",
        "gradients",
        "optimizer",
        "transposed_weights",
        "workspace",
    }
    assert summary.memory["workspace"] > 64 * 4 * (5 + 2 * 17 + 3 * 3)
    text = repr(summary)
    for expected in (
        "1 Dense",
        "leaky_relu (0.2)",
        "(m, 17)",
        "102",
        "156 parameters",
        "Adam and batches of 64",
    ):
        assert expected in text


def test_summary_shows_layers_that_repeat_the_one_before_in_a_row():
    block = cr.Residual([cr.Dense(8), cr.BatchNorm()])
    layers = [block, block, *[cr.Dense(4, "relu")] * 5, cr.Dense(4, "tanh"), cr.Dense(4, "tanh")]
    net = cr.Network(layers, n_inputs=8)
    lines = repr(net.summary()).splitlines()[2:12]
    assert [" ".join(line.split()) for line in lines] == [
        "1 Residual (m, 8)",
        "1.1 Dense identity (m, 8) 72",
        "1.2 BatchNorm momentum 0.9, epsilon 1e-05 (m, 8) 16",
        "2 Residual as 1 (m, 8) 88",
        "3 Dense relu (m, 4) 36",  # of 8 inputs, so not as 4
        "4 Dense relu (m, 4) 20",
        "5 to 7 Dense as 4 (m, 4) 60",
        "8 Dense tanh (m, 4) 20",
        "9 Dense tanh (m, 4) 20",  # rather than a row that says less
        f"{net.n_parameters} parameters",
    ]
    assert net.n_parameters == net.summary().n_parameters == 88 + 88 + 36 + 20 * 6


def test_summary_counts_the_optimizer_s_states(net):
    expected = {"sgd": 0, cr.SGD(momentum=0.9): 1, "rmsprop": 1, "adam": 2, cr.AdamW(): 2}
    for optimizer, n_states in expected.items():
        memory = net.summary(optimizer=optimizer).memory
        assert memory["optimizer"] == n_states * memory["parameters"]
    assert net.summary().memory == net.summary(optimizer=cr.Adam()).memory
    with pytest.raises(ValueError, match=r"^\[Network.summary\] optimizer: "):
        net.summary(optimizer="adamax")


def test_predict_writes_into_out(net, rng):
    X = rng.normal(size=(10, 5)).astype(np.float32)
    out = np.empty((10, 3), np.float32)
    assert net.predict(X, out=out) is out
    assert out.tobytes() == net.predict(X).tobytes()


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (cr.Dense(4), "Dense(units=4)"),
        (cr.Dense(4, "relu"), "Dense(units=4, activation='relu')"),
        (cr.Dense(4, "elu", "zeros"), "Dense(units=4, activation='elu', initializer='zeros')"),
        (cr.Dense(4, initializer=cr.Initializer("normal", {"std": 0.5})), None),
        (cr.Dense(4, cr.Activation("softmax", groups=(2, 2))), None),
        (cr.Residual([cr.Dense(4, "tanh")]), None),
    ],
)
def test_repr_of_a_layer_is_as_one_would_write_it(layer, text):
    assert text is None or repr(layer) == text
    assert eval(repr(layer), dict(vars(cr))) == layer


def test_repr_names_everything(net):
    assert repr(net).startswith(
        "Network([Dense(units=17, activation=Activation(name='leaky_relu', slope=0.2, groups=None))"
    )
    assert repr(net).endswith("n_inputs=5, dtype='float32', seed=0)")
    assert "SGD" in repr(cr.Trainer(net, "cross_entropy", "sgd"))
