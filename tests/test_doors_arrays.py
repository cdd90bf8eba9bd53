"""How an array lies in memory, and in which type, changes no bit; where results go is checked."""

import numpy as np
import pandas as pd
import pytest

import chainrule as cr

from .doors import TARGETS, M, X, build, refusal, trainer_at_work
from .layouts import every_other, misaligned, read_only, reversed_twice

Y = TARGETS["cross_entropy"]
ONE_HOT = np.eye(3)[Y]
WEIGHTS = np.linspace(0.5, 2, M)


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "Fortran, with gaps": lambda a: np.asfortranarray(np.concatenate([a, a]))[: len(a)],
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "with gaps": every_other,
    "negative strides": reversed_twice,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "other byte order, with gaps": lambda a: every_other(a.astype(a.dtype.newbyteorder())),
    "read-only": read_only,
    "misaligned": misaligned,
    "long double": lambda a: a.astype(np.longdouble),
    "list": lambda a: a.tolist(),
    "pandas": lambda a: (
        pd.DataFrame(a, index=range(M, 0, -1)) if a.ndim == 2 else pd.Series(a, range(M, 0, -1))
    ),
    "columns of pandas": lambda a: (
        pd.DataFrame({f"c{j}": column for j, column in enumerate(a.T)}) if a.ndim == 2 else a
    ),
}
TYPES = ["float32", "float64", "float16", "int8", "int64", "uint8", "uint32", "bool"]


def results(dtype, X, Y, weights):
    """All that comes out of a network, as bytes."""
    trainer = cr.Trainer(build(dtype=dtype), "cross_entropy", cr.Adam(0.01))
    trainer.fit(X, Y, 2, 3, validation_data=(X, Y, weights), sample_weight=weights)
    step = trainer.step(X, Y, weights)
    losses = trainer.history["loss"]
    out = trainer.net.predict(X).tobytes()
    trace = trainer.net.trace(X, Y, "cross_entropy", weights)
    parameters = [value.tobytes() for value in trainer.net.parameters.values()]
    return losses, step, out, trace.cost, trace.A[0].tobytes(), parameters


def cases(types):
    """(layout, type), but for single bytes, which are always aligned."""
    return [
        (layout, dtype)
        for layout in LAYOUTS
        for dtype in types
        if layout != "misaligned" or np.dtype(dtype).itemsize > 1
    ]


@pytest.mark.parametrize("network", ["float32", "float64"])
@pytest.mark.parametrize(("layout", "dtype"), cases(TYPES))
def test_layout_changes_no_bit(layout, dtype, network):
    lay = LAYOUTS[layout]
    features = (X * 3).astype(dtype)
    labels = ONE_HOT.astype(dtype)
    weights = (WEIGHTS * 2).astype(dtype)
    plain = results(network, features.astype(network), ONE_HOT.astype(network), weights)
    with np.errstate(all="raise"):
        assert results(network, lay(features), lay(labels), lay(weights)) == plain


@pytest.mark.parametrize(
    ("layout", "dtype"), cases(["int64", "float32", "float64", "uint8", "float16"])
)
def test_layout_of_class_indices_changes_no_bit(layout, dtype):
    plain = results("float32", X, Y, WEIGHTS)
    assert results("float32", X, LAYOUTS[layout](Y.astype(dtype)), WEIGHTS) == plain


@pytest.mark.parametrize("network", ["float32", "float64"])
@pytest.mark.parametrize("given", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["Fortran", "Fortran, with gaps"])
def test_many_rows_by_columns_change_no_bit(layout, given, network, threads):
    """Two threads share the look at them."""
    cr.set_num_threads(2)
    features = np.random.default_rng(0).standard_normal((15_000, 37)).astype(given)
    net = cr.Network([cr.Dense(40, "tanh"), cr.Dense(2)], 37, dtype=network, seed=0)
    by_columns = LAYOUTS[layout](features)
    assert net.predict(by_columns).tobytes() == net.predict(features).tobytes()
    for place in [(0, 0), (14_999, 36), (14_999, 0), (17, 36), (0, 19)]:
        by_columns[place] = np.inf
        with pytest.raises(ValueError, match="got inf at X") as caught:
            net.predict(by_columns)
        assert str(caught.value).endswith(f"X[{place[0]}, {place[1]}]")
        by_columns[place] = 0


class FeaturesAtWork(cr.Callback):
    def on_epoch_end(self, trainer, epoch, logs):
        self.X = trainer._fitted[0].X


