"""The commands and their options. What they do stands in the modules with their names.

Those are imported when their command runs: they need pandas and scikit-learn, `--help` does not.
"""

import math
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from chainrule.cli.console import InputError, one_line

# What typer raises for options: the base class of BadParameter, which is click's or typer's own,
# as the version has it.
UsageProblem: Any = typer.BadParameter.__mro__[2]
INTERRUPTED = 130  # what typer makes of Ctrl-C

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",  # which joins the lines of a paragraph
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Task(StrEnum):
    """The values of --task."""

    auto = "auto"
    classification = "classification"
    regression = "regression"


class Nodes(StrEnum):
    """The values of --nodes."""

    close = "close"
    exact = "exact"
    native = "native"


def run(arguments: Sequence[str]) -> int:
    """The exit status of a command line; without arguments, of `--help`."""
    command = typer.main.get_command(app)
    try:
        status = command.main(list(arguments) or ["--help"], "chainrule", standalone_mode=False)
        if status != INTERRUPTED:
            return int(status or 0)
        raise KeyboardInterrupt
    except InputError as error:
        text = one_line(error)
    except typer.Abort:  # older versions of typer make this of Ctrl-C
        raise KeyboardInterrupt from None
    except SystemExit:  # only if the reader of standard output went away
        raise BrokenPipeError from None
    except UsageProblem as error:
        text = one_line(error.format_message())
        if (context := getattr(error, "ctx", None)) is not None:
            text = f"{text.rstrip('.')} (see {context.command_path} --help)"
    print(f"chainrule: {text}", file=sys.stderr)
    return 2


def _version(wanted: bool) -> None:
    if wanted:
        import chainrule

        print(f"chainrule {chainrule.__version__}")
        raise typer.Exit


Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="At most so many threads.")]
EXPORTED = "A file of chainrule train, Network.save or an estimator's save."
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of all that is random.")]


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Neural networks trained on the CPU: from a table to a model file, and to predictions."""


@app.command()
def demo(
    picture: Annotated[Path, typer.Option(help="Where the learning curve goes.")] = Path(
        "chainrule-demo.png"
    ),
    epochs: Annotated[int, typer.Option(min=1, help="Walks through the training data.")] = 25,
    seed: Seed = 2,
    compare: Annotated[bool, typer.Option(help="Time NumPy doing the same work.")] = True,
    threads: Threads = None,
) -> None:
    """Learn 1,797 handwritten digits, and time NumPy doing the same work."""
    from chainrule.cli.demo import demo as command

    command(picture, epochs, seed, compare, threads)


@app.command()
def train(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="CSV (also .tsv, .csv.gz), Parquet or NPZ.")
    ],
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", metavar="COLUMN", help="What to predict; y for NPZ."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The model file; else DATA's name with .safetensors, if that is free.",
        ),
    ] = None,
    task: Annotated[
        Task,
        typer.Option(
            help="auto: text, booleans and at most 20 different whole numbers (each 5 times or more"
            " on average) are classes; other numbers are quantities."
        ),
    ] = Task.auto,
    test: Annotated[
        Path | None, typer.Option(help="Another table, to test the trained model on.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Not a feature; may be repeated.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Use it though it seems useless; may be repeated."),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Numbers that are names, such as postcodes; may be repeated.",
        ),
    ] = None,
    hidden: Annotated[str, typer.Option(help="Sizes of the hidden layers, or none.")] = "128,64",
    epochs: Annotated[int, typer.Option(min=1, help="At most so many.")] = 300,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after so many epochs without improvement.")
    ] = 20,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Rows per step, by default 32 to 512.")
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 1e-3,
    l2: Annotated[float, typer.Option(min=0, help="Penalty l2/2 on the squared weights.")] = 1e-3,
    validation: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of rows for early stopping; 0 for none.")
    ] = 0.2,
    seed: Seed = 0,
    threads: Threads = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write the learning curve: .png, .svg, .pdf.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no tables.")] = False,
) -> None:
    """Train a network on a table and save it with its preprocessing in one file.

    Numbers, categories, booleans and dates may have missing values. Classification or regression is
    seen from the target. A share of the rows is held back to stop at the best epoch.
    """
    if not 0 < learning_rate < float("inf"):
        raise InputError(f"--learning-rate: expected a number > 0, got {learning_rate:g}")
    if not l2 < float("inf"):
        raise InputError(f"--l2: expected a number >= 0, got {l2:g}")
    if math.isnan(validation):
        raise InputError("--validation: expected a number from 0 to 0.9, got nan")
    from chainrule.cli.options import Options, check_held
    from chainrule.cli.train import train as command

    check_held("--learning-rate", learning_rate)
    check_held("--l2", l2)
    options = Options(
        data=data,
        target=target,
        output=output,
        task=task.value,
        test=test,
        exclude=tuple(exclude or ()),
        keep=tuple(keep or ()),
        category=tuple(category or ()),
        hidden=hidden,
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        learning_rate=learning_rate,
        l2=l2,
        validation=validation,
        seed=seed,
        threads=threads,
        picture=picture,
        quiet=quiet,
    )
    command(options)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file of chainrule train.")],
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="A table with the columns of the training data."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help=".csv, .tsv or .parquet; else CSV to standard output."),
    ] = None,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Put the columns of DATA before the prediction.")
    ] = False,
    probabilities: Annotated[bool, typer.Option(help="A column for each class.")] = True,
    threads: Threads = None,
) -> None:
    """Predict a row for each row of a table."""
    from chainrule.cli.predict import predict as command

    command(model, data, output, with_data, probabilities, threads)


@app.command()
def info(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A file of chainrule train, or of any save.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="All that is known, as JSON.")] = False,
) -> None:
    """Show what is in a file of chainrule: task, columns, layers, settings, scores, progress."""
    from chainrule.cli.info import info as command

    command(model, as_json)


@app.command()
def export_onnx(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help=EXPORTED)],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The .onnx file to write.")],
    nodes: Annotated[
        Nodes,
        typer.Option(
            help="Close to the model's predictions, exact to the bit but slower, or ONNX's native "
            "operations, mostly faster and a little further off."
        ),
    ] = Nodes.close,
) -> None:
    """Write a model with its preprocessing as ONNX, for ONNX Runtime and others.

    It has an input (rows, 1) for each column, named like it: float64 for numbers and booleans,
    where NaN is missing, strings for categories, where "" is missing, and for dates the days since
    1970-01-01. Networks and estimators have the input X.
    """
    from chainrule.cli.export_onnx import export_onnx as command

    command(model, output, nodes)


@app.command()
def export_c(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help=EXPORTED)],
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="The .c or .h file to write; else MODEL's name with .c, if that is free.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="What its functions begin with; else the name of the file."),
    ] = None,
) -> None:
    """Write a model with its preprocessing as one file of C99 that predicts the same bits.

    It reads a row of double, a number for each column: NAN where one is missing, for categories the
    codes that the file gives them, and for dates the days since 1970-01-01. Networks and estimators
    read what they do in Python.
    """
    from chainrule.cli.export_c import export_c as command

    command(model, output, name)
