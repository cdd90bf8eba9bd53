"""Parameters that are NumPy's numbers: they count as Python's floats, in training and in files."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr

from .estimating import weights_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = np.tanh(X @ RNG.normal(size=(3, 2)))  # two targets: the loss is a mean over them
SGD = {"solver": "sgd", "learning_rate_init": 0.05}
LBFGS = {"solver": "lbfgs", "tol": 1e-7}
CASES = [
    ("alpha", 0.01, LBFGS),
    ("tol", 0.001, {"solver": "lbfgs"}),
    ("alpha", 0.01, {}),
    ("learning_rate_init", 0.003, {}),
    ("beta_1", 0.8, {}),
    ("epsilon", 0.001, {}),
    ("tol", 0.001, {"learning_rate_init": 0.003, "n_iter_no_change": 3}),
    ("tol", 0.01, {"early_stopping": True, "n_iter_no_change": 3}),
    ("validation_fraction", 0.3, {"early_stopping": True}),
    ("learning_rate_init", 0.05, {"solver": "sgd", "learning_rate": "invscaling"}),
    ("learning_rate_init", 0.05, {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1}),
    ("power_t", 0.3, SGD | {"learning_rate": "invscaling"}),
    ("momentum", 0.7, SGD),
]


@pytest.mark.parametrize("number", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize(("name", "value", "options"), CASES, ids=str)
def test_numbers_of_numpy_count_as_floats(number, name, value, options, tmp_path):
    given = number(value)
    ours, plain = (
        cr.MLPRegressor(hidden_layer_sizes=4, max_iter=150, random_state=0, **options)
        .set_params(**{name: one})
        .fit(X, Y)
        for one in (given, float(given))
    )
    assert ours.n_iter_ == plain.n_iter_
    assert weights_of(ours) == weights_of(plain)
    assert type(ours.loss_) is float
    ours.save(tmp_path / "model")
    again = {name: given} if number is np.longdouble else {}  # which no file holds
    loaded = cr.MLPRegressor.load(tmp_path / "model", **again)
    if ours.solver != "lbfgs":
        ours.set_params(early_stopping=False).partial_fit(X, Y)
        loaded.set_params(early_stopping=False).partial_fit(X, Y)
    assert weights_of(loaded) == weights_of(ours)


def test_factors_that_float32_cannot_hold_are_refused():
    est = cr.MLPRegressor(hidden_layer_sizes=3, learning_rate_factors={"1": 1e60})
    text = r"^\[MLPRegressor.fit\] learning_rate_factors\['1'\]: expected a number that float32"
    with pytest.raises(ValueError, match=text):
        est.fit(X.astype("float32"), Y)
    est.set_params(max_iter=1, learning_rate_init=1e-70).fit(X, Y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_penalty_below_float32_is_none(solver):
    options = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0, "solver": solver}
    F = X.astype("float32")
    est, plain = (cr.MLPRegressor(alpha=alpha, **options).fit(F, Y) for alpha in (1e-60, 0.0))
    assert all(map(np.array_equal, weights_of(est), weights_of(plain)))
    again = pickle.loads(pickle.dumps(copy.deepcopy(est)))
    assert again.alpha == 1e-60
    np.testing.assert_array_equal(again.fit(F, Y).predict(F), plain.predict(F))
