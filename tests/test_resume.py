"""Fits that were cut off go on, from memory and from files, and end with the same bits."""

import contextlib
import copy
import math
import pickle
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule import _stepping
from chainrule._optimizer import read_state

from .helpers import build

EPOCHS, BATCH = 4, 30  # of 100 rows: four steps, the last one smaller


@pytest.fixture(autouse=True)
def one_step_per_call(monkeypatch):
    """So that a fit can be cut off after each step."""
    monkeypatch.setattr(_stepping, "SECONDS_PER_CALL", 0.0)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(140, 6))
    Y = (X @ rng.normal(size=(6, 3)) + rng.normal(size=(140, 3))).argmax(axis=1)
    return {
        "X": X[:100],
        "Y": Y[:100],
        "validation_data": (X[100:], Y[100:]),
        "sample_weight": rng.random(100),
    }


class Log(cr.Callback):
    """A user's own, with a state of every kind."""

    def __init__(self):
        self.heard, self.sum, self.lowest = [], np.zeros(2), math.inf

    def on_epoch_begin(self, trainer, epoch):
        self.heard.append(["begin", epoch])

    def on_steps_end(self, trainer, steps, loss):
        self.heard.append(["steps", steps, loss])
        self.sum += [steps, loss]
        self.lowest = min(self.lowest, loss)

    def on_epoch_end(self, trainer, epoch, logs):
        self.heard.append(["end", epoch, logs["loss"]])

    def state(self):
        return {"heard": self.heard, "sum": self.sum, "more": (self.lowest, np.float32(2))}

    def restore(self, state):
        self.heard, self.sum = list(state["heard"]), state["sum"]
        self.lowest, two = state["more"]
        assert two == 2


class Cut(cr.Callback):
    """Ctrl-C at the n-th occasion, before or after all others have heard of it."""

    optional = True

    def __init__(self, n):
        self.left = n

    def occasion(self, *arguments):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    on_epoch_begin = on_steps_end = on_epoch_end = occasion


OCCASIONS = EPOCHS * (1 + 4 + 1)
SETTINGS = {
    "adam": {"optimizer": cr.Adam(0.01), "schedule": cr.warmup(cr.cosine(3), 1.5)},
    "float64": {"optimizer": cr.AdamW(0.02), "schedule": cr.one_cycle(4), "metrics": ["accuracy"]},
    "plateau": {"optimizer": cr.SGD(0.2, 0.9), "schedule": cr.reduce_on_plateau(0.5, 1)},
    "penalties": {"optimizer": cr.RMSProp(0.01), "l2": 0.01, "l1": 0.001, "penalize": "sum"},
    "clipping": {"optimizer": cr.SGD(0.5), "clip_value": 0.1, "clip_norm": 0.2, "seed": 2**62},
}


def new_trainer(name):
    net = build(6, [(5, "tanh", 0), (3, "softmax", 0)], name if name == "float64" else "float32")
    return cr.Trainer(net, "cross_entropy", **SETTINGS[name])


def outcome(trainer):
    """All that a fit leaves, but for the seconds it took."""
    records = [{k: v for k, v in record.items() if k != "seconds"} for record in trainer.history]
    return {
        "weights": [w.tobytes() for w in trainer.net.parameters.values()],
        "states": [[a.tobytes() for a in arrays] for arrays in read_state(trainer)["arrays"]],
        "history": records,
        "costs": (trainer.step_costs.tobytes(), trainer.step_penalties.tobytes()),
        "counters": (trainer.epoch, trainer.steps, trainer.stop_reason),
        "schedule": trainer._schedule_state,
    }


def own(order):
    callbacks = {"log": Log(), "stopping": cr.EarlyStopping(2, restore_best=True)}
    return [callbacks[name] for name in order]


