"""Networks from and to PyTorch and scikit-learn: the methods that `Network` has for it.

Neither package is imported before a method needs it; what a model of theirs holds is read without.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from numpy.typing import ArrayLike

from chainrule.activations import Activation

if TYPE_CHECKING:
    from chainrule.network import Network


class Interchange:
    """Parameters pass unchanged; predictions are equal up to the rounding of other sums."""

    def to_torch(self) -> dict[str, Any]:
        """The `state_dict` of the same network as a `torch.nn.Sequential`, of copies.

        Its modules are a `Linear` for each dense layer and, if the activation is not the identity,
        one for that: `[Dense(16, "relu"), Dense(3, "softmax")]` is Linear, ReLU, Linear,
        Softmax(dim=1) and gives "0.weight" (16, n_inputs), "0.bias" (16,), "2.weight" (3, 16),
        "2.bias" (3,).

        Raises ValueError for an activation that PyTorch has no module for (exp, a softmax of
        groups), ImportError without torch.
        """
        from chainrule._torch import to_torch

        return to_torch(cast("Network", self))

    @classmethod
    def from_torch(
        cls,
        source: Mapping[str, Any] | Any,
        activations: Sequence[str | Activation] | None = None,
    ) -> Self:
        """The network of PyTorch's linear layers, in their dtype, float32 or float64.

        `source` is a `torch.nn.Sequential` of Linear and activation modules, also nested; or a
        `state_dict` of linear layers, of tensors or arrays, whose names end in ".weight" (n_out,
        n_in) and ".bias" (n_out,). The layers come in the order of the entries, numbered ones
        ("0.weight", "2.weight", "10.weight") by number; one without a bias gets zeros. A
        `state_dict` does not hold `activations`: give one for each linear layer, the last too.

        Raises TypeError or ValueError for whatever does not map, such as other modules, tensors of
        other types, and shapes that do not follow on each other.
        """
        from chainrule._torch import from_torch

        net: Self = from_torch(cls, source, activations)
        return net

    def to_sklearn(self, classes: ArrayLike | None = None) -> Any:
        """A fitted `MLPRegressor` or `MLPClassifier` of scikit-learn with this network's weights.

        The last activation decides: identity is a regressor, exp one with Poisson's loss (from
        scikit-learn 1.7 on), softmax a classifier, a sigmoid one of two classes, several sigmoids
        are labels. `classes` names them, sorted, 0, 1, .. by default.

        Raises ValueError for what scikit-learn's cannot be: hidden layers with different
        activations or another one than identity, sigmoid, tanh or relu; a softmax of groups or of
        fewer than three units. ImportError without scikit-learn.
        """
        from chainrule._sklearn import to_sklearn

        return to_sklearn(cast("Network", self), classes)

    @classmethod
    def from_sklearn(cls, model: Any) -> Self:
        """The network of a fitted `MLPClassifier` or `MLPRegressor`, scikit-learn's or chainrule's.

        It predicts what the model's `predict_proba` (of two classes the second column) or `predict`
        gives; the names of the classes stay behind, in `model.classes_`.

        Raises TypeError for any other model, ValueError if it is not fitted.
        """
        from chainrule._sklearn import from_sklearn

        net: Self = from_sklearn(cls, model)
        return net
