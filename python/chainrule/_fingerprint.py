"""What tells the data of a fit from others: dtype, shape and a CRC-32 of all bytes of each array.

Taking it costs a pass over the data, so it waits until somebody asks: until then a fit keeps weak
references, which keep no data alive. Data that are gone by then are not told from others.
"""

import weakref
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**20  # bytes that are made contiguous at a time

Prints = dict[str, str | None]  # by argument; None is unknown


class Sources:
    """The arguments of a fit that hold its data."""

    def __init__(
        self, X: Any, Y: Any, sample_weight: Any, validation_data: tuple[Any, ...] | None, rows: Any
    ) -> None:
        given = {
            "X": (X,),
            "Y": (Y,),
            "sample_weight": (sample_weight,),
            "validation_data": tuple(validation_data or ()),
            "rows": (rows,),
        }
        self._references = {k: tuple(map(_reference, values)) for k, values in given.items()}
        self._taken: Prints = {}

    def prints(self) -> Prints:
        """The fingerprint of each argument, taken when first asked for."""
        for name, references in self._references.items():
            if self._taken.get(name) is None:
                values = [reference() for reference in references]
                known = all(value is not GONE for value in values)
                text = "; ".join(map(fingerprint, values)) or "none" if known else None
                self._taken[name] = text
        return dict(self._taken)


def fingerprint(value: Any) -> str:
    """`float64 (1400, 64) 1c291ca3`; a sparse matrix by its CSR form, "none" for None."""
    if value is None:
        return "none"
    if hasattr(value, "tocsr"):
        csr = value.tocsr()
        parts = [csr.data, csr.indices, csr.indptr]
        return f"sparse {csr.dtype} {csr.shape} {_checksum(parts):08x}"
    array = np.asarray(value)
    if array.dtype.hasobject:  # whose bytes are addresses
        array = array.astype(np.float64)
    return f"{array.dtype.str} {array.shape} {_checksum([array]):08x}"


def _checksum(arrays: list[NDArray[Any]]) -> int:
    value = 0
    for array in arrays:
        rows = max(1, BLOCK * len(array) // max(1, array.nbytes))
        for first in range(0, len(array), rows):
            block = np.ascontiguousarray(array[first : first + rows])
            value = zlib.crc32(block.reshape(-1).view(np.uint8).data, value)
    return value


GONE = object()


def _reference(value: Any) -> Callable[[], Any]:
    """A function that returns the value, or GONE; lists have no weak references and stay."""
    if value is None:
        return lambda: None
    try:
        weak = weakref.ref(value)
    except TypeError:
        return lambda: value
    return lambda: GONE if (found := weak()) is None else found
