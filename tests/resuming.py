"""What the tests of resuming share: data, trainers, callbacks, and all that a fit leaves."""

import math

import numpy as np

import chainrule as cr
from chainrule._optimizer import read_state

from .helpers import build

EPOCHS, BATCH = 4, 30  # of 100 rows: four steps, the last one smaller


def data():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(140, 6))
    Y = (X @ rng.normal(size=(6, 3)) + rng.normal(size=(140, 3))).argmax(axis=1)
    return {
        "X": X[:100],
        "Y": Y[:100],
        "validation_data": (X[100:], Y[100:]),
        "sample_weight": rng.random(100),
    }


class Log(cr.Callback):
    """A user's own, with a state of every kind."""

    def __init__(self):
        self.heard, self.sum, self.lowest = [], np.zeros(2), math.inf

    def on_epoch_begin(self, trainer, epoch):
        self.heard.append(["begin", epoch])

    def on_steps_end(self, trainer, steps, loss):
        self.heard.append(["steps", steps, loss])
        self.sum += [steps, loss]
        self.lowest = min(self.lowest, loss)

    def on_epoch_end(self, trainer, epoch, logs):
        self.heard.append(["end", epoch, logs["loss"]])

    def state(self):
        return {"heard": self.heard, "sum": self.sum, "more": (self.lowest, np.float32(2))}

    def restore(self, state):
        self.heard, self.sum = list(state["heard"]), state["sum"]
        self.lowest, two = state["more"]
        assert two == 2


class Cut(cr.Callback):
    """Ctrl-C at the n-th occasion, before or after all others have heard of it."""

    optional = True

    def __init__(self, n):
        self.left = n

    def occasion(self, *arguments):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    on_epoch_begin = on_steps_end = on_epoch_end = occasion


OCCASIONS = EPOCHS * (1 + 4 + 1)
SETTINGS = {
    "adam": {"optimizer": cr.Adam(0.01), "schedule": cr.warmup(cr.cosine(3, end=0.1), 1.5)},
    "float64": {"optimizer": cr.AdamW(0.02), "schedule": cr.one_cycle(4), "metrics": ["accuracy"]},
    "plateau": {"optimizer": cr.SGD(0.2, 0.9), "schedule": cr.reduce_on_plateau(0.5, 1)},
    "penalties": {"optimizer": cr.RMSProp(0.01), "l2": 0.01, "l1": 0.001, "penalize": "sum"},
    "clipping": {"optimizer": cr.SGD(0.5), "clip_value": 0.1, "clip_norm": 0.2, "seed": 2**62},
}


def new_trainer(name):
    net = build(6, [(5, "tanh", 0), (3, "softmax", 0)], name if name == "float64" else "float32")
    return cr.Trainer(net, "cross_entropy", **SETTINGS[name])


def outcome(trainer):
    """All that a fit leaves, but for the seconds it took."""
    records = [{k: v for k, v in record.items() if k != "seconds"} for record in trainer.history]
    return {
        "weights": [w.tobytes() for w in trainer.net.parameters.values()],
        "states": [[a.tobytes() for a in arrays] for arrays in read_state(trainer)["arrays"]],
        "history": records,
        "costs": (trainer.step_costs.tobytes(), trainer.step_penalties.tobytes()),
        "counters": (trainer.epoch, trainer.steps, trainer.stop_reason),
        "schedule": trainer._schedule_state,
    }


def same_weights(one, other):
    for name, w in other.net.parameters.items():
        assert one.net.parameters[name].tobytes() == w.tobytes()


def middle(Y, prediction, sample_weight=None):
    return float(np.median(prediction))
