"""ONNX Runtime: the network as a graph of Gemm, Relu and Softmax or Sigmoid. It only predicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bench.cases import Array
from bench.peers.base import Problem

OPSET, IR_VERSION = 17, 8  # old enough for every ONNX Runtime of the last years


class Trained:
    def __init__(self, problem: Problem) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = problem.n_threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            _model(problem).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.notes: dict[str, Any] = {"providers": self.session.get_providers()}

    def predictor(self, X: Array) -> Callable[[], Any]:
        run, names, feed = self.session.run, ["probabilities"], {"X": X}
        return lambda: run(names, feed)[0]


def _model(problem: Problem) -> Any:
    nodes, initializers, name = [], [], "X"
    for number, (W, b) in enumerate(problem.parameters, start=1):
        is_last = number == len(problem.parameters)
        initializers += [
            numpy_helper.from_array(W, f"W{number}"),
            numpy_helper.from_array(b, f"b{number}"),
        ]
        nodes.append(helper.make_node("Gemm", [name, f"W{number}", f"b{number}"], [f"Z{number}"]))
        kind = "Relu" if not is_last else "Sigmoid" if problem.case.is_binary else "Softmax"
        name = "probabilities" if is_last else f"A{number}"
        nodes.append(helper.make_node(kind, [f"Z{number}"], [name]))
    element = TensorProto.DOUBLE if problem.dtype == "float64" else TensorProto.FLOAT
    sizes = problem.case.sizes
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("X", element, ["rows", sizes[0]])],
        [helper.make_tensor_value_info("probabilities", element, ["rows", sizes[-1]])],
        initializers,
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
