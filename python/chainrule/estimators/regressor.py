"""The regressor: one target or several."""

from __future__ import annotations

from typing import Any, Literal, Self

from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from chainrule._calls import explained
from chainrule._errors import message
from chainrule.estimators._base import BaseMLP
from chainrule.losses import Loss, resolve_loss
from chainrule.metrics import r2

Array = NDArray[Any]


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron for numbers; a drop-in for scikit-learn's.

    All parameters of `sklearn.neural_network.MLPRegressor` have their names, defaults and meaning
    here, and the same `random_state` gives the same model up to rounding. Beyond it:

    loss : also any other loss of chainrule for numbers.
    activation : also any of chainrule's, or a list with one for each hidden layer.
    hidden_layer_sizes : also `()`, linear regression.
    layers : hidden layers as `chainrule.Network` takes them, instead of `hidden_layer_sizes` and
        `activation`; they draw their first weights by their own initializers.
    optimizer, schedule : chainrule's, instead of `solver` and `learning_rate`.
    clip_value, clip_norm : limits of each gradient and of the norm of all, as `chainrule.Trainer`
        has them.
    scoring : name or scorer of scikit-learn for validation data, instead of R^2 or, of losses that
        scikit-learn's does not have (quantiles, medians, ..), minus the loss. One that takes no
        weights, such as "neg_max_error", scores rows that have some without, and `fit` warns.
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

    Attributes are scikit-learn's, and `history_`, a `chainrule.History` with a record per
    epoch, or iteration of "lbfgs". `warm_start` and `partial_fit` go on with the layers that
    are there, whose activations may change. Parameters set after `fit` count from the next
    `fit` or `partial_fit` on (those of the optimizer from the next `fit`); predictions are
    those of the fitted model, where scikit-learn's MLP would use another `activation` at once.
    `coefs_` and `intercepts_` that are set on an estimator without `fit` are a model, too. A
    loss that becomes infinite or NaN ends training with the parameters of the last step before:
    `fit` raises ValueError, with `early_stopping` it keeps the best parameters and warns, and
    "lbfgs" warns. Ctrl-C ends training with a warning, too.
    With `early_stopping` a warm start ends with the best parameters, be they those before it, where
    scikit-learn's would end with the last ones.
    A model computes in float32 if its first X was float32, else in float64; predictions have the
    wider type of model and rows.
    `fit` raises an InvalidParameterError, scikit-learn's ValueError and TypeError, that names the
    parameter for one that it cannot use.
    """

    _y_is_numeric = True

    @explained(lr="the step size is learning_rate_init", epochs="it is max_iter here")
    def __init__(
        self,
        loss: Any = "squared_error",
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
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """One epoch over the given data, with at least one row with a weight above 0."""
        return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: ArrayLike) -> Array:
        """The prediction for each row, (n_samples,) or (n_samples, n_outputs)."""
        outputs = self._outputs(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    # ---- For the base class ----------------------------------------------------------------------

    def _encode(self, where: str, y: Any, incremental: bool, classes: Any) -> Array:
        y = _columns(y)
        if hasattr(self, "_n_targets") and (self.warm_start or incremental):
            self._check_targets(where, "y", y)
        self._n_targets = y.shape[1]
        return y

    def _encode_for_validation(self, where: str, y: Any) -> Array:
        y = _columns(y)
        self._check_targets(where, "y_val", y)
        return y

    def _check_targets(self, where: str, argument: str, y: Array) -> None:
        if y.shape[1] != self._n_targets:
            expected = f"{self._n_targets} target(s) per row"
            raise ValueError(message(where, argument, expected, y.shape))

    def _learn_outputs(self, where: str, n_outputs: int, activation: str | None) -> None:
        if not hasattr(self, "_n_targets"):
            self._n_targets = n_outputs

    def _output(self) -> tuple[int, str, Loss]:
        loss = resolve_loss(self.loss)
        return self._n_targets, "exp" if loss.name == "poisson" else "identity", loss

    def _decode(self, y: Array) -> Array:
        return y.ravel() if y.shape[1] == 1 else y

    def _outputs_in_loss(self, loss: Loss) -> int:
        return self._n_targets if loss.name == "squared_error" else 1

    def _score_suits(self, loss: Loss) -> bool:
        return loss.name in ("squared_error", "poisson")  # R^2 judges means

    def _score_outputs(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        if (
            (y == y[0]).all(axis=0).any()
        ):  # as scikit-learn's, be that a quotient of rounding errors
            return float(r2_score(y, outputs, sample_weight=sample_weight))
        return r2(y, outputs, sample_weight)


def _columns(y: Any) -> Array:
    """(m, n_targets)."""
    dense: Array = y.toarray() if issparse(y) else y
    return dense.reshape(len(dense), -1)
