"""Frozen dataclasses of chainrule's own making: all that holds of Python's holds of them."""

import copy
import dataclasses
import inspect
import pickle
from dataclasses import FrozenInstanceError, field, fields
from types import SimpleNamespace
from typing import ClassVar

import pytest

import chainrule as cr
from chainrule import _dataclass
from chainrule.layers import LAYERS
from chainrule.losses import LOSSES
from chainrule.optimizers import OPTIMIZERS
from chainrule.schedules import SCHEDULES


def classes(dataclass):
    """The same classes by either decorator."""

    class Base:
        """Has no fields."""

        name: ClassVar[str]

        def __repr__(self):
            return "not this one"

    @dataclass(frozen=True)
    class Point(Base):
        """With fields of all kinds."""

        name: ClassVar[str] = "point"
        constant = 3
        x: float
        y: float = 0.5
        note: str = field(default="", compare=False)
        table: dict[str, float] = field(default_factory=dict, hash=False)
        secret: int = field(default=1, repr=False)

        def __post_init__(self):
            object.__setattr__(self, "x", float(self.x))

    @dataclass(frozen=True)
    class Shown:
        x: int = 1

        def __repr__(self):
            return f"shown {self.x}"

    @dataclass(frozen=True)
    class Empty:
        pass

    @dataclasses.dataclass(frozen=True)  # as users derive
    class Space(Point):
        """A dataclass derived from one."""

        z: float = 0.0

    class Named(Point):
        """A class derived from one."""

    return Point, Shown, Empty, Space, Named


PYTHON_S, OURS = classes(dataclasses.dataclass), classes(_dataclass.dataclass)
Point, Shown, Empty, Space, Named = OURS
HERE = SimpleNamespace(**{kind.__name__: kind for kind in OURS})
for kind in OURS:
    kind.__qualname__ = f"HERE.{kind.__name__}"  # where pickle finds it

BOTH = pytest.mark.parametrize("kinds", [PYTHON_S, OURS], ids=["of Python", "of chainrule"])


@BOTH
def test_repr_shows_the_fields(kinds):
    Point, Shown, Empty, Space, Named = kinds
    text = "(x=1.0, y=2, note='n', table={'a': 1})"
    assert repr(Point(1, 2, "n", {"a": 1}, 4)) == Point.__qualname__ + text
    assert repr(Named(1, 2, "n", {"a": 1}, 4)) == Named.__qualname__ + text
    assert repr(Space(1, z=5)) == Space.__qualname__ + "(x=1.0, y=0.5, note='', table={}, z=5)"
    assert repr(Empty()) == Empty.__qualname__ + "()"
    assert repr(Shown()) == "shown 1"


@BOTH
def test_repr_of_what_holds_itself_ends(kinds):
    one = kinds[0](1)
    one.table["self"] = one
    assert repr(one).endswith("(x=1.0, y=0.5, note='', table={'self': ...})")


@BOTH
def test_equal_are_objects_of_one_class_with_equal_fields(kinds):
    Point, Shown, Empty, Space, Named = kinds
    assert Point(1) == Point(1.0, note="not compared")
    assert Empty() == Empty()
    for other in (Point(2), Point(1, 2), Point(1, table={"a": 1}), Point(1, secret=2)):
        assert Point(1) != other
    for other in (Named(1), Space(1), Shown(), 1, None, (1.0, 0.5)):
        assert Point(1) != other
        assert Point(1).__eq__(other) is NotImplemented


@BOTH
def test_hashes_are_those_of_the_compared_fields(kinds):
    Point, Shown, Empty, Space, Named = kinds
    assert hash(Point(1, note="a", table={"a": 1})) == hash(Point(1)) == hash((1.0, 0.5, 1))
    assert hash(Space(1)) == hash((1.0, 0.5, 1, 0.0))
    assert hash(Named(1)) == hash(Point(1))
    assert hash(Empty()) == hash(())
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(Shown([]))


@BOTH
@pytest.mark.parametrize("name", ["x", "secret", "name", "constant", "novelty"])
def test_objects_are_frozen(kinds, name):
    for kind in (kinds[0], kinds[3]):
        one = kind(1)
        before = dict(vars(one))
        with pytest.raises(FrozenInstanceError) as caught:
            setattr(one, name, 2)
        assert str(caught.value) == f"cannot assign to field {name!r}"
        with pytest.raises(FrozenInstanceError) as caught:
            delattr(one, name)
        assert str(caught.value) == f"cannot delete field {name!r}"
        assert vars(one) == before


