"""The C in `snippets`, cut into blocks, of which a file gets those it needs.

Blocks are separated by blank lines. What a block defines and what it needs is read from its text,
where every name of ours begins with NAME_; so no list of either exists.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

FILES = ("math", "activations", "rows", "table", "public")  # besides that of the type

# What stands for a type in the snippets.
TYPES = {
    "float32": {"real": "float", "bits_t": "uint32_t", "libm_fma": "fmaf", "libm_sqrt": "sqrtf"},
    "float64": {"real": "double", "bits_t": "uint64_t", "libm_fma": "fma", "libm_sqrt": "sqrt"},
}

COMMENT = re.compile(r"//.*")
OWN_NAME = re.compile(r"\bNAME(?:_(\w+))?\b")
DEFINED = re.compile(r"^(?:#define |static [\w ]*?|NAME_API .*?)NAME_(\w+)(?=[ (])", re.MULTILINE)


class Frame(Template):
    """A text with places such as `@{body}`."""

    delimiter = "@"


@dataclass(frozen=True)
class Block:
    """A few lines of C that belong together, and the names that they define."""

    text: str
    names: tuple[str, ...]

    @property
    def is_function(self) -> bool:
        return " {\n" in self.text

    @property
    def declaration(self) -> str:
        """Of a function: its comment and its head."""
        return self.text.split(" {\n", 1)[0] + ";\n"


def snippet(name: str) -> str:
    """The text of a file in `snippets`."""
    return (files(__package__) / "snippets" / name).read_text(encoding="utf-8")


@cache
def library(dtype: str) -> dict[str, Block]:
    """The block that defines each name, for the files of this type."""
    found: dict[str, Block] = {}
    for file in (dtype, *FILES):
        for text in snippet(f"{file}.c").rstrip("\n").split("\n\n"):
            block = Block(f"{text}\n", tuple(DEFINED.findall(text)))
            found |= dict.fromkeys(block.names, block)
    return found


def needed(dtype: str, text: str) -> list[Block]:
    """The blocks whose names stand in a text or in other such blocks: macros, then functions, each
    after those it needs.
    """
    ordered: dict[Block, None] = {}
    seen: set[Block] = set()

    def visit(text: str) -> None:
        for name in OWN_NAME.findall(COMMENT.sub("", text)):
            block = library(dtype).get(name)
            if block is not None and block not in seen:
                seen.add(block)
                visit(block.text)
                ordered[block] = None

    visit(text)
    return sorted(ordered, key=lambda block: block.is_function)


def with_names(text: str, name: str, words: dict[str, str]) -> str:
    """The text with `name` for NAME, in capitals for macros, and with words for other words."""

    def own(match: re.Match[str]) -> str:
        rest = match[1]
        if rest is None:
            return name
        return f"{name.upper() if rest[0].isupper() else name}_{rest}"

    def word(match: re.Match[str]) -> str:
        return words[match[0]]

    return OWN_NAME.sub(own, re.sub(rf"\b({'|'.join(words)})\b", word, text))
