"""Fingerprints of data, and plain values with arrays as JSON."""

import gc
import json
import math

import numpy as np
import pytest
import scipy.sparse

from chainrule._encoding import decode, encode
from chainrule._fingerprint import BLOCK, Sources, fingerprint

LARGE = 3 * BLOCK // 8 + 5  # elements: four blocks


def test_equal_arrays_have_one_fingerprint_however_they_lie(rng):
    a = rng.normal(size=(57, 33))
    twice = np.repeat(np.repeat(a, 2, axis=0), 2, axis=1)
    views = [a.copy(), np.asfortranarray(a), a[::-1].copy()[::-1], twice[::2, ::2]]
    views += [a.tolist(), a.astype(object)]
    assert {fingerprint(view) for view in views} == {fingerprint(a)}
    assert fingerprint(np.broadcast_to(a[0], (57, 33))) == fingerprint(np.tile(a[0], (57, 1)))


@pytest.mark.parametrize("shape", [(LARGE,), (LARGE // 5, 5), (3, LARGE), (1, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.bool_])
def test_every_bit_counts(shape, dtype):
    a = np.zeros(shape, dtype)
    seen = {fingerprint(a)}
    places = sorted({0, a.size // 2, a.size - 1})
    for at in places:
        other = a.copy()
        other.reshape(-1).view(np.uint8)[at * a.itemsize] ^= 1
        seen.add(fingerprint(other))
    assert len(seen) == 1 + len(places)


def test_shape_and_type_count():
    a = np.zeros((4, 6))
    others = [a, a.reshape(6, 4), a.ravel(), a.astype(np.int64), a.astype(">f8"), None]
    assert len({fingerprint(other) for other in others}) == len(others)
    assert fingerprint(a).startswith("<f8 (4, 6) ")
    assert fingerprint(None) == "none"


def test_sparse_matrices_count_by_their_rows(rng):
    dense = rng.normal(size=(20, 9)) * (rng.random((20, 9)) < 0.3)
    csr = scipy.sparse.csr_matrix(dense)
    assert fingerprint(csr) == fingerprint(csr.tocsc()) != fingerprint(dense)
    other = csr.copy()
    other.data[3] += 1
    assert fingerprint(other) != fingerprint(csr)


def test_data_that_are_gone_are_unknown_and_kept_by_nobody(rng):
    X, Y = rng.normal(size=(5, 2)), [1.0, 2.0, 3.0, 4.0, 5.0]
    sources = Sources(X, Y, None, (X[:2], Y[:2]), None)
    early = Sources(X, Y, None, None, None)
    known = early.prints()
    del X
    gc.collect()
    assert early.prints() == known
    prints = sources.prints()
    assert prints["X"] is prints["validation_data"] is None
    assert prints["Y"] == known["Y"]
    assert prints["sample_weight"] == prints["rows"] == known["validation_data"] == "none"


VALUES = [
    None,
    {"a": [1, 2.5, -math.inf, math.inf, "x", True, {"b": None}], "c": 2**200, "": []},
    {"nan": math.nan, "array": np.arange(6).reshape(2, 3), "more": [np.zeros((0, 3), bool)]},
]


@pytest.mark.parametrize("value", VALUES)
def test_values_come_back(value):
    arrays = []
    text = json.dumps(encode(value, arrays, "test", "value"), allow_nan=False)
    np.testing.assert_equal(decode(json.loads(text), arrays), value)


def test_tuples_come_back_as_lists_and_numbers_of_numpy_as_numbers():
    arrays = []
    encoded = encode({"x": (np.float32(0.5), np.int8(3), np.array(2.0))}, arrays, "", "")
    assert decode(encoded, arrays) == {"x": [0.5, 3, 2.0]}
    assert arrays == []


def nested(depth):
    return [nested(depth - 1)] if depth else 0


@pytest.mark.parametrize("value", [{1: 2}, {"x": 1j}, [{"$float": 1}], nested(60), b"x", set()])
def test_what_no_file_holds_is_refused(value):
    with pytest.raises(TypeError, match=r"^\[test\] value: expected"):
        encode(value, [], "test", "value")
