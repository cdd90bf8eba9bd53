"""Settings of OpenMP that make no sense, or give fewer threads than asked for: the bits stay."""

import pytest

from .processes import output, python
from .test_runtime import QUOTA

# Each pass is large enough for seven threads.
TRAIN = """
import hashlib, numpy as np, chainrule as cr
X = np.random.default_rng(0).normal(size=(1500, 64))
Y = X[:, :10].argmax(axis=1)
net = cr.Network([cr.Dense(256, "relu"), cr.Dense(10, "softmax")], 64)
trainer = cr.Trainer(net, "cross_entropy")
trainer.fit(X, Y, epochs=2, batch_size=700)
values = [net.predict(X), *net.parameters.values()]
net.backward(X, Y, "cross_entropy")
values += [*net.gradients.values(), np.array([net.cost(X, Y, "cross_entropy")])]
print(hashlib.sha256(b"".join(map(bytes, values))).hexdigest())
"""


@pytest.fixture(scope="module")
def bits():
    return output(TRAIN, OMP_NUM_THREADS="1")


@pytest.mark.parametrize("value", ["0", "-1", "two", "", "1.5", "2,3", "100", "9" * 20])
def test_no_omp_num_threads_changes_the_bits(value, bits):
    assert output(TRAIN, OMP_NUM_THREADS=value) == bits


@pytest.mark.parametrize(
    "settings",
    [
        {"OMP_THREAD_LIMIT": "1"},
        {"OMP_THREAD_LIMIT": "2"},
        {"OMP_DYNAMIC": "true"},
        {"OMP_MAX_ACTIVE_LEVELS": "0"},
        {"OMP_PROC_BIND": "true", "OMP_PLACES": "{0}"},
        {"OMP_STACKSIZE": "16k"},
    ],
    ids=lambda settings: ",".join(f"{name}={value}" for name, value in settings.items()),
)
def test_a_team_smaller_than_asked_for_gives_the_same_bits(settings, bits):
    assert output(TRAIN, OMP_NUM_THREADS="7", **settings) == bits


@pytest.mark.parametrize("value", ["0", "-1", "two"])
def test_an_omp_num_threads_that_makes_no_sense_is_told_and_counts_as_none(value):
    """By the OpenMP runtime, on the error output."""
    code = "import chainrule; print(chainrule.get_num_threads())"
    done = python(code, OMP_NUM_THREADS=value)
    assert done.returncode == 0
    assert "OMP_NUM_THREADS" in done.stderr
    assert done.stdout == output(code) + "\n"


def test_ten_thousand_threads_are_taken_for_the_most_that_set_num_threads_takes():
    code = "import chainrule; print(chainrule.get_num_threads())"
    assert output(code, OMP_NUM_THREADS="10000") == str(min(1024, QUOTA))
