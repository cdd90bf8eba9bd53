"""Exported C files give the bits of `predict`, whatever compiles them.

`CHAINRULE_EXHAUSTIVE=1` draws 200 random networks and not 20.
"""

import os
import shutil
import subprocess

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core
from chainrule.activations import SLOPES
from chainrule.layers import LAYERS, walk

from .compiled import FMA, assert_same_bits, compile_c, predict_rows, shared_object
from .helpers import needs_fma

NETWORKS = 200 if os.environ.get("CHAINRULE_EXHAUSTIVE") else 20
ROWS = 5
ACTIVATIONS = list(_core.activations())
EXACT = {
    "gcc -O3": ("gcc", ["-std=c99", "-O3", *FMA]),
    "gcc, defaults": ("gcc", ["-O2", "-march=native", "-ffp-contract=fast"]),
    "gcc, unoptimized": ("gcc", ["-std=c99", "-O0", *FMA]),
    "gcc, fma of the C library": ("gcc", ["-std=c99", "-O1"]),
    "clang -O3": ("clang", ["-std=c99", "-O3", *FMA]),
    "clang, defaults": ("clang", ["-O1", "-march=native"]),
    "C++": ("g++", ["-x", "c++", "-std=c++11", "-O1", *FMA]),
}

pytestmark = needs_fma


# ---- random networks ----------------------------------------------------------------------------


def random_activation(rng):
    name = str(rng.choice([name for name in ACTIVATIONS if name != "softmax"]))
    return cr.Activation(name, float(rng.random()) if name in SLOPES else None)


def random_softmax(rng, units):
    """Which only the last layer may have."""
    cut = int(rng.integers(0, units))
    return cr.Activation("softmax", groups=(cut, units - cut) if cut else None)


def random_layers(rng, n, depth=0):
    """1 to 4 layers behind n columns, and how many columns they leave."""
    layers = []
    for kind in rng.choice(list(LAYERS), rng.integers(1, 5)).tolist():
        if kind == "Residual" and depth < 3:
            inner, n_out = random_layers(rng, n, depth + 1)
            if n_out != n and rng.random() < 0.5:
                inner, n_out = [*inner, cr.Dense(n)], n
            layers.append(cr.Residual(inner))
            n = n_out
        elif kind == "Activation":
            layers.append(random_activation(rng))
        elif kind == "Dropout":
            layers.append(cr.Dropout(0.5))
        elif kind in ("BatchNorm", "LayerNorm"):
            layers.append(LAYERS[kind](epsilon=10.0 ** -rng.integers(1, 9)))
        else:
            n = int(rng.integers(1, 70))
            layers.append(cr.Dense(n, random_activation(rng)))
    return layers, n


def random_network(seed):
    rng = np.random.default_rng(seed)
    n_inputs = int(rng.integers(1, 50))
    layers, n = random_layers(rng, n_inputs)
    if rng.random() < 0.4:
        softmax = random_softmax(rng, n)
        layers.append(softmax if rng.random() < 0.5 else cr.Dense(n, softmax))
    net = cr.Network(layers, n_inputs, rng.choice(["float32", "float64"]), seed)
    for name, value in net.parameters.items():
        if value.ndim == 1:
            of_variance = name.endswith("variance")
            drawn = rng.normal(0, 0.5, value.shape)
            net.parameters[name] = np.exp(drawn) if of_variance else drawn + name.endswith("gamma")
    return net, rng.normal(0, 10.0 ** rng.integers(-1, 3), (ROWS, n_inputs)).astype(net.dtype)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """`{path: (network, rows)}` of exported networks: random ones, one for each activation, and
    some with layers of one output, which sum otherwise.
    """
    folder, found = tmp_path_factory.mktemp("c"), {}
    for seed in range(NETWORKS):
        found[folder / f"net{seed}.c"] = random_network(seed)
    for name in ACTIVATIONS:
        for dtype in ("float32", "float64"):
            found[folder / f"{name}_{dtype}.c"] = one_activation(name, dtype)
    for n in (1, 7, 8, 9, 15, 16, 17, 33, 300):
        for dtype in ("float32", "float64"):
            found[folder / f"one_of_{n}_{dtype}.c"] = one_output(n, dtype)
    for path, (net, _) in found.items():
        cr.export_c(net, path)
    return found


def one_output(n, dtype):
    """Of n inputs, and then of 40."""
    rng = np.random.default_rng(n)
    net = cr.Network([cr.Dense(1), cr.Dense(40, "tanh"), cr.Dense(1, "relu")], n, dtype, seed=n)
    net.parameters["1.bias"], net.parameters["3.bias"] = [0.1], [0.3]
    return net, rng.normal(size=(ROWS, n)).astype(dtype)


