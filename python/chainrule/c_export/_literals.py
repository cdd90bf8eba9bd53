"""Values as C writes them: numbers that are read back to the bit, labels, words in comments."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def labels(classes: Sequence[Any]) -> tuple[str, str]:
    """The C type of the classes, with what stands before a name, and their values.

    Two empty strings if there is no class, or no type for all of them.
    """
    if classes and all(isinstance(label, str) for label in classes):
        return "const char *", strings(classes)
    if not classes or not all(isinstance(label, bool | int | float) for label in classes):
        return "", ""
    if all(isinstance(label, int) and abs(label) < 2**63 for label in classes):
        return "int64_t ", ", ".join(f"INT64_C({int(label)})" for label in classes)
    return "double ", ", ".join(number(np.float64(label)) for label in classes)


def strings(texts: Iterable[str]) -> str:
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
