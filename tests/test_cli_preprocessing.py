"""From columns to the network's input and back: features, transformers, target, split."""

import functools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from chainrule.cli import preprocessing as pre
from chainrule.cli.console import InputError
from chainrule.cli.features import Feature, choose_features
from chainrule.cli.fitting import auto_batch_size, split
from chainrule.cli.options import default_output, parse_hidden
from chainrule.cli.scores import baseline, scores
from chainrule.cli.tables import Table
from chainrule.cli.target import Target


def table(**columns):
    return Table(Path("table.csv"), pd.DataFrame(columns))


def text(*values):
    return pd.Series(values, dtype=object)


def test_useless_columns_are_left_out_with_a_warning(capsys):
    m = 30
    rows = table(
        id=np.arange(1, m + 1),
        number=np.arange(1, m + 1) * 2.0,
        same=np.ones(m),
        gone=np.full(m, np.nan),
        name=text(*(f"n{i}" for i in range(m))),
        word=text(*("ab" * (m // 2))),
        y=np.arange(m),
    )
    assert [f.name for f in choose_features(rows, "y")] == ["number", "word"]
    said = capsys.readouterr().err
    for line in (
        "left out 'id': numbers the rows",
        "left out 'same': the same value in all rows",
        "left out 'gone': no values",
        "left out 'name': text that differs in nearly all rows",
    ):
        assert line in said
    kept = choose_features(rows, "y", exclude=["word"], keep=["id", "name"], category=["id"])
    expected = [Feature("id", "category"), Feature("number", "number"), Feature("name", "category")]
    assert kept == expected


def test_a_row_number_is_seen_when_rows_are_left_out():
    frame = pd.DataFrame({"index": range(100), "x": np.sin(range(100)), "y": 0.0})
    some = Table(Path("t.csv"), frame[frame["x"] > 0])
    assert [f.name for f in choose_features(some, "y")] == ["x"]


def test_columns_that_look_like_identifiers_are_kept_with_a_warning(capsys):
    rows = table(customer_id=np.random.default_rng(0).permutation(99) * 7, y=np.zeros(99))
    assert len(choose_features(rows, "y")) == 1
    assert "'customer_id' looks like an identifier" in capsys.readouterr().err


def test_numbers_among_words_are_text_with_a_warning(capsys):
    numbers = [str(n) for n in range(40)]
    columns = table(
        age=text(*numbers, *["unknown"] * 7, "?x", None),
        income=text(*[f"{n},234.50" for n in range(1, 49)], "$2,000"),
        share=text(*[f"{n} %" for n in range(48)], None),
        size=text(*numbers[:30], *["M", "L", "S"] * 6, "XL"),
        meant=text(*numbers, *["unknown"] * 9),
        y=list(range(49)),
    )
    features = choose_features(columns, "y", keep=["income", "share"], category=["meant"])
    assert {feature.kind for feature in features} == {"category"}
    said = capsys.readouterr().err
    assert "column 'age' is text: 8 of 48 values are no plain numbers, such as 'unknown'" in said
    assert "column 'income' is text: 49 of 49 values are no plain numbers, such as '$2,000'" in said
    assert "column 'share' is text: 48 of 48" in said
    assert "--category 'share' if it is meant so" in said
    assert "'size'" not in said
    assert "'meant'" not in said


def test_numbers_are_imputed_scaled_and_their_gaps_told():
    x = np.array([1.0, 2.0, np.nan, 9.0])
    features = [Feature("x", "number"), Feature("full", "number")]
    frame = pre.feature_frame(table(x=x, full=[0, 0, 4, 4]), features)
    Z = pre.transform(pre.fit_preprocessing(frame), frame)
    filled = np.array([1, 2, 2, 9])  # the median of 1, 2, 9
    expected = np.stack([(filled - 3.5) / filled.std(), [-1, -1, 1, 1], [0, 0, 1, 0]], axis=1)
    np.testing.assert_allclose(Z, expected, rtol=1e-6)
    assert Z.dtype == np.float32


def test_categories_become_indicators_and_rare_or_new_ones_share_one():
    features = [Feature("c", "category")]
    seen = pre.feature_frame(table(c=text(*"aabbx", None, None)), features)
    fitted = pre.fit_preprocessing(seen)
    new = pre.feature_frame(table(c=text("b", "x", "new", None)), features)
    expected = [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0]]  # a, b, missing, rare
    np.testing.assert_array_equal(pre.transform(fitted, new), expected)


def test_new_gaps_and_new_categories_give_finite_input():
    features = [Feature("x", "number"), Feature("c", "category"), Feature("t", "time")]
    days = pd.date_range("2024-01-01", periods=6).to_series(index=range(6))
    fitted = pre.fit_preprocessing(
        pre.feature_frame(table(x=np.arange(6.0), c=text(*"ababab"), t=days), features)
    )
    new = table(x=[np.nan, np.inf, 1e30], c=text(None, "z", None), t=pd.Series([pd.NaT] * 3))
    Z = pre.transform(fitted, pre.feature_frame(new, features))
    assert np.isfinite(Z).all()


def test_times_become_days_and_phases():
    times = pd.Series(pd.to_datetime(["1970-01-01 06:00", "1970-01-08 06:00"]))
    frame = pre.feature_frame(table(t=times), [Feature("t", "time")])
    np.testing.assert_allclose(frame["number:t:days"], [0.25, 7.25])
    np.testing.assert_allclose(frame["number:t:day sine"], 1)
    np.testing.assert_allclose(frame["number:t:week cosine"], np.cos(2 * np.pi * 0.25 / 7))
    assert frame.shape == (2, 7)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (
            "number",
            text("1", "abc"),
            "expected numbers as in training, got text, e.g. '1' in row 1",
        ),
        ("time", text("monday", "x"), "expected dates as in training, got text"),
        ("boolean", [0, 2], "expected booleans as in training, got numbers"),
        ("category", pd.to_datetime(["2024-01-01", "2024-01-02"]), "expected text"),
    ],
)
def test_columns_of_another_kind_are_refused(kind, values, expected):
    with pytest.raises(InputError) as refusal:
        pre.feature_frame(table(c=values), [Feature("c", kind)])
    assert f"column 'c': {expected}" in str(refusal.value)


