"""`export_onnx`: one file of a network or of a fitted estimator."""

import os
from typing import TYPE_CHECKING

import chainrule._errors  # as in network.py
from chainrule._errors import check_choice, message
from chainrule._files import check_path, write_atomically
from chainrule._sklearn import is_estimator
from chainrule.network import Network
from chainrule.onnx._graph import NODES, ModelGraph, Value
from chainrule.onnx._layers import add_network

if TYPE_CHECKING:
    from chainrule.onnx._estimators import Estimator

WHERE = "export_onnx"


def export_onnx(
    model: "Network | chainrule.MLPClassifier | chainrule.MLPRegressor",
    path: str | os.PathLike[str],
    *,
    nodes: str = "close",
) -> None:
    """Writes a network or a fitted `MLPClassifier` or `MLPRegressor` as ONNX, whole or not at all.

    The input is `X` (rows, n_inputs), of the network's dtype, with any number of rows. The outputs:
    of a network `output` (rows, n_outputs), what `predict` gives; of a regressor `variable`
    (rows, n_targets); of a classifier `label`, strings or int64, and `probabilities`, named as
    skl2onnx names them: (rows,) and (rows, n_classes), both (rows, n_labels) where any label may be
    true, (rows, n_outputs) and a sequence of (rows, n_classes) of several classifications.

    `nodes` says what predictions are computed with:

    * "close": chainrule's formulas, rounded nearly where it rounds. ONNX Runtime then gives
      `predict` to 1e-6 of the largest A or Z of the last layer in float32, 3e-15 in float64, in
      networks of up to five layers of up to 64 units; rounding grows with both (2 layers of 2048 or
      20 of 64: 3e-6), and layer normalization of two or three units may magnify it to 1e-4, that of
      `predict` likewise.
    * "exact", in float32: every operation of `predict`. ONNX Runtime then gives its bits, but for
      the sign of a zero and a rounding in 10^9, in layers of up to 255 inputs (the sums of wider
      ones are added up in parts), on CPUs with fused multiply-add and with weights packed ahead, as
      is its default. It takes as long as for "close" with relu, 2 to 10 times as long with other
      functions, and more with a wide softmax (1000 classes: 24 times).
    * "native", in float32: ONNX's own operations (Gemm, Sigmoid, Gelu, LayerNormalization, ..),
      which other programs know how to speed up: about twice as far off as "close", and gelu, silu
      and mish of an overflow to -infinity are NaN.

    Raises OSError; TypeError for any other model; ValueError if a parameter is not finite, if the
    estimator is not fitted or has classes that ONNX has no labels for, for other nodes than these
    or than "close" in float64, and for more than 2 GiB; ImportError without the package onnx.
    """
    check_path(WHERE, path)
    check_choice(WHERE, "nodes", nodes, NODES)
    if isinstance(model, Network):
        content = _network(model, nodes)
    elif is_estimator(model):
        content = _estimator(model, nodes)
    else:
        expected = (
            "a Network, MLPClassifier or MLPRegressor "
            "(a Pipeline: chainrule.onnx.register() and skl2onnx.to_onnx)"
        )
        raise TypeError(message(WHERE, "model", expected, model))
    write_atomically(path, [(0, content)])


def _network(net: Network, nodes: str) -> bytes:
    graph = _graph(net, nodes)
    output = Value(graph.new_name("output"), net.dtype.name, (net.n_outputs,))
    graph.node("Identity", add_network(graph, "X", net, WHERE), output=output.name)
    return graph.to_bytes(WHERE, [output])


def _graph(net: Network, nodes: str) -> ModelGraph:
    return ModelGraph(net.dtype, [Value("X", net.dtype.name, (net.n_inputs,))], nodes)


def _estimator(est: "Estimator", nodes: str) -> bytes:
    from chainrule.onnx._estimators import add_estimator, outputs_of

    if not est.__sklearn_is_fitted__():
        raise ValueError(message(WHERE, "model", "a fitted estimator", est))
    net = est._ready(WHERE)
    graph = _graph(net, nodes)
    outputs = outputs_of(est, net.dtype.name, WHERE)
    names = [graph.new_name(value.name) for value in outputs]
    add_estimator(graph, "X", est, names, WHERE)
    return graph.to_bytes(WHERE, outputs)
