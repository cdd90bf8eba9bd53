"""Layers and losses: what they refuse, what they say, and how all descriptions are saved."""

import copy
import json
import pickle
import re
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from chainrule._errors import check_integer, check_number
from chainrule.activations import Activation, as_activation
from chainrule.initializers import Initializer
from chainrule.layers import (
    LAYERS,
    Activate,
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    Residual,
    layer_from_dict,
)
from chainrule.losses import (
    LOSSES,
    BinaryFocal,
    CrossEntropy,
    Focal,
    Huber,
    Quantile,
    SquaredError,
    resolve_loss,
)
from chainrule.optimizers import (
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    Lion,
    RMSProp,
    Rprop,
    resolve_optimizer,
)

from .helpers import shown

EXAMPLES = {
    layer_from_dict: [
        Dense(3),
        Dense(64, "relu"),
        Dense(64, Activation("leaky_relu", 0.2), Initializer("orthogonal", {"gain": 1.5})),
        BatchNorm(0.99, 1e-3),
        LayerNorm(),
        Dropout(0.2),
        Activate("tanh"),
        Residual([Dense(3, "relu"), Residual([BatchNorm()], projection=False)]),
    ],
    resolve_loss: [
        *(kind() for kind in LOSSES.values()),
        CrossEntropy(label_smoothing=0.1),
        Huber(0.5),
        Quantile(0.9),
        BinaryFocal(1.5, alpha=None),
        Focal(0.0),
    ],
    resolve_optimizer: [
        *(kind() for kind in OPTIMIZERS.values()),
        SGD(0.5, momentum=0.9, nesterov=True),
        AdamW(1e-4, weight_decay=0.0),
        Rprop(0.1, 0.25, 2.0, 0.01, 1.0),
    ],
}
CASES = [(resolve, one) for resolve, examples in EXAMPLES.items() for one in examples]
every_description = pytest.mark.parametrize(
    ("resolve", "description"), CASES, ids=lambda case: shown(case)[:40]
)


# ---- saving and loading --------------------------------------------------------------------------


@every_description
def test_description_comes_back_from_json(resolve, description):
    saved = json.loads(json.dumps(description.to_dict()))
    assert resolve(saved) == description
    assert resolve(saved).to_dict() == saved


@every_description
def test_dict_holds_the_name_and_every_field(resolve, description):
    names = ["kind", *(field.name for field in fields(description))]
    assert list(description.to_dict()) == names
    assert description.to_dict()["kind"] == description.name


@every_description
def test_description_can_be_pickled_copied_hashed_and_not_changed(resolve, description):
    assert pickle.loads(pickle.dumps(description)) == description
    assert copy.deepcopy(description) == description
    assert hash(copy.deepcopy(description)) == hash(description)
    with pytest.raises(FrozenInstanceError):
        description.anything = 1


def test_dict_of_a_layer_is_the_one_in_model_files():
    assert Dense(64, Activation("leaky_relu", 0.2)).to_dict() == {
        "kind": "Dense",
        "units": 64,
        "activation": {"name": "leaky_relu", "slope": 0.2, "groups": None},
        "initializer": {"name": "auto", "parameters": {}},
    }


def test_examples_cover_every_kind():
    assert {one.name for one in EXAMPLES[layer_from_dict]} == set(LAYERS)
    assert {one.name for one in EXAMPLES[resolve_loss]} == set(LOSSES)
    assert {one.name for one in EXAMPLES[resolve_optimizer]} == set(OPTIMIZERS)


def test_fields_left_out_of_a_saved_dict_take_their_defaults():
    assert resolve_optimizer({"kind": "adam", "beta1": 0.5}) == Adam(beta1=0.5)
    assert resolve_loss({"kind": "cross_entropy"}) == CrossEntropy()


def test_a_loss_has_two_numbers_at_most():
    assert SquaredError().parts == ("squared_error", 0.0, 0.0)
    assert Huber(2).parts == ("huber", 2.0, 0.0)
    assert BinaryFocal(1).parts == ("binary_focal", 1.0, 0.25)
    assert BinaryFocal(1, alpha=None).parts == ("binary_focal", 1.0, -1.0)
    assert all(len(fields(kind)) <= 2 for kind in LOSSES.values())


