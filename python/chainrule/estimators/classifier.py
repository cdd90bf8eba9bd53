"""The classifier: two classes, several, several labels or several classifications at once."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target
from sklearn.utils.validation import check_is_fitted

from chainrule._calls import explained
from chainrule._class_weight import weights_of_columns, weights_of_rows
from chainrule._errors import message
from chainrule.activations import Activation
from chainrule.estimators._base import BaseMLP
from chainrule.estimators._checks import checked_for_score
from chainrule.estimators._options import refuses
from chainrule.estimators._targets import (
    OneTarget,
    SeveralTargets,
    Targets,
    are_of_outputs,
    sorted_classes,
    targets_of,
    targets_of_classes,
)
from chainrule.losses import Loss

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
    clip_value, clip_norm : limits of each gradient and of the norm of all, as `chainrule.Trainer`
        has them.
    class_weight : dict {class: weight >= 0}, 1 for those not in it, or "balanced", in `partial_fit`
        over the rows of each call; multiplies `sample_weight`. Of several outputs a list of dicts,
        whose weights multiply.
    label_smoothing : s, 0 <= s < 1: a label y counts as (1 - s) y + s / n, of n classes.
    scoring : name or scorer of scikit-learn for validation data, instead of accuracy. One that
        takes no weights, such as "rand_score", scores rows that have some without, and `fit` warns.
    callbacks : chainrule's callbacks. scikit-learn's, from its version 1.9 on, are given to
        `set_callbacks`; each epoch, or iteration of "lbfgs", is a task.
    learning_rate_factors, decay_factors, frozen : by names of parameters ("1.weight") or layers
        ("1"), as `chainrule.Trainer` has them; with "lbfgs" `frozen` alone. A BatchNorm that
        is frozen whole keeps its running statistics.
    ema : keeps averages of the weights, as `chainrule.Trainer` has them. They are what validation
        scores, what `predict` works with and `coefs_` shows; `partial_fit` goes on with the
        weights behind them.
    verbose : True shows a progress bar, a number > 0 prints scikit-learn's lines; with "lbfgs" both
        print its lines.

    y may also be (n_samples, n_outputs), a classification per column, as scikit-learn's forests
    take it: one network with a softmax for each. `classes_` and `predict_proba` are lists then, and
    a row is right if all its columns are. (Columns of nothing but 0 and 1 are labels.)

    Attributes are scikit-learn's, and `history_`, a `chainrule.History` with a record per
    epoch, or iteration of "lbfgs". `warm_start` and `partial_fit` go on with the layers that
    are there, whose activations may change. Parameters set after `fit` count from the next
    `fit` or `partial_fit` on (those of the optimizer from the next `fit`); predictions are
    those of the fitted model, where scikit-learn's MLP would use another `activation` at once.
    `coefs_`, `intercepts_` and `classes_` (of labels `out_activation_`, too) that are set on an
    estimator without `fit` are a model, too. A loss that becomes infinite or NaN ends training
    with the parameters of the last step before: `fit` raises ValueError, with `early_stopping`
    it keeps the best parameters and warns, and "lbfgs" warns. Ctrl-C ends training with a
    warning, too.
    The loss is computed from logits; scikit-learn's takes no probability below the dtype's eps, so
    that of rows which are far off, as without scaling, is smaller there, and "lbfgs" goes by it.
    With `early_stopping` a warm start ends with the best parameters, be they those before it, where
    scikit-learn's would end with the last ones.
    A model computes in float32 if its first X was float32, else in float64; predictions have the
    wider type of model and rows.
    `fit` raises an InvalidParameterError, scikit-learn's ValueError and TypeError, that names the
    parameter for one that it cannot use.
    """

    _target: Targets  # what y is
    classes_: Any  # sorted, or those of each output in a list

    @explained(lr="the step size is learning_rate_init", epochs="it is max_iter here")
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
        clip_value: float | None = None,
        clip_norm: float | None = None,
        scoring: Any = None,
        callbacks: Any = None,
        learning_rate_factors: Any = None,
        decay_factors: Any = None,
        frozen: Any = None,
        ema: float | None = None,
    ) -> None:
        self._keep(locals())

    @available_if(lambda est: est._is_stochastic())
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: Any = None,
    ) -> Self:
        """One epoch over the given data; the first call needs all `classes`, (n_classes,), of
        several outputs a list of them.

        The data need not have every class, but at least one row with a weight above 0.
        """
        return self._fit(X, y, sample_weight, None, incremental=True, classes=classes)

    def predict(self, X: ArrayLike) -> Array:
        """The class of each row, (n_samples,), or its labels or its class in each output,
        (n_samples, n_outputs)."""
        outputs = self._outputs(X)
        return self._target.predicted(outputs)

    def predict_proba(self, X: ArrayLike) -> Array | list[Array]:
        """The probability of each class, (n_samples, n_classes), or of each label.

        Of several outputs a list of such arrays.
        """
        outputs = self._outputs(X)
        return self._target.probabilities(outputs)

    def predict_log_proba(self, X: ArrayLike) -> Array | list[Array]:
        """Logarithms of `predict_proba`."""
        probabilities = self.predict_proba(X)
        if isinstance(probabilities, list):
            return [np.log(p, out=p) for p in probabilities]
        return np.log(probabilities, out=probabilities)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The share of rows that are right: in all labels, in all outputs."""
        check_is_fitted(self)
        self._ready("MLPClassifier.score")
        if isinstance(self._target, OneTarget):
            return super().score(X, y, sample_weight)
        predicted = self.predict(X)
        y, weights = checked_for_score("MLPClassifier.score", predicted, y, sample_weight)
        return float(np.average((predicted == y).all(axis=1), weights=weights))

    # ---- For the base class ----------------------------------------------------------------------

    def _learn_classes(self, where: str, y: Any, classes: Any) -> None:
        """Those given to partial_fit, at the first call or again."""
        target = getattr(self, "_target", None)
        if target is None:  # classes_ were set by hand, if at all
            known = self.__dict__.pop("classes_", None)
            classes = known if classes is None else classes
        of_outputs = isinstance(target, SeveralTargets)
        of_one = np.ndim(y) == 1 if target is None else not of_outputs
        if of_one and are_of_outputs(classes):
            raise ValueError(message(where, "classes", "shape (n_classes,)", classes))
        if not of_outputs and not are_of_outputs(classes):
            if np.ndim(classes) == 1:
                sorted_classes(where, "classes", classes)
            if _check_partial_fit_first_call(self, classes):
                is_multilabel = type_of_target(y).startswith("multilabel")
                self._target = OneTarget(y if is_multilabel else classes)
                if set(self.classes_) != set(self._target.classes) and is_multilabel:
                    expected = f"the columns of y, 0 to {len(self._target.classes) - 1}"
                    raise ValueError(message(where, "classes", expected, classes))
        elif not hasattr(self, "classes_"):
            self._target = SeveralTargets.of_classes(where, classes)
            self.classes_ = self._target.classes
        elif classes is not None:
            given = None
            if are_of_outputs(classes):
                given = SeveralTargets.of_classes(where, classes).classes
            if given is None or list(map(list, given)) != list(map(list, self.classes_)):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{self.classes_!r}"
                )

    def _encode(self, where: str, y: Any, incremental: bool, classes: Any) -> Array:
        if incremental:
            self._learn_classes(where, y, classes)
        if not hasattr(self, "_target") or not (self.warm_start or incremental):
            self._target = targets_of(where, y)
            self.classes_ = self._target.classes
        else:
            self._target.check(where, "y", y, all_of_them=self.warm_start)
        return self._target.encode(y)

    def _encode_for_validation(self, where: str, y: Any) -> Array:
        self._target.check(where, "y_val", y, all_of_them=False)
        return self._target.encode(y)

    def _knows_outputs(self) -> bool:
        return hasattr(self, "classes_")

    def _learn_outputs(self, where: str, n_outputs: int, activation: str | None) -> None:
        if hasattr(self, "_target"):
            return
        n_labels = n_outputs if activation == "logistic" and n_outputs > 1 else None
        self._target = targets_of_classes(where, self.classes_, n_labels)
        self.classes_ = self._target.classes

    def _output(self) -> tuple[int, str | Activation, Loss]:
        return self._target.output(self.label_smoothing)

    def _stratify(self, y: Array) -> Array | None:
        return y if y.ndim == 2 and y.shape[1] == 1 else None

    @refuses
    def _all_weights(self, where: str, y: Array, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        labels = self._decode(y)
        if isinstance(self.class_weight, list) and labels.ndim == 1:
            expected = "a dict {class: weight}, 'balanced' or None for one target"
            raise TypeError(message(where, "class_weight", expected, self.class_weight))
        if labels.ndim == 1:
            of_class = weights_of_rows(where, self.class_weight, labels, self.classes_)
        else:
            several = isinstance(self._target, SeveralTargets)  # else labels
            classes = list(self.classes_) if several else [np.arange(2)] * labels.shape[1]
            of_class = weights_of_columns(where, self.class_weight, labels, classes)
        return of_class if weights is None else of_class * weights

    def _decode(self, y: Array) -> Array:
        return self._target.decode(y)

    def _score_outputs(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        return self._target.accuracy(outputs, y, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags
