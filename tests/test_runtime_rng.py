"""Counter-based random numbers: Philox4x32-10 and the order of the rows that is drawn from it."""

import itertools

import numpy as np
import pytest
from scipy import stats

from chainrule import _core

ALL = 0xFFFFFFFF
# Known answers of Random123 (kat_vectors): counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ALL, ALL, ALL, ALL), (ALL, ALL), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),  # the digits of pi
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_gives_the_published_values(counter, key, expected):
    assert tuple(_core.philox(counter, key)) == expected


def shuffled(n, seed, epoch):
    """Fisher and Yates from the top: element i swaps with number floor(bits (i + 1) / 2^64)."""
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        words = _core.philox([i, 0, epoch, 1], [seed & ALL, seed >> 32])
        j = (words[1] << 32 | words[0]) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order


@pytest.mark.parametrize("n", [1, 2, 3, 10, 100, 256, 700])
@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63 - 1])
def test_the_order_is_fisher_and_yates_shuffle_of_philox(n, seed):
    for epoch in (0, 1, 999):
        assert _core.permutation(n, seed, epoch).tolist() == shuffled(n, seed, epoch)


@pytest.mark.parametrize("n", [1, 7, 1000, 100_003])
def test_the_order_is_a_permutation(n):
    order = _core.permutation(n, 5, 3)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_the_order_is_a_function_of_seed_and_epoch():
    orders = {
        (seed, epoch): _core.permutation(50, seed, epoch).tobytes()
        for seed, epoch in itertools.product([0, 1, 2, 2**32, 2**32 + 1, 2**63 - 1], range(5))
    }
    assert len(set(orders.values())) == len(orders)
    for (seed, epoch), order in orders.items():
        assert _core.permutation(50, seed, epoch).tobytes() == order


EPOCHS = 24_000
# The draws are fixed, so this says once and for all that they look random.
LEAST_P = 0.001


def test_all_orders_of_four_rows_are_equally_frequent():
    counts = dict.fromkeys(itertools.permutations(range(4)), 0)
    for epoch in range(EPOCHS):
        counts[tuple(_core.permutation(4, 0, epoch).tolist())] += 1
    assert stats.chisquare(list(counts.values())).pvalue > LEAST_P


def test_every_row_comes_equally_often_at_every_place():
    n = 17
    counts = np.zeros((n, n))
    for epoch in range(EPOCHS // 4):
        counts[np.arange(n), _core.permutation(n, 1, epoch)] += 1
    statistic = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    # Every row and every column of the table has a fixed sum: (n - 1)^2 degrees of freedom.
    assert LEAST_P < stats.chi2.sf(statistic, (n - 1) ** 2) < 1 - LEAST_P


def test_bits_of_neighbouring_counters_are_independent():
    words = np.array([_core.philox([i, 0, 0, 1], [0, 0]) for i in range(4000)], dtype=np.uint32)
    bits = np.unpackbits(words.view(np.uint8), axis=1).astype(float)
    assert stats.kstest(words.ravel() / 2**32, "uniform").pvalue > LEAST_P
    correlation = np.corrcoef(bits[:-1].T, bits[1:].T)
    assert np.abs(correlation - np.eye(256) * correlation).max() < 6 / np.sqrt(len(bits))
