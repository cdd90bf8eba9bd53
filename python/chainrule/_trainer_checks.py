"""The trainer's door: options that must fit the data, the network or its type."""

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from chainrule import _core
from chainrule._data import target_kind
from chainrule._errors import (
    check_array,
    check_instance,
    check_integer,
    check_list,
    check_takes,
    message,
    unknown,
    warn,
)
from chainrule._unfinished import MOST_ROWS, BatchSize, Plan
from chainrule.callbacks import Callback
from chainrule.losses import Hinge, Loss, MulticlassHinge
from chainrule.metrics import METRICS, Metric, resolve_metrics
from chainrule.network import Network
from chainrule.optimizers import Optimizer

AS_BEFORE = ", as in the fit that goes on"


def check_batch_size(
    where: str, batch_size: Any, rows: int, optimizer: Optimizer
) -> tuple[BatchSize, int]:
    """What was given, and the rows of a batch. Raises TypeError or ValueError."""
    given: BatchSize = batch_size
    if given is not None and not (isinstance(given, str) and given == "auto"):
        note = ", 'auto' or None"
        given = min(MOST_ROWS, check_integer(where, "batch_size", given, 1, note=note))
    size = rows_of_batch(given, rows, optimizer)
    if size < rows and optimizer.full_batches:
        warn(
            f"[{where}] batch_size: {type(optimizer).__name__} follows the signs of successive "
            f"gradients, which need all {rows} rows (batch_size='auto'), got {size}"
        )
    return given, size


def rows_of_batch(batch_size: BatchSize, rows: int, optimizer: Optimizer) -> int:
    """At most all rows: of "auto" 32, or all for `Rprop`, of None all."""
    if batch_size == "auto":
        batch_size = None if optimizer.full_batches else 32
    return rows if batch_size is None else min(batch_size, rows)


def check_plan(
    where: str,
    n: int,
    epochs: int | None,
    batch_size: Any,
    shuffle: Any,
    first_epoch: int,
    before: Plan | None,
    optimizer: Optimizer,
) -> tuple[Plan, Any]:
    """The plan for n rows and the full `shuffle`; `before` is that of the fit that goes on, if any.

    What is left out is as before.
    """
    if epochs is not None:
        epochs = check_integer(where, "epochs", epochs, 1)
    given, size = check_batch_size(where, batch_size, n, optimizer)
    if before is None:
        shuffle = True if shuffle is None else shuffle
        epochs = epochs or 1
    else:
        size_before = rows_of_batch(before.batch_size, n, optimizer)
        if given != "auto" and size != size_before:
            expected = f"{before.batch_size!r}{AS_BEFORE}"
            raise ValueError(message(where, "batch_size", expected, batch_size))
        given, size = before.batch_size, size_before
        shuffle = _check_same_shuffle(where, shuffle, before.shuffle)
        first_epoch, epochs = before.first_epoch, epochs or before.epochs
    kind = shuffle if isinstance(shuffle, bool) else None
    return Plan(given, size, n, kind, first_epoch, first_epoch + epochs), shuffle


def _check_same_shuffle(where: str, shuffle: Any, before: bool | None) -> Any:
    if shuffle is None and before is not None:
        return before
    kind = shuffle if isinstance(shuffle, bool) else None
    if kind != before or shuffle is None:
        expected = "the function" if before is None else str(before)
        raise ValueError(message(where, "shuffle", f"{expected}{AS_BEFORE}", shuffle))
    return shuffle


# What callbacks are asked and told, with what: (trainer, epoch) of on_epoch_begin, and so on.
METHODS = {
    name: method.__code__.co_varnames[1 : method.__code__.co_argcount]
    for name, method in vars(Callback).items()
    if isinstance(method, FunctionType)
}
CHECKED: WeakSet[type[Callback]] = WeakSet()  # classes whose methods are right
# The order of the rows in an epoch, by its number.
RowOrder = Callable[[int], NDArray[np.int64]]


def check_rows(where: str, rows: Any, n: int) -> NDArray[np.int64] | None:
    """A copy of the indices of some of n rows, be they given by a mask; None is all of them."""
    if rows is None:
        return None
    expected = f"a list of integers from 0 to {n - 1}, {n} booleans or None"
    indices = check_array(where, "rows", expected, rows)
    if indices.dtype == bool and indices.shape == (n,):
        indices = np.flatnonzero(indices)
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or len(indices) == 0:
        raise ValueError(message(where, "rows", expected, rows))
    return _within(where, "rows", expected, indices.copy(), n)


def _within(
    where: str, argument: str, expected: str, indices: NDArray[np.integer[Any]], n: int
) -> NDArray[np.int64]:
    order = np.ascontiguousarray(indices, np.int64)
    # What is negative looks larger still. (`max` takes twice as long for a few rows.)
    if np.maximum.reduce(order.view(np.uint64)) >= n:
        got = f"some from {indices.min()} to {indices.max()}"
        raise ValueError(f"[{where}] {argument}: expected {expected}, got {got}")
    return order


