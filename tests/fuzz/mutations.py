"""Changes to the bytes of a file: blind, or inside a container with the right checksum."""

import json
import re
from typing import Any

import numpy as np

from tests.attacks.parts import Parts, seal

from . import Rng, pick

NUMBERS = [b"0", b"-1", b"1", b"2", b"4", b"255", b"65536", b"2147483648", b"4294967296"]
NUMBERS += [b"9223372036854775807", b"18446744073709551615", b"1e308", b"1e999", b"NaN", b"0.5"]
VALUES: list[Any] = [None, True, False, 0, 1, -1, 0.5, 2**31, 2**63, 1e308, "", "x", "\0", [], {}]


def mutated(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """After one to four blind changes; `others` are files to take pieces from."""
    for _ in range(int(rng.integers(1, 5))):
        content = pick(rng, CHANGES)(content, others, rng)
    return content


def _flip(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    changed = bytearray(content)
    for at in rng.integers(0, len(content), int(rng.integers(1, 9))) if content else []:
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _set(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    changed = bytearray(content)
    at, value = int(rng.integers(len(content) + 1)), pick(rng, [0, 1, 127, 128, 255, 34, 123, 91])
    changed[at : at + int(rng.integers(1, 9))] = bytes([value]) * int(rng.integers(1, 9))
    return bytes(changed)


def _cut(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    first, last = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    return pick(rng, [content[:first], content[first:], content[:first] + content[last:]])


def _repeat(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    first, last = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    piece = content[first : min(last, first + 1000)]
    return content[:first] + piece * int(rng.integers(2, 20)) + content[first:]


def _splice(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    other = pick(rng, others)
    at, first = int(rng.integers(len(content) + 1)), int(rng.integers(len(other) + 1))
    piece = other[first : first + int(rng.integers(1, 200))]
    return content[:at] + piece + content[at + len(piece) * int(rng.integers(2)) :]


def _number(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    found = list(re.finditer(rb"\d+", content[:50_000]))
    if not found:
        return content
    match = pick(rng, found)
    return content[: match.start()] + pick(rng, NUMBERS) + content[match.end() :]


def _word(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """One quoted word in the place of another."""
    found = list(re.finditer(rb'"[^"\\]{0,40}"', content[:50_000]))
    if len(found) < 2:
        return content
    match = pick(rng, found)
    return content[: match.start()] + pick(rng, found)[0] + content[match.end() :]


CHANGES = (_flip, _set, _cut, _repeat, _splice, _number, _word)


def resealed(content: bytes, others: list[bytes], rng: Rng) -> bytes:
    """A change inside a container, which then has its right checksum again."""
    parts = Parts(content)
    documents = [name for name in parts.metadata if name not in ("format", "version", "checksum")]
    match int(rng.integers(4)):
        case 0:  # the text of the header
            text = parts.text().encode()
            return seal(pick(rng, CHANGES)(text, others, rng), parts.data)
        case 1:  # the tensors
            return seal(parts.text(), pick(rng, CHANGES)(parts.data, others, rng))
        case 2:  # an entry of the header
            parts.header = edited(parts.header, rng)
        case _:  # a document
            name = pick(rng, documents)
            document = json.loads(parts.metadata[name])
            for _ in range(int(rng.integers(1, 4))):
                document = edited(document, rng)
            parts.metadata[name] = json.dumps(document)
    return parts.seal()


def edited(value: Any, rng: Rng) -> Any:
    """JSON with one value replaced, removed, doubled or moved."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return pick(rng, VALUES)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, changed = pick(rng, keys), value.copy()
    match int(rng.integers(8)):
        case 0:
            del changed[key]
        case 1:
            changed[key] = changed[pick(rng, keys)]
        case 2:
            if isinstance(changed, list):
                changed.extend(changed[:1] * int(rng.integers(1, 100)))
            else:
                changed[pick(rng, ["x", "kind", ""])] = changed[key]
        case 3:
            if isinstance(changed[key], int | float) and not isinstance(changed[key], bool):
                changed[key] = changed[key] * pick(rng, [-1, 2, 0.5, 2**31, 2**62])
        case _:
            changed[key] = edited(changed[key], rng)
    return changed


def random_bytes(rng: Rng) -> bytes:
    return rng.integers(0, 256, int(rng.integers(2000)), dtype=np.uint8).tobytes()