def one_activation(name, dtype):
    """A unit after another from -800 to 800, close to 0, at the ends of what there is, and close to
    odd multiples of ln 2 / 2, where an exponential takes another power of two.
    """
    limits = np.finfo(dtype)
    ends = [limits.max, limits.tiny, limits.smallest_subnormal, limits.eps, 0.0, 16, 20, 40, 42]
    ends += [88.7, 89, 103.9, 104, 708.3, 709.7, 710, 745.1, 746, 0.41421356237309505, np.log(2)]
    z = np.concatenate(
        [np.linspace(-800, 800, 333), np.linspace(-9, 9, 500), ends, -np.array(ends)]
    )
    activation = cr.Activation(name, 0.3 if name in SLOPES else None)
    net = cr.Network([cr.Dense(len(z), activation)], 1, dtype)
    net.parameters["1.weight"] = np.zeros((1, len(z)))
    net.parameters["1.bias"] = z
    return net, np.ones((2, 1), dtype)


def check(networks, library):
    for path, (net, X) in networks.items():
        out = np.full((len(X), net.n_outputs), 7.0, net.dtype)
        expected = net.predict(X)
        assert_same_bits(predict_rows(library, path.stem, X, out), expected, path.stem)


@pytest.mark.parametrize("way", EXACT)
def test_every_compiler_gives_the_bits_of_predict(way, networks, tmp_path):
    check(networks, shared_object(*EXACT[way], networks, tmp_path / "so"))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_without_fma_they_are_those_of_a_processor_without_it(compiler, networks, tmp_path):
    defines = [f"-D{path.stem.upper()}_NO_FMA" for path in networks]
    library = shared_object(compiler, ["-O2", *FMA, *defines], networks, tmp_path / "so")
    before = _core.isa()
    if "baseline" not in _core.available_isas():
        pytest.skip("needs the path without fma")
    _core.use_isa("baseline")
    try:
        check(networks, library)
    finally:
        _core.use_isa(before)
    off = {path.stem: off_by(library, path, *networks[path]) for path in networks}
    too_far = {name: far for name, (far, bound) in off.items() if far > bound}
    assert too_far == {}
    assert sum(far > 0 for far, _ in off.values()) > NETWORKS // 2


def off_by(library, path, net, X):
    """How far C is from `predict`, of the largest output, and what README and the file allow."""
    out = predict_rows(library, path.stem, X, np.empty((len(X), net.n_outputs), net.dtype))
    expected = net.predict(X)
    bound = {"float32": 1.3e-5, "float64": 5.8e-15}[net.dtype.name]
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(out), finite)
    if not finite.any():
        return 0.0, bound
    size = np.abs(expected[finite]).max()
    return np.abs(out[finite].astype(float) - expected[finite]).max() / max(size, 1e-300), bound


def test_the_networks_have_every_layer_and_activation(networks):
    """And not so many exponentials one after another that there is nothing but NaN."""
    layers, activations, nested, bypasses = set(), set(), False, set()
    for net, X in networks.values():
        assert np.isfinite(net.predict(X)).mean() > 0.5 or len(X) < ROWS or NETWORKS > 20
        for place, layer, n in walk(net.layers, net.n_inputs):
            layers.add((layer.name, net.dtype.name))
            g = getattr(layer, "activation", None)
            activations |= {(g.name, bool(g.groups))} if g else set()
            nested |= place.count(".") >= 2
            if layer.name == "Residual":
                bypasses.add(layer.n_outputs(n) == n)
    assert layers == {(name, dtype) for name in LAYERS for dtype in ("float32", "float64")}
    assert activations == {*((name, False) for name in ACTIVATIONS), ("softmax", True)}
    assert nested
    assert bypasses == {True, False}


def test_no_address_is_beyond_its_array_and_no_behaviour_undefined(networks, tmp_path):
    """The programs of the files themselves; also that they find the bits they have to."""
    flags = ["-std=c99", "-g", "-O1", *FMA, "-fsanitize=address,undefined"]
    flags.append("-fno-sanitize-recover=all")
    for path in list(networks)[:4]:
        define = f"-D{path.stem.upper()}_MAIN"
        program = compile_c("gcc", [*flags, define], [path], tmp_path / path.stem)
        done = subprocess.run([program], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].startswith("0 of ")


def test_aarch64_gives_the_same_bits(networks, tmp_path):
    if shutil.which("qemu-aarch64") is None:
        pytest.skip("needs qemu-aarch64")
    for path in list(networks)[:4]:
        flags = ["-std=c99", "-O2", "-static", f"-D{path.stem.upper()}_MAIN"]
        program = compile_c("aarch64-linux-gnu-gcc", flags, [path], tmp_path / path.stem)
        done = subprocess.run(["qemu-aarch64", program], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout.splitlines()[-1][:5]) == (0, "0 of "), path
