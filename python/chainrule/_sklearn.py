"""Fitted MLPs, scikit-learn's and ours: what is one, `Network.from_sklearn` and `to_sklearn`."""

import inspect
import sys
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np

from chainrule._errors import message, quoted
from chainrule.activations import Activation
from chainrule.layers import Dense

if TYPE_CHECKING:
    from chainrule.estimators import MLPClassifier, MLPRegressor
    from chainrule.network import Network


ACTIVATIONS = {"logistic": "sigmoid"}  # scikit-learn's name, ours; the others are alike
THEIRS = {ours: theirs for theirs, ours in ACTIVATIONS.items()}
HIDDEN = ("identity", "sigmoid", "tanh", "relu")  # what theirs may have in hidden layers
FROM = "Network.from_sklearn"


def from_sklearn(kind: Any, model: Any) -> Any:
    """The work of `Network.from_sklearn`."""
    expected = "a fitted MLPClassifier or MLPRegressor"
    if not _is_mlp(model):
        raise TypeError(message(FROM, "model", expected, model))
    is_own = hasattr(model, "_engine")  # chainrule's, with layers of any kind
    if not (model.__sklearn_is_fitted__() if is_own else hasattr(model, "coefs_")):
        raise ValueError(message(FROM, "model", expected, model))
    weights, biases = model.coefs_, model.intercepts_
    if is_own:
        own = model._ready(FROM)
        net = kind._without_values(own.layers, own.n_inputs, own.dtype, 0, FROM)
        for name, value in own.parameters.items():
            net.parameters[name] = value
        return net
    names = [model.activation] * (len(weights) - 1) + [model.out_activation_]
    sizes = [len(bias) for bias in biases]
    layers = [Dense(n, ACTIVATIONS.get(g, g)) for n, g in zip(sizes, names, strict=True)]
    net = kind._without_values(layers, len(weights[0]), weights[0].dtype, 0, FROM)
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
        net.parameters[f"{number}.weight"] = weight
        net.parameters[f"{number}.bias"] = bias
    return net


def _is_mlp(model: Any) -> bool:
    """Of either package, or derived from one."""
    return any(
        base.__name__ in ("MLPClassifier", "MLPRegressor")
        and base.__module__.startswith(("sklearn.neural_network.", "chainrule.estimators."))
        for base in type(model).__mro__
    )


def is_estimator(model: object) -> "TypeGuard[MLPClassifier | MLPRegressor]":
    """Whether it is one of ours. scikit-learn is not loaded for that: where there is one it is."""
    module = sys.modules.get("chainrule.estimators")
    return module is not None and isinstance(model, module.MLPClassifier | module.MLPRegressor)


def to_sklearn(where: str, net: "Network", classes: Any) -> Any:
    """The work of `Network.to_sklearn` and the estimators'; `where` stands in refusals."""
    activations = [
        _activation(f"{where}, layer {number}", layer)
        for number, layer in enumerate(net.layers, start=1)
    ]
    *hidden, last = activations
    if len(set(hidden)) > 1 or not set(hidden) <= set(HIDDEN):
        expected = f"one activation for all hidden layers, of {quoted(HIDDEN)}"
        raise ValueError(message(where, "layers", expected, hidden))
    sizes = [cast(Dense, layer).units for layer in net.layers]
    theirs = THEIRS.get(hidden[0], hidden[0]) if hidden else "relu"
    options = {"hidden_layer_sizes": tuple(sizes[:-1]), "activation": theirs}
    try:
        import sklearn.neural_network  # noqa: F401
    except ImportError as error:
        advice = "pip install 'chainrule[sklearn]'"
        raise ImportError(f"{where} needs scikit-learn: {advice}") from error
    if last in ("sigmoid", "softmax"):
        model = _classifier(where, last, sizes[-1], classes, options)
    else:
        model = _regressor(where, last, classes, options)
    numbers = range(1, len(sizes) + 1)
    model.coefs_ = [net.parameters[f"{number}.weight"] for number in numbers]
    model.intercepts_ = [net.parameters[f"{number}.bias"] for number in numbers]
    model.n_features_in_ = net.n_inputs
    model.n_outputs_ = sizes[-1]
    model.n_layers_ = len(sizes) + 1
    model.out_activation_ = THEIRS.get(last, last)
    # As before the first epoch, so that partial_fit goes on from here.
    model.n_iter_ = model.t_ = model._no_improvement_count = 0
    model.loss_curve_, model.best_loss_ = [], np.inf
    model.validation_scores_ = model.best_validation_score_ = None
    return model


def _activation(where: str, layer: Any) -> str:
    if not isinstance(layer, Dense):
        raise ValueError(message(where, "layer", "a Dense layer", layer))
    activation = cast(Activation, layer.activation)
    if activation.groups is not None:
        raise ValueError(message(where, "activation", "a softmax without groups", activation))
    return activation.name


def _classifier(
    where: str, last: str, n_outputs: int, classes: Any, options: dict[str, Any]
) -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import LabelBinarizer

    if last == "softmax" and n_outputs < 3:
        expected = "at least 3 units of softmax (scikit-learn has a sigmoid for 2 classes)"
        raise ValueError(message(where, "layers", expected, n_outputs))
    is_multilabel = last == "sigmoid" and n_outputs > 1
    if is_multilabel:
        if classes is not None:
            raise ValueError(message(where, "classes", "None for several sigmoids", classes))
        y = np.array([[0] * n_outputs, [1] * n_outputs])
    else:
        n_classes = max(2, n_outputs)
        y = np.arange(n_classes) if classes is None else np.asarray(classes)
        if y.shape != (n_classes,) or not np.array_equal(np.unique(y), y):
            raise ValueError(
                message(where, "classes", f"{n_classes} different ones, sorted", classes)
            )
    model = MLPClassifier(**options)
    model._label_binarizer = LabelBinarizer().fit(y)
    model.classes_ = model._label_binarizer.classes_
    return model


def _regressor(where: str, last: str, classes: Any, options: dict[str, Any]) -> Any:
    from sklearn.neural_network import MLPRegressor

    if last not in ("identity", "exp"):
        expected = "a last activation of identity, exp, sigmoid or softmax"
        raise ValueError(message(where, "layers", expected, last))
    if classes is not None:
        raise ValueError(message(where, "classes", f"None for {last}, a regressor's", classes))
    if last == "exp":
        if "loss" not in inspect.signature(MLPRegressor).parameters:
            raise ValueError(f"[{where}] layers: exp needs scikit-learn 1.7")
        options = {**options, "loss": "poisson"}
    return MLPRegressor(**options)
