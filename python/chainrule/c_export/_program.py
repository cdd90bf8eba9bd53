"""The body of the function that predicts: lines of C, the arrays they read, the memory they use."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Value:
    """n numbers in the C variable `name`; those in a slot of the workspace may be overwritten."""

    name: str
    n: int
    slot: int | None = None


class Program:
    """What statements are added to, in the language of the snippets: NAME_, `real`.

    A slot of the workspace is free again when its value has been read and nobody holds it.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.lines: list[str] = []
        self.arrays: dict[str, Array] = {}  # by name, without NAME_
        self.macros: dict[str, str] = {}  # the same
        self._slots: list[int] = []  # the most numbers in each
        self._taken: set[int] = set()
        self._holders: Counter[int | None] = Counter()

    @property
    def workspace(self) -> int:
        """Numbers of it, at least one, because C has no empty arrays."""
        return max(1, sum(self._slots))

    @property
    def body(self) -> str:
        """All lines, indented, with the slots declared before them."""
        places = np.cumsum([0, *self._slots])
        slots = [
            f"real *const {_slot(i)} = workspace + {places[i]};" for i in range(len(places) - 1)
        ]
        lines = [*(slots or ["(void)workspace;"]), *self.lines]
        return "".join(f"  {line}\n" if line else "\n" for line in lines)

    def comment(self, text: str) -> None:
        self.lines += ["", f"// {text}"]

    def add(self, line: str) -> None:
        self.lines.append(line)

    def each(self, n: int, statement: str) -> None:
        """The statement for every j < n."""
        self.add(f"for (size_t j = 0; j < {n}; ++j) {statement};")

    def array(self, name: str, values: Array) -> str:
        """The name under which these numbers, of the network's type, are found."""
        self.arrays[name] = np.asarray(values, self.dtype)
        return f"NAME_{name}"

    def new(self, n: int) -> Value:
        """Room for n numbers."""
        free = (i for i in range(len(self._slots)) if i not in self._taken)
        slot = next(free, len(self._slots))
        if slot == len(self._slots):
            self._slots.append(0)
        self._slots[slot] = max(self._slots[slot], n)
        self._taken.add(slot)
        return Value(_slot(slot), n, slot)

    def in_place(self, x: Value) -> Value:
        """Where an operation that may overwrite x puts its result: x itself, if nobody holds it."""
        return self.new(x.n) if x.slot is None or self._holders[x.slot] else x

    def hold(self, x: Value) -> None:
        """From now on x is needed by somebody else, too."""
        self._holders[x.slot] += 1

    def release(self, x: Value) -> None:
        """The end of one `hold`."""
        self._holders[x.slot] -= 1

    def done(self, x: Value, result: Value) -> Value:
        """The result, after the last line that reads x."""
        if x.slot is not None and x.slot != result.slot and not self._holders[x.slot]:
            self._taken.discard(x.slot)
        return result


def _slot(i: int) -> str:
    return f"h{i + 1}"
