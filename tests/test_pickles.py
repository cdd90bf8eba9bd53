"""Pickles and copies of networks, descriptions and callbacks."""

import copy
import pickle

import joblib
import numpy as np
import pytest

import chainrule as cr

from . import saving
from .saving import same

net = pytest.fixture(saving.network, name="net")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_and_copies_are_the_same_network(net, protocol, tmp_path):
    assert same(net, pickle.loads(pickle.dumps(net, protocol)))
    assert same(net, copy.deepcopy(net))
    joblib.dump(net, tmp_path / "net")
    assert same(net, joblib.load(tmp_path / "net"))


def test_a_pickle_keeps_the_class_and_what_is_shared(net):
    class Mine(cr.Network):
        pass

    mine = Mine([cr.Dense(2)], 2)
    first, second = copy.deepcopy([mine, mine])
    assert type(first) is Mine
    assert first is second
    first.W[1] = np.zeros((2, 2))
    assert mine.W[1].any()


DESCRIPTIONS = [
    cr.Dense(3, "tanh", cr.Initializer("normal", {"std": 0.1})),
    cr.Huber(2.0),
    cr.Adam(0.1),
    cr.warmup(cr.reduce_on_plateau(), 3),
    cr.History([{"epoch": 0, "loss": float("inf")}, {"epoch": 1, "val_loss": 0.5}]),
    cr.Metric("accuracy", cr.metrics.accuracy, True),
]


@pytest.mark.parametrize("described", DESCRIPTIONS, ids=lambda thing: type(thing).__name__)
def test_descriptions_are_pickled_and_copied(described):
    for other in (pickle.loads(pickle.dumps(described)), copy.deepcopy(described)):
        assert other == described
        assert repr(other) == repr(described)


@pytest.mark.parametrize("kind", [cr.EarlyStopping, cr.ProgressBar, lambda: cr.CSVLogger("x.csv")])
def test_callbacks_are_pickled_and_copied(kind):
    callback = kind()
    for other in (pickle.loads(pickle.dumps(callback)), copy.deepcopy(callback)):
        assert vars(other) == vars(callback)
