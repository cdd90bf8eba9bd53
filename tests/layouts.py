"""Arrays as they lie in memory: with gaps, backwards, misaligned, read-only."""

import numpy as np


def every_other(a):
    """The elements with others between them, in every dimension."""
    wide = np.full([2 * n for n in a.shape], np.nan if a.dtype.kind == "f" else 1, a.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def misaligned(a):
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:]
    view = raw.view(a.dtype).reshape(a.shape)
    view[...] = a
    assert not view.flags.aligned
    return view


def reversed_twice(a):
    flip = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[flip])[flip]


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a
