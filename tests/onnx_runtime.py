"""What ONNX Runtime makes of a file, for the tests of ONNX."""

import numpy as np
import onnxruntime

import chainrule as cr

from .helpers import relative_difference


def session(path):
    """Of ONNX Runtime; a warning of its own about the file would be printed as an error."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path, X):
    return session(path).run(None, {"X": X})


def difference(net, path, X):
    """The largest of any output, relative to the largest A or Z of the last layer.

    Z has the rounding of its own size, also where A is its tanh and never larger than 1.
    """
    X = X.astype(net.dtype)
    (output,) = run(path, X)
    assert output.dtype == net.dtype
    assert output.shape == (len(X), net.n_outputs)
    is_dense = isinstance(net.layers[-1], cr.Dense)  # otherwise an activation of its own
    last = cr.Dense(net.n_outputs) if is_dense else cr.Dropout(0)
    linear = cr.Network([*net.layers[:-1], last], net.n_inputs, net.dtype)
    for name, value in net.parameters.items():
        linear.parameters[name] = value
    return relative_difference(output, net.predict(X), float(np.max(np.abs(linear.predict(X)))))
