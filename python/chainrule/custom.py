"""Activations and losses of one's own, written in NumPy.

    cr.register_activation(
        "squareplus",
        value=lambda z: (z + np.sqrt(z * z + 4)) / 2,
        derivative=lambda z: (1 + z / np.sqrt(z * z + 4)) / 2,
    )
    net = cr.Network([cr.Dense(8, "squareplus"), cr.Dense(1)], n_inputs=4)

From then on the name stands for them in this process, in networks that exist already, too. Files
and pickles hold the name alone; whoever loads them registers it first, as do the workers of joblib
and multiprocessing that are not forked.

They run in Python, on the thread that called, while the others wait; `Network.summary` measures
what that costs. Whatever they raise ends the call, and the network stays as it was after the last
step. The same bits come from any number of threads. They come from any cut of the rows in
prediction as far as NumPy gives an element the same bits wherever it stands in an array, and they
may differ between CPUs and versions of NumPy. `chainrule.reference` knows the names, too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule import _core
from chainrule._custom import TABLES, Functions, not_registered
from chainrule._custom_checks import check_activation, check_loss, narrowest
from chainrule._errors import check_bool, check_choice, check_integer, check_number, message
from chainrule.losses import LOSSES
from chainrule.reference import activations as of_activations
from chainrule.reference import loss_table as of_losses

Array = NDArray[Any]
Function = Callable[..., Any]

# What targets may be, the name in the core, and where outputs are drawn in the check.
TARGETS = {
    "any": ("Any", (-10.0, 10.0)),
    "counts": ("Counts", (0.1, 10.0)),
    "labels": ("Labels", (0.01, 0.99)),
    "classes": ("Classes", (0.01, 0.99)),
}
BUILT_IN = {"activation": {*_core.activations(), "logistic"}, "loss": {*LOSSES}}


def register_activation(
    name: str,
    value: Function,
    derivative: Function,
    *,
    domain: tuple[float, float] = (-30.0, 30.0),
    replace: bool = False,
) -> None:
    """Makes `name` an activation: `cr.Dense(8, name)`, `cr.Activation(name)`, estimators.

    `value(z)` and `derivative(z)` take an array of float32 or float64, of any shape, and return a
    new floating-point array of that shape; each element depends on the one at its place alone.

    The derivative is compared with finite differences of value, in float64, at some 300 points of
    `domain` (low, high), from 1e-6 to its ends and at 0. At a kink any slope between those of its
    sides is right. In float32 both must be as in float64 within 1e-3 (relative to it where that is
    larger than 1). The functions work outside of the domain, too, but nobody has looked;
    `Network.summary` and `diagnose` try them within. Where "auto" chooses first weights, they are
    "glorot_uniform".

    The same functions may be registered again under their name; others need `replace`.

    Raises ValueError that names the worst point if the derivative is wrong there by more than 1e-6
    (relative to it where it is larger than 1), as far as differences can tell: a function that
    turns within 1e-3, as sin(1000 z), is held to 1e-5, one that turns faster to less; for a
    function that raises, writes to its argument, gives other shapes, no floating-point numbers or
    float16, NaN or infinity, or mixes elements; for a name that is no identifier or taken; for a
    domain narrower than 0.01, or than 1e-5 of its farther end. TypeError for what is no function.
    """
    where = "register_activation"
    functions = Functions(value, derivative, domain=_check_domain(where, domain))
    functions = _check(where, "activation", name, functions, replace)
    check_activation(name, functions)
    TABLES["activation"][name] = functions
    of_activations.ACTIVATIONS[name] = _activation_of_reference(functions)


def register_loss(
    name: str,
    value: Function,
    derivative: Function,
    *,
    targets: str = "any",
    n_outputs: int | None = None,
    threshold: float = 0.5,
    domain: tuple[float, float] | None = None,
    replace: bool = False,
) -> None:
    """Makes `name` a loss: `cr.Trainer(net, loss=name)`, `net.backward(X, Y, name)`, and so on.

    `value(A, Y)` returns the losses (m,) of m rows, `derivative(A, Y)` their derivatives dL/dA
    (m, n_y), each row by itself, without sample weights and 1/m. A (m, n_y) are the last layer's
    activations, Y (m, n_y) the targets, both of the network's dtype.

    `targets` says what Y may be: "any" numbers, "counts" (not negative), "labels" (from 0 to 1) or
    "classes" (indices, or labels that sum to 1; the functions get labels, one-hot for indices).
    With `n_outputs` the loss is for so many outputs, n_y, alone. `threshold` is that of the metric
    "accuracy", above which an output is a yes: 0.5 of probabilities, 0 of margins and logits.

    The check is that of `register_activation`, at random A from `domain` (low, high), by default
    (-10, 10), of counts (0.1, 10), of labels and classes (0.01, 0.99), and random targets of their
    kind, for n_outputs (of more than 100 for 100, evenly spread) or else for one output (not of
    classes) and three. Errors are those, too.
    """
    where = "register_loss"
    kind, usual = TARGETS[check_choice(where, "targets", targets, TARGETS)]
    domain = usual if domain is None else _check_domain(where, domain)
    if n_outputs is not None:
        n_outputs = check_integer(where, "n_outputs", n_outputs, 1, 2**20)
    threshold = check_number(where, "threshold", threshold)
    functions = Functions(value, derivative, kind, n_outputs, threshold, domain)
    functions = _check(where, "loss", name, functions, replace)
    check_loss(name, functions)
    TABLES["loss"][name] = functions
    of_losses.LOSSES[name] = _loss_of_reference(functions, targets)


def unregister_activation(name: str) -> None:
    """Frees the name. Networks that use it raise an error from then on, until it is back."""
    _unregister("activation", name, of_activations.ACTIVATIONS)


def unregister_loss(name: str) -> None:
    """Frees the name, as `unregister_activation` does."""
    _unregister("loss", name, of_losses.LOSSES)


def _unregister(kind: str, name: str, of_reference: dict[str, Any]) -> None:
    where = f"unregister_{kind}"
    if not isinstance(name, str):
        raise TypeError(message(where, "name", "a string", name))
    if name in BUILT_IN[kind]:
        raise ValueError(message(where, "name", f"a registered {kind}, no built-in one", name))
    if name not in TABLES[kind]:
        raise not_registered(kind, name)
    del TABLES[kind][name], of_reference[name]


def _activation_of_reference(functions: Functions) -> of_activations.ActivationFunctions:
    def backward(dA: Array, Z: Array, A: Array) -> Array:
        return np.asarray(dA * functions.derivative(Z))

    return of_activations.ActivationFunctions(functions.value, backward)


def _loss_of_reference(functions: Functions, targets: str) -> of_losses.LossFunctions:
    """There a column is a sample. No activation is its canonical one, so it never gets Z."""

    def value(AL: Array, Y: Array) -> Array:
        return np.asarray(functions.value(AL.T, Y.T))

    def backward(AL: Array, Y: Array) -> Array:
        return np.asarray(functions.derivative(AL.T, Y.T)).T

    return of_losses.LossFunctions(value, backward, "none", value, backward, targets)


def _check(where: str, kind: str, name: Any, functions: Functions, replace: Any) -> Functions:
    if not isinstance(name, str):
        raise TypeError(message(where, "name", "a string", name))
    if not name.isidentifier():
        raise ValueError(message(where, "name", "an identifier such as 'squareplus'", name))
    if name in BUILT_IN[kind]:
        raise ValueError(message(where, "name", f"one that is no built-in {kind}", name))
    for argument in ("value", "derivative"):
        if not callable(getattr(functions, argument)):
            got = getattr(functions, argument)
            raise TypeError(message(where, argument, "a function", got))
    may_replace = check_bool(where, "replace", replace)
    if TABLES[kind].get(name, functions) != functions and not may_replace:
        expected = f"a new {kind}, or replace=True for other functions under this name"
        raise ValueError(message(where, "name", expected, name))
    return functions


def _check_domain(where: str, domain: Any) -> tuple[float, float]:
    if not isinstance(domain, tuple | list) or len(domain) != 2:
        raise TypeError(message(where, "domain", "a pair (low, high)", domain))
    low = check_number(where, "domain[0]", domain[0])
    high = check_number(where, "domain[1]", domain[1], above=low + 0.01)
    width = narrowest(low, high)
    if high - low < width:
        expected = f"one at least {width:g} wide, so far from 0, for differences to be measured"
        raise ValueError(message(where, "domain", expected, domain))
    return low, high
