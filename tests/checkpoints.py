"""What the tests of checkpoints share: data, a trainer, a fit of three epochs."""

import numpy as np

import chainrule as cr

from .helpers import build

EPOCHS, STEPS = 3, 5  # per epoch
X = np.random.default_rng(3).normal(size=(50, 4))
Y = np.sin(X[:, :2])


def new_trainer():
    return cr.Trainer(build(4, [(6, "tanh", 0), (2, "identity", 0)], "float32"), "squared_error")


def fit(trainer, *callbacks, **options):
    trainer.fit(X, Y, EPOCHS, 10, callbacks=callbacks, **options)
    return weights(trainer)


def weights(trainer):
    return [w.tobytes() for w in trainer.net.parameters.values()]


def outcome():
    """The weights after a fit that nothing cut off."""
    return fit(new_trainer())
