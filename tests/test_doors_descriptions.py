"""Networks, trainers and their parts: what makes no sense is refused where it is described."""

import math

import pytest

import chainrule as cr
from chainrule import _core
from chainrule.layers import layer_from_dict

from .doors import build

NAN, INF = math.nan, math.inf

NUMBER = "expected a finite number"
NETWORK = "[Network] n_inputs: expected an integer from 1 to 2147483648, got"
SEED = "expected an integer from 0 to 9223372036854775807, got"
LAYERS = "[Network] layers: expected a list of at least one layer, got"
LAYER = "[Network, layer 1] layer: expected a layer such as Dense(64, 'relu'), got"
DTYPE = "[Network] dtype: expected one of 'float32', 'float64', got"
ACTIVATIONS = "one of " + ", ".join(map(repr, _core.activations()))
LOSSES = "one of " + ", ".join(map(repr, _core.losses()))
SMOOTHING = f"[CrossEntropy] label_smoothing: {NUMBER} >= 0 and < 1, got"
OPTIMIZERS = (
    "one of 'sgd', 'rmsprop', 'adam', 'adamw', 'nadam', 'radam', 'adagrad', 'lion', 'rprop'"
)


ONE_LAYER = (cr.Dense(3),)


def network(layers=ONE_LAYER, n_inputs=4, **options):
    return cr.Network(layers, n_inputs, **options)


def trainer(**options):
    return cr.Trainer(build(), **({"loss": "cross_entropy"} | options))


