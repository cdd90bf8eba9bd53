"""Writes all attacks into a folder: `python -m tests.attacks FOLDER`."""

import sys
from pathlib import Path

from .estimators import estimators
from .networks import networks
from .tables import models
from .trainers import trainers

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
kinds = {"network": networks(), "trainer": trainers()}
kinds |= {"estimator": estimators(), "model": models()}
for kind, attacks in kinds.items():
    for name, content in attacks.items():
        (folder / f"{kind}_{name.replace('/', '_')}.safetensors").write_bytes(content)