def test_numbers_count_as_categories_and_booleans_as_numbers():
    frame = pre.feature_frame(
        table(c=[3.0, np.nan, 2.5], b=text(True, None, False)),
        [Feature("c", "category"), Feature("b", "number")],
    )
    assert frame["category:c"].tolist() == ["3", None, "2.5"]
    np.testing.assert_array_equal(frame["number:b"], [1, np.nan, 0])


def test_stored_preprocessing_gives_the_same_input_and_the_same_bytes():
    features = [Feature("x", "number"), Feature("c", "category")]
    rows = table(x=[1.0, np.nan, 3, 4], c=text("a", "a", None, "b"))
    frame = pre.feature_frame(rows, features)
    first, second = pre.fit_preprocessing(frame), pre.fit_preprocessing(frame)
    data = pre.dump_preprocessing(first)
    assert data.tobytes() == pre.dump_preprocessing(second).tobytes()
    loaded = pre.load_preprocessing(data, "1.0")
    np.testing.assert_array_equal(pre.transform(loaded, frame), pre.transform(first, frame))


@pytest.mark.parametrize(
    "hostile", [functools.partial(os.getcwd), FunctionTransformer(os.getcwd), FunctionTransformer()]
)
def test_stored_preprocessing_of_other_types_is_not_loaded(hostile):
    data = np.frombuffer(skops.io.dumps(hostile), np.uint8)
    with pytest.raises(InputError, match="the preprocessing"):
        pre.load_preprocessing(data, "1.6")


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (text(*"abab"), "classification", ["a", "b"]),
        ([True, False, True, False], "classification", [False, True]),
        ([3, 1, 2] * 5, "classification", [1, 2, 3]),
        ([3.0, 1.0] * 5, "classification", [1, 3]),
        ([0.5, 1.0] * 5, "regression", []),
        (np.arange(21).repeat(9), "regression", []),
        (np.arange(20).repeat(5), "classification", list(range(20))),
        (np.arange(20).repeat(4), "regression", []),
    ],
)
def test_the_task_is_seen_from_the_target(values, task, classes):
    target = Target.infer(pd.Series(values), "y", "auto")
    assert target.task == task
    assert target.classes == classes
    assert [type(label) for label in target.classes] == [type(label) for label in classes]


def test_the_task_can_be_chosen():
    few = pd.Series([1, 2] * 10)
    assert Target.infer(few, "y", "regression").task == "regression"
    assert Target.infer(few * 0.5, "y", "classification").classes == [0.5, 1]


