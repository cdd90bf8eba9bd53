"""A step allocates nothing and touches no new page, and neither does the call of a predictor;
training takes what `summary` says."""

import json
import os
import shutil
import subprocess

import pytest

import chainrule as cr

from .processes import printed

# ---- steps --------------------------------------------------------------------------------------

# Counts what happens during one call of the core that takes `steps` steps.
STEPS = """
import json, math, resource
import numpy as np, chainrule as cr
from chainrule import _stepping

def calls(threads, count, *, batch=256, optimizer="adam", dtype="float32", groups=(10,)):
    cr.set_num_threads(threads)
    _stepping.SECONDS_PER_CALL = math.inf
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 64))  # float64: converted in steps
    Y = rng.integers(0, groups, (1000, len(groups)))
    Y = Y[:, 0] if len(groups) == 1 else Y
    output = cr.Dense(10, cr.Activation("softmax", groups=groups))
    net = cr.Network([cr.Dense(256, "relu"), output], 64, dtype)
    t = cr.Trainer(net, "cross_entropy", optimizer, l2=1e-3)
    data = t._data("test", X, Y, rng.random(1000))
    few, many = 150, 750  # beyond 1 KiB of costs, which NumPy would keep for reuse
    order, rates = np.resize(rng.permutation(1000), many * batch), np.full(many, 1e-3)
    seen = {few: [], many: []}
    for steps in (many, few, many, few, many):
        before = count()
        t._train(data, order[: steps * batch], batch, rates[:steps], "test")
        seen[steps].append(count() - before)
    return min(seen[few]), min(seen[many])
"""
CASES = ["1, count", "2, count", "1, count, batch=3, optimizer='sgd'", "1, count, dtype='float64'"]
CASES += ["2, count, groups=(3, 7)"]
PRINT = "".join(f"print(json.dumps(calls({case})))\n" for case in CASES)
FAULTS = "count = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
ALLOCATIONS = """
import ctypes
count = ctypes.CDLL(None).allocations
count.restype = ctypes.c_long
"""

COUNTER = """
#include <stddef.h>
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
static long count;
static void add(void) { __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED); }
long allocations(void) { return __atomic_load_n(&count, __ATOMIC_RELAXED); }
void *malloc(size_t n) { add(); return __libc_malloc(n); }
void *calloc(size_t n, size_t size) { add(); return __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { add(); return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { add(); return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { add(); return __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n) {
  add();
  *p = __libc_memalign(a, n);
  return *p ? 0 : 12;
}
"""


def test_steps_touch_no_new_page():
    """A few pages of difference are the array of costs, 8 bytes per step."""
    for case, line in zip(CASES, printed(STEPS + FAULTS + PRINT), strict=True):
        few, many = json.loads(line)
        assert many <= few + 4, f"{case}: {few} page faults in 150 steps, {many} in 750"


@pytest.fixture
def counter(tmp_path):
    """The path of a library that counts allocations when it is loaded first."""
    if "LD_PRELOAD" in os.environ:
        pytest.skip("another library stands in for malloc")
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, library = tmp_path / "counter.c", tmp_path / "counter.so"
    source.write_text(COUNTER)
    built = subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, source], capture_output=True
    )
    if built.returncode:
        pytest.skip(f"needs glibc: {built.stderr.decode()[:200]}")
    return str(library)


def test_steps_allocate_nothing(counter):
    lines = printed(STEPS + ALLOCATIONS + PRINT, LD_PRELOAD=counter)
    for case, line in zip(CASES, lines, strict=True):
        few, many = json.loads(line)
        assert few > 0  # the array of costs: the counter counts
        assert many == few, f"{case}: {few} allocations in 150 steps, {many} in 750"


# ---- calls of a predictor -----------------------------------------------------------------------

# Counts what happens during so many calls for so many rows (0: one row, a vector).
CALLS = """
import itertools, json, resource
import numpy as np, chainrule as cr

def calls(threads, count, rows, *, dtype="float32", given="float32", returned=False):
    cr.set_num_threads(threads)
    shape = (rows,) if rows else ()
    X, out = np.ones((*shape, 64), given), np.ones((*shape, 64), dtype)
    layers = [cr.Dense(64, "relu"), cr.BatchNorm(), cr.Residual([cr.Dense(64)]), cr.Dense(64)]
    predictor = cr.Network(layers, 64, dtype).predictor()
    out = None if returned else out
    few, many = 20, 100
    seen = {few: [], many: []}
    for n in (many, few, many, few, many):
        before = count()
        for _ in itertools.repeat(None, n):
            predictor(X, out)
        seen[n].append(count() - before)
    return min(seen[few]), min(seen[many])
"""
CALL_CASES = ["1, count, 0", "1, count, 1", "1, count, 300", "2, count, 1000"]
CALL_CASES += ["1, count, 300, dtype='float64'", "1, count, 1, given='float64'"]
PRINT_CALLS = "".join(
    f"print(json.dumps(calls({case})))\n" for case in [*CALL_CASES, "1, count, 300, returned=True"]
)


