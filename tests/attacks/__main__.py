"""Writes all attacks into a folder: `python -m tests.attacks FOLDER`."""

import sys
from pathlib import Path

from . import networks

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, content in networks().items():
    (folder / f"{name.replace('/', '_')}.safetensors").write_bytes(content)
