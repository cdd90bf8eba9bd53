"""Writes all attacks into a folder: `python -m tests.attacks FOLDER`."""

import sys
from pathlib import Path

from . import networks
from .tables import models
from .trainers import trainers

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for kind, attacks in (("network", networks()), ("trainer", trainers()), ("model", models())):
    for name, content in attacks.items():
        (folder / f"{kind}_{name.replace('/', '_')}.safetensors").write_bytes(content)
