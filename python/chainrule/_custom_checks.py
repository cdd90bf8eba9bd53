"""Are a user's value and derivative those of one function? Finite differences, in float64.

The slope at a point is measured from both sides and across, each with an error of second order in
the step or less. A derivative may lie anywhere between the three, with every step: where the
function is smooth they approach each other as the step shrinks, at a kink (relu at 0) they do not,
and any slope between those of its sides is a fair choice. What float32 gives is compared with what
float64 does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._custom import Functions, as_result
from chainrule._errors import short

Array = NDArray[Any]
Floats = NDArray[np.float64]

# Of sin(1000 z) the larger one makes an error of 2e-11 across and 3e-5 at the sides, the smaller
# one of 5e-7 there; in exchange rounding makes one of up to 4e-9 times the value.
STEPS = 1e-5, 1.25e-6
ROOM = 3e-4  # from a point to the ends: what is smooth within, but not beyond, is so for all steps
TOLERANCE = 1e-6  # relative to the derivative, or absolute where that is below 1
# The same for float32 against float64: its rounding to 1e-7, with room for a cancellation of four
# digits. Where that is not enough it is no use there, and a constant written wrong is much farther.
TOLERANCE32 = 1e-3
NEAR = 1e-6  # relative: an argument's rounding in float32, at most 8 units in the last place
M = 24  # rows of a loss's test data
MOST_OUTPUTS = 100  # that are moved, each by itself: the time grows with their number times all


def check_activation(name: str, functions: Functions) -> None:
    """Raises ValueError that names the function and the point where it is wrong."""
    where = f"register_activation, {name!r}"
    z = _points(*functions.domain)

    def run(which: str, at: Array) -> Array:
        return _run(where, functions, which, at.shape, at)

    for which in ("value", "derivative"):
        whole = _finite(where, which, run(which, z), z)
        turned = run(which, z[::-1].reshape(1, -1))[0, ::-1]
        alone = run(which, z[-1:])
        _check_alike(where, which, "element", whole, np.append(turned[:-1], alone), z)
        single = z.astype(np.float32)
        _compare32(where, which, partial(run, which), single, [("z", single)])
    given = run("derivative", z)
    for step in STEPS:
        measured = _slopes(lambda shift: run("value", z + shift), step * _scale(z))
        _compare(where, given, measured, [("z", z)])


def check_loss(name: str, functions: Functions) -> None:
    """As `check_activation`: with the outputs it is for, or one (not of classes) and three."""
    where = f"register_loss, {name!r}"
    usual = (3,) if functions.targets == "Classes" else (1, 3)
    for n in usual if functions.n_outputs is None else (functions.n_outputs,):
        rng = np.random.default_rng(n)
        A = rng.uniform(*functions.domain, (M, n))
        Y = draw_targets(functions.targets, rng, M, n)

        def run(which: str, A: Array, Y: Array) -> Array:
            shape = A.shape if which == "derivative" else A.shape[:1]
            return _run(where, functions, which, shape, A, Y)

        for which in ("value", "derivative"):
            whole = _finite(where, which, run(which, A, Y), A)
            half = run(which, A[: M // 2], Y[: M // 2])
            _check_alike(where, which, "row", whole[: M // 2], half, A)
            single, Y32 = A.astype(np.float32), Y.astype(np.float32)
            points = [("A", single), ("Y", Y32)]
            _compare32(where, which, partial(_with_targets, run, which, Y32), single, points)
        given = run("derivative", A, Y)
        for j in np.unique(np.linspace(0, n - 1, min(n, MOST_OUTPUTS)).astype(int)):
            column = np.arange(n) == j
            shifted = _shifting(run, A, Y, column)
            for step in STEPS:
                measured = _slopes(shifted, step * _scale(A[:, j]))
                _compare(where, given[:, j], measured, [(f"A[.., {j}]", A[:, j]), ("Y", Y)])


def _shifting(
    run: Callable[[str, Array, Array], Array], A: Array, Y: Array, column: Array
) -> Callable[[Array], Array]:
    return lambda shift: run("value", A + shift[:, np.newaxis] * column, Y)


def _with_targets(
    run: Callable[[str, Array, Array], Array], which: str, Y: Array, A: Array
) -> Array:
    return run(which, A, Y.astype(A.dtype))


def narrowest(low: float, high: float) -> float:
    """How wide a domain with these ends must be, for steps to fit."""
    return 0.01 * float(_scale(np.array(max(abs(low), abs(high)))))


def _scale(z: Floats) -> Floats:
    """What steps are multiplied with."""
    return np.asarray(np.maximum(1, np.abs(z) / 1000))


def _points(low: float, high: float) -> Floats:
    """Around 0, small and large, at random; away from the ends."""
    sizes = np.geomspace(1e-6, max(abs(low), abs(high)), 50)
    drawn = np.random.default_rng(0).uniform(low, high, 200)
    z = np.concatenate([[0.0], sizes, -sizes, drawn])
    room = ROOM * _scale(z)
    return z[(z - room > low) & (z + room < high)]


def draw_targets(kind: str, rng: "np.random.Generator", m: int, n: int) -> Floats:
    """(m, n), as a loss for such targets gets them."""
    if kind == "Counts":
        return rng.poisson(2.0, (m, n)).astype(np.float64)
    if kind == "Labels":
        return np.where(rng.random((m, n)) < 0.7, rng.integers(0, 2, (m, n)), rng.random((m, n)))
    if kind == "Classes":
        one_hot = np.eye(n)[rng.integers(0, n, m)]
        soft = rng.dirichlet(np.ones(n), m)
        return np.where(rng.random((m, 1)) < 0.7, one_hot, soft)
    return rng.normal(0, 3, (m, n))


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


def _compare32(
    where: str,
    which: str,
    run: Callable[[Array], Array],
    points: Array,
    named: list[tuple[str, Array]],
) -> None:
    """`run` in float32 against float64 at the same points, a little beside them too."""
    given = _finite(where, which, run(points), points)
    exact = points.astype(np.float64)
    right = run(exact)
    moved = [np.abs(run(exact * (1 + change)) - right) for change in (-NEAR, NEAR)]
    allowed = TOLERANCE32 * np.maximum(1, np.abs(right)) + 2 * np.max(moved, axis=0)
    beyond = np.nan_to_num(np.abs(given - right) / allowed)
    if beyond.max() > 1:
        worst = np.unravel_index(int(beyond.argmax()), beyond.shape)
        at = ", ".join(f"{name} = {short(str(values[worst[0]]))}" for name, values in named)
        expected = f"{right[worst]:.6g} in float32 at {at}, as in float64"
        raise ValueError(f"[{where}] {which}: expected {expected}, got {given[worst]:.6g}")


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
        at = ", ".join(f"{name} = {short(str(values[worst]))}" for name, values in points)
        expected = f"{across[worst]:.9g} at {at}, where it is worst, by differences of value"
        raise ValueError(f"[{where}] derivative: expected {expected}, got {given[worst]:.9g}")
