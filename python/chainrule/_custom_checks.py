"""Are a user's value and derivative those of one function? Finite differences, in float64.

The slope at a point is measured from both sides and across, each with an error of second order in
the step or less. A derivative may lie anywhere between the three: where the function is smooth they
agree, at a kink (relu at 0) any slope between those of its sides is a fair choice.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._custom import Functions, as_result

Array = NDArray[Any]
Floats = NDArray[np.float64]

STEP = 1e-4  # rounding then makes an error of 1e-12 times the value, curvature one of 1e-8 or so
TOLERANCE = 1e-6  # relative to the derivative, or absolute where that is below 1
M = 24  # rows of a loss's test data


def check_activation(name: str, functions: Functions, low: float, high: float) -> None:
    """Raises ValueError that names the function and the point where it is wrong."""
    where = f"register_activation, {name!r}"
    z = _points(low, high)

    def run(which: str, at: Array) -> Array:
        return _run(where, functions, which, at.shape, at)

    for which in ("value", "derivative"):
        whole = _finite(where, which, run(which, z), z)
        turned = run(which, z[::-1].reshape(1, -1))[0, ::-1]
        alone = run(which, z[-1:])
        _check_alike(where, which, "element", whole, np.append(turned[:-1], alone), z)
        single = z.astype(np.float32)
        _finite(where, which, run(which, single), single)
    measured = _slopes(lambda shift: run("value", z + shift), _steps(z))
    _compare(where, run("derivative", z), measured, [("z", z)])


def check_loss(name: str, functions: Functions, low: float, high: float) -> None:
    """As `check_activation`: with the outputs it is for, or one (not of classes) and three."""
    where = f"register_loss, {name!r}"
    usual = (3,) if functions.targets == "Classes" else (1, 3)
    for n in usual if functions.n_outputs is None else (functions.n_outputs,):
        rng = np.random.default_rng(n)
        A = rng.uniform(low, high, (M, n))
        Y = _targets(functions.targets, rng, n)

        def run(which: str, A: Array, Y: Array) -> Array:
            shape = A.shape if which == "derivative" else A.shape[:1]
            return _run(where, functions, which, shape, A, Y)

        for which in ("value", "derivative"):
            whole = _finite(where, which, run(which, A, Y), A)
            half = run(which, A[: M // 2], Y[: M // 2])
            _check_alike(where, which, "row", whole[: M // 2], half, A)
            single = A.astype(np.float32), Y.astype(np.float32)
            _finite(where, which, run(which, *single), A)
        given = run("derivative", A, Y)
        for j in range(n):
            column = np.arange(n) == j
            shifted = _shifting(run, A, Y, column)
            measured = _slopes(shifted, np.full(M, STEP))
            _compare(where, given[:, j], measured, [(f"A[.., {j}]", A[:, j]), ("Y", Y)])


def _shifting(
    run: Callable[[str, Array, Array], Array], A: Array, Y: Array, column: Array
) -> Callable[[Array], Array]:
    return lambda shift: run("value", A + shift[:, np.newaxis] * column, Y)


def _steps(z: Floats) -> Floats:
    return STEP * np.maximum(1, np.abs(z) / 1000)


def _points(low: float, high: float) -> Floats:
    """Around 0, small and large, at random; two steps from the ends."""
    sizes = np.geomspace(1e-6, max(abs(low), abs(high)), 50)
    drawn = np.random.default_rng(0).uniform(low, high, 200)
    z = np.concatenate([[0.0], sizes, -sizes, drawn])
    room = 3 * _steps(z)
    return z[(z - room > low) & (z + room < high)]


def _targets(kind: str, rng: np.random.Generator, n: int) -> Floats:
    """(M, n), as the loss will get them."""
    if kind == "Counts":
        return rng.poisson(2.0, (M, n)).astype(np.float64)
    if kind == "Labels":
        return np.where(rng.random((M, n)) < 0.7, rng.integers(0, 2, (M, n)), rng.random((M, n)))
    if kind == "Classes":
        one_hot = np.eye(n)[rng.integers(0, n, M)]
        soft = rng.dirichlet(np.ones(n), M)
        return np.where(rng.random((M, 1)) < 0.7, one_hot, soft)
    return rng.normal(0, 3, (M, n))


def _run(
    where: str, functions: Functions, which: str, shape: tuple[int, ...], *arrays: Array
) -> Array:
    copies = [array.copy() for array in arrays]
    for array in copies:
        array.flags.writeable = False  # as the core hands them over
    with _explained(where, which):
        result = getattr(functions, which)(*copies)
    return as_result(where, which, result, shape, np.float64)


@contextmanager
def _explained(where: str, which: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if "read-only" in str(error):
            text = f"[{where}] {which}: expected a new array, got one that writes to its argument"
        else:
            got = f"{type(error).__name__}: {error}"
            text = f"[{where}] {which}: expected a function of NumPy arrays, got {got}"
        raise ValueError(text) from error


def _finite(where: str, which: str, values: Array, points: Array) -> Array:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        at = tuple(bad[0])
        got = f"{values[at]} at {points[at[: points.ndim]]} in {points.dtype}"
        raise ValueError(f"[{where}] {which}: expected finite numbers, got {got}")
    return values


def _check_alike(where: str, which: str, unit: str, a: Array, b: Array, points: Array) -> None:
    """NumPy may round the ends of an array in another way."""
    differ = np.argwhere(np.abs(a - b) > 1e-9 * np.maximum(1, np.abs(a)))
    if len(differ):
        expected = f"a function of each {unit} by itself"
        got = f"another result for {points[differ[0][0]]} among other {unit}s"
        raise ValueError(f"[{where}] {which}: expected {expected}, got {got}")


def _slopes(f: Callable[[Array], Array], h: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """The slope across, the lowest and the highest of the three, and what rounding may add."""
    back2, back, back_half, here, half, on, on2 = (f(k * h) for k in (-2, -1, -0.5, 0, 0.5, 1, 2))
    across = (4 * (half - back_half) / h - (on - back) / (2 * h)) / 3  # Richardson: O(h^4)
    right = (-3 * here + 4 * on - on2) / (2 * h)
    left = (3 * here - 4 * back + back2) / (2 * h)
    each = np.array([across, left, right])
    noise = 20 * np.finfo(np.float64).eps * np.max(np.abs([back2, here, on2]), axis=0) / h
    return across, each.min(axis=0), each.max(axis=0), noise


def _compare(
    where: str, given: Array, measured: tuple[Floats, ...], points: list[tuple[str, Array]]
) -> None:
    across, lowest, highest, noise = measured
    allowed = TOLERANCE * np.maximum(1, np.maximum(np.abs(given), np.abs(across))) + noise
    beyond = np.maximum(lowest - given, given - highest) / allowed
    worst = int(np.argmax(beyond))
    if beyond[worst] > 1:
        at = ", ".join(f"{name} = {values[worst]}" for name, values in points)
        expected = f"{across[worst]:.9g} at {at}, where it is worst, by differences of value"
        raise ValueError(f"[{where}] derivative: expected {expected}, got {given[worst]:.9g}")
