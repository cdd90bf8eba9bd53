"""Daemon threads at work when Python ends: the process ends as if they were not there."""

import pytest

from .processes import python

PREPARATION = """
import threading, time
import numpy as np
import chainrule as cr
X = np.random.default_rng(0).normal(size=(20000, 50))
Y = (X[:, 0] > 0).astype(int)
g = cr.register_activation("twice", value=lambda z: 2 * z, derivative=lambda z: np.full_like(z, 2))
net = cr.Network([cr.Dense(64, ACTIVATION), cr.Dense(2, "softmax")], 50)
trainer = cr.Trainer(net, "cross_entropy")
begun = threading.Event()
class Begun(cr.Callback):
    def on_steps_end(self, trainer, steps, cost):
        begun.set()
def fit():
    trainer.fit(X, Y, epochs=1000, batch_size=64, callbacks=[Begun()])
def predict():
    predictor = net.predictor()
    while True:
        predictor(X)
        net.predict(X)
        begun.set()
threading.Thread(target=WORK, daemon=True).start()
assert begun.wait(60)
time.sleep(DELAY)
print("over")
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.05])
@pytest.mark.parametrize(
    ("work", "activation"), [("fit", "relu"), ("fit", "twice"), ("predict", "relu")]
)
def test_a_daemon_thread_at_work_does_not_abort_the_process(work, activation, delay):
    """It did, by std::terminate: asking for the GIL of a Python that ends, ends a thread."""
    code = PREPARATION.replace("WORK", work).replace("ACTIVATION", repr(activation))
    done = python(code.replace("DELAY", str(delay)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "over\n", "")
