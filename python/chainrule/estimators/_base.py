"""What both estimators share: fit and partial_fit, the network behind them, prediction."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chainrule._errors import message
from chainrule._trainer_checks import check_precision, numbers_of
from chainrule.activations import Activation
from chainrule.estimators import _lbfgs, _options, _stochastic
from chainrule.estimators._engine import Engine
from chainrule.estimators._tasks import CallbackSupportMixin, Tasks, with_callbacks
from chainrule.estimators._validation import Samples
from chainrule.history import History
from chainrule.layers import Dense
from chainrule.losses import Loss
from chainrule.network import Network

Array = NDArray[Any]
SPARSE = ("csr", "csc")


def _shown(attribute: str, doc: str) -> property:
    """A list of arrays, of the engine as soon as there is one."""

    def get(est: Any) -> list[Array]:
        engine = vars(est).get("_engine")
        arrays: list[Array] | None = None if engine is None else engine.shown(attribute)
        if arrays is None:
            raise AttributeError(f"{type(est).__name__!r} object has no attribute {attribute!r}")
        return arrays

    def set_(est: Any, arrays: list[Array]) -> None:
        vars(est).setdefault("_engine", Engine()).show(attribute, arrays)

    return property(get, set_, doc=doc)


class BaseMLP(CallbackSupportMixin, BaseEstimator):
    """See `MLPClassifier` and `MLPRegressor`."""

    # ---- What the two estimators say -------------------------------------------------------------

    _y_is_numeric = False

    def _keep(self, parameters: dict[str, Any]) -> None:
        """The `locals()` of a constructor, unchecked and by their names, as scikit-learn has it."""
        for name, value in parameters.items():
            if name != "self":
                setattr(self, name, value)

    def _encode(self, y: Array, first: bool, incremental: bool) -> Array:
        """Targets as the loss takes them; learns the classes."""
        raise NotImplementedError

    def _output(self) -> tuple[int, str | Activation, Loss]:
        """Units of the output layer, its activation, and the loss; after `_encode`."""
        raise NotImplementedError

    def _score_outputs(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        """The score of finite outputs against encoded targets."""
        raise NotImplementedError

    def _encode_for_validation(self, y: Array) -> Array:
        """Targets of validation data, which must fit the others and teach nothing."""
        raise NotImplementedError

    def _decode(self, y: Array) -> Array:
        """Encoded targets as the user knows them."""
        raise NotImplementedError

    def _stratify(self, y: Array) -> Array | None:
        return None

    def _outputs_in_loss(self) -> int:
        """What scikit-learn divides the loss (but not its gradient) by."""
        return 1

    # ---- Weights ---------------------------------------------------------------------------------

    coefs_ = _shown("coefs_", "Weights of each layer, (n_in, n_out).")
    intercepts_ = _shown("intercepts_", "Biases of each layer, (n_out,).")

    def _has_weights(self) -> bool:
        engine = vars(self).get("_engine")
        return engine is not None and engine.has_weights

    # ---- Fitting ---------------------------------------------------------------------------------

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
        need not have every class, as far as `scoring` can do without.
        """
        validation = self._validation_arguments(X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation, incremental=False)

    @with_callbacks
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] | None,
        incremental: bool,
    ) -> Self:
        where = self._call(incremental)
        _options.check(self, where)
        before = dict(vars(self))
        try:
            train = self._prepare(where, X, y, sample_weight, validation, incremental)
        except Exception:  # of the data or of a parameter: the estimator is what it was
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        try:
            train()
        finally:
            self._engine.forget_lists()
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
    ) -> Callable[[], None]:
        """Checks all that was given; returns what trains."""
        first = not self._has_weights() or not (self.warm_start or incremental)
        X, y = self._checked(X, y, reset=first)
        y = self._encode(y, first, incremental)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        self._random_state = _options.random_state(self, where)
        units, activation, loss = self._output()
        layers = [*_options.hidden_layers(self, where), Dense(units, activation)]
        if first:
            self._start(where, layers, X.shape[1], X.dtype)
        elif self._engine.net is None:  # weights were set by hand
            self._engine.build(where, layers, X.shape[1], X.dtype, None)
        if not hasattr(self, "history_"):
            self.history_ = History()
        net = self._engine.ready()
        self._engine.forget_lists()
        argument = "loss" if hasattr(self, "loss") else ""  # or label_smoothing alone
        check_precision(where, numbers_of(argument, loss), net.dtype)
        weights = self._all_weights(y, sample_weight)
        if weights is not sample_weight and not np.any(weights):
            expected = "a weight > 0 for at least one row"
            raise ValueError(message(where, "class_weight", expected, self.class_weight))
        data = self._engine.data(where, X, y, loss, weights)
        tasks = Tasks(self, X, y, sample_weight)
        if _options.is_lbfgs(self):
            if validation is not None:
                raise ValueError(f"[{where}] X_val: solver 'lbfgs' has no epochs to validate")
            objective = _lbfgs.Objective(net, data, loss, self.alpha, self._outputs_in_loss())
            return lambda: _lbfgs.minimize(self, objective, tasks)
        samples = Samples(X, y, weights, data)
        return _stochastic.prepare(self, where, samples, loss, validation, tasks, incremental)

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        return validate_data(
            self,
            X,
            y,
            accept_sparse=SPARSE,
            multi_output=True,
            y_numeric=self._y_is_numeric,
            dtype=(np.float64, np.float32),
            reset=reset,
        )

    def _start(self, where: str, layers: Sequence[Any], n_inputs: int, dtype: Any) -> None:
        """A new network, and attributes as before the first epoch."""
        engine = self._engine = Engine()
        if self.layers is not None:
            seed = self._random_state.randint(2**31 - 1)
            engine.build(where, layers, n_inputs, dtype, seed)
        else:
            engine.build(where, layers, n_inputs, dtype, None)
            self._draw_weights(engine.ready(), layers)
        self.n_iter_ = self.t_ = 0
        self.n_outputs_ = layers[-1].units
        self.n_layers_ = len(layers) + 1
        self.loss_curve_: list[float] = []
        self.history_ = History()
        self._no_improvement_count = 0
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None
        self.best_loss_ = None if self.early_stopping else np.inf
        self._best_parameters: dict[str, Array] = {}

    def _draw_weights(self, net: Network, layers: Sequence[Any]) -> None:
        """As scikit-learn draws them, biases too (Glorot & Bengio 2010, eq. 16)."""
        factor = _options.glorot_factor(layers[0]) if len(layers) > 1 else 6.0
        sizes = [net.n_inputs, *(layer.units for layer in layers)]
        for number, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
            bound = np.sqrt(factor / (n_in + n_out))
            for name, shape in (("weight", (n_in, n_out)), ("bias", (n_out,))):
                values = self._random_state.uniform(-bound, bound, shape)
                net.parameters[f"{number}.{name}"] = values.astype(net.dtype)

    def _validation_arguments(
        self, X_val: Any, y_val: Any, sample_weight_val: Any
    ) -> tuple[Any, Any, Any] | None:
        where = self._call()
        if (X_val is None) != (y_val is None):
            missing = "X_val" if X_val is None else "y_val"
            raise ValueError(f"[{where}] {missing}: X_val and y_val go together")
        if X_val is None and sample_weight_val is not None:
            raise ValueError(f"[{where}] sample_weight_val: needs X_val and y_val")
        return None if X_val is None else (X_val, y_val, sample_weight_val)

    def _all_weights(self, y: Array, weights: Array | None) -> Array | None:
        return weights

    # ---- Predicting ------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """The last layer's activation, (m, n_outputs)."""
        check_is_fitted(self)
        net = self._engine.ready()
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
        X = validate_data(self, X, accept_sparse=SPARSE, reset=False)
        outputs = net.predict(X)
        return outputs.astype(np.result_type(X.dtype, outputs.dtype), copy=False)

    def _is_stochastic(self) -> bool:
        if _options.is_lbfgs(self):
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
            )
        return True

    def __sklearn_is_fitted__(self) -> bool:
        return self._has_weights() and hasattr(self, "n_features_in_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
