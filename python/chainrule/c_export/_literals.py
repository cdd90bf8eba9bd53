"""Values as C writes them: numbers that are read back to the bit, labels, words in comments."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import message

PER_LINE = 8


def number(value: np.floating[Any]) -> str:
    """The shortest decimal number that is read as this one, of its type."""
    if not np.isfinite(value):
        return "NAN" if np.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    return f"{value!s}f" if value.dtype == np.float32 else f"{value!s}"


def rows_of_numbers(values: NDArray[Any]) -> str:
    """Indented lines for between the braces of an array."""
    items = [number(value) for value in values.ravel()]
    lines = (", ".join(items[i : i + PER_LINE]) for i in range(0, len(items), PER_LINE))
    return "".join(f"    {line},\n" for line in lines)


# By the C type of classes, all of which must lie within: least and largest, the macro of literals.
INTEGERS = {
    "int64_t": (-(2**63), 2**63 - 1, "INT64_C"),
    "uint64_t": (0, 2**64 - 1, "UINT64_C"),
}


def labels(where: str, classes: Sequence[Any]) -> tuple[str, str]:
    """The C type of the classes, with what stands before a name, and their values.

    Two empty strings if there is no class, or no type for all of them. Raises ValueError for text
    with NUL, and for integers beyond those of C that a double would round.
    """
    if classes and all(isinstance(label, str) for label in classes):
        return "const char *", strings(where, "classes", classes)
    if not classes or not all(isinstance(label, bool | int | float) for label in classes):
        return "", ""
    if all(isinstance(label, int) for label in classes):
        for kind, (least, largest, macro) in INTEGERS.items():
            if all(least <= label <= largest for label in classes):
                return f"{kind} ", ", ".join(_integer(int(label), macro) for label in classes)
    for label in classes:
        if isinstance(label, int) and (abs(label) >= 2**1023 or float(label) != label):
            expected = "integers of int64_t or of uint64_t, or numbers that a double holds"
            raise ValueError(message(where, "classes", expected, label))
    return "double ", ", ".join(number(np.float64(label)) for label in classes)


def _integer(value: int, macro: str) -> str:
    if value == -(2**63):  # C would read a minus and a number beyond the largest
        return f"(-{macro}({2**63 - 1}) - 1)"
    return f"{macro}({value})"


def strings(where: str, what: str, texts: Iterable[str]) -> str:
    """String literals for between braces. Raises ValueError for NUL, where C ends a string."""
    texts = list(texts)
    for text in texts:
        if "\0" in text:
            raise ValueError(
                message(where, what, "text without NUL, at which C would end it", text)
            )
    return ", ".join(map(string, texts))


def string(text: str) -> str:
    """A string literal in UTF-8, with nothing in it that C would take for more than text."""
    shown = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in text.encode("utf-8", "surrogatepass")
    )
    return f'"{shown}"'


def comment(text: str) -> str:
    """For between the signs of a comment."""
    shown = text.encode("ascii", "backslashreplace").decode()
    return shown.replace("*/", "* /").replace("/*", "/ *")