ORDERS = [("log", "stopping"), ("stopping", "log")]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_fit_cut_off_anywhere_goes_on_to_the_same_end(name, data, tmp_path, threads):
    order = ORDERS[len(name) % 2]
    expected, heard = new_trainer(name), own(order)
    expected.fit(**data, epochs=EPOCHS, batch_size=BATCH, callbacks=heard)
    cuts = 0
    for n in range(1, OCCASIONS + 1):
        trainer, callbacks = new_trainer(name), own(order)
        callbacks.insert(n % 3, Cut(n))
        cr.set_num_threads(1 + n % 3)
        try:
            trainer.fit(**data, epochs=EPOCHS, batch_size=BATCH, callbacks=callbacks)
            assert not trainer.is_unfinished
            break
        except KeyboardInterrupt:
            cuts += 1
        assert trainer.is_unfinished
        trainer.save(tmp_path / "run")
        loaded, again = cr.Trainer.load(tmp_path / "run"), own(order)
        assert loaded.is_unfinished
        same_weights(loaded, trainer)
        cr.set_num_threads(1 + (n + 1) % 3)
        history = loaded.fit(**data, callbacks=again)
        assert history is loaded.history
        assert outcome(loaded) == outcome(expected)
        for one, other in zip(again, heard, strict=True):
            if isinstance(one, Log):
                assert (one.heard, one.sum.tolist()) == (other.heard, other.sum.tolist())
            else:
                assert (one.best, one.best_epoch) == (other.best, other.best_epoch)
        if n % 3 == 0:
            trainer.fit(**data, resume=True)
            assert outcome(trainer) == outcome(expected)
        assert not loaded.is_unfinished
    assert cuts >= 3 * 6


def same_weights(one, other):
    for name, w in other.net.parameters.items():
        assert one.net.parameters[name].tobytes() == w.tobytes()


def test_the_best_weights_are_there_after_ctrl_c_and_the_latest_go_on(data, tmp_path):
    """Early stopping has put the best weights back, which a fit does not go on from."""
    expected, trainer = new_trainer("plateau"), new_trainer("plateau")
    kwargs = {**data, "epochs": 30, "batch_size": BATCH}
    expected.fit(**kwargs, callbacks=[cr.EarlyStopping(5)])
    assert expected.stop_reason
    callbacks = [Cut(6 * (len(expected.history) - 2)), cr.EarlyStopping(5)]
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**kwargs, callbacks=callbacks)
    same_weights(trainer, expected)
    assert trainer._fit.unfinished.weights is not None
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    same_weights(loaded, trainer)
    for t in (trainer, loaded):  # without a word about the callbacks
        t.fit(**data, resume=True)
        assert outcome(t) == outcome(expected)


