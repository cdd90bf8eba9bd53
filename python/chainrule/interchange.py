"""Networks from and to files, PyTorch and scikit-learn: the methods that `Network` has for that.

Neither library is imported before a method needs it; what a model of theirs holds is read without.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from numpy.typing import ArrayLike

from chainrule.activations import Activation
from chainrule.layers import Layer

if TYPE_CHECKING:
    from chainrule.network import Network


class Interchange:
    """Parameters pass unchanged; predictions of the other libraries are equal up to rounding."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes description and parameters to one safetensors file, whole or not at all.

        Nothing in it is code. Raises OSError, ValueError if a parameter is not finite.
        """
        from chainrule.checkpoint import save_network

        save_network(cast("Network", self), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The network that `save` wrote, in this version or an earlier one.

        Raises OSError, FileFormatError for a file of another kind and for a damaged or hostile one.
        """
        from chainrule.checkpoint import load_network

        return cast(Self, load_network(cast("type[Network]", cls), path))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and copies hold what a file holds."""
        from chainrule.checkpoint import network_from_bytes, network_to_bytes

        return network_from_bytes, (type(self), network_to_bytes(cast("Network", self)))

    def to_torch(self) -> dict[str, Any]:
        """The `state_dict` of the same network as a `torch.nn.Sequential`, of copies.

        Its modules, counted from 0, are one for each layer, and one more for the activation of a
        dense layer unless that is the identity:

        | layer           | module                            | entries                           |
        | --------------- | --------------------------------- | --------------------------------- |
        | Dense           | Linear, activation                | weight (units, n_in), bias        |
        | BatchNorm       | BatchNorm1d(n, epsilon, 1 - momentum) | weight (gamma), bias (beta),  |
        |                 |                                   | running_mean, running_var,        |
        |                 |                                   | num_batches_tracked               |
        | LayerNorm       | LayerNorm(n, epsilon)             | weight (gamma), bias (beta)       |
        | Dropout         | Dropout(rate)                     | none                              |
        | Activation      | activation                        | none                              |
        | Residual        | a module of your own, see below   | those of branch and of projection |

        `[Dense(16, "relu"), Dropout(0.2), Dense(3, "softmax")]` is Linear, ReLU, Dropout, Linear,
        Softmax(dim=1) and gives "0.weight", "0.bias", "3.weight", "3.bias". PyTorch has no residual
        module; the entries are those of

            class Residual(torch.nn.Module):
                def __init__(self, branch, projection=None):
                    super().__init__()
                    self.branch, self.projection = branch, projection

                def forward(self, x):
                    return self.branch(x) + (self.projection(x) if self.projection else x)

        with a Sequential as `branch` and, where it changes the width, a Linear as `projection`.

        Where the two differ, the options of the modules make up for it: PyTorch's momentum is the
        weight of the batch, ours of what was before; its epsilon, slopes and rates are in no state
        dictionary; its `Softplus` returns z above a threshold of 20 (`threshold=40` gives what ours
        does in float64). The same are: the running variance (the estimate for the population, m /
        (m - 1) times the batch's, in both), dropout's factor 1 / (1 - rate), gelu (the exact one,
        `approximate="none"`). Batches are not counted here, so num_batches_tracked is 0; PyTorch
        needs it with `momentum=None` only. In training the two drop other elements.

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
        layers: Sequence[Layer | Activation] | None = None,
    ) -> Self:
        """The network of PyTorch's layers, in their dtype, float32 or float64.

        `source` is one of these:

        * a `torch.nn.Sequential`, also nested, of Linear, BatchNorm1d, LayerNorm, Dropout, and
          modules for activations. Where it has no bias it gets zeros, without a scale ones.
        * a `state_dict` of tensors or arrays, with `layers`: the layers that its entries belong to,
          under the names that `to_torch` gives, so that residual layers come back, too.
        * a `state_dict` of linear layers only, with `activations`, one for each, the last too. Its
          names end in ".weight" (n_out, n_in) and ".bias" (n_out,); the layers come in the order of
          the entries, numbered ones ("0.weight", "2.weight", "10.weight") by number.

        `to_torch` says where the definitions differ. A Softplus is taken with a threshold of 20,
        the usual one, or more.

        Raises TypeError or ValueError for whatever does not map: other modules and those of your
        own, which may compute anything; BatchNorm1d without running statistics or with
        `momentum=None`; options that ours has not (`GELU(approximate="tanh")`); entries that are
        missing or too many; tensors of other types; shapes that do not follow on each other.
        """
        from chainrule._torch import from_torch

        net: Self = from_torch(cls, source, activations, layers)
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

        return to_sklearn("Network.to_sklearn", cast("Network", self), classes)

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
