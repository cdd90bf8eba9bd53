"""`help` of whatever is public can be read: types go by their names, and no sentence is missing."""

import inspect
import re
import typing

import pytest

import chainrule as cr
from chainrule import _core
from chainrule.initializers import INITIALIZERS
from chainrule.losses import LOSSES
from chainrule.optimizers import OPTIMIZERS

pytest.importorskip("sklearn")

# What nobody wants to read: NumPy's types spelled out, checks, addresses.
UNREADABLE = re.compile(r"numpy\._typing|numpy\.ndarray\[|Annotated\[| at 0x|Union\[")
MODULES = ("c_export", "onnx", "ops", "reference")


def public():
    """`{name: function or class}`."""
    found = {name: getattr(cr, name) for name in cr.__all__ if name not in MODULES}
    for module in (cr.ops, cr.reference, cr.metrics):
        things = {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}
        found |= {name: thing for name, thing in things.items() if inspect.isroutine(thing)}
    return found


def methods(kind):
    """`{name: method}`, its own and those inherited from chainrule, not from scikit-learn."""
    return {
        name: member
        for name, member in inspect.getmembers(kind, callable)
        if not name.startswith("_") and getattr(member, "__module__", "").startswith("chainrule.")
    }


PUBLIC = public()


# Python knows no signature of an exception that has no __init__ of its own.
@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - {"FileFormatError"}))
def test_help_shows_types_by_their_names(name):
    thing = PUBLIC[name]
    for what in (thing, *methods(thing).values()):
        signature = str(inspect.signature(what))
        assert not UNREADABLE.search(signature), signature


@pytest.mark.parametrize("name", [name for name in PUBLIC if ".reference." not in name])
def test_help_says_what_each_name_is_for(name):  # the reference's formulas speak for themselves
    thing = PUBLIC[name]
    for what in (thing, *methods(thing).values()):
        assert inspect.getdoc(what), what


# Whose results are of packages that are imported when they are needed.
ELSEWHERE = {"plot_history", "Diagnosis.plot", "RateRangeTest.plot", "History.to_pandas"}


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - ELSEWHERE))
def test_types_of_attributes_and_arguments_can_be_asked_for(name):
    typing.get_type_hints(PUBLIC[name])
    if inspect.isclass(PUBLIC[name]):
        typing.get_type_hints(PUBLIC[name].__init__)
        for called, method in methods(PUBLIC[name]).items():
            if f"{name}.{called}" not in ELSEWHERE:
                typing.get_type_hints(method)


def test_types_of_higher_floors_are_the_public_ones():
    estimators = cr.MLPClassifier | cr.MLPRegressor
    assert typing.get_type_hints(cr.Callback.on_fit_end)["trainer"] is cr.Trainer
    assert typing.get_type_hints(cr.Network.predictor)["return"] is cr.Predictor
    for export in (cr.export_c, cr.export_onnx):
        assert typing.get_type_hints(export)["model"] == cr.Network | estimators


def test_help_lists_the_names_that_there_are():
    for kind, names in (
        (cr.Activation, _core.activations()),
        (cr.Initializer, ["auto", *INITIALIZERS]),
        (cr.Trainer, cr.metrics.METRICS),
    ):
        words = re.findall(r"\w+", inspect.getdoc(kind))
        assert set(names) <= set(words)
    for name, kind in (LOSSES | OPTIMIZERS).items():  # as `Trainer` explains them
        assert name.replace("_", "") == kind.__name__.lower()


@pytest.mark.parametrize("kind", [cr.Network, cr.Trainer])
def test_help_of_an_attribute_says_how_it_is_set(kind):
    for name, member in inspect.getmembers(kind, inspect.isdatadescriptor):
        if not name.startswith("_"):
            assert "attrgetter" not in (inspect.getdoc(member) or ""), name
    assert (
        inspect.getdoc(cr.Network.W) == "Cannot be set; assign to that of a layer, as in net.W[1]."
    )
    assert inspect.getdoc(cr.Trainer.l2) == "As `Trainer` takes it; checked when it is set."
    assert inspect.getdoc(cr.Trainer.frozen) == "Cannot be set; make another Trainer."


def test_help_of_a_description_shows_plain_types():
    assert str(inspect.signature(cr.Dropout)) == "(rate: float) -> None"
    assert str(inspect.signature(cr.Dense)).startswith("(units: int, activation: str | ")
