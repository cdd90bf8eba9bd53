"""Writes the hashes of both tables anew, from the path in use: `python -m tests.golden`."""

from pathlib import Path

from chainrule import _core

from . import FUNCTION_TABLE, TABLE, bits, function_bits, read, read_functions


def rewrite(table: Path, new: list[tuple[str, str, str]]) -> None:
    """Replaces hashes, (name, old, new), each in the line of that name."""
    lines = table.read_text().splitlines()
    for name, old, now in new:
        print(name, old, "stays" if now == old else f"becomes {now}")
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{name} "))
        lines[at] = lines[at].replace(old, now, 1)
    table.write_text("\n".join(lines) + "\n")


def main() -> None:
    if _core.isa() == "baseline":
        raise SystemExit("the hashes are those of a path with fused multiply-add")
    rewrite(TABLE, [(c.name, c.hash, bits(c)) for c in read()])
    rewrite(FUNCTION_TABLE, [(f.name, f.hash, function_bits(f)) for f in read_functions()])


main()
