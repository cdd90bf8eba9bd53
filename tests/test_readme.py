"""The snippets of README.md run as they stand, one after the other."""

import re
from pathlib import Path

import pytest

from .custom import names_free_afterwards

README = Path(__file__).parent.parent / "README.md"

pytest.importorskip("sklearn")
pytest.importorskip("onnx")


@pytest.fixture(autouse=True)
def _functions_of_ones_own_are_forgotten():
    with names_free_afterwards():
        yield


@pytest.mark.usefixtures("in_tmp_path")
def test_the_snippets_run(tmp_path, capsys):
    names, snippets = {}, re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    for snippet in snippets:
        try:
            exec(compile(snippet, README, "exec"), names)
        except ImportError as error:
            if "torch" not in str(error):  # which only some have
                raise
    said = capsys.readouterr().out
    for words in (
        "History of ",
        "3 to 21 Residual  as 2 ",
        "20 epochs more, 20 in all",
        "(1797, 16) (1797, 1)",
        "relative difference ",
        "healthy: no rule found a trouble",
    ):
        assert words in said
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"run.safetensors", "model.safetensors", "net.onnx", "model.onnx", "net.c"}
    exec(compile(snippets[2], README, "exec"), names)
    assert capsys.readouterr().out.startswith("0 epochs more, 20 in all")
