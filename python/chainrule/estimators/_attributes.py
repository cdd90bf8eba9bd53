"""Attributes of an estimator that its engine has, as scikit-learn's users know them."""

from typing import Any

from numpy.typing import NDArray

from chainrule._sklearn import THEIRS
from chainrule.estimators._engine import Engine

Array = NDArray[Any]


def weights(attribute: str, doc: str) -> property:
    """A list of arrays, as soon as there is a network, or there are some that were set."""

    def get(est: Any) -> list[Array]:
        engine = _engine(est)
        arrays = None if engine is None else engine.shown(attribute)
        if arrays is None:
            raise _missing(est, attribute)
        return arrays

    def set_(est: Any, arrays: list[Array]) -> None:
        vars(est).setdefault("_engine", Engine()).show(attribute, arrays)

    return property(get, set_, doc=doc)


def out_activation() -> property:
    """That of the network; before there is one, what it will have to be. Another cannot be set,
    because nothing would come of it."""

    def get(est: Any) -> str:
        engine = _engine(est)
        if engine is None or (engine.net is None and engine.given_activation is None):
            raise _missing(est, "out_activation_")
        if engine.net is None:
            return str(engine.given_activation)
        name = engine.net.output_activation.name
        return THEIRS.get(name, name)

    def set_(est: Any, name: str) -> None:
        engine = vars(est).setdefault("_engine", Engine())
        if engine.net is None:
            engine.given_activation = name
        elif name != get(est):
            raise AttributeError(
                f"[{type(est).__name__}] out_activation_: cannot be set; a Network with another "
                "last layer takes the parameters of Network.from_sklearn(model)"
            )

    return property(get, set_, doc="The name of the output layer's activation.")


def _engine(est: Any) -> Engine | None:
    return vars(est).get("_engine")


def _missing(est: Any, attribute: str) -> AttributeError:
    return AttributeError(f"{type(est).__name__!r} object has no attribute {attribute!r}")
