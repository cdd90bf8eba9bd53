"""The record of training: columns, rows, saving, the table, and the picture."""

import json
import math
import re
import sys

import numpy as np
import pytest

from chainrule.history import History, monitored_key


@pytest.fixture
def history():
    """Two fits: only the second one has validation data."""
    return History(
        [
            {"epoch": 1, "loss": 2.0, "learning_rate": 0.1},
            {"epoch": 2, "loss": 1.0, "learning_rate": 0.0},
            {"epoch": 3, "loss": 0.5, "val_loss": 0.75, "learning_rate": 0.05},
        ]
    )


def long_history(epochs):
    return History(
        {"epoch": e, "loss": 1 / e, "val_loss": 1.5 / e + e / 40, "accuracy": 1 - 0.5 / e}
        for e in range(1, epochs + 1)
    )


# ---- reading -------------------------------------------------------------------------------------


def test_history_is_read_by_column_and_by_row(history):
    assert history["loss"] == [2.0, 1.0, 0.5]
    assert history[0] == {"epoch": 1, "loss": 2.0, "learning_rate": 0.1}
    assert history.last() == history[-1] == history[2]
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert len(history) == 3
    assert history.keys() == ["epoch", "loss", "learning_rate", "val_loss"]
    assert "val_loss" in history
    assert "accuracy" not in history


def test_best_is_the_epoch_of_the_lowest_or_highest_value(history):
    assert history.best() == history[2]
    assert history.best("loss", larger_is_better=True) == history[0]
    rising = History({"epoch": e, "loss": e, "accuracy": a} for e, a in enumerate([3, 5, 5, 4]))
    assert rising.best()["epoch"] == 0
    assert rising.best("accuracy")["epoch"] == 1
    rising.append({"epoch": 4, "loss": -math.inf, "accuracy": math.nan, "mine": 1})
    assert [rising.best(key)["epoch"] for key in ("loss", "accuracy")] == [0, 1]
    with pytest.raises(ValueError, match=r"\[History.best\] monitor: .* 'acuracy' \(did you mean"):
        rising.best("acuracy")
    with pytest.raises(ValueError, match=r"\[History.best\] larger_is_better: expected True or F"):
        rising.best("mine")
    with pytest.raises(ValueError, match=r"\[History.best\] loss: .* finite value, got \[nan\]"):
        History([{"loss": math.nan}]).best()
    with pytest.raises(ValueError, match=r"\[History.best\] loss: .* finite value, got \[\]"):
        History().best()


def test_key_that_some_epochs_lack_reads_as_nan(history):
    assert history["val_loss"] == [pytest.approx(math.nan, nan_ok=True)] * 2 + [0.75]


def test_unknown_key_lists_the_known_ones(history):
    with pytest.raises(KeyError, match=r"expected one of 'epoch', 'loss'.*did you mean 'val_loss'"):
        history["valloss"]


def test_empty_history():
    assert len(History()) == 0
    assert History().keys() == []
    assert repr(History()) == "History of 0 epochs"
    with pytest.raises(IndexError):
        History().last()


def test_what_is_read_cannot_change_the_history(history):
    history["loss"].append(9.0)
    history[0]["loss"] = 9.0
    next(iter(history))["loss"] = 9.0
    assert history["loss"] == [2.0, 1.0, 0.5]


def test_record_is_copied_and_its_values_become_plain():
    record = {"epoch": np.int64(1), "loss": np.float32(0.5)}
    history = History([record])
    record["loss"] = 9.0
    assert history.last() == {"epoch": 1, "loss": 0.5}
    assert [type(value) for value in history.last().values()] == [int, float]
    with pytest.raises(TypeError, match=r"\[History\] loss: expected a number, got 'low'"):
        history.append({"loss": "low"})


# ---- saving --------------------------------------------------------------------------------------


def test_history_comes_back_from_json(history):
    saved = json.loads(json.dumps(history.to_dict()))
    assert saved["val_loss"] == [None, None, 0.75]
    assert History.from_dict(saved) == history
    assert History.from_dict(saved) != long_history(3)
    assert History.from_dict({}) == History()


def test_columns_of_unlike_length_are_refused():
    with pytest.raises(ValueError, match=r"lists of one length, got \{'epoch': 2, 'loss': 1\}"):
        History.from_dict({"epoch": [1, 2], "loss": [0.5]})


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (lambda h: History(5), "[History] records: expected a list of records, got 5"),
        (lambda h: History([5]), "[History] record: expected a dict of numbers, got 5"),
        (lambda h: h.append(None), "[History] record: expected a dict of numbers, got None"),
        (lambda h: h.append({"a": np.timedelta64(1, "s")}), "[History] a: expected a number, got"),
        (lambda h: h[1:], "[History] key: expected a name or the number of an epoch, got slice("),
        (lambda h: h[["loss"]], "[History] key: expected a name or the number of an epoch, got ["),
        (lambda h: History.from_dict([1]), "[History.from_dict] columns: expected a dict of lists"),
        (
            lambda h: History.from_dict({"a": 1}),
            "[History.from_dict] columns['a']: expected a list",
        ),
    ],
)
def test_what_is_no_history_is_refused(use, text, history):
    before = history.to_dict()
    with pytest.raises(TypeError, match=re.escape(text)):
        use(history)
    assert history.to_dict() == before


def test_numpy_integers_count_epochs(history):
    assert history[np.int64(-1)] == history.last()