def test_alpha_is_a_share_or_none():
    for wrong in (0, 1, -0.5, np.nan):
        expected = r"\[BinaryFocal\] alpha: expected a finite number > 0 and < 1 or None, got "
        with pytest.raises(ValueError, match=expected):
            BinaryFocal(alpha=wrong)


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"units": 3}, "[load] kind: expected one of 'Dense', 'BatchNorm',"),
        ({"kind": "dense", "units": 3}, "got 'dense' (did you mean 'Dense'?)"),
        ({"kind": "Dense"}, "[load] units: missing"),
        ({"kind": "Dense", "unit": 3}, "got 'unit' (did you mean 'units'?)"),
        ({"kind": "Dense", "units": 0}, "[Dense] units: expected an integer >= 1, got 0"),
        ({"kind": "Dense", "units": 3, "activation": {"slope": 1}}, "[Dense] name: missing"),
    ],
)
def test_damaged_dict_is_refused(saved, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        layer_from_dict(saved, "load")


# ---- names ---------------------------------------------------------------------------------------


def test_losses_and_optimizers_are_known_by_name():
    assert list(LOSSES)[:3] == ["binary_cross_entropy", "cross_entropy", "squared_error"]
    assert list(LOSSES)[3:7] == ["absolute_error", "huber", "quantile", "poisson"]
    assert list(LOSSES)[7:] == ["binary_focal", "focal", "hinge", "multiclass_hinge"]
    names = "sgd rmsprop adam adamw nadam radam adagrad lion rprop"
    assert list(OPTIMIZERS) == names.split()
    assert resolve_loss("cross_entropy") == CrossEntropy(label_smoothing=0.0)
    assert resolve_loss("huber") == Huber(delta=1.0)
    assert resolve_loss("quantile") == Quantile(quantile=0.5)
    assert resolve_optimizer("sgd") == SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    assert resolve_optimizer("rmsprop") == RMSProp(1e-3, rho=0.9, epsilon=1e-8)
    assert resolve_optimizer("adam") == Adam(1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8)
    assert resolve_optimizer("adamw") == AdamW(1e-3, 0.9, 0.999, 1e-8, weight_decay=0.01)
    assert resolve_optimizer("lion") == Lion(1e-4, 0.9, 0.99, weight_decay=0.0)


def test_object_is_resolved_to_itself():
    adam = Adam(0.5)
    assert resolve_optimizer(adam) is adam


def test_unknown_name_lists_the_known_ones():
    message = (
        "[Trainer] loss: expected one of 'binary_cross_entropy', 'cross_entropy', 'squared_error', "
        "'absolute_error', 'huber', 'quantile', 'poisson', 'binary_focal', 'focal', 'hinge', "
        "'multiclass_hinge', got 'crossentropy' (did you mean 'cross_entropy'?)"
    )
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}$"):
        resolve_loss("crossentropy", "Trainer")


@pytest.mark.parametrize("wrong", [Adam, 3, None, CrossEntropy()])
def test_what_is_no_optimizer_is_a_type_error(wrong):
    with pytest.raises(
        TypeError, match=r"\[Trainer\] optimizer: expected one of 'sgd'.*SGD, RMSProp"
    ):
        resolve_optimizer(wrong, "Trainer")


# ---- layers --------------------------------------------------------------------------------------


def test_dense_stores_activation_and_initializer_as_objects():
    assert Dense(3, "tanh", "zeros") == Dense(3, Activation("tanh"), Initializer("zeros"))
    assert isinstance(Dense(3).activation, Activation)
    assert isinstance(Dense(3).initializer, Initializer)
    assert Dense(np.int64(3)).to_dict()["units"] == 3
    assert type(Dense(np.int64(3)).units) is int


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"units": 0}, ValueError, "[Dense] units: expected an integer >= 1, got 0"),
        ({"units": True}, TypeError, "[Dense] units: expected an integer >= 1, got True"),
        ({"units": 3.0}, TypeError, "[Dense] units: expected an integer >= 1, got 3.0"),
        ({"units": 3, "activation": None}, TypeError, "[Dense] activation: expected a name"),
        ({"units": 3, "initializer": 1}, TypeError, "[Dense] initializer: expected a name"),
        ({"units": 3, "initializer": "he"}, ValueError, "expected one of 'auto', 'he_normal'"),
    ],
)
def test_dense_refuses(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Dense(**arguments)


def test_leaky_relu_and_elu_have_a_slope():
    assert as_activation("elu") == Activation("elu", 1.0)
    assert Activation("elu", 2).slope == 2.0
    with pytest.raises(ValueError, match=r"slope: expected a finite number >= 0, got -0.1"):
        Activation("elu", -0.1)
    assert as_activation("leaky_relu") == Activation("leaky_relu", 0.01)
    assert as_activation("relu").slope is None
    with pytest.raises(
        ValueError, match=r"\[Activation\] slope: expected None for 'relu', got 0.1"
    ):
        Activation("relu", 0.1)
    for slope in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match=r"slope: expected a finite number >= 0 and < 1"):
            Activation("leaky_relu", slope)
    with pytest.raises(TypeError, match=r"name: expected a string, got 3"):
        Activation(3)


# ---- the form of refusals ------------------------------------------------------------------------


def test_refusal_tells_range_note_and_value():
    message = (
        "[Trainer.fit] batch_size: "
        "expected an integer from 1 to 1437 (the number of rows) or None, got 0"
    )
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}$"):
        check_integer("Trainer.fit", "batch_size", 0, 1, 1437, " (the number of rows) or None")
    assert check_integer("f", "n", np.int64(1437), 1, 1437) == 1437
    with pytest.raises(ValueError, match=r"\[f\] n: expected an integer from 1 to 1437, got 1438"):
        check_integer("f", "n", 1438, 1, 1437)


@pytest.mark.parametrize("check", [check_integer, check_number])
@pytest.mark.parametrize("value", [np.timedelta64(3), np.timedelta64(3, "s"), True, 1j, "1"])
def test_what_only_looks_like_a_number_is_refused(value, check):
    arguments = (1,) if check is check_integer else ()
    with pytest.raises(TypeError, match=r"\[f\] n: expected an? (integer|finite number)"):
        check("f", "n", value, *arguments)


def test_refusal_shows_a_large_value_in_one_short_line():
    with pytest.raises(TypeError) as refusal:
        Dense(np.zeros((100, 100)))
    assert len(str(refusal.value)) < 140
    assert "\n" not in str(refusal.value)
