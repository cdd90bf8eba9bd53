"""The hashes of `golden/hashes.txt`: one set of bits, however a training is run and wherever."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, _stepping
from chainrule.layers import LAYERS, walk

from . import golden
from .helpers import OUTPUTS, WITH_FMA, needs_fma

CONFIGURATIONS = {c.name: c for c in golden.read()}
THREADS = (1, 2, 3, 7)
every_configuration = pytest.mark.parametrize("name", CONFIGURATIONS)

pytestmark = needs_fma


@pytest.fixture(autouse=True)
def path_with_fma():
    before = _core.isa()
    yield _core.use_isa(WITH_FMA[-1])
    _core.use_isa(before)


@every_configuration
def test_the_bits_are_those_written_down_on_any_path_and_any_number_of_threads(name, threads):
    c, seen = CONFIGURATIONS[name], {}
    for isa, n in itertools.product(WITH_FMA, THREADS):
        _core.use_isa(isa)
        cr.set_num_threads(n)
        seen[isa, n] = golden.bits(c)
    assert seen == dict.fromkeys(seen, c.hash), "python -m tests.golden writes them anew"


@pytest.mark.parametrize("isa", WITH_FMA)
@pytest.mark.parametrize(
    "f", list(golden.read_functions()), ids=lambda f: f"{f.name}-{f.dtype.__name__}"
)
def test_the_bits_of_a_function_are_those_written_down(f, isa):
    _core.use_isa(isa)
    assert len(golden.arguments(f)) == 2**15
    assert golden.function_bits(f) == f.hash, "python -m tests.golden writes them anew"


def in_calls_of_one_step(c, t):
    golden.fit(c, t)


def in_fits_of_one_epoch(c, t):
    X, Y, weights = golden.samples(c)
    for _ in range(c.epochs):
        t.fit(X, Y, batch_size=c.batch, sample_weight=weights)


def in_steps_by_hand(c, t):
    """`step` refuses a batch without weight; in `fit` it takes no step and here costs nothing."""
    X, Y, weights = golden.samples(c)
    for epoch in range(c.epochs):
        order = _core.permutation(c.rows, 0, epoch)
        for first in range(0, c.rows, c.batch):
            rows = order[first : first + c.batch]
            if weights is None or weights[rows].any():
                t.step(X[rows], Y[rows], None if weights is None else weights[rows])
            else:
                t.costs.append(np.zeros(1))


@pytest.mark.parametrize("run", [in_calls_of_one_step, in_fits_of_one_epoch, in_steps_by_hand])
@every_configuration
def test_the_bits_do_not_show_how_the_steps_were_called(name, run, monkeypatch):
    if run is in_calls_of_one_step:
        monkeypatch.setattr(_stepping, "SECONDS_PER_CALL", 0.0)
    c = CONFIGURATIONS[name]
    assert golden.bits(c, run) == c.hash


@every_configuration
def test_one_bit_anywhere_gives_another_hash(name):
    c = CONFIGURATIONS[name]
    net = golden.network(c)
    parameters = list(net.parameters.values())
    before = golden.digest(*parameters)
    for value in parameters:
        kept = value.flat[-1]
        value.flat[-1] = np.nextafter(kept, np.inf, dtype=value.dtype)
        assert golden.digest(*parameters) != before
        value.flat[-1] = kept
    assert golden.digest(*parameters) == before


def test_the_table_covers_what_there_is():
    """Every activation, loss and optimizer in either type; sizes around those of the kernels."""
    seen = set()
    for c in CONFIGURATIONS.values():
        layers = [layer for _, layer, _ in walk(golden.network(c).layers, c.n_inputs)]
        dense = [layer for layer in layers if isinstance(layer, cr.Dense)]
        loss = golden.loss(c)
        canonical = dense[-1].activation.name == _core.losses()[loss.name]
        seen |= {(c.dtype, layer.name) for layer in layers}
        seen |= {(c.dtype, layer.activation.name) for layer in dense}
        seen |= {(c.dtype, c.optimizer.split(":")[0]), (c.dtype, loss.name, canonical)}
        seen |= {c.n_inputs, *(layer.units for layer in dense)}
        seen |= {c.targets, c.weights, ("batch", c.batch), ("l2", c.l2 > 0), ("l1", c.l1 > 0)}
        smoothed = loss.parts[1] > 0 and loss.name.endswith("cross_entropy")
        seen |= {("smoothed", c.targets, smoothed), ("smoothed", canonical, smoothed)}
        seen |= {("groups", canonical, len(golden.groups(c)) > 1)}
        seen |= {("ragged", c.rows % c.batch > 0), ("chunks", c.batch > 1024)}
        flops = golden.network(c).summary().training_flops_per_sample * c.batch
        seen |= {(c.dtype, "seven threads", flops > 7 * 4e6)}  # 4e6 each: cpp/base/threads.h
    wanted = set()
    for dtype in ("float32", "float64"):
        wanted |= {(dtype, name) for name in [*OUTPUTS, *_core.optimizers(), *LAYERS]}
        wanted |= {(dtype, loss, canonical) for loss in _core.losses() for canonical in (1, 0)}
        wanted |= {(dtype, "seven threads", True)}
    wanted |= {1, 2, 7, 10, 16, 17, 33, 211, "dense", "classes", "equal", "unequal", ("batch", 1)}
    wanted |= set(itertools.product(["smoothed"], ["dense", "classes", 1, 0], (True, False)))
    wanted |= set(itertools.product(["groups"], (True, False), (True, False)))
    wanted |= set(itertools.product(("l2", "l1", "ragged", "chunks"), (True, False)))
    assert wanted <= seen, wanted - seen
    assert len(CONFIGURATIONS) == 90
