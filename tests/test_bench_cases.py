"""The benchmarks' cases: sizes, operations, data, and the loss after training."""

import math

import numpy as np
import pytest

pytest.importorskip("bench", reason="no bench folder beside the tests")

from bench import cases


def test_cases_are_the_ones_promised():
    assert [(case.sizes, case.batch_size, case.hidden) for case in cases.CASES] == [
        ((30, 64, 1), 1, cases.DENSE),
        ((20, 64, 64, 2), 32, cases.DENSE),
        ((64, 128, 10), 64, cases.DENSE),
        ((54, 256, 256, 256, 7), 256, cases.DENSE),
        ((784, 512, 256, 10), 128, cases.DENSE),
        ((1024, 2048, 2048, 1000), 512, cases.DENSE),
        ((54, 256, 256, 256, 7), 256, cases.BATCH_NORM),
        ((64, *[128] * 17, 10), 128, cases.RESIDUAL),
    ]
    assert all(case.quick().rows <= case.rows for case in cases.CASES)


def test_flops_leave_out_the_gradient_of_the_first_layers_input():
    case = cases.Case("", (3, 4, 5, 2), batch_size=7, rows=14)
    assert case.flops_per_step == 7 * (4 * 3 * 4 + 6 * 4 * 5 + 6 * 5 * 2)


def test_inference_is_the_forward_pass_alone():
    case = cases.Case("", (3, 4, 5, 2), batch_size=7, rows=14, job=cases.INFERENCE)
    assert case.flops_per_step == 7 * 2 * (3 * 4 + 4 * 5 + 5 * 2)
    assert case.steps_per_repeat == 1
    assert cases.INFERENCE_CASES[1].quick().batch_size == 1000


def test_large_data_repeat_their_rows():
    case = cases.Case("", (2, 3), cases.DISTINCT_ROWS + 5, cases.DISTINCT_ROWS + 5)
    X, y = cases.make_data(case, "float32")
    assert len(X) == len(y) == case.rows
    assert np.array_equal(X[-5:], X[:5])


def test_probabilities_have_the_loss_of_their_logits():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), rng.integers(0, 2, 50)
    W, b = rng.normal(size=(3, 1)), rng.normal(size=1)
    P = 1 / (1 + np.exp(-(X @ W + b)))
    expected = pytest.approx(cases.mean_loss([(W, b)], X, y), rel=1e-12)
    assert cases.mean_loss_of_probabilities(P, y) == expected
    assert cases.mean_loss_of_probabilities(np.hstack([1 - P, P]), y) == expected


def test_rows_are_whole_batches():
    with pytest.raises(ValueError, match=r"rows: expected a multiple of batch_size 7"):
        cases.Case("", (3, 2), batch_size=7, rows=15)


def test_data_hold_every_class_and_are_always_the_same():
    case = next(case for case in cases.CASES if case.n_classes == 1000).quick()
    X, y = cases.make_data(case, "float32")
    assert X.dtype == np.float32
    assert X.shape == (case.rows, 1024)
    assert set(y.tolist()) == set(range(1000))
    assert np.array_equal(X, cases.make_data(case, "float32")[0])
    assert sorted(cases.shuffled_rows(case, 0, 1)) == list(range(case.rows))


@pytest.mark.parametrize(("n_out", "expected"), [(1, math.log(2)), (2, math.log(2)), (5, 1.609438)])
def test_mean_loss_of_equal_outputs_is_the_log_of_the_number_of_classes(n_out, expected):
    X, y = np.ones((6, 3)), np.array([0, 1, 0, 1, 0, 1])
    # Hidden units below zero, cut off by relu, so that the last layer's weights do not matter.
    last = np.arange(4.0 * n_out).reshape(4, n_out)
    parameters = [(-np.ones((3, 4)), np.zeros(4)), (last, np.zeros(n_out))]
    assert cases.mean_loss(parameters, X, y) == pytest.approx(expected, rel=1e-6)


def test_one_logit_has_the_loss_of_two_that_differ_by_it():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), rng.integers(0, 2, 50)
    W, b = rng.normal(size=(3, 1)), rng.normal(size=1)
    two = [(np.hstack([0 * W, W]), np.hstack([0 * b, b]))]
    assert cases.mean_loss([(W, b)], X, y) == pytest.approx(cases.mean_loss(two, X, y), rel=1e-12)