BAD_CONSTRUCTION = [
    (lambda: network(n_inputs=0), ValueError, f"{NETWORK} 0"),
    (lambda: network(n_inputs=-4), ValueError, f"{NETWORK} -4"),
    (lambda: network(n_inputs=4.0), TypeError, f"{NETWORK} 4.0"),
    (lambda: network(n_inputs=True), TypeError, f"{NETWORK} True"),
    (lambda: network(n_inputs="4"), TypeError, f"{NETWORK} '4'"),
    (lambda: network(n_inputs=2**40), ValueError, f"{NETWORK} {2**40}"),
    (lambda: network([]), TypeError, f"{LAYERS} []"),
    (lambda: network(None), TypeError, f"{LAYERS} None"),
    (lambda: network({}), TypeError, f"{LAYERS} {{}}"),
    (lambda: network([64]), TypeError, f"{LAYER} 64"),
    (lambda: network(["relu"]), TypeError, f"{LAYER} 'relu'"),
    (lambda: network([cr.Dense]), TypeError, f"{LAYER} <class 'chainrule.layers.Dense'>"),
    (lambda: network(dtype="float16"), ValueError, f"{DTYPE} 'float16'"),
    (lambda: network(dtype=int), ValueError, f"{DTYPE} <class 'int'>"),
    (lambda: network(dtype=None), ValueError, f"{DTYPE} None"),
    (lambda: network(dtype="\udc80"), ValueError, f"{DTYPE} '\\udc80'"),
    (lambda: network(dtype="single?"), ValueError, f"{DTYPE} 'single?'"),
    (lambda: network(dtype=">f4"), ValueError, f"{DTYPE} '>f4'"),
    (lambda: network(seed=-1), ValueError, f"[Network] seed: {SEED} -1"),
    (lambda: network(seed=None), TypeError, f"[Network] seed: {SEED} None"),
    (
        lambda: network([cr.Dense(3, "softmax"), cr.Dense(3)]),
        ValueError,
        "[Network, layer 1 (Dense)] activation: softmax is for the last layer",
    ),
    (
        lambda: network([cr.Dense(3), cr.Dense(3, "rleu")]),
        ValueError,
        f"[Network, layer 2 (Dense)] activation: expected {ACTIVATIONS}, got 'rleu' "
        "(did you mean 'relu'?)",
    ),
    (lambda: cr.Dense(0), ValueError, "[Dense] units: expected an integer >= 1, got 0"),
    (lambda: cr.Dense(2.5), TypeError, "[Dense] units: expected an integer >= 1, got 2.5"),
    (lambda: cr.Dense(True), TypeError, "[Dense] units: expected an integer >= 1, got True"),
    (
        lambda: cr.Dense(3, 3),
        TypeError,
        "[Dense] activation: expected a name or an object of Activation, got 3",
    ),
    (
        lambda: cr.Activation("relu", 0.1),
        ValueError,
        "[Activation] slope: expected None for 'relu', got 0.1",
    ),
    (
        lambda: cr.Activation("leaky_relu", NAN),
        ValueError,
        f"[Activation] slope: {NUMBER} >= 0 and < 1, got nan",
    ),
    (
        lambda: layer_from_dict({"kind": "Conv", "units": 3}),
        ValueError,
        "[layer_from_dict] kind: expected one of 'Dense', 'BatchNorm', 'LayerNorm', 'Dropout', "
        "'Activation', 'Residual', got 'Conv'",
    ),
    (
        lambda: cr.Trainer(None, "cross_entropy"),
        TypeError,
        "[Trainer] net: expected an object of Network, got None",
    ),
    (
        lambda: trainer(loss="kappa"),
        ValueError,
        f"[Trainer] loss: expected {LOSSES}, got 'kappa'; one of your own: call "
        "chainrule.register_loss first",
    ),
    (
        lambda: trainer(loss="cross_entrophy"),
        ValueError,
        f"[Trainer] loss: expected {LOSSES}, got 'cross_entrophy' (did you mean 'cross_entropy'?)",
    ),
    (
        lambda: trainer(loss=None),
        TypeError,
        f"[Trainer] loss: expected {LOSSES} or an object of BinaryCrossEntropy, CrossEntropy, "
        "SquaredError, AbsoluteError, Huber, Quantile, Poisson, BinaryFocal, Focal, Hinge, "
        "MulticlassHinge, got None",
    ),
    (
        lambda: trainer(optimizer="adamm"),
        ValueError,
        f"[Trainer] optimizer: expected {OPTIMIZERS}, got 'adamm' (did you mean 'adam'?)",
    ),
    (
        lambda: trainer(optimizer=0.1),
        TypeError,
        f"[Trainer] optimizer: expected {OPTIMIZERS} or an object of SGD, RMSProp, Adam, AdamW, "
        "NAdam, RAdam, Adagrad, Lion, Rprop, got 0.1",
    ),
    (
        lambda: trainer(metrics=["acc"]),
        ValueError,
        "[Trainer] metrics: expected one of 'accuracy', 'log_loss', 'r2', 'mean_absolute_error', "
        "got 'acc' (did you mean 'accuracy'?)",
    ),
    (
        lambda: trainer(metrics=3),
        TypeError,
        "[Trainer] metrics: expected a list of names, functions or Metrics, got 3",
    ),
    (
        lambda: trainer(schedule="cosine"),
        TypeError,
        "[Trainer] schedule: expected a schedule, a function epoch -> factor or None, got 'cosine'",
    ),
    (lambda: trainer(seed=-1), ValueError, f"[Trainer] seed: {SEED} -1"),
    (lambda: trainer(seed=1.0), TypeError, f"[Trainer] seed: {SEED} 1.0"),
    (lambda: trainer(l2=-0.1), ValueError, f"[Trainer] l2: {NUMBER} >= 0, got -0.1"),
    (lambda: trainer(l2=NAN), ValueError, f"[Trainer] l2: {NUMBER} >= 0, got nan"),
    (lambda: trainer(l1=INF), ValueError, f"[Trainer] l1: {NUMBER} >= 0, got inf"),
    (lambda: trainer(l1="a"), TypeError, f"[Trainer] l1: {NUMBER} >= 0, got 'a'"),
    (lambda: cr.Adam(NAN), ValueError, f"[Adam] learning_rate: {NUMBER} > 0, got nan"),
    (lambda: cr.Adam(INF), ValueError, f"[Adam] learning_rate: {NUMBER} > 0, got inf"),
    (lambda: cr.SGD(0), ValueError, f"[SGD] learning_rate: {NUMBER} > 0, got 0"),
    (lambda: cr.SGD(-0.1), ValueError, f"[SGD] learning_rate: {NUMBER} > 0, got -0.1"),
    (lambda: cr.SGD("a"), TypeError, f"[SGD] learning_rate: {NUMBER} > 0, got 'a'"),
    (lambda: cr.SGD(True), TypeError, f"[SGD] learning_rate: {NUMBER} > 0, got True"),
    (
        lambda: cr.SGD(10**400),
        ValueError,
        f"[SGD] learning_rate: {NUMBER} > 0, got 1{'0' * 76}...",
    ),
    (lambda: cr.SGD(momentum=1), ValueError, f"[SGD] momentum: {NUMBER} >= 0 and < 1, got 1"),
    (
        lambda: cr.SGD(nesterov=True),
        ValueError,
        "[SGD] momentum: expected a number > 0 with nesterov=True, got 0.0",
    ),
    (lambda: cr.Adam(beta1=1), ValueError, f"[Adam] beta1: {NUMBER} >= 0 and < 1, got 1"),
    (lambda: cr.Adam(epsilon=0), ValueError, f"[Adam] epsilon: {NUMBER} > 0, got 0"),
    (
        lambda: cr.AdamW(weight_decay=-1),
        ValueError,
        f"[AdamW] weight_decay: {NUMBER} >= 0, got -1",
    ),
    (lambda: cr.Huber(0), ValueError, f"[Huber] delta: {NUMBER} > 0, got 0"),
    (lambda: cr.Huber(-1.5), ValueError, f"[Huber] delta: {NUMBER} > 0, got -1.5"),
    (lambda: cr.Huber(NAN), ValueError, f"[Huber] delta: {NUMBER} > 0, got nan"),
    (lambda: cr.Huber(INF), ValueError, f"[Huber] delta: {NUMBER} > 0, got inf"),
    (lambda: cr.Huber("1"), TypeError, f"[Huber] delta: {NUMBER} > 0, got '1'"),
    (lambda: cr.Quantile(0), ValueError, f"[Quantile] quantile: {NUMBER} > 0 and < 1, got 0"),
    (lambda: cr.Quantile(1), ValueError, f"[Quantile] quantile: {NUMBER} > 0 and < 1, got 1"),
    (lambda: cr.Quantile(NAN), ValueError, f"[Quantile] quantile: {NUMBER} > 0 and < 1, got nan"),
    (lambda: cr.Quantile(None), TypeError, f"[Quantile] quantile: {NUMBER} > 0 and < 1, got None"),
    (lambda: cr.CrossEntropy(1.0), ValueError, f"{SMOOTHING} 1.0"),
    (lambda: cr.CrossEntropy(-0.1), ValueError, f"{SMOOTHING} -0.1"),
    (lambda: cr.CrossEntropy(NAN), ValueError, f"{SMOOTHING} nan"),
    (lambda: cr.CrossEntropy("x"), TypeError, f"{SMOOTHING} 'x'"),
    (lambda: cr.CrossEntropy(True), TypeError, f"{SMOOTHING} True"),
    (
        lambda: trainer(loss={"kind": "cross_entropy", "smoothing": 0.1}),
        ValueError,
        "[Trainer] field: expected one of 'label_smoothing', got 'smoothing' "
        "(did you mean 'label_smoothing'?)",
    ),
    (
        lambda: trainer(loss=cr.Huber(1e-50)),
        ValueError,
        "[Trainer] loss.delta: expected a number that float32 can hold, got 1e-50",
    ),
    (
        lambda: trainer(loss=cr.Huber(1e50)),
        ValueError,
        "[Trainer] loss.delta: expected a number that float32 can hold, got 1e+50",
    ),
    (lambda: cr.RMSProp(rho=-1), ValueError, f"[RMSProp] rho: {NUMBER} >= 0 and < 1, got -1"),
]


