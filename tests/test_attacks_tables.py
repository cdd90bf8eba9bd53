"""Damaged and hostile model files of the command line: refused in one line, soon, nothing run."""

import gc
import resource
import time
import warnings

import pytest

from chainrule import checkpoint
from chainrule.cli.console import InputError
from chainrule.cli.model_file import load_model
from tests.attacks.networks import networks
from tests.attacks.parts import Parts
from tests.attacks.tables import archive, models, whole_model, with_preprocessing

MODELS = models()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads bytes; without a file, of which there would be tens of thousands."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"")

    def load(content):
        monkeypatch.setattr(checkpoint, "read_whole", lambda path: content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of another scikit-learn
            return load_model(path)

    monkeypatch.chdir(tmp_path)  # where code would leave a file
    return load


def test_the_whole_model_loads(load):
    assert Parts(whole_model()).seal() == whole_model()
    assert load(whole_model()).target.classes == ["a", "b"]
    assert load(with_preprocessing(archive())).target.classes == ["a", "b"]


@pytest.mark.parametrize("name", MODELS)
def test_an_attack_is_refused_soon(name, load, tmp_path):
    gc.freeze()
    start = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as caught:
        load(MODELS[name])
    seconds = time.process_time() - start
    gc.unfreeze()
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert seconds < 0.5
    assert more < 50_000, "kB"
    assert len(str(caught.value)) < 1000 + len(str(tmp_path))
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("name", networks())
def test_an_attack_as_a_network_is_no_model_either(name, load):
    with pytest.raises(InputError):
        load(networks()[name])


def test_a_file_cut_short_anywhere_is_refused(load):
    content = whole_model()
    for length in range(len(content)):
        with pytest.raises(InputError):
            load(content[:length])


def test_a_flip_of_any_bit_is_refused(load):
    content = bytearray(whole_model())
    for at in range(8 * len(content)):
        content[at // 8] ^= 1 << at % 8
        with pytest.raises(InputError):
            load(bytes(content))
        content[at // 8] ^= 1 << at % 8


def test_there_are_many():
    assert len(MODELS) > 60
