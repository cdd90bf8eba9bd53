"""Fitted estimators as files and as scikit-learn's own."""

import copy
import os
from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from chainrule._sklearn import to_sklearn

OF_LAYERS = ("hidden_layer_sizes", "activation", "loss")  # parameters that the network tells
# What a model of scikit-learn knows of its data and remembers of its training.
ATTRIBUTES = (
    "feature_names_in_",
    "n_iter_",
    "t_",
    "loss_",
    "best_loss_",
    "loss_curve_",
    "validation_scores_",
    "best_validation_score_",
)


class Exchange:
    """The methods of both estimators for this."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fitted estimator to one safetensors file, whole or not at all.

        It holds all parameters and attributes, the network and what training goes on with: a
        `warm_start` or `partial_fit` after `load` ends with the same bits as without it. Nothing
        in it is code. Functions and objects of the user's own among the parameters are in no file,
        only what they are called, nor are callbacks of `set_callbacks` and requests for metadata.
        A RandomState is there with its place in the sequence; with `random_state=None` NumPy's
        global one is used again.

        Raises NotFittedError, OSError, ValueError if a parameter of the model is not finite, and
        ValueError or TypeError that names it for one of the estimator that `fit` would refuse.
        """
        from chainrule.estimators._file import save_estimator

        save_estimator(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], **again: Any) -> Self:
        """The estimator that `save` wrote.

        Parameters that no file holds, such as a function as `scoring`, must be given `again` by
        their names (None will do for who only predicts); else ValueError names them. Raises
        OSError, FileFormatError for a file of another kind and for a damaged or hostile one.
        """
        from chainrule.estimators._file import load_estimator

        kind: Any = cls
        estimator: Self = load_estimator(kind, path, again)
        return estimator

    def to_sklearn(self) -> Any:
        """A fitted model of scikit-learn with the same weights, parameters and attributes.

        For programs that know no other classes, or run where chainrule is not installed. It
        predicts the same up to rounding and learns on from these weights, with moments that are
        zero; what only chainrule has (`class_weight`, `optimizer`, ..) stays behind.

        Raises NotFittedError, and ValueError for what scikit-learn's cannot be: hidden layers with
        different activations or another one than identity, logistic, tanh or relu, or other layers
        than `Dense`; a y of several classifications.
        """
        check_is_fitted(self)
        where = f"{type(self).__name__}.to_sklearn"
        net = self._ready(where)  # type: ignore[attr-defined]
        last = net.layers[-1]
        has_labels = last.units > 1 and last.activation.name == "sigmoid"
        model = to_sklearn(where, net, None if has_labels else getattr(self, "classes_", None))
        ours = self.get_params(deep=False)  # type: ignore[attr-defined]
        theirs = [name for name in model.get_params() if name in ours and name not in OF_LAYERS]
        model.set_params(**copy.deepcopy({name: ours[name] for name in theirs}))
        for name in ATTRIBUTES:
            if name in vars(self):
                setattr(model, name, copy.copy(vars(self)[name]))
        if model.validation_scores_ is not None:  # what a fit that goes on falls back to
            model._best_coefs = [w.copy() for w in model.coefs_]
            model._best_intercepts = [b.copy() for b in model.intercepts_]
        return model