@pytest.mark.parametrize(
    ("values", "task", "expected"),
    [
        (text(*"aaa"), "auto", "is a in all rows: nothing to learn"),
        ([1.5, 1.5], "regression", "is 1.5 in all rows"),
        (text(*"abc"), "regression", "regression needs numbers, got 'a' in row 1"),
        (text(*"abcd"), "auto", "4 different values in 4 rows, too many for classes"),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "auto", "holds dates"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(values, task, expected):
    with pytest.raises(InputError) as refusal:
        Target.infer(pd.Series(values), "y", task)
    assert expected in str(refusal.value)


def test_targets_go_to_the_network_and_back():
    y = np.array([10.0, 20, 40])
    regression = Target("y", "regression").scaled(y)
    output = regression.to_network(y)[:, None]
    np.testing.assert_allclose([output.mean(), output.std()], [0, 1], atol=1e-12)
    np.testing.assert_allclose(regression.decode(output), y)
    two = Target("y", "classification", ["no", "yes"])
    assert two.encode(text("yes", "no")).tolist() == [1, 0]
    assert two.decode(np.array([[0.2], [0.7]])).tolist() == ["no", "yes"]
    three = Target("y", "classification", [1, 2, 5])
    assert three.encode(pd.Series([5.0, 1.0])).tolist() == [2, 0]
    assert three.decode(np.array([[0.1, 0.2, 0.7]])).tolist() == [5]
    with pytest.raises(InputError, match="classes that training did not see: 4; those known"):
        three.encode(pd.Series([4, 1]))


def test_scores_know_perfect_from_useless():
    three = Target("y", "classification", ["a", "b", "c"])
    y = np.array([0, 0, 0, 1, 2])
    perfect = scores(three, y, np.eye(3)[y])
    assert (perfect["accuracy"], perfect["balanced_accuracy"]) == (1, 1)
    always = baseline(three, y, y)
    assert (always["accuracy"], always["balanced_accuracy"]) == pytest.approx((0.6, 1 / 3))
    regression = Target("y", "regression", [], 2.0, 4.0)
    got = scores(regression, np.array([2.0, 6.0]), np.array([[0.0], [2.0]]))  # predicts 2 and 10
    assert got["mean_absolute_error"] == 2
    assert got["root_mean_squared_error"] == pytest.approx(np.sqrt(8))
    assert got["r2"] == pytest.approx(1 - 16 / 8)


def test_the_split_keeps_the_shares_of_classes():
    y = np.array([0] * 80 + [1] * 20)
    fit, check = split(y, 0.2, 0, "classification")
    assert sorted([*fit, *check]) == list(range(100))
    assert np.bincount(y[check]).tolist() == [16, 4]
    again = split(y, 0.2, 0, "classification")
    np.testing.assert_array_equal(check, again[1])
    assert not np.array_equal(check, split(y, 0.2, 1, "classification")[1])


def test_the_split_copes_with_few_rows(capsys):
    y = np.array([0] * 9 + [1] * 10 + [2])  # class 2 has a single row: it is trained on
    fit, check = split(y, 0.2, 0, "classification")
    assert 2 in y[fit]
    assert len(check) == 4
    fit, check = split(np.arange(10).repeat(2), 0.2, 0, "classification")
    assert len(check) == 4
    assert "plainly random" in capsys.readouterr().err
    assert [len(part) for part in split(y, 0, 0, "classification")] == [20, 0]
    assert [len(part) for part in split(y[:2], 0.5, 0, "regression")] == [1, 1]
    with pytest.raises(InputError, match="too few to split"):
        split(y[:1], 0.5, 0, "regression")


def test_options_in_words():
    for data in ("sales.2024.csv", "folder/sales.2024.CSV.gz", "sales.2024.parquet"):
        assert str(default_output(Path(data))) == "sales.2024.safetensors"
    assert parse_hidden("128,64") == [128, 64]
    assert parse_hidden("none") == []
    for wrong in ("", "0", "3,x", "1e3", "-4", "99999999"):
        with pytest.raises(InputError, match="--hidden"):
            parse_hidden(wrong)
    assert [auto_batch_size(m) for m in (5, 1000, 100_000, 10**7)] == [5, 32, 64, 512]