@pytest.mark.parametrize("network", ["float32", "float64"])
@pytest.mark.parametrize("given", ["float32", "float64"])
def test_training_copies_rows_that_do_not_lie_in_one_piece(given, network):
    seen, features = FeaturesAtWork(), X.astype(given)
    trainer = cr.Trainer(build(dtype=network), "cross_entropy")
    trainer.fit(features, Y, 1, 3, callbacks=[seen])
    assert seen.X is features
    for by_columns in (np.asfortranarray(features), every_other(features)):
        trainer.fit(by_columns, Y, 1, 3, callbacks=[seen])
        assert seen.X.flags.c_contiguous
        assert seen.X.dtype == min(np.dtype(given), np.dtype(network))
        np.testing.assert_array_equal(seen.X, features.astype(seen.X.dtype))


def test_training_copies_no_more_than_512_mb():
    by_columns = np.broadcast_to(np.ones((70_000, 1)), (70_000, 1000))
    net = cr.Network([cr.Dense(1, "sigmoid")], 1000, dtype="float64")
    data = cr.Trainer(net, "binary_cross_entropy")._data("", by_columns, np.zeros(70_000), None)
    data.bring_rows_together()
    assert data.X is by_columns


def test_columns_of_one_number_mean_the_same_as_a_vector():
    targets = TARGETS["binary_cross_entropy"]
    nets = [build("binary_cross_entropy") for _ in range(3)]
    for net, form in zip(nets, (targets, targets[:, None], targets > 0.5), strict=True):
        cr.Trainer(net, "binary_cross_entropy").step(X, form)
    for name, value in nets[0].parameters.items():
        for other in nets[1:]:
            np.testing.assert_array_equal(other.parameters[name], value)


def test_broadcast_rows_and_columns_are_read_with_stride_0():
    net = build()
    for view in (np.broadcast_to(X[:1], X.shape), np.broadcast_to(X[:, :1], X.shape)):
        assert 0 in view.strides
        np.testing.assert_array_equal(net.predict(view), net.predict(view.copy()))


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if "pandas" not in name])
def test_layout_changes_no_bit_of_many_rows_either(layout, rng):
    net = cr.Network([cr.Dense(9, "tanh"), cr.Dense(2)], 5, "float64")
    many = rng.normal(size=(1500, 5))
    Y = many[:, :2]
    twin = cr.Network(net.layers, 5, "float64")
    lay = LAYOUTS[layout]
    np.testing.assert_array_equal(net.predict(lay(many)), twin.predict(many))
    cost = net.backward(lay(many), lay(Y), "squared_error")
    assert cost == twin.backward(many, Y, "squared_error")
    for name, gradient in twin.gradients.items():
        np.testing.assert_array_equal(net.gradients[name], gradient)


def test_large_integers_are_rounded_once():
    """2^60 + 2^36 + 1 lies just above the middle of two float32 numbers and on no float64."""
    net = cr.Network([cr.Dense(1)], 1, "float32")
    net.parameters["1.weight"] = [[1.0]]
    wide = np.array([[2**60 + 2**36 + 1]])
    assert net.predict(wide)[0, 0] == np.float32(2**60 + 2**37)
    assert net.predict(wide.astype(np.uint64))[0, 0] == np.float32(2**60 + 2**37)


# ---- out= ---------------------------------------------------------------------------------------

OUT = "expected a writable, contiguous float32 array of shape (8, 3), got"
BAD_OUT = {
    "wrong type": (np.ones((8, 3)), ValueError, f"{OUT} float64 of shape (8, 3)"),
    "other byte order": (np.ones((8, 3), ">f4"), ValueError, f"{OUT} >f4 of shape (8, 3)"),
    "wrong shape": (np.ones((8, 4), "f4"), ValueError, f"{OUT} float32 of shape (8, 4)"),
    "too many rows": (np.ones((9, 3), "f4"), ValueError, f"{OUT} float32 of shape (9, 3)"),
    "flat": (np.ones(24, "f4"), ValueError, f"{OUT} float32 of shape (24,)"),
    "Fortran": (
        np.ones((8, 3), "f4", order="F"),
        ValueError,
        f"{OUT} strided float32 of shape (8, 3)",
    ),
    "with gaps": (
        every_other(np.ones((8, 3), "f4")),
        ValueError,
        f"{OUT} strided float32 of shape (8, 3)",
    ),
    "read-only": (
        read_only(np.ones((8, 3), "f4")),
        ValueError,
        f"{OUT} read-only float32 of shape (8, 3)",
    ),
    "broadcast": (
        np.broadcast_to(np.float32(1), (8, 3)),
        ValueError,
        f"{OUT} read-only strided float32 of shape (8, 3)",
    ),
    "misaligned": (
        misaligned(np.ones((8, 3), "f4")),
        ValueError,
        f"{OUT} misaligned float32 of shape (8, 3)",
    ),
    "a list": ([[1.0] * 3] * 8, TypeError, f"{OUT} list"),
    "a string": ("out", TypeError, f"{OUT} str"),
}


