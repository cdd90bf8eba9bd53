"""A loaded trainer asks for what no file holds, and for the data that it had."""

import numpy as np
import pytest

import chainrule as cr

from . import resuming
from .helpers import build
from .resuming import BATCH, Cut, Log, middle, new_trainer, outcome

pytestmark = pytest.mark.usefixtures("one_step_per_call")
data = pytest.fixture(resuming.data, scope="module", name="data")


def saved_in_the_midst(data, path, **options):
    trainer = new_trainer("adam")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=3, batch_size=BATCH, callbacks=[Cut(9)], **options)
    trainer.save(path)
    return path


# ---- what must be given again -------------------------------------------------------------------


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
        with pytest.raises(ValueError, match=refusal) as caught:
            loaded.fit(**data, callbacks=given)
        names = [type(callback).__name__ for callback in given or []]
        assert given is None or str(caught.value).endswith(f"got {names}")
    assert loaded.is_unfinished
    loaded.fit(**data, callbacks=[Log(), cr.EarlyStopping(), cr.CSVLogger(tmp_path / "log.csv")])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "state",
    [{"x": {1: 2}}, {"x": object()}, {"x": np.zeros(2, np.complex64)}, {"x": {"$array": 0}}],
    ids=["key", "object", "complex", "reserved"],
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


def test_a_state_that_raises_does_not_hide_what_cut_the_fit_off(data):
    class Forgetful(cr.Callback):
        def state(self):
            raise ValueError("what was it")

    expected, trainer = new_trainer("adam"), new_trainer("adam")
    expected.fit(**data, epochs=3, batch_size=BATCH)
    with pytest.raises(KeyboardInterrupt) as caught:
        trainer.fit(**data, epochs=3, batch_size=BATCH, callbacks=[Forgetful(), Cut(9)])
    (note,) = caught.value.__notes__
    assert note.startswith("Forgetful.state() raised ValueError: what was it; a fit that goes on")
    assert trainer.is_unfinished
    trainer.fit(**data, resume=True)
    assert outcome(trainer) == outcome(expected)


def test_a_state_that_raises_is_an_error_of_a_save(data, tmp_path):
    class Forgetful(cr.Callback):
        def state(self):
            raise ValueError("what was it")

        def on_epoch_end(self, trainer, epoch, logs):
            trainer.save(tmp_path / "run")

    with pytest.raises(ValueError, match="what was it"):
        new_trainer("adam").fit(**data, callbacks=[Forgetful()])
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


def test_a_fit_with_a_batch_larger_than_the_data_goes_on_with_it(data, tmp_path):
    expected, trainer = new_trainer("adam"), new_trainer("adam")
    expected.fit(**data, epochs=4, batch_size=1000)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=4, batch_size=1000, callbacks=[Cut(2)])
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    loaded.fit(**data, batch_size=1000)
    assert outcome(loaded) == outcome(expected)


@pytest.mark.parametrize("in_file", [False, True], ids=["at hand", "in a file"])
@pytest.mark.parametrize(
    ("given", "other_rows", "steps"),
    [(500, 400, 1), (500, 600, 2), (None, 600, 1), ("auto", 70, 3)],
)
def test_the_batch_size_of_then_is_what_was_given(given, other_rows, steps, in_file, tmp_path):
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(600, 6)).astype(np.float32), rng.integers(0, 3, 600)
    first = 20 if given == "auto" else 300

    def cut_off():
        trainer = new_trainer("adam")
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(X[:first], Y[:first], 3, given, callbacks=[Cut(1)])
        if in_file:
            trainer.save(tmp_path / "run")
            trainer = cr.Trainer.load(tmp_path / "run")
        return trainer

    found = []
    for again in ({}, {"batch_size": given}):
        trainer = cut_off()
        trainer.fit(X[:other_rows], Y[:other_rows], resume="other data", **again)
        found.append(outcome(trainer))
        assert trainer.steps == 3 * steps
    assert found[0] == found[1]
    new = new_trainer("adam")
    new.fit(X[:other_rows], Y[:other_rows], 3, given)
    assert found[0] == outcome(new)
    if given != "auto":
        refusal = rf"batch_size: expected {given}, as in the fit that goes on, got 299$"
        with pytest.raises(ValueError, match=refusal):
            cut_off().fit(X[:first], Y[:first], batch_size=299, resume=True)
        cut_off().fit(X[:first], Y[:first], batch_size=300, resume=True)  # all rows as well


# ---- other data ---------------------------------------------------------------------------------


def changed(data, name):
    if name == "validation_data":
        X, Y = data[name]
        return {**data, name: (X, np.roll(Y, 1))}
    value = data[name].copy()
    value[-1] = value[0] + (name == "sample_weight")
    return {**data, name: value}


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
