"""Where training starts: biases at zero, weights random.

The weights must start random: with equal rows of W all units of a layer compute the same, get the
same gradient and stay identical for ever. Their size is chosen so that values going forward and
derivatives going back neither vanish nor explode over many layers.

W has shape (n, n_prev): n = n[l] units in the layer, n_prev = n[l-1] inputs of each.
"""

# l is the number of a layer, as in the course.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .checks import Array, Parameters, check_name, refuse


def he_normal(rng: np.random.Generator, n: int, n_prev: int) -> Array:
    # Var(w) = 2 / n_prev, for relu                          (He et al. 2015)
    return rng.normal(0.0, np.sqrt(2 / n_prev), size=(n, n_prev))


def he_uniform(rng: np.random.Generator, n: int, n_prev: int) -> Array:
    # Uniform on [-r, r] has variance r^2 / 3; the same variance as he_normal.
    r = np.sqrt(6 / n_prev)
    return rng.uniform(-r, r, size=(n, n_prev))


def glorot_normal(rng: np.random.Generator, n: int, n_prev: int) -> Array:
    # Var(w) = 2 / (n_prev + n), for tanh, sigmoid, softmax  (Glorot & Bengio 2010)
    return rng.normal(0.0, np.sqrt(2 / (n_prev + n)), size=(n, n_prev))


def glorot_uniform(rng: np.random.Generator, n: int, n_prev: int) -> Array:
    r = np.sqrt(6 / (n_prev + n))
    return rng.uniform(-r, r, size=(n, n_prev))


def lecun_normal(rng: np.random.Generator, n: int, n_prev: int) -> Array:
    # Var(w) = 1 / n_prev                                    (LeCun et al. 1998)
    return rng.normal(0.0, np.sqrt(1 / n_prev), size=(n, n_prev))


def normal(rng: np.random.Generator, n: int, n_prev: int) -> Array:
    # Small numbers, as in the course's first networks; too small for deep ones.
    return rng.normal(0.0, 0.01, size=(n, n_prev))


def zeros(rng: np.random.Generator, n: int, n_prev: int) -> Array:
    # To see what goes wrong; only a network of one layer can learn from here.
    return np.zeros((n, n_prev))


INITIALIZERS: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "lecun_normal": lecun_normal,
    "normal": normal,
    "zeros": zeros,
}


def initialize_parameters(
    layer_dims: Sequence[int], seed: int = 0, method: str = "he_normal", dtype: Any = np.float64
) -> Parameters:
    """W1 (n[1], n[0]), b1 (n[1], 1), .. WL, bL for layer_dims = [n_x, n[1], .. n_y].

    `method` is a name of INITIALIZERS. The same seed gives the same numbers. ValueError: fewer than
    two layer_dims, one below 1, unknown method, dtype neither float32 nor float64.
    """
    where = "initialize_parameters"
    check_name(where, "method", method, INITIALIZERS)
    check_name(where, "dtype", np.dtype(dtype).name, ("float32", "float64"))
    if len(layer_dims) < 2 or any(n != int(n) or n < 1 for n in layer_dims):
        raise refuse(where, "layer_dims", "at least two integers >= 1", list(layer_dims))
    rng = np.random.default_rng(seed)
    parameters: Parameters = {}
    for l in range(1, len(layer_dims)):
        n, n_prev = int(layer_dims[l]), int(layer_dims[l - 1])
        parameters[f"W{l}"] = INITIALIZERS[method](rng, n, n_prev).astype(dtype)
        parameters[f"b{l}"] = np.zeros((n, 1), dtype=dtype)
    return parameters
