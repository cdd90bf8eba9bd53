"""A training that is killed in the midst and ends with the same bits.

Runs itself three times in another process: undisturbed, killed after a moment, and once more, where
it goes on from the file that a checkpoint has left.

    python examples/resume.py [seconds before the kill]
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from sklearn.datasets import load_digits

import chainrule as cr


def train(path):
    """Trains, from the newest checkpoint if there is one; returns the trainer."""
    X, y = load_digits(return_X_y=True)
    train, test = (X[:1400] / 16, y[:1400]), (X[1400:] / 16, y[1400:])

    newest = cr.Checkpoint.newest(path)
    if newest is None:
        net = cr.Network([cr.Dense(64, "relu"), cr.Dense(10, "softmax")], n_inputs=64)
        trainer = cr.Trainer(net, "cross_entropy", cr.Adam(1e-3), metrics=["accuracy"])
    else:
        trainer = cr.Trainer.load(newest)
        print(f"goes on after {trainer.steps} steps", end=", ")
    callbacks = [cr.EarlyStopping(patience=20), cr.Checkpoint(path, every=50)]
    trainer.fit(*train, epochs=60, batch_size=32, validation_data=test, callbacks=callbacks)
    return trainer


def digest(trainer):
    """Of the weights and of the history, but for the seconds it took."""
    h = hashlib.sha256()
    for weights in trainer.net.parameters.values():
        h.update(weights.tobytes())
    for record in trainer.history:
        h.update(repr({**record, "seconds": 0}).encode())
    return h.hexdigest()[:16]


def run(path, seconds=None):
    """What the training prints, or None if it was killed after so many seconds."""
    command = [sys.executable, __file__, "--train", str(path)]
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds).stdout
    except subprocess.TimeoutExpired:  # `run` has sent SIGKILL
        return None


def main(seconds=1.5):
    """Returns the three outcomes."""
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = run(Path(folder) / "undisturbed.safetensors")
        path = Path(folder) / "run.safetensors"
        outcomes = [undisturbed, run(path, seconds), run(path)]
    for name, outcome in zip(("undisturbed", "killed", "resumed"), outcomes, strict=True):
        print(f"{name:12} {(outcome or 'no result').strip()}")
    return outcomes


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        trainer = train(sys.argv[2])
        print(f"{trainer.steps} steps, {digest(trainer)}")
    else:
        main(*map(float, sys.argv[1:]))
