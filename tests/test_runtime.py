"""Threads, instruction sets, forks and imports; what needs a fresh process runs in one."""

import json
import math
import os

import pytest

import chainrule as cr
from chainrule import _core

from .processes import output, python

# ---- threads ------------------------------------------------------------------------------------

PRINT_THREADS = "import chainrule; print(chainrule.get_num_threads())"
QUOTA = math.ceil(_core.cgroup_quota() or 1024)


@pytest.mark.parametrize(
    ("n", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (1025, ValueError),
        (10**30, ValueError),
        (10_000, ValueError),
        ("two", TypeError),
        ("2", TypeError),
        (2.5, TypeError),
        (2.0, TypeError),
        (True, TypeError),
        ([2], TypeError),
    ],
)
def test_a_number_of_threads_that_makes_no_sense_is_refused(n, error, threads):
    cr.set_num_threads(3)
    with pytest.raises(error) as caught:
        cr.set_num_threads(n)
    expected = f"[set_num_threads] n: expected an integer from 1 to 1024, got {n!r}"
    assert (caught.type, str(caught.value)) == (error, expected)
    assert cr.get_num_threads() == 3


def test_none_takes_the_setting_back(threads):
    before = cr.get_num_threads()
    cr.set_num_threads(before + 5)
    assert cr.get_num_threads() == cr.runtime_info()["num_threads"] == before + 5
    cr.set_num_threads(None)
    assert cr.get_num_threads() == before


@pytest.mark.parametrize("n", [1, 2, 3])
def test_omp_num_threads_is_obeyed(n):
    assert output(PRINT_THREADS, OMP_NUM_THREADS=str(n)) == str(min(n, QUOTA))


def test_the_affinity_mask_is_obeyed():
    cpus = os.sched_getaffinity(0)
    assert output(PRINT_THREADS) == str(min(len(cpus), QUOTA))
    assert output(f"import os; os.sched_setaffinity(0, {{{min(cpus)}}}); {PRINT_THREADS}") == "1"


LIMITS = """
import chainrule as cr
from threadpoolctl import threadpool_limits

cr.set_num_threads(3)
with threadpool_limits(1):
    print(cr.get_num_threads())
print(cr.get_num_threads())
cr.set_num_threads(None)
with threadpool_limits(1):
    print(cr.get_num_threads())
    cr.set_num_threads(2)  # the later word counts
    print(cr.get_num_threads())
    cr.set_num_threads(None)
print(cr.get_num_threads())
"""


def test_threadpoolctl_s_limits_are_obeyed():
    pytest.importorskip("threadpoolctl")
    seen = output(LIMITS, OMP_NUM_THREADS="4").split()
    assert [int(n) for n in seen] == [1, 3, 1, 2, min(4, QUOTA)]


def test_more_threads_than_cpus_still_finish(threads, rng):
    net = cr.Network([cr.Dense(64, "relu"), cr.Dense(3, "softmax")], 64)
    X = rng.normal(size=(2000, 64))
    expected = net.predict(X).tobytes()
    cr.set_num_threads(4 * len(os.sched_getaffinity(0)))
    assert net.predict(X).tobytes() == expected


