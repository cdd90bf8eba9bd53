"""A pipeline of scikit-learn with chainrule's classifier, predicting in ONNX Runtime.

Trains on scikit-learn's handwritten digits, writes the whole pipeline as one ONNX file, and
predicts with that file alone: neither chainrule nor scikit-learn is needed where it runs.

    pip install "chainrule[skl2onnx]"
    python examples/onnx_pipeline.py [file.onnx]
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import skl2onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr


def train():
    """The fitted pipeline, and rows and classes that it has not seen."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X.astype(np.float32), y, random_state=0)
    model = make_pipeline(StandardScaler(), cr.MLPClassifier((64,), tol=0.001, random_state=0))
    return model.fit(X, y), X_test, y_test


def export(model, row, path):
    """Writes the pipeline; its input is named and typed after a row."""
    cr.onnx.register()  # skl2onnx knows scikit-learn's transformers, and now our classifier
    options = {cr.MLPClassifier: {"zipmap": False}}  # probabilities as one array
    content = skl2onnx.to_onnx(model, row, options=options).SerializeToString()
    Path(path).write_bytes(content)


def main(path="digits.onnx"):
    """The share of rows that the file classifies right."""
    model, X, y = train()
    export(model, X[:1], path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    label, probabilities = session.run(["label", "probabilities"], {"X": X})
    difference = np.max(np.abs(probabilities - model.predict_proba(X)))
    accuracy = float(np.mean(label == y))
    size = Path(path).stat().st_size / 1e3
    print(f"{path}: {size:.0f} kB, test accuracy {100 * accuracy:.1f} %")
    print(f"largest difference of a probability {difference:.1e}")
    return accuracy


if __name__ == "__main__":
    main(*sys.argv[1:2])
