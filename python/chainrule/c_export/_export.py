"""`export_c`: one C file of a network or of a fitted estimator."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import chainrule._errors  # as in network.py
from chainrule._errors import message
from chainrule._files import check_path, write_atomically
from chainrule._sklearn import is_estimator
from chainrule.c_export._file import c_file
from chainrule.c_export._library import snippet
from chainrule.c_export._model import Model, network_model
from chainrule.network import Network

if TYPE_CHECKING:
    from chainrule.c_export._estimators import Estimator

WHERE = "export_c"
SUFFIXES = (".c", ".h")


def export_c(
    model: "Network | chainrule.MLPClassifier | chainrule.MLPRegressor",
    path: str | os.PathLike[str],
    name: str | None = None,
) -> None:
    """Writes a network or a fitted `MLPClassifier` or `MLPRegressor` as one file of C99.

    Its functions, `NAME_predict(x, out)` and others, begin with `name`, by default that of the file
    (`digits` for `digits.c`). They need a C compiler and the standard library, and give what
    `predict` gives, of a classifier `predict_proba`, to the bit on any processor with fused
    multiply-add. The comment at the top of the file has the rest. The file is written whole or not
    at all, and is the same for the same model.

    Raises OSError; TypeError for any other model; ValueError if a parameter is not finite, if the
    estimator is not fitted or has classes that C cannot write (text with NUL, integers beyond 64
    bits), if the file does not end in .c or .h, or for a name that C cannot take.
    """
    target = Path(check_path(WHERE, path))
    check_suffix(WHERE, target)
    chosen = checked_name(WHERE, target, name)
    write_atomically(target, c_file(WHERE, _model_of(model), chosen, target.name))


def check_suffix(where: str, path: Path) -> None:
    """Raises ValueError for a file that compilers would not take for C."""
    if path.suffix not in SUFFIXES:
        expected = f"a file name ending in {' or '.join(SUFFIXES)}"
        raise ValueError(message(where, "path", expected, os.fspath(path)))


def checked_name(where: str, path: Path, name: object = None) -> str:
    """What the functions in the file of this path begin with. Raises ValueError or TypeError."""
    chosen = re.sub(r"[^A-Za-z0-9_]", "_", path.stem) if name is None else name
    keywords = snippet("keywords.txt").split()  # of C99 and of C++
    expected = "an identifier of C that starts with a letter and is no keyword"
    if not isinstance(chosen, str):
        raise TypeError(message(where, "name", expected, chosen))
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", chosen) or chosen in keywords:
        raise ValueError(message(where, "name", expected, chosen))
    return chosen


def _model_of(model: "Network | Estimator") -> Model:
    if isinstance(model, Network):
        return network_model(model, WHERE)
    if not is_estimator(model):
        expected = "a Network, MLPClassifier or MLPRegressor"
        raise TypeError(message(WHERE, "model", expected, model))
    from chainrule.c_export._estimators import estimator_model

    if not model.__sklearn_is_fitted__():
        raise ValueError(message(WHERE, "model", "a fitted estimator", model))
    return estimator_model(model, WHERE)