@pytest.mark.parametrize(("construct", "error", "message"), BAD_CONSTRUCTION)
def test_descriptions_are_checked_when_they_are_built(construct, error, message):
    with pytest.raises(error) as caught:
        construct()
    assert (caught.type, str(caught.value)) == (error, message)


@pytest.mark.parametrize("units", [2**31, 2**62, 2**70])
def test_networks_that_no_memory_can_hold_are_refused_at_once(units):
    message = (
        r"^\[Network\] layers: expected parameters that fit in this machine's \d+ GiB, got \d+"
    )
    with pytest.raises(ValueError, match=message):
        cr.Network([cr.Dense(units), cr.Dense(units)], 2**31)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Relu", "relu"),
        ("LeakyReLU", "leaky_relu"),
        ("swish", "silu"),
        ("linear", "identity"),
        ("sigmoyd", "sigmoid"),
    ],
)
def test_a_name_written_otherwise_is_recognized(given, meant):
    with pytest.raises(ValueError, match=rf"\(did you mean '{meant}'\?\)$"):
        cr.Network([cr.Dense(2, given)], 2)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("mse", "squared_error"), ("categorical_crossentropy", "cross_entropy"), ("BCE", "binary_")],
)
def test_so_is_a_loss_of_other_libraries(given, meant):
    with pytest.raises(ValueError, match=rf"\(did you mean '{meant}"):
        cr.Trainer(cr.Network([cr.Dense(2)], 2), given)