def test_history_becomes_a_data_frame(history):
    pandas = pytest.importorskip("pandas")
    frame = history.to_pandas()
    assert list(frame.columns) == history.keys()
    assert frame["loss"].tolist() == [2.0, 1.0, 0.5]
    assert pandas.isna(frame["val_loss"]).tolist() == [True, True, False]


def test_table_shows_the_first_and_the_last_epochs(history):
    assert repr(history).splitlines() == [
        "History of 3 epochs",
        "epoch  loss  learning_rate  val_loss",
        "    1     2            0.1         -",
        "    2     1              0         -",
        "    3   0.5           0.05      0.75",
    ]
    lines = repr(long_history(100)).splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        "1",
        "2",
        "3",
        "...",
        "97",
        "98",
        "99",
        "100",
    ]


def test_monitored_key_is_the_validation_loss_if_there_is_one():
    assert monitored_key(["loss", "val_loss"], None, "f") == "val_loss"
    assert monitored_key(["loss"], None, "f") == "loss"
    assert monitored_key(["loss", "r2"], "r2", "f") == "r2"
    with pytest.raises(
        ValueError, match=r"\[f\] monitor: expected one of 'loss', 'r2', got 'val_r2'"
    ):
        monitored_key(["loss", "r2"], "val_r2", "f")


# ---- the picture ---------------------------------------------------------------------------------


@pytest.fixture
def plot_history():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from chainrule.plots import plot_history

    yield plot_history
    sys.modules["matplotlib.pyplot"].close("all")


def test_plot_shows_each_curve_in_its_panel(plot_history):
    history = long_history(30)
    loss, accuracy = plot_history(history, title="digits").axes
    assert [line.get_label() for line in loss.lines] == [
        "training",
        "validation",
        "lowest: 0.3875 in epoch 8",  # 1.5 / 8 + 8 / 40
    ]
    assert [line.get_label() for line in accuracy.lines] == ["training"]
    assert [ax.get_ylabel() for ax in (loss, accuracy)] == ["loss", "accuracy"]
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), history["epoch"])
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), history["loss"])
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), history["val_loss"])
    np.testing.assert_array_equal(accuracy.lines[0].get_ydata(), history["accuracy"])


def test_plot_compares_runs_each_in_its_colour(plot_history):
    from matplotlib.colors import to_hex

    alone = History([{"epoch": 1, "loss": 3.0, "r2": 0.5}, {"epoch": 2, "loss": 2.0, "r2": 0.6}])
    runs = {"adam": long_history(9), "no validation": alone}
    loss, accuracy, r2 = plot_history(runs).axes
    labels = [text.get_text() for text in loss.get_legend().get_texts()]
    assert labels == ["adam, lowest: 0.3875 in epoch 8", "no validation"]
    assert loss.get_legend().get_title().get_text() == "dashed: validation"
    assert r2.get_legend().get_title().get_text() == ""
    training, validation, dot, other = loss.lines
    assert list(validation.get_ydata()) == runs["adam"]["val_loss"]
    assert list(other.get_ydata()) == alone["loss"]
    assert to_hex(training.get_color()) == to_hex(validation.get_color()) == to_hex(dot.get_color())
    assert to_hex(training.get_color()) != to_hex(other.get_color())
    assert (len(accuracy.lines), len(r2.lines)) == (1, 1)
    many = plot_history(dict.fromkeys(range(9), alone)).axes[0].lines
    assert len({to_hex(line.get_color()) for line in many}) == 9


@pytest.mark.parametrize(
    ("runs", "error", "text"),
    [
        ({}, ValueError, "history: expected at least one history, got {}"),
        ({"a": History()}, ValueError, "history['a']: expected at least one epoch"),
        ({"a": 3}, TypeError, "history['a']: expected an object of History, got 3"),
    ],
)
def test_plot_refuses_what_are_no_runs(plot_history, runs, error, text):
    with pytest.raises(error, match=re.escape(f"[plot_history] {text}")):
        plot_history(runs)


def test_plot_is_saved_and_not_kept_by_pyplot(plot_history, tmp_path):
    from matplotlib import pyplot

    plot_history(long_history(3), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert pyplot.get_fignums() == []
    plot_history(long_history(3))
    assert len(pyplot.get_fignums()) == 1


def test_plot_copes_with_one_epoch_and_with_values_that_are_not_finite(plot_history, history):
    plot_history(History([history[2]]))
    diverged = History(
        [{"loss": math.nan, "val_loss": math.nan}, {"loss": 1.0, "val_loss": math.inf}]
    )
    (loss,) = plot_history(diverged).axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    diverged.append({"loss": 1.0, "val_loss": 0.5})
    (loss,) = plot_history(diverged).axes
    assert loss.lines[-1].get_label() == "lowest: 0.5 in epoch 3"


def test_plot_refuses_an_empty_history(plot_history):
    with pytest.raises(ValueError, match=r"\[plot_history\] history: expected at least one epoch"):
        plot_history(History())
    text = r"\[plot_history\] history: expected an object of History, got \[\]"
    with pytest.raises(TypeError, match=text):
        plot_history([])


def test_plot_without_matplotlib_names_the_extra(plot_history, history, monkeypatch):
    import matplotlib.pyplot  # noqa: F401  the fixture closes its figures

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib.pyplot", None)
        with pytest.raises(ImportError, match=r"pip install 'chainrule\[plot\]'"):
            plot_history(history)