def test_calls_of_a_predictor_touch_no_new_page():
    lines = printed(CALLS + FAULTS + PRINT_CALLS)
    for case, line in zip(CALL_CASES, lines[:-1], strict=True):
        few, many = json.loads(line)
        assert many <= few + 4, f"{case}: {few} page faults in 20 calls, {many} in 100"


def test_calls_of_a_predictor_allocate_nothing(counter):
    *lines, last = printed(CALLS + ALLOCATIONS + PRINT_CALLS, LD_PRELOAD=counter)
    for case, line in zip(CALL_CASES, lines, strict=True):
        few, many = json.loads(line)
        assert many == few, f"{case}: {few} allocations in 20 calls, {many} in 100"
    few, many = json.loads(last)
    assert many >= few + 80  # the results of 77 KB: the counter counts


# ---- the whole ----------------------------------------------------------------------------------

# Large blocks are given back to the system when they are freed (MALLOC_MMAP_THRESHOLD_), so what
# NumPy took for a moment to draw the first weights does not count.
PEAK = """
import json, sys
import numpy as np, chainrule as cr

def memory(key):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])

def train(X, Y):
    units, n_inputs = Y.shape[1], X.shape[1]
    net = cr.Network([cr.Dense(units, "relu"), cr.Dense(units)], n_inputs, dtype)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak is counted from here
    cr.Trainer(net, "squared_error", optimizer).fit(X, Y, 1, None)
    return sum(net.summary(len(X), optimizer).memory.values())

dtype, optimizer = sys.argv[1:]
X = np.ones((512, 2500), dtype)
Y = np.ones((512, 2500 if dtype == "float32" else 1800), dtype)
train(X[:, :64], Y[:, :64])  # so that libraries and threads are there
before = memory("VmRSS")
predicted = train(X, Y)
print(json.dumps([predicted, memory("VmHWM") - before]))
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's /proc")
@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_takes_the_memory_that_the_summary_says(dtype, optimizer):
    done = printed(PEAK, dtype, optimizer, MALLOC_MMAP_THRESHOLD_=str(2**20))
    predicted, peak = json.loads(done[-1])
    assert predicted > 100e6
    said = f"{peak / 2**20:.1f} MiB, predicted {predicted / 2**20:.1f} MiB"
    assert abs(peak - predicted) < 12 * 2**20, said  # six arrays, each in pages of 2 MiB


def test_a_larger_batch_takes_more_until_it_goes_through_in_pieces():
    net = cr.Network([cr.Dense(50)], 50)
    one, more, most, pieces = (net.summary(n).memory["workspace"] for n in (1, 2, 10**5, 10**6))
    assert one < more < most == pieces


SAVING = """
import sys
import chainrule as cr

def memory(key):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])

path, kind = sys.argv[1:]
net = cr.Network([cr.Dense(2000, "relu"), cr.Dense(1000)], 2000)
saved = net if kind == "network" else cr.Trainer(net, "squared_error", ema=0.9)
(cr.Network([cr.Dense(1)], 1) if kind == "network" else saved).save(path)  # loads what it needs
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = memory("VmRSS")
saved.save(path)
print(memory("VmHWM") - before)
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's /proc")
@pytest.mark.parametrize(("kind", "size"), [("network", 24e6), ("trainer", 96e6)])
def test_saving_takes_memory_for_a_piece_at_a_time(kind, size, tmp_path):
    environment = {"MALLOC_MMAP_THRESHOLD_": str(2**20), "MALLOC_TRIM_THRESHOLD_": str(2**20)}
    (more,) = printed(SAVING, str(tmp_path / "file"), kind, **environment)
    assert (tmp_path / "file").stat().st_size > size
    assert int(more) < 6 * 2**20, f"{int(more) / 2**20:.1f} MiB"
