"""`chainrule predict`: a row of prediction for each row of a table."""

import sys
from pathlib import Path

import pandas as pd

import chainrule as cr
from chainrule.cli.console import InputError, check_output, names
from chainrule.cli.model_file import load_model
from chainrule.cli.tables import read_table

OUTPUTS = (".csv", ".tsv", ".parquet", ".pq")


def predict(
    model_path: Path,
    data: Path,
    output: Path | None,
    with_data: bool = False,
    probabilities: bool = True,
    threads: int | None = None,
) -> None:
    """Writes the predictions to `output`, by its suffix, or as CSV to standard output."""
    if output is not None:
        check_output("--output", output, OUTPUTS, [model_path, data])
    if threads is not None:
        cr.set_num_threads(threads)
    model = load_model(model_path)
    categories = [feature.name for feature in model.features if feature.kind == "category"]
    table = read_table(data, text=categories)
    predictions = model.predict(table, probabilities)
    if with_data:
        both = [name for name in predictions.columns if name in table.frame.columns]
        if both:
            raise InputError(f"{data}: already has {names(both)}; leave out --with-data")
        predictions = pd.concat([table.frame, predictions], axis=1)
    write(predictions, output)


def write(predictions: pd.DataFrame, output: Path | None) -> None:
    """CSV, TSV or Parquet; floats in full, so that reading gives the same number."""
    suffix = ".csv" if output is None else output.suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            predictions.to_parquet(output, index=False)
        else:
            separator = "\t" if suffix == ".tsv" else ","
            predictions.to_csv(
                output or sys.stdout, index=False, sep=separator, lineterminator="\n"
            )
    except OSError as error:
        if output is None:
            raise
        raise InputError(f"--output {output}: {error.strerror or error}") from None
