"""The file: what it says of itself, and the functions, arrays and statements in their order."""

from importlib.metadata import version
from itertools import accumulate, chain

import numpy as np

from chainrule.c_export._library import TYPES, Frame, library, needed, snippet, with_names
from chainrule.c_export._literals import comment, labels, rows_of_numbers, strings
from chainrule.c_export._model import Model

# Of workspace on the stack; a thread of the C library musl has 128 KiB. Beyond it the caller has to
# give the memory.
MOST_STACK = 64 * 1024
ON_STACK, ALWAYS = ("predict", "predict_rows"), ("predict_in",)
OF_CLASSES, OF_CATEGORIES = ("largest", "class"), ("code",)


def c_file(where: str, model: Model, name: str, file_name: str) -> bytes:
    """The file of this name, in ASCII, whose functions begin with `name`.

    Raises ValueError for classes or categories that C cannot write.
    """
    program, dtype = model.program, model.program.dtype.name
    words = TYPES[dtype] | {
        "input_t": TYPES[model.example.dtype.name]["real"],
        "output_t": TYPES[model.expected.dtype.name]["real"],
    }

    def named(text: str, **values: object) -> str:
        return Frame(with_names(text, name, words)).substitute(values)

    memory = program.workspace * program.dtype.itemsize
    on_stack = memory <= MOST_STACK
    class_type, classes = labels(where, model.classes)
    chosen = [*(ON_STACK if on_stack else ()), *ALWAYS, *(OF_CLASSES if class_type else ())]
    chosen += OF_CATEGORIES if any(model.categories) else ()
    public = [library(dtype)[function] for function in chosen]
    parts = {"body": named(program.body), "class_type": class_type, "classes": classes}
    parts["categories"] = strings(where, "categories", chain.from_iterable(model.categories))
    parts["first"] = ", ".join(map(str, accumulate(map(len, model.categories), initial=0)))
    about = named(
        snippet("about.txt"),
        version=version("chainrule"),
        description="\n".join(map(comment, model.description)),
        file=comment(file_name),
        memory=f"{memory:,}",
        variant="" if on_stack else "_in",
        more="" if on_stack else ", workspace",
        place="on the stack" if on_stack else "in memory of the caller",
    )
    arrays = []
    for array, values in program.arrays.items():
        head = f"static const {TYPES[values.dtype.name]['real']} NAME_{array}[{values.size}]"
        arrays.append(f"{named(head)} = {{\n{rows_of_numbers(values)}}};\n")
    macros = [named(f"#define NAME_{macro} {value}\n") for macro, value in program.macros.items()]
    methods = (0, 16, 1)[: 3 if words["input_t"] == words["real"] == "double" else 2]
    text = named(
        snippet("frame.c"),
        other_precision=" && ".join(f"FLT_EVAL_METHOD != {method}" for method in methods),
        about="\n".join(f" * {line}".rstrip() for line in about.splitlines())[3:],
        inputs=model.example.size,
        outputs=model.expected.size,
        workspace=program.workspace,
        declarations="\n".join(named(block.declaration, **parts) for block in public),
        functions="\n".join(
            [*macros, *(named(block.text) for block in needed(dtype, program.body))]
        ),
        parameters="\n".join(arrays),
        definitions="\n".join(named(block.text, **parts) for block in public),
        example=rows_of_numbers(model.example),
        expected=rows_of_numbers(model.expected),
        digits=17 if model.expected.dtype == np.float64 else 9,
    )
    return text.encode("ascii")
