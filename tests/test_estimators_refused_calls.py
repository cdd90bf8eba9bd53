"""What calls that are refused, or diverge, leave as it was."""

import numpy as np
import pytest

import chainrule as cr

rng = np.random.default_rng(0)
X = rng.standard_normal((20, 4))
Y = 2 * X[:, 0]


@pytest.mark.parametrize("seed", ["the user's", None])
def test_a_refused_call_draws_no_random_numbers(seed):
    generator = np.random.mtrand._rand if seed is None else np.random.RandomState(3)
    est = cr.MLPRegressor(random_state=None if seed is None else generator)
    before = generator.get_state()
    with pytest.raises(ValueError, match="not negative"):
        est.fit(X, Y, -np.ones(20))
    est.early_stopping = True
    with pytest.raises(ValueError, match="early_stopping"):
        est.partial_fit(X, Y)
    after = generator.get_state()
    assert after[2] == before[2]
    np.testing.assert_array_equal(after[1], before[1])


def test_a_loss_that_is_nan_is_not_the_best():
    est = cr.MLPRegressor(
        hidden_layer_sizes=3, activation="identity", solver="sgd", learning_rate_init=3.0
    )
    est.set_params(random_state=0).partial_fit(X, Y)
    best = est.best_loss_
    with pytest.warns(RuntimeWarning), pytest.raises(ValueError, match="non-finite"):
        est.partial_fit(X * 3e307, Y)
    assert np.isnan(est.loss_)
    assert est.best_loss_ == best
