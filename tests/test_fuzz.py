"""A short run of the fuzzer, always the same, and that it finds what is there to be found."""

import pytest

from tests.fuzz import Target, arrays, files, fuzz

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(120),
]


@pytest.mark.parametrize("target", [*files.TARGETS, *arrays.TARGETS], ids=lambda t: t.name)
def test_hostile_input_is_refused_as_promised(target):
    outcomes = fuzz(target, seed=0)
    for _ in range(200):
        outcome = next(outcomes)
    assert outcome.findings == []
    assert 0 < outcome.accepted < 150  # it reaches what is behind the first check


def test_an_exception_that_is_not_promised_is_found_and_can_be_had_again():
    def attempt(rng):
        if rng.random() < 0.5:
            raise ValueError
        if rng.random() < 0.1:
            raise KeyError("there")

    target = Target("planted", attempt, (ValueError,))
    outcomes = fuzz(target, seed=3)
    for _ in range(200):
        found = next(outcomes).findings
    assert found
    words = found[0].split()
    assert words[:3] == ["planted", "--seed", "3"]
    assert "KeyError: 'there'" in found[0]
    assert next(fuzz(target, 3, int(words[4].rstrip(":")))).findings == found[:1]
