"""Predictors: the bits of `predict` at one moment, in any form and memory."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse

import chainrule as cr

from .helpers import OUTPUTS, grouped
from .layouts import every_other, misaligned, read_only, reversed_twice
from .networks import NETWORKS
from .predictors import N_INPUTS, N_OUTPUTS, M, every_dtype, small, trained


@pytest.fixture
def X(rng):
    return rng.normal(size=(M, N_INPUTS))


# ---- the bits of predict ------------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))
def test_every_kind_of_layer_gives_the_bits_of_predict(layers, dtype, isa, X):
    net = trained(layers, dtype)
    predictor, expected = net.predictor(), net.predict(X)
    out = predictor(X)
    assert (out.dtype, out.shape) == (dtype, (M, N_OUTPUTS))
    np.testing.assert_array_equal(out, expected, strict=True)
    np.testing.assert_array_equal(predictor(X[-1]), expected[-1], strict=True)


@every_dtype
@pytest.mark.parametrize("activation", OUTPUTS)
def test_every_activation_gives_the_bits_of_predict(activation, dtype, X):
    net = trained([cr.Dense(9, "tanh"), cr.Dense(4, activation)], dtype)
    np.testing.assert_array_equal(net.predictor()(X), net.predict(X), strict=True)


def test_groups_of_softmax_give_the_bits_of_predict(X):
    net = grouped(N_INPUTS, [(9, "tanh", 0)], (3, 2, 20))
    np.testing.assert_array_equal(net.predictor()(X), net.predict(X), strict=True)


@pytest.mark.parametrize("rows_at_once", [1, 2, 17, 263, 264, 265, 599])
def test_splits_into_calls_change_no_bit(rows_at_once, X):
    predictor = trained([cr.Dense(40, "relu"), cr.Dense(17, "softmax")]).predictor()
    starts = range(0, M, rows_at_once)
    parts = [predictor(X[i : i + rows_at_once]) for i in starts]
    np.testing.assert_array_equal(np.concatenate(parts), predictor(X))


FORMS = {
    "Fortran": np.asfortranarray,
    "with gaps": every_other,
    "negative strides": reversed_twice,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": read_only,
    "misaligned": misaligned,
    "list": lambda a: a.tolist(),
}


@every_dtype
@pytest.mark.parametrize("given", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize("form", FORMS)
def test_a_row_and_rows_of_any_form_give_the_bits_of_predict(form, given, dtype, X):
    net = small(dtype)
    predictor, plain = net.predictor(), (2 * X).astype(given)
    expected = net.predict(plain)
    np.testing.assert_array_equal(predictor(FORMS[form](plain)), expected)
    np.testing.assert_array_equal(predictor(FORMS[form](plain[2])), expected[2])
    np.testing.assert_array_equal(predictor(np.asfortranarray(plain)[2]), expected[2])


def test_sparse_rows_give_the_bits_of_the_dense_ones(X):
    predictor, X = small().predictor(), np.where(X > 0, X, 0)
    for matrix in (sparse.csr_array(X), sparse.csc_array(X), sparse.coo_matrix(X)):
        np.testing.assert_array_equal(predictor(matrix), predictor(X), strict=True)


# ---- frozen -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))
def test_training_changes_the_network_and_not_its_predictor(layers, X):
    net = trained(layers)
    predictor, before = net.predictor(), net.predict(X)
    cr.Trainer(net, "squared_error", cr.SGD(0.1)).fit(X, np.zeros((M, N_OUTPUTS)), 1, 50)
    for name, value in net.parameters.items():
        net.parameters[name] = value + np.float32(0.25)
    assert (net.predict(X) != before).any(axis=1).all()
    np.testing.assert_array_equal(predictor(X), before)
    del net
    np.testing.assert_array_equal(predictor(X), before)


@pytest.mark.parametrize("way", ["pickle", "copy", "deepcopy"])
def test_copies_give_the_same_bits(way, X):
    net = trained(NETWORKS["nested"])
    predictor = net.predictor(n_threads=2)
    expected = predictor(X)
    copied = {
        "pickle": lambda p: pickle.loads(pickle.dumps(p)),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
    }[way](predictor)
    np.testing.assert_array_equal(copied(X), expected, strict=True)
    assert repr(copied) == repr(predictor)
    assert pickle.dumps(copied) == pickle.dumps(predictor)


@every_dtype
def test_a_network_comes_back_with_its_parameters_and_bits(dtype, X):
    net = trained(NETWORKS["batch norm"], dtype)
    again = net.predictor().network()
    assert repr(again) == repr(net)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], value, strict=True)
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


def test_it_tells_what_it_is():
    net = small("float64")
    predictor = net.predictor(n_threads=3)
    assert isinstance(predictor, cr.Predictor)
    like_net = repr(net).replace("Network(", "Predictor(").replace("seed=0", "n_threads=3")
    assert repr(predictor) == like_net
    assert (predictor.n_inputs, predictor.n_outputs, predictor.n_threads) == (7, 3, 3)
    assert predictor.dtype == np.dtype("float64")
    assert net.predictor().n_threads is None


def test_its_attributes_are_read_only():
    predictor = small().predictor()
    names = [
        name for name in dir(cr.Predictor) if isinstance(getattr(cr.Predictor, name), property)
    ]
    assert {"layers", "n_inputs", "n_outputs", "dtype", "seed", "n_threads", "nbytes"} == {*names}
    before = repr(predictor)
    for name in (*names, "anything"):
        with pytest.raises(AttributeError):
            setattr(predictor, name, 3)
    assert isinstance(predictor.layers, tuple)
    assert repr(predictor) == before


def test_an_activation_of_ones_own_is_held_by_its_name(X):
    """As the docstring has it: neither pickles nor networks hold the functions, either."""
    cr.register_activation("of_a_predictor", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    try:
        net = cr.Network([cr.Dense(N_OUTPUTS, "of_a_predictor")], N_INPUTS, "float64")
        predictor, Z = net.predictor(), np.arctanh(net.predict(X / 50))
        cr.register_activation("of_a_predictor", np.arctan, lambda z: 1 / (1 + z * z), replace=True)
        np.testing.assert_array_equal(predictor(X / 50), net.predict(X / 50))
        np.testing.assert_allclose(predictor(X / 50), np.arctan(Z), atol=1e-12)
    finally:
        cr.unregister_activation("of_a_predictor")


@every_dtype
def test_it_takes_the_memory_of_its_parameters(dtype):
    """A network has twice as much for its weights, and gradients."""
    net = cr.Network([cr.Dense(256, "relu"), cr.Dense(256, "relu"), cr.Dense(2)], 256, dtype)
    sizes = net._core.sizes(1)
    nbytes = net.predictor().nbytes
    assert sizes["parameter_bytes"] <= nbytes < 1.1 * sizes["parameter_bytes"]
    assert sizes["mirror_bytes"] > 0.4 * sizes["parameter_bytes"]