@pytest.mark.parametrize("at", range(1, 9))
def test_ctrl_c_inside_early_stopping_loses_nothing(at, data, monkeypatch):
    """While it reads the best weights, while it stops training, while it puts them back."""
    kwargs = {**data, "epochs": 30, "batch_size": BATCH}
    expected, trainer = new_trainer("plateau"), new_trainer("plateau")
    expected.fit(**kwargs, callbacks=[cr.EarlyStopping(5)])
    names, calls = ("items", "__setitem__"), []

    def interrupting(real):
        def call(*arguments):
            calls.append(real)
            if len(calls) == at:
                raise KeyboardInterrupt
            return real(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in names:
            patch.setattr(
                type(trainer.net.parameters),
                name,
                interrupting(getattr(type(trainer.net.parameters), name)),
            )
        with contextlib.suppress(KeyboardInterrupt):
            trainer.fit(**kwargs, callbacks=[cr.EarlyStopping(5)])
    if trainer.is_unfinished:
        trainer.fit(**data, resume=True)
    assert outcome(trainer) == outcome(expected)


def test_a_resume_that_fails_before_the_first_step_loses_no_weights(data, tmp_path):
    class Fails(cr.Callback):
        optional = True

        def state(self):
            return {}

        def restore(self, state):
            raise ZeroDivisionError

        def on_steps_end(self, trainer, steps, loss):
            if trainer.steps == 30:
                trainer.save(tmp_path / "run")

    expected = new_trainer("plateau")
    callbacks = [cr.EarlyStopping(9), Fails()]
    expected.fit(**data, epochs=9, batch_size=BATCH, callbacks=callbacks)
    loaded = cr.Trainer.load(tmp_path / "run")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            loaded.fit(**data, callbacks=[cr.EarlyStopping(9), Fails()])
        assert loaded.is_unfinished
        loaded.save(tmp_path / "run")
        loaded = cr.Trainer.load(tmp_path / "run")
    loaded.fit(**data)
    assert outcome(loaded) == outcome(expected)


def test_callbacks_may_save_at_every_occasion(data, tmp_path):
    class Saver(Log):
        def __init__(self, where):
            super().__init__()
            self.where, self.files = where, []

        def occasion(self, trainer, *arguments):
            self.files.append(self.where / f"{len(self.files)}")
            trainer.save(self.files[-1])

        on_fit_begin = on_epoch_begin = on_steps_end = on_epoch_end = on_fit_end = occasion

    expected, saver, log = new_trainer("adam"), Saver(tmp_path), Log()
    expected.fit(**data, epochs=EPOCHS, batch_size=BATCH, callbacks=[saver, log])
    assert len(saver.files) == OCCASIONS + 2
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for n, path in enumerate(saver.files[1:-1], start=1):
        again, rest, loaded = Log(), Saver(elsewhere), cr.Trainer.load(path)
        loaded.fit(**data, callbacks=[again, rest])
        assert len(rest.files) == OCCASIONS - n + 2  # of all after that one, and of begin and end
        assert outcome(loaded) == outcome(expected)
        assert again.heard == log.heard
    first, last = (cr.Trainer.load(saver.files[i]) for i in (0, -1))
    assert not first.is_unfinished
    assert not last.is_unfinished
    assert outcome(last) == outcome(expected)
    assert first.steps == 0


def test_a_fit_after_the_last_epoch_has_nothing_left_to_do(data, tmp_path):
    expected, path = new_trainer("adam"), tmp_path / "run"
    expected.fit(**data, epochs=EPOCHS, callbacks=[cr.Checkpoint(path)])
    for options in ({}, {"epochs": EPOCHS}):
        loaded = cr.Trainer.load(path)
        assert loaded.is_unfinished
        loaded.fit(**data, **options)
        assert outcome(loaded) == outcome(expected)
    longer, other = cr.Trainer.load(path), new_trainer("adam")
    longer.fit(**data, epochs=EPOCHS + 2)
    other.fit(**data, epochs=EPOCHS + 2)
    assert outcome(longer) == outcome(other)


def test_a_trainer_saved_between_two_fits_is_the_same_trainer(data, tmp_path):
    expected, trainer = new_trainer("float64"), new_trainer("float64")
    trainer.step(data["X"], data["Y"])
    expected.step(data["X"], data["Y"])
    for t in (expected, trainer):
        t.fit(**data, epochs=2)
        t.net.backward(data["X"], data["Y"], "cross_entropy")
        t.apply_gradients()
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    assert repr(loaded) == repr(trainer)
    for name in ("l2", "l1", "penalize", "clip_value", "clip_norm", "metrics", "_single_steps"):
        assert getattr(loaded, name) == getattr(trainer, name)
    assert outcome(loaded) == outcome(trainer)
    for t in (expected, loaded):
        t.fit(**data, epochs=2)
        t.step(data["X"], data["Y"])
    assert outcome(loaded) == outcome(expected)


def test_the_same_trainer_is_the_same_file(data, tmp_path):
    trainer = new_trainer("adam")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, callbacks=[Log(), Cut(3), cr.EarlyStopping()])
    trainer.save(tmp_path / "a")
    cr.Trainer.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_trainer_that_never_trained_can_be_saved(tmp_path):
    new_trainer("adam").save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    assert outcome(loaded) == outcome(new_trainer("adam"))
    assert loaded._fit.expected_data is None


def test_trainers_are_pickled_and_copied(data):
    def half(epoch):
        return 0.5**epoch

    net = build(6, [(3, "softmax", 0)], "float32")
    trainer = cr.Trainer(net, "cross_entropy", schedule=half, metrics=[middle])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=2, callbacks=[Cut(7)])
    twin = copy.deepcopy(trainer)
    trainer.fit(**data, resume=True)
    assert twin.epoch == 1
    twin.fit(**data)
    assert outcome(twin) == outcome(trainer)
    other = new_trainer("adam")
    other.fit(**data)
    assert outcome(pickle.loads(pickle.dumps(other))) == outcome(other)


