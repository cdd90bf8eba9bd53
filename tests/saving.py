"""What the tests of saving share: a network, comparisons, calls of the system that fail."""

import contextlib
import os

from chainrule import _files

from .helpers import build


def network():
    return build(5, [(17, "leaky_relu", 0.2), (3, "softmax", 0)], "float32")


def same(net, other):
    assert repr(other) == repr(net)
    for name, value in net.parameters.items():
        assert other.parameters[name].tobytes() == value.tobytes()
    return True


def names(folder):
    return sorted(path.name for path in folder.iterdir())


CALLS = ("open", "pwrite", "fchmod", "fsync", "replace")


@contextlib.contextmanager
def failing(patch, call, n, error):
    """Lets the n-th call of a function of `os` fail; yields a list that tells of it."""
    real, calls, failed = getattr(os, call), [], []

    def fails(*arguments, **options):
        calls.append(arguments)
        if len(calls) == n + 1:
            failed.append(error)
            raise error
        return real(*arguments, **options)

    patch.setattr(_files.os, call, fails)
    try:
        yield failed
    except type(error) as caught:
        if caught is not error:
            raise
    else:
        assert not failed
