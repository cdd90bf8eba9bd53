"""scikit-learn's callbacks on the estimators: fit is a task, each epoch or iteration a subtask."""

import pickle
import threading
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr

pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
from sklearn.callback import CallbackSupportMixin, ProgressBar, ScoringMonitor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
SETTINGS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling"},
    "early stopping": {"early_stopping": True, "learning_rate_init": 0.05},
    "lbfgs": {"solver": "lbfgs"},
}


class Recorder:
    """Keeps the hooks' arguments; returns True at the end of subtask `stop_after`."""

    def __init__(self, stop_after=None, fail=None, fail_with=RuntimeError):
        self.calls, self.stop_after, self.fail, self.fail_with = [], stop_after, fail, fail_with

    def setup(self, estimator, context):
        self.calls.append(("setup", context.task_name, {}))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name, {}))

    def on_fit_task_begin(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.note("begin", context, X, y, metadata, fitted_estimator)

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.note("end", context, X, y, metadata, fitted_estimator)
        return context.parent is not None and context.task_id == self.stop_after

    def note(self, hook, context, X, y, metadata, fitted):
        told = {"X": X, "y": y, "metadata": metadata, "fitted": fitted, "id": context.task_id}
        self.calls.append((hook, context.task_name, told))
        if (hook, context.task_id) == self.fail and context.parent is not None:
            raise self.fail_with("planned")

    def told(self, hook, task):
        return [told for h, t, told in self.calls if (h, t) == (hook, task)]

    def names(self):
        return [(hook, task) for hook, task, _ in self.calls]


class Propagated(Recorder):
    max_propagation_depth = None


def small(kind=cr.MLPClassifier, **options):
    return kind(**{"hidden_layer_sizes": 6, "max_iter": 5, "random_state": 0} | options)


@pytest.mark.parametrize("kind", [cr.MLPClassifier, cr.MLPRegressor])
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_part_is_a_task_whose_estimator_is_as_if_fit_had_stopped_there(setting, kind):
    recorder, part = Recorder(), "lbfgs-iter" if setting == "lbfgs" else "epoch"
    est = small(kind, **SETTINGS[setting]).set_callbacks(recorder).fit(X, Y)
    expected = [("setup", "fit"), ("begin", "fit")]
    expected += [("begin", part), ("end", part)] * est.n_iter_
    assert recorder.names() == [*expected, ("end", "fit"), ("teardown", "fit")]
    assert est.n_iter_ == 5
    assert not [name for name in vars(est) if "ctx" in name]
    for n, told in enumerate(recorder.told("end", part), start=1):
        stopped, fitted = small(kind, **SETTINGS[setting], max_iter=n).fit(X, Y), told["fitted"]
        assert np.array_equal(fitted.predict(X), stopped.predict(X))
        for a, b in zip(fitted.coefs_, stopped.coefs_, strict=True):
            assert np.array_equal(a, b)
        for name in ("n_iter_", "loss_", "loss_curve_", "history_", "validation_scores_"):
            if name != "history_":
                assert getattr(fitted, name, None) == getattr(stopped, name, None), name
        assert len(fitted.history_) == len(stopped.history_)
    assert np.array_equal(recorder.told("end", "fit")[0]["fitted"].predict(X), est.predict(X))
    begin = recorder.told("begin", part)
    assert np.array_equal(
        begin[1]["fitted"].coefs_[0], recorder.told("end", part)[0]["fitted"].coefs_[0]
    )


def test_a_model_of_the_middle_goes_on_from_there():
    recorder = Recorder()
    est = small(max_iter=3).set_callbacks(recorder).fit(X, Y)
    middle = recorder.told("end", "epoch")[1]["fitted"]
    stopped = small(max_iter=2).fit(X, Y).partial_fit(X, Y)
    for model in (pickle.loads(pickle.dumps(middle)), middle):
        model.set_callbacks().partial_fit(X, Y)
        assert np.array_equal(model.coefs_[0], stopped.coefs_[0])
    assert len(est.loss_curve_) == est.n_iter_ == 3


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_hook_that_returns_true_stops(setting):
    est = small(**SETTINGS[setting], max_iter=20).set_callbacks(Recorder(stop_after=2))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        est.fit(X, Y)
    assert est.n_iter_ == 3
    assert np.array_equal(est.coefs_[0], small(**SETTINGS[setting], max_iter=3).fit(X, Y).coefs_[0])


def test_hooks_see_the_rows_that_are_trained_on():
    recorder, weights = Recorder(), np.linspace(0.5, 1, len(X))
    names = np.array(["a", "b", "c"])[Y]
    est = small(early_stopping=True, class_weight={"a": 2}).set_callbacks(recorder)
    est.fit(X, names, weights)
    told = recorder.told("end", "epoch")[0]
    assert len(told["X"]) == len(told["y"]) == len(told["metadata"]["sample_weight"]) == 135
    at = [int(np.flatnonzero(weights == w)[0]) for w in told["metadata"]["sample_weight"]]
    assert np.array_equal(told["X"], X[at])
    assert list(told["y"]) == list(names[at])
    est.set_callbacks(recorder := Recorder()).fit(X, names)
    assert recorder.told("end", "epoch")[0]["metadata"] is None


def test_partial_fit_is_a_task_of_one_epoch():
    recorder = Recorder()
    est = small().set_callbacks(recorder)
    est.partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y)
    once = [("setup", "fit"), ("begin", "fit"), ("begin", "epoch"), ("end", "epoch")]
    assert recorder.names() == [*once, ("end", "fit"), ("teardown", "fit")] * 2