# ---- what must be given again -------------------------------------------------------------------


def middle(Y, prediction, sample_weight=None):
    return float(np.median(prediction))


def lower(epoch):
    return 1 / (1 + epoch)


@pytest.fixture
def with_own(data, tmp_path):
    net = build(6, [(3, "softmax", 0)], "float32")
    metrics = ["accuracy", middle, cr.Metric("log_loss", middle)]
    trainer = cr.Trainer(net, "cross_entropy", schedule=cr.warmup(lower, 1), metrics=metrics)
    trainer.fit(**data, epochs=2)
    trainer.save(tmp_path / "run")
    trainer.fit(**data, epochs=2)
    return trainer, tmp_path / "run"


def test_functions_of_the_user_are_given_again(with_own, data):
    trainer, path = with_own
    metrics = [cr.Metric("log_loss", middle), middle, "accuracy"]
    loaded = cr.Trainer.load(path, schedule=cr.warmup(lower, 1), metrics=metrics)
    assert loaded.metrics == trainer.metrics
    loaded.fit(**data, epochs=2)
    assert outcome(loaded) == outcome(trainer)


def test_one_error_names_all_functions_that_are_missing(with_own):
    _, path = with_own
    schedule = r"Warmup\(schedule=FunctionOfEpoch\(function=<function lower>\), .*\)"
    both = rf"^\[Trainer.load\] schedule, metrics: expected the schedule {schedule} and the metrics"
    with pytest.raises(
        ValueError, match=rf"{both} middle, log_loss of this trainer again"
    ) as caught:
        cr.Trainer.load(path)
    assert not isinstance(caught.value, cr.FileFormatError)
    with pytest.raises(ValueError, match=r"^\[Trainer.load\] metrics: expected the metrics middle"):
        cr.Trainer.load(path, schedule=lower, metrics=[cr.Metric("log_loss", middle)])
    with pytest.raises(ValueError, match=r"^\[Trainer.load\] schedule: expected the schedule Warm"):
        cr.Trainer.load(path, metrics=[middle, cr.Metric("log_loss", middle)])
    with pytest.raises(ValueError, match=r"metrics of this trainer, \['accuracy', 'middle', "):
        cr.Trainer.load(
            path, lower, [middle, cr.Metric("log_loss", middle), cr.Metric("f1", middle)]
        )


def test_a_schedule_of_a_class_derived_from_ours_is_the_users_own(tmp_path):
    class Mine(cr.schedules.Cosine):
        pass

    net = build(6, [(3, "softmax", 0)], "float32")
    cr.Trainer(net, "cross_entropy", schedule=Mine(3, 0.5)).save(tmp_path / "run")
    with pytest.raises(ValueError, match=r"expected the schedule .*Mine\(epochs=3.0, end=0.5\)"):
        cr.Trainer.load(tmp_path / "run")


def test_callbacks_that_matter_are_given_again(data, tmp_path):
    trainer = new_trainer("adam")
    callbacks = [cr.EarlyStopping(), Log(), cr.Checkpoint(tmp_path / "c"), Cut(5)]
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=2, callbacks=callbacks)
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    for given, missing in (
        (None, "Log"),
        ([], "EarlyStopping and Log"),
        ([Log(), cr.ProgressBar()], "EarlyStopping"),
        ([cr.EarlyStopping(), Cut(9)], "Log"),
    ):
        refusal = rf"^\[Trainer.fit\] callbacks: expected {missing} among them, as in the fit that"
        with pytest.raises(ValueError, match=refusal):
            loaded.fit(**data, callbacks=given)
    assert loaded.is_unfinished
    loaded.fit(**data, callbacks=[Log(), cr.EarlyStopping(), cr.CSVLogger(tmp_path / "log.csv")])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "state",
    [{"x": {1: 2}}, {"x": object()}, {"x": np.zeros(2, np.complex64)}, {"x": {"$array": 0}}],
    ids=repr,
)
def test_a_state_that_no_file_holds_is_named(state, data, tmp_path):
    class Odd(cr.Callback):
        def state(self):
            return state

        def on_epoch_end(self, trainer, epoch, logs):
            trainer.save(tmp_path / "run")

    trainer = new_trainer("adam")
    with pytest.raises(TypeError, match=r"^\[Trainer.save\] Odd.state\(\): expected None, numbers"):
        trainer.fit(**data, callbacks=[Odd()])
    assert list(tmp_path.iterdir()) == []


