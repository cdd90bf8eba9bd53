"""Averages, frozen layers and factors by name in the estimators, as the trainer has them."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris

import chainrule as cr
from chainrule.estimators._lbfgs import Objective

from .estimating import weights_of as bits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
KINDS = [cr.MLPClassifier, cr.MLPRegressor]
FACTORS = {"learning_rate_factors": {"1": 0.25}, "frozen": ["2.bias"]}


def small(kind=cr.MLPClassifier, **options):
    return kind(**{"hidden_layer_sizes": (6, 5), "max_iter": 4, "random_state": 0} | options)


def trained_by_hand(est, ema, epochs, **options):
    """A trainer that did what a fit of the estimator without `shuffle` does."""
    first = copy.deepcopy(est).set_params(ema=None, learning_rate_init=1e-300).fit(X, Y)
    net = cr.Network.from_sklearn(first)
    optimizer = cr.Adam(0.001, epsilon_hat=True)
    trainer = cr.Trainer(
        net, "cross_entropy", optimizer, l2=1e-4, penalize="sum", ema=ema, **options
    )
    trainer.fit(X, Y, epochs, 150, shuffle=False)
    return trainer


@pytest.mark.parametrize("options", [{}, FACTORS], ids=["ema", "all"])
def test_a_fit_is_that_of_a_trainer_with_these_options(options):
    est = small(ema=0.75, shuffle=False, **options)
    trainer = trained_by_hand(est, 0.75, 4, **options)
    est.fit(X, Y)
    averaged = trainer.averaged_network()
    assert est.predict_proba(X).tobytes() == averaged.predict(X).tobytes()
    assert est.coefs_[1].tobytes() == averaged.parameters["2.weight"].tobytes()
    assert est.coefs_[1].tobytes() != trainer.net.parameters["2.weight"].tobytes()
    est.partial_fit(X, Y)  # goes on from the weights behind the averages
    trainer.fit(X, Y, 1, 150, shuffle=False)
    assert est.predict_proba(X).tobytes() == trainer.averaged_network().predict(X).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_averages_change_nothing_else(kind):
    with_averages, without = small(kind, ema=0.9).fit(X, Y), small(kind).fit(X, Y)
    assert with_averages.loss_curve_ == without.loss_curve_
    assert bits(with_averages) != bits(without)
    with_averages.set_params(ema=None).partial_fit(X, Y)
    assert bits(with_averages) == bits(without.partial_fit(X, Y))


@pytest.mark.parametrize("kind", KINDS)
def test_validation_scores_what_is_predicted_with(kind):
    est = small(kind, ema=0.9, early_stopping=True, max_iter=30, learning_rate_init=0.01)
    seen = []

    def score(est, X, y):
        seen.append((X, est.predict(X)))
        return len(seen) % 7

    est.set_params(scoring=score).fit(X, Y)
    assert est.best_validation_score_ == 6
    rows, predicted = seen[5]
    assert est.predict(rows).tobytes() == predicted.tobytes()
    assert kind is cr.MLPClassifier or predicted.tobytes() != seen[6][1].tobytes()


def test_losses_and_scores_of_given_data_are_those_of_the_averages():
    est = small(ema=0.9, alpha=0.0).fit(X, Y, X_val=X, y_val=Y)
    assert est.history_["val_score"][-1] == est.score(X, Y)
    net = cr.Network.from_sklearn(est)
    assert est.history_["val_loss"][-1] == net.cost(X, Y, "cross_entropy")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda est: pickle.loads(pickle.dumps(est))])
@pytest.mark.parametrize("options", [{"ema": 0.9}, FACTORS | {"ema": 0.5}], ids=["ema", "all"])
def test_copies_go_on_alike(copied, options):
    est = small(**options).fit(X, Y)
    other = copied(est)
    assert bits(other) == bits(est)
    for _ in range(2):
        assert bits(other.partial_fit(X, Y)) == bits(est.partial_fit(X, Y))
    for one in (est, other):
        one.set_params(warm_start=True).fit(X, Y)
    assert bits(other) == bits(est)


def test_a_fit_in_parts_has_the_averages_of_one_fit():
    parts, whole = small(ema=0.9, max_iter=1), small(ema=0.9, max_iter=4)
    whole.set_params(random_state=np.random.RandomState(0)).fit(X, Y)
    parts.set_params(random_state=np.random.RandomState(0)).fit(X, Y)
    for _ in range(3):
        parts.partial_fit(X, Y)
    assert bits(parts) == bits(whole)


def test_weights_set_by_hand_are_both_weights_and_averages():
    est = small(ema=0.5, learning_rate_init=1e-300).fit(X, Y)
    est.coefs_[1][:] = 0.25
    assert (est.partial_fit(X, Y).coefs_[1] == 0.25).all()
    assert (est.partial_fit(X, Y).coefs_[1] == 0.25).all()


def test_a_callback_that_raises_leaves_averages():
    class Raises(cr.Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            if epoch == 2:
                raise ZeroDivisionError

    est = small(ema=0.5, callbacks=[Raises()])
    with pytest.raises(ZeroDivisionError):
        est.fit(X, Y)
    assert bits(est) == bits(small(ema=0.5, max_iter=3).fit(X, Y))


# ---- by name -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_frozen_parameters_keep_their_bits(kind, solver):
    est = small(kind, warm_start=True).fit(X, Y)
    before = bits(est)
    est.set_params(solver=solver, frozen=["1", "2.bias"]).fit(X, Y)
    same = [a == b for a, b in zip(before, bits(est), strict=True)]
    assert same == [True, False, False, True, True, False]  # weights, biases
    est.set_params(frozen=None).fit(X, Y)
    assert not any(a == b for a, b in zip(before, bits(est), strict=True))


@pytest.mark.parametrize("ema", [None, 0.9])
def test_what_was_frozen_learns_after_that(ema):
    est = small(frozen=["1"], ema=ema, max_iter=50).fit(X, Y)
    first = est.coefs_[0].copy()
    est.set_params(frozen=[]).partial_fit(X, Y)
    change = abs(est.coefs_[0] - first).max()
    assert 0 < change <= 0.001 * 1.01  # a step of Adam; averages began where the weights were


def test_factors_count_in_every_call():
    est = small(solver="sgd", momentum=0.0, shuffle=False, alpha=0.0).fit(X, Y)
    steps = []
    for factors in ({}, {"1": 2.0}, {"1": 2.0}, None):
        est.set_params(learning_rate_factors=factors)
        one = copy.deepcopy(est).partial_fit(X, Y)
        steps.append(one.coefs_[0] - est.coefs_[0])
    np.testing.assert_allclose(steps[1], 2 * steps[0], rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(steps[1], steps[2])
    np.testing.assert_array_equal(steps[3], steps[0])


def test_decay_by_name():
    def fitted(**options):
        optimizer = cr.AdamW(0.01, weight_decay=0.5)
        return small(optimizer=optimizer, alpha=0.0, **options).fit(X, Y)

    plain, none, biases = (
        fitted(),
        fitted(decay_factors={"1": False}),
        fitted(decay_factors={"1.bias": True}),
    )
    assert abs(none.coefs_[0]).sum() > abs(plain.coefs_[0]).sum()
    assert abs(biases.intercepts_[0]).sum() < abs(plain.intercepts_[0]).sum()


def test_the_cost_of_lbfgs_counts_the_penalty_of_frozen_weights():
    net = cr.Network([cr.Dense(5, "tanh"), cr.Dense(2)], 4, "float64")
    from chainrule._data import Data

    loss = cr.SquaredError()
    Y2 = np.stack([Y, -Y], axis=1)
    data = Data(net, "test", X, Y2, loss, None)
    whole, part = (Objective(net, data, loss, 3.0, 2, names) for names in ((), ("1",)))
    assert len(part.flat()) == 12 < len(whole.flat())
    assert part(part.flat())[0] == pytest.approx(whole(whole.flat())[0], rel=1e-14)
    np.testing.assert_array_equal(part(part.flat())[1][:10], whole(whole.flat())[1][20:30])


BAD = [
    ({"ema": 0}, r"ema: expected a finite number > 0 and < 1 or None, got 0$"),
    ({"ema": 1.0}, r"ema: expected .* got 1\.0$"),
    ({"ema": "x"}, r"ema: expected .* got 'x'$"),
    ({"frozen": "1"}, r"frozen: expected a list of names or None, got '1'$"),
    ({"frozen": ["4"]}, r"frozen: expected one of '1', .* got '4'"),
    ({"frozen": ["1", "2", "3"]}, r"frozen: expected at least one parameter that is not"),
    ({"learning_rate_factors": {"1": 0}}, r"learning_rate_factors\['1'\]: expected .* > 0, got 0$"),
    ({"learning_rate_factors": 2.0}, r"learning_rate_factors: expected a dict .* got 2\.0$"),
    ({"decay_factors": {"1": 1}}, r"decay_factors: expected None with an optimizer without weight"),
]
LBFGS = [
    {"ema": 0.5},
    {"learning_rate_factors": {"1": 2.0}},
    {"decay_factors": {"1": 2.0}},
]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("options", "text"), BAD, ids=str)
def test_bad_ones_are_named_and_leave_the_model(method, options, text):
    est = small().fit(X, Y)
    before = bits(est)
    with pytest.raises((ValueError, TypeError), match=rf"^\[MLPClassifier\.{method}\] {text}"):
        getattr(est.set_params(**options), method)(X, Y)
    assert bits(est) == before


@pytest.mark.parametrize("options", LBFGS, ids=str)
def test_lbfgs_has_no_steps(options):
    (name,) = options
    with pytest.raises(ValueError, match=rf"^\[MLPClassifier.fit\] {name}: expected None with sol"):
        small(solver="lbfgs", **options).fit(X, Y)


def test_lbfgs_begins_at_averages_and_what_follows_at_its_end():
    lbfgs = {"solver": "lbfgs", "ema": None, "warm_start": True}
    est, twin = small(ema=0.9).fit(X, Y), small(max_iter=1).fit(X, Y)
    twin.coefs_ = [w.copy() for w in est.coefs_]
    twin.intercepts_ = [b.copy() for b in est.intercepts_]
    assert bits(est.set_params(**lbfgs).fit(X, Y)) == bits(
        twin.set_params(**lbfgs, max_iter=4).fit(X, Y)
    )
    before = est.coefs_[0].copy()
    est.set_params(solver="adam").partial_fit(X, Y)
    assert 0 < abs(est.coefs_[0] - before).max() < 0.01  # a step of Adam


# ---- schedules -----------------------------------------------------------------------------------


@pytest.mark.parametrize("result", ["x", None, float("nan"), -1.0, float("inf")])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_schedule_that_returns_nonsense_leaves_the_model(method, result):
    est = small().fit(X, Y)
    before, curve = bits(est), list(est.loss_curve_)
    est.set_params(schedule=lambda epoch: result)
    text = r"^\[schedule\] result at epoch \d: expected a finite number >= 0, got "
    with pytest.raises((ValueError, TypeError), match=text):
        getattr(est, method)(X, Y)
    assert bits(est) == before
    assert est.loss_curve_ == curve
    fresh = small(schedule=lambda epoch: result)
    with pytest.raises((ValueError, TypeError), match=text):
        fresh.fit(X, Y)
    assert not hasattr(fresh, "coefs_")


def test_another_schedule_counts_from_the_next_call_on():
    est = small(shuffle=False).fit(X, Y)
    stands = copy.deepcopy(est).set_params(schedule=lambda epoch: 0.0).partial_fit(X, Y)
    assert bits(stands) == bits(est)
    stands.set_params(schedule=None).partial_fit(X, Y)
    assert bits(stands) != bits(est)


def test_another_activation_counts_from_the_next_fit_on():
    est = small().fit(X, Y)
    before = est.predict_proba(X).tobytes()
    assert est.set_params(activation="tanh").predict_proba(X).tobytes() == before
