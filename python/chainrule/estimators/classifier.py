"""The classifier: two classes, several, several labels at once."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)

from chainrule._errors import message
from chainrule.estimators._base import BaseMLP
from chainrule.losses import BinaryCrossEntropy, CrossEntropy, Loss

Array = NDArray[Any]


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron that minimizes the cross-entropy; a drop-in for scikit-learn's.

    All parameters of `sklearn.neural_network.MLPClassifier` have their names, defaults and meaning
    here, and the same `random_state` gives the same model up to rounding. Beyond it:

    activation : also any of chainrule's, or a list with one for each hidden layer.
    hidden_layer_sizes : also `()`, logistic regression.
    layers : hidden layers as `chainrule.Network` takes them, instead of `hidden_layer_sizes` and
        `activation`; they draw their first weights by their own initializers.
    optimizer, schedule : chainrule's, instead of `solver` and `learning_rate`.
    class_weight : dict {class: weight >= 0}, 1 for those not in it, or "balanced", in `partial_fit`
        over the rows of each call; multiplies `sample_weight`.
    label_smoothing : s, 0 <= s < 1: a label y counts as (1 - s) y + s / n, of n classes.
    scoring : name or scorer of scikit-learn for validation data, instead of accuracy.
    callbacks : chainrule's callbacks. scikit-learn's, from its version 1.9 on, are given to
        `set_callbacks`; each epoch, or iteration of "lbfgs", is a task.
    verbose : True shows a progress bar, a number > 0 prints scikit-learn's lines.

    Attributes are scikit-learn's, and `history_`, a `chainrule.History` with a record per epoch.
    A model computes in float32 if its first X was float32, else in float64; predictions have the
    wider type of model and rows.
    `fit` raises ValueError or TypeError that names the parameter for one that it cannot use.
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Literal["lbfgs", "sgd", "adam"] = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        class_weight: Any = None,
        label_smoothing: float = 0.0,
        layers: Any = None,
        optimizer: Any = None,
        schedule: Any = None,
        scoring: Any = None,
        callbacks: Any = None,
    ) -> None:
        self._keep(locals())

    @available_if(lambda est: est._is_stochastic())
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """One epoch over the given data; the first call needs all `classes`, (n_classes,).

        The data need not have every class, but at least one row with a weight above 0.
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer()
            is_multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer.fit(y if is_multilabel else classes)
        return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: ArrayLike) -> Array:
        """The class of each row, (n_samples,), or its labels, (n_samples, n_labels)."""
        outputs = self._outputs(X)
        if self.n_outputs_ == 1:
            outputs = outputs.ravel()
        return self._label_binarizer.inverse_transform(outputs)

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class, (n_samples, n_classes), or of each label."""
        outputs = self._outputs(X)
        if self.n_outputs_ > 1:
            return outputs
        return np.concatenate([1 - outputs, outputs], axis=1)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Logarithms of `predict_proba`."""
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    # ---- For the base class ----------------------------------------------------------------------

    def _encode(self, y: Array, first: bool, incremental: bool) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(y)
        return self._encoded(y)

    def _encoded(self, y: Array) -> Array:
        if self._label_binarizer.y_type_ == "multiclass":
            return np.searchsorted(self.classes_, y)
        return self._label_binarizer.transform(y).astype(bool)

    def _check_classes(self, y: Array) -> None:
        classes = unique_labels(y)
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        self._check_known(classes)

    def _check_known(self, classes: Array) -> None:
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {classes}."
            )

    def _encode_for_validation(self, y: Array) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        is_multilabel = self._label_binarizer.y_type_.startswith("multilabel")
        if (y.ndim == 2) != is_multilabel or (is_multilabel and y.shape[1] != len(self.classes_)):
            shape = f"(n, {len(self.classes_)})" if is_multilabel else "(n,)"
            raise ValueError(message("MLPClassifier.fit", "y_val", f"shape {shape}", y.shape))
        if not is_multilabel:
            self._check_known(unique_labels(y))
        return self._encoded(y)

    def _output(self) -> tuple[int, str, Loss]:
        n_classes = len(self.classes_)
        kind = self._label_binarizer.y_type_
        self.out_activation_ = "softmax" if kind == "multiclass" else "logistic"
        if kind == "multiclass":
            return n_classes, "softmax", CrossEntropy(self.label_smoothing)
        units = n_classes if kind.startswith("multilabel") else 1
        return units, "sigmoid", BinaryCrossEntropy()

    def _targets(self, y: Array) -> Array:
        if y.ndim == 1 or self.label_smoothing == 0:  # the loss knows, or nothing to do
            return y
        return (1 - self.label_smoothing) * y + self.label_smoothing / 2

    def _stratify(self, y: Array) -> Array | None:
        return y if y.ndim == 2 and y.shape[1] == 1 else None

    def _all_weights(self, y: Array, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        labels = self._decode(y)
        if isinstance(self.class_weight, dict) and labels.ndim == 1:  # y may lack a class
            table = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_)
            of_class = table[np.searchsorted(self.classes_, labels)]
        else:
            of_class = compute_sample_weight(self.class_weight, labels)
        return of_class if weights is None else of_class * weights

    def _decode(self, y: Array) -> Array:
        if y.ndim == 1:
            return self.classes_[y]
        return self._label_binarizer.inverse_transform(y.astype(int))

    def _score_outputs(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        predicted = outputs.argmax(axis=1) if y.ndim == 1 else outputs > 0.5
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
