"""Files of each version of the format, kept as they were written; what is in them is told here.

`python -m tests.model_files` writes those of the version at hand, where they are missing.
"""

import contextlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr
from tests import golden

FOLDER = Path(__file__).parent
TABLE = "length,colour,kind\n" + "".join(
    f"{i % 7}.{i % 3},{'red' if i % 2 else 'blue'},{'ab'[i % 2]}\n" for i in range(40)
)


def network(dtype: str) -> cr.Network:
    """Every value is exact in float32 and comes from integers alone."""
    layers = [cr.Dense(5, cr.Activation("leaky_relu", 0.25), "he_uniform"), cr.Dense(3, "softmax")]
    net = cr.Network(layers, 4, dtype, seed=7)
    for i, (name, value) in enumerate(net.parameters.items()):
        net.parameters[name] = golden.numbers(i + 1, *value.shape)
    return net


# Of the trainers in files, by the names of these.
OPTIONS: dict[str, dict[str, Any]] = {
    "trainer": {"optimizer": cr.Adam(0.0625)},
    "averages": {
        **{"optimizer": cr.NAdam(0.0625, weight_decay=0.5), "ema": 0.75, "frozen": ["1.bias"]},
        **{"learning_rate_factors": {"2": 0.5}, "decay_factors": {"2": False}},
    },
}


def fit(net: cr.Network, options: str, stop_after: int | None = None) -> cr.Trainer:
    """Two epochs of three steps on `net`, cut off after so many steps."""
    schedule = cr.warmup(cr.reduce_on_plateau(0.5, patience=1), 1)
    named = {"schedule": schedule, "metrics": ["accuracy"], **OPTIONS[options]}
    trainer = cr.Trainer(net, "cross_entropy", **named)
    Y = np.arange(6) % 3
    callbacks = [cr.EarlyStopping(3), CutOff(stop_after)]
    with contextlib.suppress(KeyboardInterrupt):
        trainer.fit(X(), Y, 2, 2, validation_data=(X()[:3], Y[:3]), callbacks=callbacks)
    return trainer


# Of the estimators in files, by the names of these.
ESTIMATORS: dict[str, tuple[Any, dict[str, Any]]] = {
    "classifier": (
        cr.MLPClassifier,
        {
            **{"hidden_layer_sizes": (5,), "ema": 0.75, "frozen": ["1.bias"]},
            **{"early_stopping": True, "validation_fraction": 0.5, "class_weight": {"x": 2.0}},
            **{"schedule": cr.cosine(9), "optimizer": cr.NAdam(0.0625)},
        },
    ),
    "regressor": (
        cr.MLPRegressor,
        {
            **{"solver": "sgd", "momentum": 1.0, "layers": [cr.Dense(5, "tanh"), cr.BatchNorm()]},
            **{"loss": cr.Huber(0.5), "learning_rate": "invscaling", "n_iter_no_change": np.inf},
        },
    ),
}


def fit_estimator(name: str, dtype: str) -> Any:
    """Two epochs on `X`, with a random state that goes on."""
    kind, options = ESTIMATORS[name]
    est = kind(**options, max_iter=2, batch_size=3, random_state=np.random.RandomState(7))
    y = golden.numbers(5, 12) if name == "regressor" else np.array(["x", "y", "z"] * 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return est.fit(np.concatenate([X(), -X()]).astype(dtype), y)


class CutOff(cr.Callback):
    optional = True

    def __init__(self, step: int | None) -> None:
        self.step = step

    def on_steps_end(self, trainer: cr.Trainer, steps: int, loss: float) -> None:
        if trainer.steps == self.step:
            raise KeyboardInterrupt


def X() -> NDArray[Any]:
    """Six rows for `network`."""
    return golden.numbers(9, 6, 4)