def check_shuffle(
    where: str, shuffle: Any, rows: NDArray[np.int64] | None, n: int, seed: int
) -> RowOrder:
    """The order of the n `rows`, or of all for None."""
    if callable(shuffle):
        check_takes(where, "shuffle", "shuffle", shuffle, "epoch")
        returned = f"shuffle(epoch) to return {n} integers from 0 to {n - 1}"

        def positions(epoch: int) -> NDArray[np.int64]:
            return _check_order(where, returned, shuffle(epoch), n)

    elif not isinstance(shuffle, bool):
        expected = "True, False or a function of the epoch"
        raise TypeError(message(where, "shuffle", expected, shuffle))
    elif shuffle:

        def positions(epoch: int) -> NDArray[np.int64]:
            return _core.permutation(n, seed, epoch)

    else:

        def positions(epoch: int) -> NDArray[np.int64]:
            return np.arange(n)

    return positions if rows is None else lambda epoch: rows[positions(epoch)]


def _check_order(where: str, expected: str, order: Any, rows: int) -> NDArray[np.int64]:
    indices = check_array(where, "shuffle", expected, order)
    if indices.shape != (rows,) or indices.dtype.kind not in "iu":
        got = f"{indices.dtype} of shape {indices.shape}"
        raise ValueError(f"[{where}] shuffle: expected {expected}, got {got}")
    return _within(where, "shuffle", expected, indices, rows)


def check_callbacks(where: str, callbacks: Iterable[Callback]) -> list[Callback]:
    if isinstance(callbacks, Callback):
        callbacks = [callbacks]
    given = check_list(where, "callbacks", "a list of callbacks", callbacks)
    for callback in given:
        _check_methods(where, check_instance(where, "callbacks", callback, Callback))
    return given


def _check_methods(where: str, callback: Callback) -> None:
    """Those of a class are looked at once (20 us each), those of an object every time."""
    kind = type(callback)
    names = METHODS if kind not in CHECKED else METHODS.keys() & getattr(callback, "__dict__", {})
    for name in names:
        if is_own(method := getattr(callback, name), name):
            called = f"{kind.__name__}.{name}"
            check_takes(where, "callbacks", called, method, *METHODS[name])
    if kind not in CHECKED:
        _warn_of_unheard(where, kind)
    CHECKED.add(kind)


def is_own(method: Any, name: str) -> bool:
    """Whether this method of a callback is not that of `Callback`, which does nothing."""
    return getattr(method, "__func__", None) is not getattr(Callback, name)


def _warn_of_unheard(where: str, kind: type[Callback]) -> None:
    """Methods for occasions that there are not: slips of the pen, or other libraries'."""
    occasions = [name for name in METHODS if name.startswith("on_")]
    for base in kind.__mro__:
        if issubclass(base, Callback):
            for name in vars(base):
                if name.startswith("on_") and name not in occasions:
                    error = unknown(f"{where}, {kind.__name__}", "method", name, occasions)
                    warn(f"{error}; nothing calls it")


def check_metrics(where: str, metrics: Any, net: Network) -> tuple[Metric, ...]:
    """Those that suit the outputs of the network. Raises TypeError or ValueError."""
    resolved = resolve_metrics(metrics, where)
    of_one_task = (METRICS["accuracy"], METRICS["log_loss"])
    if len(net._core.groups) > 1 and any(metric in of_one_task for metric in resolved):
        expected = "metrics of one's own for a softmax with groups"
        raise ValueError(message(where, "metrics", expected, [m.name for m in resolved]))
    return resolved


def numbers_of(argument: str, description: Optimizer | Loss) -> dict[str, Any]:
    """The fields of a description, named as those of an argument, or bare for ""."""
    prefix = f"{argument}." if argument else ""
    return {f"{prefix}{name}": value for name, value in description.to_dict().items()}


def is_for_numbers(loss: Loss) -> bool:
    """Not for labels, classes or sides."""
    return target_kind(loss) in ("Any", "Counts")


def warn_of_range(net: Network, loss: Loss) -> None:
    """Outputs that do not suit the loss.

    One with logarithms clips those out of its range, and stops learning there. A hinge wants some
    of either sign, or that lie more than 1 apart. One class is always right.
    """
    output = net.output_activation.name
    if loss.name not in _core.losses() or output not in _core.activations():
        return  # of functions of the user's nobody knows
    fitting = _core.losses()[loss.name]
    low, high, *_ = _core.activations()[output]
    lowest, highest, *_ = _core.activations()[fitting]
    trouble, remedy = "", fitting
    if fitting == "softmax" and net.n_outputs == 1:
        trouble = "takes an output for each class, and teaches a single one nothing"
        remedy = f"binary_{loss.name} with sigmoid"
    elif output == "softmax" and net.n_outputs == 1:
        trouble = "learns nothing from the last layer's softmax, which is always 1 for one output"
    elif low < lowest or high > highest:
        trouble = (
            f"takes outputs from {lowest:g} to {highest:g}; the last layer's {output} goes beyond, "
            "where there is no gradient"
        )
    elif fitting == "softmax" and output != fitting and net.n_outputs > 1:
        trouble = (
            f"takes outputs that add up to 1; those of the last layer's {output} do not, and it is "
            "lowest where all of them are 1"
        )
    elif isinstance(loss, Hinge) and low >= 0:
        trouble = f"takes outputs below 0 for a no; the last layer's {output} has none"
    elif isinstance(loss, MulticlassHinge) and high - low <= 1:
        trouble = (
            f"takes outputs that differ by more than 1; those of the last layer's {output} never do"
        )
    if trouble:
        warn(f"[Trainer] loss: {loss.name} {trouble}; use {remedy}")