@pytest.mark.parametrize("setting", ["adam", "lbfgs"])
@pytest.mark.parametrize("hook", ["begin", "end"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_errors_and_ctrl_c_leave_nothing_open(setting, hook, error):
    recorder = Recorder(fail=(hook, 2), fail_with=error)
    est = small(**SETTINGS[setting]).set_callbacks(recorder)
    if error is KeyboardInterrupt:
        with pytest.warns(UserWarning, match="interrupted by user"):
            est.fit(X, Y)
        assert recorder.names()[-2:] == [("end", "fit"), ("teardown", "fit")]
        part = "lbfgs-iter" if setting == "lbfgs" else "epoch"
        begun, ended = (recorder.names().count((which, part)) for which in ("begin", "end"))
        assert begun == ended
    else:
        with pytest.raises(error, match="planned"):
            est.fit(X, Y)
        assert recorder.names()[-1] == ("teardown", "fit")
    assert not [name for name in vars(est) if "ctx" in name or "teardown" in name]
    assert np.isfinite(est.predict(X)).all()
    est.set_callbacks().fit(X, Y)


def test_what_is_refused_sets_nothing_up():
    recorder = Recorder()
    est = small(alpha=-1).set_callbacks(recorder)
    with pytest.raises(ValueError, match="alpha"):
        est.fit(X, Y)
    with pytest.raises(ValueError, match="y_val"):
        est.set_params(alpha=0).fit(X, Y, X_val=X, y_val=np.zeros((len(X), 2)))
    assert recorder.calls == []


def test_scores_of_every_epoch_and_a_progress_bar(capsys):
    monitor = ScoringMonitor(scoring="accuracy")
    before = set(threading.enumerate())
    est = small(learning_rate_init=0.05).set_callbacks(ProgressBar(), monitor).fit(X, Y)
    rows = monitor.get_logs().data
    assert [row["task_name"] for row in rows] == ["fit"] + ["epoch"] * 5
    assert rows[0]["accuracy"] == rows[-1]["accuracy"] == est.score(X, Y)
    stopped = small(learning_rate_init=0.05, max_iter=2).fit(X, Y)
    assert rows[2]["accuracy"] == stopped.score(X, Y)
    assert "MLPClassifier - fit" in capsys.readouterr().out
    # What scikit-learn's listeners wait in stays; the bar's own thread ends a moment after the fit.
    ours = {t for t in threading.enumerate() if "_accept" not in t.name} - before
    assert not [t for t in ours if t.join(10.0) or t.is_alive()]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks
def test_in_a_pipeline_in_a_grid_search(n_jobs, capsys):
    monitor = ScoringMonitor(scoring="accuracy")
    inner = make_pipeline(StandardScaler(), small(max_iter=3).set_callbacks(monitor))
    search = GridSearchCV(inner, {"mlpclassifier__alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, Y)
    rows = monitor.get_logs(include_lineage=True).data
    of_mlp = [row["task_name"] for row in rows if row["estimator_name"] == "MLPClassifier"]
    assert sorted(of_mlp) == sorted((2 * 2 + 1) * (["fit"] + ["epoch"] * 3))
    assert capsys.readouterr().out.count("MLPClassifier - fit") == 5


def test_what_is_propagated_is_gone_after_fit():
    pipeline = make_pipeline(StandardScaler(), small()).set_callbacks(recorder := Propagated())
    pipeline.fit(X, Y)
    assert recorder.names().count(("end", "epoch")) == 5
    assert not [name for name in vars(pipeline[-1]) if "ctx" in name or name == "_skl_callbacks"]
    assert clone(small().set_callbacks(recorder))._skl_callbacks == [recorder]


def test_without_callbacks_there_are_no_tasks(monkeypatch):
    monkeypatch.delattr(CallbackSupportMixin, "_init_callback_context")
    for setting in SETTINGS.values():
        small(**setting).fit(X, Y)
