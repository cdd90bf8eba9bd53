"""What both estimators share: fit and partial_fit, the network behind them, prediction."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chainrule._calls import explained
from chainrule._errors import check_precision, message
from chainrule._trainer_checks import numbers_of
from chainrule.activations import Activation
from chainrule.estimators import (
    _attributes,
    _generator,
    _given,
    _lbfgs,
    _options,
    _start,
    _stochastic,
)
from chainrule.estimators._checks import OF_X, checked
from chainrule.estimators._exchange import Exchange
from chainrule.estimators._tasks import CallbackSupportMixin, Tasks, with_callbacks
from chainrule.estimators._validation import Samples, validation_arguments
from chainrule.losses import Loss
from chainrule.network import Network

Array = NDArray[Any]


class BaseMLP(Exchange, CallbackSupportMixin, BaseEstimator):
    """See `MLPClassifier` and `MLPRegressor`."""

    # ---- What the two estimators say -------------------------------------------------------------

    _y_is_numeric = False

    def _keep(self, parameters: dict[str, Any]) -> None:
        """The `locals()` of a constructor, unchecked and by their names, as scikit-learn has it."""
        for name, value in parameters.items():
            if name != "self":
                setattr(self, name, value)

    def _encode(self, where: str, y: Any, incremental: bool, classes: Any) -> Array:
        """Targets as the loss takes them; learns what there is to predict, or compares."""
        raise NotImplementedError

    def _output(self) -> tuple[int, str | Activation, Loss]:
        """Units of the output layer, its activation, and the loss; after `_encode`."""
        raise NotImplementedError

    def _score_outputs(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        """The score of finite outputs against encoded targets."""
        raise NotImplementedError

    def _score_suits(self, loss: Loss) -> bool:
        """Whether `_score_outputs` is highest about where this loss is lowest."""
        return True

    def _encode_for_validation(self, where: str, y: Any) -> Array:
        """Targets of validation data, which must fit the others and teach nothing."""
        raise NotImplementedError

    def _decode(self, y: Array) -> Array:
        """Encoded targets as the user knows them."""
        raise NotImplementedError

    def _knows_outputs(self) -> bool:
        """Whether attributes say what the outputs of weights that were set mean."""
        return True

    def _learn_outputs(self, where: str, n_outputs: int, activation: str | None) -> None:
        """What they mean, as `_encode` would learn it, if it is not known."""
        raise NotImplementedError

    def _stratify(self, y: Array) -> Array | None:
        return None

    def _outputs_in_loss(self, loss: Loss) -> int:
        """What scikit-learn divides the loss (but not its gradient) by."""
        return 1

    # ---- Weights ---------------------------------------------------------------------------------

    # Going on with the training writes into these arrays, the user's own too, as in scikit-learn.
    coefs_ = _attributes.weights("coefs_", "Weights of each layer, (n_in, n_out).")
    intercepts_ = _attributes.weights("intercepts_", "Biases of each layer, (n_out,).")
    out_activation_ = _attributes.out_activation()

    def _has_weights(self) -> bool:
        engine = vars(self).get("_engine")
        return engine is not None and engine.has_weights

    def _continues(self, incremental: bool) -> bool:
        return self._has_weights() and (self.warm_start or incremental)

    # ---- Fitting ---------------------------------------------------------------------------------

    @explained()
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Trains on X (n_samples, n_features), dense or sparse, and y (n_samples,) or, for several
        labels or targets, (n_samples, n_outputs); `sample_weight` (n_samples,), not negative.

        With `X_val` and `y_val` these are the validation data, and none are held out of X. They
        need not have every class, as far as `scoring` can do without. chainrule's callbacks and
        schedules see their "val_loss" and "val_score", as those of the rows that `early_stopping`
        holds out.

        Raises ValueError if the loss or a parameter becomes infinite or NaN, unless with
        `early_stopping`; the model then has the parameters of the last finite step.
        """
        validation = validation_arguments(self._call(), X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation, incremental=False)

    @with_callbacks
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] | None,
        incremental: bool,
        classes: Any = None,
    ) -> Self:
        where = self._call(incremental)
        _options.check(self, where)
        before = dict(vars(self))
        draws = self.early_stopping or not self._continues(incremental)
        put_generator_back = _generator.putting_back(self) if draws else None
        try:
            train = self._prepare(where, X, y, sample_weight, validation, incremental, classes)
        except BaseException:  # a refusal, or Ctrl-C: the estimator is what it was
            self.__dict__.clear()
            self.__dict__.update(before)
            if put_generator_back is not None:
                put_generator_back()
            raise
        del before  # which has the lists of weights, too
        try:
            train()
        finally:
            self._engine.update_lists()
        return self

    def _call(self, incremental: bool = False) -> str:
        """What stands in square brackets in refusals."""
        return f"{type(self).__name__}.{'partial_fit' if incremental else 'fit'}"

    def _prepare(
        self,
        where: str,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] | None,
        incremental: bool,
        classes: Any,
    ) -> Callable[[], None]:
        """Checks all that was given; returns what trains.

        Attributes may be set here, but nothing that they held before may be changed.
        """
        self._random_state = _generator.random_state(self, where)
        hidden = _options.hidden_layers(self, where)
        continues = self._continues(incremental)
        if continues and self._engine.net is None and _given.is_complete(self):
            _given.build(self, where)
        X, y = checked(self, X, y, reset=not (continues and hasattr(self, "n_features_in_")))
        y = self._encode(where, y, incremental, classes)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        units, activation, loss = self._output()
        layers = [*hidden, _options.dense(units, activation)]
        net = _start.begin(self, where, layers, X.shape[1], X.dtype, continues)
        argument = "loss" if hasattr(self, "loss") else ""  # or label_smoothing alone
        check_precision(where, numbers_of(argument, loss), net.dtype)
        weights = self._all_weights(where, y, sample_weight)
        if weights is not sample_weight and not np.any(weights):
            expected = "a weight > 0 for at least one row"
            raise ValueError(message(where, "class_weight", expected, self.class_weight))
        data = self._engine.data(where, X, y, loss, weights)
        tasks = Tasks(self, X, y, sample_weight)
        if _options.is_lbfgs(self):
            self._engine.forget_behind()
            if validation is not None:
                raise ValueError(f"[{where}] X_val: solver 'lbfgs' has no epochs to validate")
            frozen = _options.of_parameters(self, where, net)[2]
            objective = _lbfgs.Objective(
                net, data, loss, float(self.alpha), self._outputs_in_loss(loss), frozen
            )
            return lambda: _lbfgs.minimize(self, where, objective, tasks)
        samples = Samples(X, y, weights, data)
        return _stochastic.prepare(self, where, samples, loss, validation, tasks, incremental)

    def _all_weights(self, where: str, y: Array, weights: Array | None) -> Array | None:
        return weights

    def __copy__(self) -> Self:
        """What training goes on changing is the copy's own; scikit-learn's share some of it."""
        other = type(self).__new__(type(self))
        other.__setstate__(self.__getstate__())
        for name in ("_engine", "_optimizer", "history_", "loss_curve_", "validation_scores_"):
            if name in vars(other):
                setattr(other, name, copy.deepcopy(vars(other)[name]))
        return other

    # ---- Predicting ------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """The last layer's activation, (m, n_outputs)."""
        check_is_fitted(self)
        net = self._ready(type(self).__name__)
        if hasattr(self, "_scores_itself"):  # validation data have been checked
            return net.predict(X)
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and len(X) > 0
            and X.dtype == net.dtype
            and X.shape[1] == net.n_inputs
            and not hasattr(self, "feature_names_in_")
        ):
            try:  # the core's own checks are quicker; scikit-learn's have the expected words
                return net.predict(X)
            except ValueError:
                pass
        X = validate_data(self, X, accept_sparse=OF_X["accept_sparse"], reset=False)
        outputs = net._core.predict(X, None, type(self).__name__)
        return outputs.astype(np.result_type(X.dtype, outputs.dtype), copy=False)

    def _is_stochastic(self) -> bool:
        if _options.is_lbfgs(self):
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
            )
        return True

    def __sklearn_is_fitted__(self) -> bool:
        engine = vars(self).get("_engine")
        return engine is not None and (engine.net is not None or _given.is_complete(self))

    def _ready(self, where: str) -> Network:
        """The network of a fitted estimator, with what a user has changed in the lists."""
        if self._engine.net is None:
            _given.build(self, where)
        return self._engine.ready(where)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
