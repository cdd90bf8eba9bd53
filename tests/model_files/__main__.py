"""Writes the files of the present version where they are missing: `python -m tests.model_files`."""

import tempfile
from pathlib import Path

from chainrule import _stepping
from chainrule._container import VERSION
from chainrule.cli import main

from . import ESTIMATORS, FOLDER, OPTIONS, TABLE, fit, fit_estimator, network

folder = FOLDER / f"version_{VERSION}"
folder.mkdir(exist_ok=True)
for dtype in ("float32", "float64"):
    path = folder / f"network_{dtype}.safetensors"
    if not path.exists():
        network(dtype).save(path)
    for options in OPTIONS:
        path = folder / f"{options}_{dtype}.safetensors"
        if not path.exists():
            _stepping.SECONDS_PER_CALL = 0.0  # so that it is cut off in mid-epoch
            fit(network(dtype), options, stop_after=5).save(path)
    for name in ESTIMATORS:
        path = folder / f"{name}_{dtype}.safetensors"
        if not path.exists():
            fit_estimator(name, dtype).save(path)
path = folder / "table.safetensors"
if not path.exists():
    with tempfile.TemporaryDirectory() as place:
        table = Path(place) / "rows.csv"
        table.write_text(TABLE)
        options = ["--epochs", "2", "--hidden", "3", "-q", "-o", str(path)]
        main(["train", str(table), "-t", "kind", *options])
