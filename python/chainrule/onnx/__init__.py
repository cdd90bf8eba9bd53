"""ONNX files of networks and estimators, for ONNX Runtime and all else that reads them.

Start at `export_onnx`. `_graph.py` builds a file of nodes, `_layers.py` and `_activations.py` have
the nodes of each layer and activation, `_estimators.py` those that make labels of outputs.
`register` teaches skl2onnx the estimators (`_skl2onnx.py`), so that they convert inside a
`Pipeline`.
"""

try:
    import onnx as _onnx  # noqa: F401
except ImportError as error:
    raise ImportError("export_onnx needs onnx: pip install 'chainrule[onnx]'") from error

from chainrule.onnx._export import export_onnx
from chainrule.onnx._skl2onnx import register

__all__ = ["export_onnx", "register"]