@BOTH
def test_a_class_derived_from_one_may_have_attributes_but_not_change_fields(kinds):
    one = kinds[4](1)
    one.novelty = 1
    one.novelty = 2
    assert one.novelty == 2
    del one.novelty
    assert not hasattr(one, "novelty")
    for change in (lambda: setattr(one, "x", 2), lambda: delattr(one, "x")):
        with pytest.raises(FrozenInstanceError):
            change()
    assert one == kinds[4](1)


@BOTH
def test_only_frozen_dataclasses_derive_from_one(kinds):
    class Derived(kinds[0]):
        z: int = 7

    frozen = dataclasses.dataclass(frozen=True)(Derived)
    assert frozen(1).z == 7
    with pytest.raises(FrozenInstanceError):
        frozen(1).z = 8
    with pytest.raises(TypeError, match="cannot inherit non-frozen dataclass from a frozen one"):
        dataclasses.dataclass(type("Derived", (kinds[0],), {}))


@BOTH
def test_arguments_that_do_not_fit_are_refused_as_by_any_function(kinds):
    with pytest.raises(TypeError, match=r"\(\) missing 1 required positional argument: 'x'"):
        kinds[0]()
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'w'|one of 'x', .*, got 'w'"):
        kinds[0](1, w=2)


@pytest.mark.parametrize(("python_s", "our"), [*zip(PYTHON_S, OURS, strict=True)])
def test_what_is_said_of_them_is_the_same(python_s, our):
    assert inspect.signature(our) == inspect.signature(python_s)
    assert our.__match_args__ == python_s.__match_args__
    assert our.__doc__ == python_s.__doc__
    assert [c.__name__ for c in our.__mro__] == [c.__name__ for c in python_s.__mro__]
    assert list(map(repr, fields(our))) == list(map(repr, fields(python_s)))
    assert repr(our.__dataclass_params__) == repr(python_s.__dataclass_params__)
    for name in ("__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__"):
        method, its = getattr(our, name), getattr(python_s, name)
        assert inspect.getdoc(method) == inspect.getdoc(its)
        for said in ("__name__", "__qualname__", "__module__"):
            assert getattr(method, said) == getattr(its, said)


@pytest.mark.parametrize("one", [Point(1, 2, "n", {"a": 1}, 4), Space(1, z=2), Shown(3), Named(1)])
def test_copies_are_equal_and_replace_and_asdict_work(one):
    for twin in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
        assert type(twin) is type(one)
        assert vars(twin) == vars(one)
        assert twin == one
        with pytest.raises(FrozenInstanceError):
            twin.x = 9
    assert dataclasses.asdict(one) == vars(one)
    moved = dataclasses.replace(one, x=9)
    assert vars(moved) == vars(one) | {"x": 9}


@BOTH
def test_a_second_base_hears_of_assignments(kinds):
    """Of attributes that are no fields."""
    heard = []

    class Listener:
        def __setattr__(self, name, value):
            heard.append((name, value))
            super().__setattr__(name, value)

        def __delattr__(self, name):
            heard.append((name, None))
            super().__delattr__(name)

    class Both(kinds[1], Listener):
        pass

    both = Both()
    heard.clear()
    both.mark = 3
    del both.mark
    assert heard == [("mark", 3), ("mark", None)]


def test_ours_are_initialized_once():
    shown = Shown(3)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        shown.__init__(4)
    assert shown.x == 3


def test_ours_derive_from_none_of_ours():
    with pytest.raises(TypeError, match="cannot inherit non-frozen dataclass from a frozen one"):
        _dataclass.dataclass(frozen=True)(type("Derived", (Point,), {}))


def test_every_description_is_made_so():
    """One made by `dataclasses` would do the same, but cost the import 0.3 ms more."""
    tables = (LAYERS, LOSSES, OPTIMIZERS, SCHEDULES)
    kinds = [kind for table in tables for kind in table.values()]
    for kind in (*kinds, cr.Activation, cr.Initializer, cr.Metric):
        assert kind.__setattr__.__code__.co_filename == _dataclass.__file__


def test_descriptions_show_how_they_are_built():
    assert repr(cr.Huber(2)) == "Huber(delta=2.0)"
    assert repr(cr.Dropout(0.5)) == "Dropout(rate=0.5)"
    assert repr(cr.Activation("elu")) == "Activation(name='elu', slope=1.0, groups=None)"
    assert list(inspect.signature(cr.SGD).parameters) == ["learning_rate", "momentum", "nesterov"]
    assert inspect.signature(cr.Dense).parameters["activation"].default == "identity"
