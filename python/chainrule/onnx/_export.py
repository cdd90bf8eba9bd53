"""`export_onnx`: one file of a network or of a fitted estimator."""

import os
import sys
from typing import TYPE_CHECKING, Any, TypeGuard

from chainrule._errors import check_bool, message
from chainrule._files import check_path, write_atomically
from chainrule.network import Network
from chainrule.onnx._graph import ModelGraph, Value
from chainrule.onnx._layers import add_network

if TYPE_CHECKING:
    from chainrule.onnx._estimators import Estimator

WHERE = "export_onnx"


def export_onnx(
    model: "Network | Estimator", path: str | os.PathLike[str], *, native: bool = False
) -> None:
    """Writes a network or a fitted `MLPClassifier` or `MLPRegressor` as ONNX, whole or not at all.

    The input is `X` (rows, n_inputs), of the network's dtype, with any number of rows. The outputs:
    of a network `output` (rows, n_outputs), what `predict` gives; of a regressor `variable`
    (rows, n_targets); of a classifier `label`, strings or int64, and `probabilities`, named as
    skl2onnx names them: (rows,) and (rows, n_classes), both (rows, n_labels) where any label may be
    true, (rows, n_outputs) and a sequence of (rows, n_classes) of several classifications.

    The nodes follow chainrule's formulas and rounding. ONNX Runtime then gives `predict` to 1e-6 of
    the largest A or Z of the last layer in float32, 3e-15 in float64, in networks of up to five
    layers of up to 64 units; rounding grows with both (2 layers of 2048 or 20 of 64: 3e-6), and
    layer normalization of two or three units may magnify it to 1e-4, that of `predict` likewise.
    With `native`, in float32, they are ONNX's own operations (Gemm, Sigmoid, Gelu,
    LayerNormalization, ..), which other programs know how to speed up: about twice as far off,
    and gelu, silu and mish of an overflow to -infinity are NaN.

    Raises OSError; TypeError for any other model; ValueError if a parameter is not finite, if the
    estimator is not fitted or has classes that ONNX has no labels for, for `native` in float64,
    and for more than 2 GiB; ImportError without the package onnx.
    """
    check_path(WHERE, path)
    check_bool(WHERE, "native", native)
    if isinstance(model, Network):
        content = _network(model, native)
    elif _is_estimator(model):
        content = _estimator(model, native)
    else:
        expected = (
            "a Network, MLPClassifier or MLPRegressor "
            "(a Pipeline: chainrule.onnx.register() and skl2onnx.to_onnx)"
        )
        raise TypeError(message(WHERE, "model", expected, model))
    write_atomically(path, [(0, content)])


def _network(net: Network, native: bool) -> bytes:
    graph = _graph(net, native)
    output = Value(graph.new_name("output"), net.dtype.name, (net.n_outputs,))
    graph.node("Identity", add_network(graph, "X", net, WHERE), output=output.name)
    return graph.to_bytes(WHERE, [output])


def _graph(net: Network, native: bool) -> ModelGraph:
    return ModelGraph(net.dtype, [Value("X", net.dtype.name, (net.n_inputs,))], native)


def _is_estimator(model: Any) -> "TypeGuard[Estimator]":
    """Without loading scikit-learn, which has been loaded where there is one."""
    module = sys.modules.get("chainrule.estimators")
    return module is not None and isinstance(model, module.MLPClassifier | module.MLPRegressor)


def _estimator(est: "Estimator", native: bool) -> bytes:
    from chainrule.onnx._estimators import add_estimator, outputs_of

    if not est.__sklearn_is_fitted__():
        raise ValueError(message(WHERE, "model", "a fitted estimator", est))
    net = est._engine.ready(WHERE)
    graph = _graph(net, native)
    outputs = outputs_of(est, net.dtype.name, WHERE)
    names = [graph.new_name(value.name) for value in outputs]
    add_estimator(graph, "X", est, names, WHERE)
    return graph.to_bytes(WHERE, outputs)