# A child forked after a team of threads has run works on one thread, and gets the parent's bits.
FORK = """
import hashlib, os, signal, sys
import numpy as np, chainrule as cr

cr.set_num_threads(2)
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(512, 64)), rng.integers(0, 10, 512)
net = cr.Network([cr.Dense(128, "relu"), cr.Dense(10, "softmax")], 64)
trainer = cr.Trainer(net, "cross_entropy")

def go_on():
    trainer.fit(X, Y, epochs=2, batch_size=256)
    bits = net.predict(X).tobytes() + net.parameters["1.weight"].tobytes()
    return hashlib.sha256(bits).hexdigest()

trainer.fit(X, Y, epochs=1, batch_size=256)
for generation in range(int(sys.argv[1])):
    if os.fork() > 0:
        os.wait()  # until the child is done, so that lines do not mix
        break
    signal.alarm(30)  # ends a child that hangs
print(cr.get_num_threads(), go_on(), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("generations", [1, 2])
def test_forked_children_train_without_hanging_and_get_the_same_bits(generations):
    done = python(FORK, arguments=[str(generations)])
    assert done.returncode == 0, done.stderr
    threads, bits = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    assert threads == ("1",) * generations + ("2",)  # the youngest first
    assert len(set(bits)) == 1


# ---- instruction sets ---------------------------------------------------------------------------


def test_runtime_info_tells_how_the_core_runs():
    info = cr.runtime_info()
    assert set(info) == {
        "isa",
        "available_isas",
        "fused_multiply_add",
        "num_threads",
        "cpu_quota",
        "compiler",
    }
    assert info["isa"] in info["available_isas"]
    assert info["fused_multiply_add"] is (info["isa"] != "baseline")
    assert info["num_threads"] == cr.get_num_threads() >= 1
    assert info["cpu_quota"] is None or info["cpu_quota"] > 0
    assert info["compiler"].startswith("C++ ")
    assert info["available_isas"] == _core.available_isas()


PRINT_INFO = "import json, chainrule; print(json.dumps(chainrule.runtime_info()))"


@pytest.mark.parametrize("name", _core.available_isas())
def test_chainrule_isa_chooses_the_instruction_set(name):
    info = json.loads(output(PRINT_INFO, CHAINRULE_ISA=name))
    assert info["isa"] == name
    assert info["fused_multiply_add"] is (name != "baseline")


def test_without_chainrule_isa_the_best_is_taken():
    for variables in ({}, {"CHAINRULE_ISA": ""}):
        assert json.loads(output(PRINT_INFO, **variables))["isa"] == _core.available_isas()[-1]


FOREIGN = [name for name in ("avx2", "avx512", "neon") if name not in _core.available_isas()]


@pytest.mark.parametrize("name", ["sse9", "AVX2", "avx2 ", "1", *FOREIGN])
def test_an_instruction_set_that_does_not_run_is_an_error_that_lists_those_that_do(name):
    done = python("import chainrule", CHAINRULE_ISA=name)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: CHAINRULE_ISA: expected an instruction set that this CPU runs "
        f"({', '.join(_core.available_isas())}), got '{name}'"
    )


def test_a_bad_switch_leaves_the_instruction_set_as_it_is():
    before = _core.isa()
    with pytest.raises(ValueError, match=r"^use_isa: expected an instruction set .*, got 'sse9'$"):
        _core.use_isa("sse9")
    assert _core.isa() == before


# ---- import -------------------------------------------------------------------------------------

OPTIONAL = {"sklearn", "matplotlib", "pandas", "pyarrow", "scipy", "typer", "rich", "skops"}
OPTIONAL |= {"onnx", "onnxruntime", "skl2onnx", "torch"}


def test_import_loads_no_optional_package():
    lines = python("import chainrule", "-X", "importtime").stderr.splitlines()
    names = {line.rsplit("|", 1)[1].strip() for line in lines if line.startswith("import time:")}
    assert {"numpy", "chainrule", "chainrule.network", "chainrule._core"} <= names
    assert {name.split(".")[0] for name in names} & OPTIONAL == set()


# What takes long to import and is for the few who need it. (NumPy before 2 imports some itself.)
LATER = {"csv", "difflib", "numpy.random", "pathlib", "safetensors", "tempfile", "tqdm"}

PRINT_NEW = """
import sys, numpy
before = set(sys.modules)
import chainrule
print(*sys.modules.keys() - before)
"""


def test_import_loads_nothing_that_can_wait():
    new = set(output(PRINT_NEW).split())
    assert "chainrule.trainer" in new
    assert new & LATER == set()


IMPORT = """
import sys, time, numpy
sys.dont_write_bytecode = False  # as users have it
start = time.perf_counter()
import chainrule
print(time.perf_counter() - start)
"""


def test_import_adds_less_than_50_ms_to_numpy_s():
    """The fastest of several runs, because other work on the machine only ever adds."""
    output(IMPORT)  # compiles what is not compiled yet
    fastest = math.inf
    for _ in range(20):
        fastest = min(fastest, float(output(IMPORT)))
        if fastest < 0.050:
            return
    pytest.fail(f"import chainrule takes {1000 * fastest:.0f} ms after NumPy's import")