def test_the_order_of_rows_is_given_again_if_it_is_a_function(data, tmp_path):
    def order(epoch):
        return np.roll(np.arange(100), 7 * epoch)

    expected, trainer = new_trainer("adam"), new_trainer("adam")
    expected.fit(**data, epochs=3, batch_size=BATCH, shuffle=order)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=3, batch_size=BATCH, shuffle=order, callbacks=[Cut(9)])
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    for wrong in (None, True, False):
        refusal = r"^\[Trainer.fit\] shuffle: expected the function, as in the fit that goes on"
        with pytest.raises(ValueError, match=refusal):
            loaded.fit(**data, shuffle=wrong)
    loaded.fit(**data, shuffle=order)
    assert outcome(loaded) == outcome(expected)


def test_a_fit_in_order_goes_on_in_order(data, tmp_path):
    expected, trainer = new_trainer("adam"), new_trainer("adam")
    rows = np.arange(10, 90)
    expected.fit(**data, epochs=3, batch_size=BATCH, shuffle=False, rows=rows)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(
            **data, epochs=3, batch_size=BATCH, shuffle=False, rows=rows, callbacks=[Cut(9)]
        )
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    with pytest.raises(ValueError, match=r"shuffle: expected False, as in the fit that goes on"):
        loaded.fit(**data, rows=rows, shuffle=True)
    with pytest.raises(ValueError, match=r"batch_size: expected 30, as in the fit that goes on"):
        loaded.fit(**data, rows=rows, batch_size=31)
    loaded.fit(**data, rows=rows, batch_size=BATCH, shuffle=False)
    assert outcome(loaded) == outcome(expected)


# ---- other data ---------------------------------------------------------------------------------


def changed(data, name):
    if name == "validation_data":
        X, Y = data[name]
        return {**data, name: (X, np.roll(Y, 1))}
    value = data[name].copy()
    value[-1] = value[0] + (name == "sample_weight")
    return {**data, name: value}


def saved_in_the_midst(data, path, **options):
    trainer = new_trainer("adam")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=3, batch_size=BATCH, callbacks=[Cut(9)], **options)
    trainer.save(path)
    return path


@pytest.mark.parametrize("name", ["X", "Y", "sample_weight", "validation_data"])
def test_other_data_are_refused_unless_told_otherwise(name, data, tmp_path):
    path = saved_in_the_midst(data, tmp_path / "run")
    loaded = cr.Trainer.load(path)
    before = outcome(loaded)
    others = [changed(data, name), {**data, name: None}]
    if name in ("X", "sample_weight"):
        others.append({**data, name: data[name].astype(np.float32)})
    for other in others if name not in ("X", "Y") else others[::2]:
        with pytest.raises(ValueError, match=rf"^\[Trainer.fit\] {name}: expected the data of the"):
            loaded.fit(**other)
    assert outcome(loaded) == before
    assert loaded.is_unfinished
    loaded.fit(**changed(data, name), resume="other data")
    assert loaded.epoch == 3
    anew = cr.Trainer.load(path)
    anew.fit(**changed(data, name), resume=False)
    assert anew.epoch == 2  # one of before, one by default
    assert not anew.is_unfinished


def test_other_data_of_another_length_begin_the_epoch_again(data, tmp_path):
    loaded = cr.Trainer.load(saved_in_the_midst(data, tmp_path / "run"))
    steps = loaded.steps
    loaded.fit(data["X"][:10], data["Y"][:10], resume="other data")
    assert loaded.epoch == 3
    assert loaded.steps == steps + 2  # batches of 30 are batches of 10


