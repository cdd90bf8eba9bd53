"""The estimators for skl2onnx, which converts whole pipelines of scikit-learn."""

from typing import Any

from numpy.typing import NDArray

from chainrule.onnx._graph import ELEMENTS, NODES, Graph

Array = NDArray[Any]
WHERE = "skl2onnx"
OLDEST_OPSET = 18  # whose ReduceMean takes its axes as we give them
OLDEST_NATIVE_OPSET = 20  # which has Gelu


def register() -> None:
    """From here on skl2onnx converts `MLPClassifier` and `MLPRegressor`, also inside a `Pipeline`.

    `skl2onnx.to_onnx(pipeline, X)` and `convert_sklearn` then know them; numbers are float64 where
    the input is, else float32. Both have the option "nodes" of `export_onnx`, of which "native" is
    for opset 20 and later; the steps before them are skl2onnx's. Further options of the classifier
    are "zipmap" (True, False, "columns"), "nocl" (True: labels are class numbers) and
    "output_class_labels". Several classifications have no zip map: `label` (rows, n_outputs) and
    `probabilities`, a sequence of (rows, n_classes).

    Raises ImportError without skl2onnx or scikit-learn. Calling it twice does no harm.
    """
    try:
        import skl2onnx
    except ImportError as error:
        advice = "pip install 'chainrule[skl2onnx]'"
        raise ImportError(f"chainrule.onnx.register needs skl2onnx: {advice}") from error
    from chainrule.estimators import MLPClassifier, MLPRegressor

    skl2onnx.update_registered_converter(
        MLPClassifier,
        "ChainruleMLPClassifier",
        _declare_outputs,
        _convert,
        parser=_parse_classifier,
        options={
            "zipmap": [True, False, "columns"],
            "nocl": [True, False],
            "output_class_labels": [False, True],
            "nodes": list(NODES),
        },
    )
    skl2onnx.update_registered_converter(
        MLPRegressor,
        "ChainruleMLPRegressor",
        _declare_outputs,
        _convert,
        options={"nodes": list(NODES)},
    )


class _Skl2onnxGraph(Graph):
    """Part of a graph that skl2onnx builds."""

    def __init__(self, dtype: str, scope: Any, container: Any, nodes: str) -> None:
        super().__init__(dtype, nodes)
        self._scope, self._container = scope, container

    def _add_constant(self, array: Array, name: str) -> str:
        name = self._scope.get_unique_variable_name(name)
        values = array.ravel()
        if array.dtype == object:
            values = [text.encode() for text in values]  # type: ignore[assignment]
        element = ELEMENTS[array.dtype.name]
        self._container.add_initializer(name, element, list(array.shape), values)
        return name

    def _add_node(
        self, kind: str, inputs: list[str], output: str | None, attributes: dict[str, Any]
    ) -> str:
        output = output or self._scope.get_unique_variable_name(kind.lower())
        name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, inputs, [output], name=name, **attributes)
        return output


def _parse_classifier(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """What outputs there are; skl2onnx knows several classifications by another parser."""
    from skl2onnx import _parse

    several = isinstance(model.classes_, list)
    name = f"_parse_sklearn_{'multi_output_' if several else ''}classifier"
    return getattr(_parse, name)(scope, model, inputs, custom_parsers=custom_parsers)


def _declare_outputs(operator: Any) -> None:
    """Types and shapes of the outputs; skl2onnx calls this its shape calculator."""
    from skl2onnx.common import data_types

    from chainrule.onnx._estimators import outputs_of

    est, rows = operator.raw_operator, operator.inputs[0].get_first_dimension()
    types = {
        "float32": data_types.FloatTensorType,
        "float64": data_types.DoubleTensorType,
        "int64": data_types.Int64TensorType,
        "object": data_types.StringTensorType,
    }
    indices = bool(_option("nocl", est, operator.scope_inst))
    values = outputs_of(est, _dtype(operator), WHERE, indices)
    for variable, value in zip(operator.outputs, values, strict=True):
        kind = types[value.dtype]
        if value.sequence:
            variable.set_type(data_types.SequenceType(kind()))
        else:
            variable.set_type(kind([rows, *value.shape]))


def _convert(scope: Any, operator: Any, container: Any) -> None:
    from chainrule.onnx._estimators import add_estimator

    est, opset = operator.raw_operator, container.target_opset_onnx
    nodes = _option("nodes", est, container) or NODES[0]
    oldest = OLDEST_NATIVE_OPSET if nodes == "native" else OLDEST_OPSET
    if opset < oldest:
        raise ValueError(f"[{WHERE}] target_opset: expected {oldest} or later, got {opset}")
    graph = _Skl2onnxGraph(_dtype(operator), scope, container, nodes)
    # Nothing but rows of the graph's floats go into a product.
    x = graph.cast(operator.inputs[0].full_name, graph.dtype.name)
    names = [variable.full_name for variable in operator.outputs]
    add_estimator(graph, x, est, names, WHERE, bool(_option("nocl", est, container)))


def _dtype(operator: Any) -> str:
    from skl2onnx.common.data_types import DoubleTensorType

    return "float64" if isinstance(operator.inputs[0].type, DoubleTensorType) else "float32"


def _option(name: str, est: Any, options: Any) -> Any:
    """What the user chose, or None; `options` is a scope or container of skl2onnx."""
    return (options.get_options(est, fail=False) or {}).get(name)
