"""An ONNX graph under construction: constants and nodes, known by the names of their values."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from chainrule._errors import message

Array = NDArray[Any]

# ONNX 1.17 (2024) and ONNX Runtime 1.21 (2025) are the first that read this.
OPSET, IR_VERSION = 22, 10
MOST_BYTES = 2**31 - 2**20  # protobuf's limit of 2 GiB, and something for the nodes
NODES = ("close", "exact", "native")

ELEMENTS = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "object": TensorProto.STRING,  # of an array of str
}


@dataclass(frozen=True)
class Value:
    """An input or output: its type, a key of ELEMENTS, and its shape after the axis of rows.

    With `sequence` it is as many tensors, with a width of their own each.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    sequence: bool = False


class Graph:
    """What constants and nodes are added to; floats in it are of `dtype`.

    `nodes` is one of NODES: whether results are close to chainrule's, have its very bits, or layers
    and activations are ONNX's own operations where there are such.
    """

    def __init__(self, dtype: Any, nodes: str = "close") -> None:
        self.dtype = np.dtype(dtype)
        self.nodes = nodes

    def of_dtype(self, dtype: Any) -> Self:
        """The same graph, for a part of it with other floats."""
        part = copy(self)
        part.dtype = np.dtype(dtype)
        return part

    def constant(self, array: Any, name: str = "constant") -> str:
        """The name under which these values are found; floats become the graph's."""
        array = np.asarray(array)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        return self._add_constant(np.ascontiguousarray(array).reshape(array.shape), name)

    def number(self, value: float, name: str | None = None) -> str:
        """A constant of one float."""
        return self.constant(np.float64(value), name or f"{value:g}")

    def in_float64(self, x: str, f: "Callable[[Graph, str], str]") -> str:
        """f(graph, x) with all floats float64, and its result in this graph's."""
        if self.dtype == np.float64:
            return f(self, x)
        return self.cast(f(self.of_dtype("float64"), self.cast(x, "float64")), self.dtype.name)

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """An operation of ONNX on values; returns the name of its result, `output` if given."""
        return self._add_node(kind, list(inputs), output, attributes)

    def cast(self, value: str, dtype: str, output: str | None = None) -> str:
        """The value as a type of ELEMENTS."""
        return self.node("Cast", value, output=output, to=ELEMENTS[dtype])

    def _add_constant(self, array: Array, name: str) -> str:
        raise NotImplementedError

    def _add_node(
        self, kind: str, inputs: list[str], output: str | None, attributes: dict[str, Any]
    ) -> str:
        raise NotImplementedError


class ModelGraph(Graph):
    """A graph that becomes a file."""

    def __init__(self, dtype: Any, inputs: Sequence[Value], nodes: str = "close") -> None:
        super().__init__(dtype, nodes)
        self.inputs = list(inputs)
        self._names = {value.name for value in inputs}
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def new_name(self, name: str) -> str:
        """This name, or if it is taken one that starts with it."""
        chosen, number = name, 1
        while chosen in self._names:
            number += 1
            chosen = f"{name}_{number}"
        self._names.add(chosen)
        return chosen

    def _add_constant(self, array: Array, name: str) -> str:
        name = self.new_name(name)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def _add_node(
        self, kind: str, inputs: list[str], output: str | None, attributes: dict[str, Any]
    ) -> str:
        output = output or self.new_name(kind.lower())
        # ONNX Runtime 1.21 names what it fuses after the nodes, and fails if two have none.
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def to_bytes(self, where: str, outputs: Sequence[Value]) -> bytes:
        """The file. Raises ValueError if it is larger than one can be."""
        size = sum(constant.ByteSize() for constant in self._constants)
        if size > MOST_BYTES:
            expected = "parameters of less than 2 GiB, as one ONNX file can hold"
            raise ValueError(message(where, "model", expected, f"{size / 2**30:.1f} GiB"))
        infos = [[_info(value) for value in values] for values in (self.inputs, outputs)]
        graph = helper.make_graph(self._nodes, "chainrule", *infos, self._constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="chainrule",
            producer_version=version("chainrule"),
        )
        content: bytes = model.SerializeToString()
        return content


def _info(value: Value) -> Any:
    make = helper.make_tensor_value_info
    shape: list[Any] = ["rows", *value.shape]
    if value.sequence:
        make, shape = helper.make_tensor_sequence_value_info, ["rows", None]
    return make(value.name, ELEMENTS[value.dtype], shape)