def test_data_of_a_fit_that_ended_are_known_too(data, tmp_path):
    trainer = new_trainer("adam")
    trainer.fit(**data)
    trainer.save(tmp_path / "run")
    with pytest.raises(ValueError, match=r"X: expected the data of the last fit"):
        cr.Trainer.load(tmp_path / "run").fit(**changed(data, "X"))
    cr.Trainer.load(tmp_path / "run").fit(**data)
    trainer.fit(**changed(data, "X"))  # the trainer at hand takes any
    cr.Trainer.load(tmp_path / "run").fit(**changed(data, "X"), resume=False)


def test_what_resume_may_be(data):
    for wrong in ("yes", 1, 0.0):
        refusal = rf"^\[Trainer.fit\] resume: expected True, False, None or .*, got {wrong!r}$"
        with pytest.raises(ValueError, match=refusal):
            new_trainer("adam").fit(**data, resume=wrong)


def test_a_fit_at_work_in_another_thread_is_not_saved(data, tmp_path):
    trainer, refusals = new_trainer("adam"), []

    class Elsewhere(cr.Callback):
        def on_steps_end(self, trainer, steps, loss):
            thread = threading.Thread(target=self.save, args=[trainer])
            thread.start()
            thread.join()

        def save(self, trainer):
            try:
                trainer.save(tmp_path / "run")
            except RuntimeError as error:
                refusals.append(str(error))

    trainer.fit(**data, batch_size=50, callbacks=[Elsewhere()])
    assert refusals == ["[Trainer.save] the network is at work in another thread"] * 2


def test_training_that_diverged_is_not_saved_and_diverges_again(data, tmp_path):
    X, Y = data["X"], data["X"][:, :2] * 1e3

    def trainer():
        return cr.Trainer(build(6, [(2, "identity", 0)], "float32"), "squared_error", cr.SGD(10.0))

    expected, path = trainer(), tmp_path / "run"
    with pytest.warns(RuntimeWarning, match="became"):
        expected.fit(X, Y, 9, 50, callbacks=[cr.Checkpoint(path, every=1)])
    loaded = cr.Trainer.load(path)
    assert loaded.net.is_finite()
    with pytest.warns(RuntimeWarning, match="became"):
        loaded.fit(X, Y)
    np.testing.assert_equal(
        [record | {"seconds": 0} for record in loaded.history],
        [record | {"seconds": 0} for record in expected.history],
    )
    assert loaded.stop_reason == expected.stop_reason


def test_an_optimizer_whose_mean_of_squares_overflowed_goes_on(data, tmp_path):
    def trainer():
        net = build(6, [(2, "identity", 0)], "float32")
        return cr.Trainer(net, "squared_error", cr.Adam(1e-3))

    X, Y = 1e10 * data["X"], 1e10 * data["X"][:, :2]
    expected, cut = trainer(), trainer()
    expected.fit(X, Y, 2, 50)
    assert np.isinf(expected._state.state(expected.net._core, 1, 0)).any()
    with pytest.raises(KeyboardInterrupt):
        cut.fit(X, Y, 2, 50, callbacks=[Cut(3)])
    cut.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    loaded.fit(X, Y)
    assert outcome(loaded) == outcome(expected)


def test_the_cursor_is_kept_where_ctrl_c_comes_right_after_the_core(data, monkeypatch):
    """Where Python looks for signals first: after the call, before its result has a name."""
    expected, trainer = new_trainer("adam"), new_trainer("adam")
    expected.fit(**data, epochs=2, batch_size=BATCH)
    real, calls = cr.Trainer._train, []

    def interrupted(self, *arguments):
        result = real(self, *arguments)
        calls.append(result)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(cr.Trainer, "_train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=2, batch_size=BATCH)
    trainer.fit(**data, resume=True)
    assert outcome(trainer) == outcome(expected)


def test_an_epoch_ends_as_a_whole_where_ctrl_c_comes_in_its_last_lines(data, monkeypatch):
    expected, trainer = new_trainer("adam"), new_trainer("adam")
    expected.fit(**data, epochs=2, batch_size=BATCH)
    real = cr.History.append

    def interrupted(self, record):
        real(self, record)
        if len(self) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cr.History, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(**data, epochs=2, batch_size=BATCH)
    assert len(trainer.history) == trainer.epoch == 0
    trainer.fit(**data, resume=True)
    assert outcome(trainer) == outcome(expected)