@pytest.mark.parametrize("case", BAD_OUT)
def test_predict_refuses_what_it_cannot_write_to(case):
    out, error, problem = BAD_OUT[case]
    with refusal(trainer_at_work(), error, f"[Network.predict] out: {problem}"):
        trainer_at_work().net.predict(X, out=out)
    if isinstance(out, np.ndarray):
        assert (out == 1).all()


def test_predict_writes_to_out_and_returns_it():
    net, out = build(), np.zeros((M, 3), np.float32)
    assert net.predict(X, out=out) is out
    np.testing.assert_array_equal(out, net.predict(X))


def test_a_refused_prediction_writes_nothing():
    out, bad = np.ones((M, 3), np.float32), X.copy()
    bad[-1, -1] = np.nan
    with pytest.raises(ValueError, match="X: expected finite numbers"):
        build().predict(bad, out=out)
    assert (out == 1).all()


def test_out_may_overlap_with_X():
    net = cr.Network([cr.Dense(4, "tanh")], 4, "float64")
    X = np.random.default_rng(0).normal(size=(1001, 4))
    memory = np.vstack([X, np.zeros((1, 4))])
    np.testing.assert_array_equal(net.predict(memory[:-1], out=memory[1:]), net.predict(X))


def test_a_prediction_may_replace_its_input():
    net = cr.Network([cr.Dense(4, "tanh")], 4, "float64")
    in_place = X.copy()
    net.predict(in_place, out=in_place)
    np.testing.assert_array_equal(in_place, net.predict(X))


def test_columns_of_different_types_of_numbers_are_numbers():
    plain = np.column_stack([X[:, 0], X[:, 1] > 0, np.arange(M), X[:, 3]])
    frame = pd.DataFrame({"a": plain[:, 0], "b": plain[:, 1] > 0, "c": 0, "d": plain[:, 3]})
    frame["c"] = pd.array(np.arange(M), "Int64")
    assert np.asarray(frame).dtype == object
    net = build()
    for given in (frame, frame.rename(columns={"a": 1, "b": ("b", 2)})):
        np.testing.assert_array_equal(net.predict(given), net.predict(plain))
        np.testing.assert_array_equal(net.predictor()(given), net.predict(plain))
        assert results("float32", given, ONE_HOT, WEIGHTS) == results(
            "float32", plain, ONE_HOT, WEIGHTS
        )


def test_columns_of_one_name():
    frame = pd.DataFrame(X[:, :2]).assign(b=True, c=1)
    frame.columns = ["a", "a", "a", float("nan")]
    right = np.column_stack([X[:, :2], np.ones((M, 2))])
    np.testing.assert_array_equal(build().predict(frame), build().predict(right))


def test_columns_of_text():
    columns = {"a": [1.0], "b": ["q"], "c": [1.0], "d": [1.0]}
    with pytest.raises(
        TypeError, match=r"\[Network.predict\] X: expected numbers .* column 'b' of"
    ):
        build().predict(pd.DataFrame(columns))
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"\[Network.predict\] X: expected numbers .* dtype object"):
        build().predict(polars.DataFrame(columns))


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("name", ["__enter__", "__exit__"])
def test_ctrl_c_around_a_conversion_is_seen_and_leaves_no_trace(name, done, monkeypatch):
    """As NumPy's errors are switched off and on again, before that is done or after."""

    def interrupted(self, *arguments):
        calls.append(name)
        if done or len(calls) > 1:
            getattr(np_errstate, name)(self, *arguments)
        if len(calls) == 1:
            raise KeyboardInterrupt

    net, before, calls, np_errstate = build(), np.geterr(), [], np.errstate
    with monkeypatch.context() as patch:
        patch.setattr(np, "errstate", type("errstate", (np_errstate,), {name: interrupted}))
        with pytest.raises(KeyboardInterrupt):
            net.predict(np.ones((2, 4), np.int64))
    assert calls
    assert np.geterr() == before
