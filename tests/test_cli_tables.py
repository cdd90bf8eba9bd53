"""Reading tables: what becomes a number, a category, a time, and what is refused."""

import datetime
import decimal
import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chainrule.cli.console import InputError
from chainrule.cli.features import kind_of
from chainrule.cli.tables import read_table


@pytest.fixture
def write(tmp_path):
    """write("a.csv", text or bytes) -> path"""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def kinds(table):
    return {name: kind_of(table.frame[name]) for name in table.frame.columns}


def test_csv_columns_get_their_kinds(write):
    text = (
        "n,whole,yes,word,day,gone\n1.5,1,true,a,2024-01-31,\n,2,,,,\n3,3,false,b b,2024-02-01,NA\n"
    )
    table = read_table(write("a.csv", text))
    assert kinds(table) == {
        "n": "number",
        "whole": "number",
        "yes": "boolean",
        "word": "category",
        "day": "time",
        "gone": "number",
    }
    assert table.frame["whole"].tolist() == [1, 2, 3]
    assert table.frame["word"].tolist() == ["a", None, "b b"]
    assert table.frame["yes"].tolist() == [True, None, False]
    assert table.frame["n"].isna().tolist() == [False, True, False]
    assert table.frame["day"][2] == pd.Timestamp("2024-02-01")
    assert table.frame["gone"].isna().all()


def test_csv_text_is_stripped_and_question_marks_are_missing(write):
    table = read_table(write("adult.csv", "age, work ,hours\n 39, State-gov, 40\n50, ?,?\n"))
    assert list(table.frame.columns) == ["age", "work", "hours"]
    assert table.frame["age"].tolist() == [39, 50]
    assert table.frame["work"].tolist() == ["State-gov", None]
    assert kinds(table)["hours"] == "number"


def test_numbers_next_to_question_marks_with_spaces_are_numbers(write):
    table = read_table(write("a.csv", "a,b\n1, 2.5\n2, ?\n"))
    assert kinds(table)["b"] == "number"
    np.testing.assert_array_equal(table.frame["b"], [2.5, np.nan])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("comma.csv", "a,b\n1,x\n"),
        ("semicolon.csv", "a;b\n1;x\n"),
        ("tab.tsv", "a\tb\n1\tx\n"),
        ("tab.txt", "a\tb\n1\tx\n"),
        ("bar.csv", "a|b\n1|x\n"),
        ("quoted.csv", '"a","b"\n1,"x"\n'),
        ("dos.csv", "a,b\r\n1,x\r\n"),
        ("bom.csv", b"\xef\xbb\xbfa,b\n1,x\n"),
        ("UPPER.CSV", "a,b\n1,x\n"),
        ("packed.csv.gz", gzip.compress(b"a,b\n1,x\n", mtime=0)),
    ],
)
def test_dialects_of_csv(write, name, text):
    frame = read_table(write(name, text)).frame
    assert frame.to_dict("list") == {"a": [1], "b": ["x"]}


def test_decimal_commas_are_read_as_points_where_commas_do_not_separate(write, capsys):
    text = "a;b;c;d;e\n1,5;7;1,5;,5;1,234,567\n-2;8;x;;2\n 3,25e2;;1,5;+1,;3,5\n"
    table = read_table(write("a.csv", text), text=["c"])
    number, category = "number", "category"
    assert kinds(table) == {"a": number, "b": number, "c": category, "d": number, "e": category}
    assert table.frame["a"].tolist() == [1.5, -2, 325]
    assert table.frame["d"].tolist()[::2] == [0.5, 1]
    assert np.isnan(table.frame["d"][1])
    assert table.frame["c"].tolist() == ["1,5", "x", "1,5"]
    assert "a.csv: 'a', 'd': decimal commas read as points" in capsys.readouterr().err
    thousands = read_table(write("a.tsv", "a\tb\n1,234\t0,500\n12,000\t1,250\n999\t\n"))
    assert thousands.frame["a"].tolist() == ["1,234", "12,000", "999"]
    assert thousands.frame["b"].tolist()[:2] == [0.5, 1.25]
    assert "'a': commas may stand for points or before thousands" in capsys.readouterr().err
    assert read_table(write("a.tsv", "a\tb\n1,5\t2\n")).frame["a"].tolist() == [1.5]
    quoted = read_table(write("a.csv", 'a,b\n"1,234",2\n'))  # it may as well be thousands
    assert quoted.frame["a"].tolist() == ["1,234"]
    assert not capsys.readouterr().err.count("'b'")


def test_columns_asked_for_as_text_keep_leading_zeros(write):
    path = write("a.csv", "code,n\n01,1\n002,2\n")
    assert read_table(path).frame["code"].tolist() == [1, 2]
    assert read_table(path, text=["code"]).frame["code"].tolist() == ["01", "002"]


def test_a_column_without_a_name_is_called_by_its_place(write):
    assert list(read_table(write("a.csv", ",x\n0,1\n")).frame.columns) == ["column 1", "x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n3\n", "line 3: expected 2 fields, got 1: '3'"),
        ("a,b\n1,2\n3,4,5\n", "line 3: expected 2 fields, got 3: '3,4,5'"),
        ('a,b\n\n1,"two\nlines"\n\n3,4,5\n', "line 6: expected 2 fields, got 3"),
        ("a,b\n" + "1,2\n" * 200_000 + "3\n", "line 200002: expected 2 fields, got 1"),
        ('a,b\n1,"2\n3,4\n5,6\n', "line 2: broken row, perhaps a quote that is not closed"),
        ("a\n", "the table has no rows"),
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b,a\n1,2,3\n", "more than one column is named 'a'"),
        (b"a,b\n1,M\xfcnchen\n", "column 'b' is not UTF-8 text"),
        (b"gr\xf6\xdfe,b\n1,2\n", "the names of the columns are not UTF-8 text"),
        (b"PK\x03\x04\0\0", "not a text file"),
    ],
)
def test_broken_csv_is_refused_with_its_line(write, text, expected):
    with pytest.raises(InputError) as refusal:
        read_table(write("bad.csv", text))
    assert f"bad.csv: {expected}" in str(refusal.value)


def test_parquet_columns_get_their_kinds(tmp_path):
    noon = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    arrow = pa.table(
        {
            "ints": pa.array([1, None], pa.int16()),
            "half": pa.array(np.array([0.5, 2], np.float16)),
            "price": pa.array([decimal.Decimal("1.25"), None]),
            "flag": pa.array([True, None]),
            "word": pa.array(["x", None]).dictionary_encode(),
            "large": pa.array(["x", None], pa.large_string()),
            "bytes": pa.array([b"x", None]),
            "day": pa.array([datetime.date(2024, 1, 31), None]),
            "noon": pa.array([noon, None]),
            "clock": pa.array([datetime.time(0, 1, 30), None]),
            "none": pa.nulls(2),
            "list": pa.array([[1], [2, 3]]),
        }
    )
    pq.write_table(arrow, tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    expected = "number number number boolean category category category time time number number"
    assert list(kinds(table).values()) == expected.split()
    assert table.frame["price"][0] == 1.25
    assert table.frame["noon"][0] == pd.Timestamp("2024-05-01 10:00")
    assert table.frame["clock"][0] == 90
    assert table.frame["word"].tolist() == ["x", None]
    assert list(table.unsupported) == ["list"]
    with pytest.raises(InputError, match="column 'list' holds list"):
        table.column("list")


def test_a_stored_pandas_index_is_no_column(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=[7, 9])
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").frame.to_dict("list") == {"a": [1, 2]}


def test_npz_arrays_become_columns(tmp_path, capsys):
    X = np.arange(12.0).reshape(3, 2, 2)
    arrays = {"X": X, "y": np.array(["a", "b", "a"]), "w": [1, 2, 3], "names": ["p", "q"]}
    np.savez(tmp_path / "a.npz", **arrays)
    frame = read_table(tmp_path / "a.npz", "y").frame
    assert list(frame.columns) == ["X[0]", "X[1]", "X[2]", "X[3]", "y", "w"]
    np.testing.assert_array_equal(frame["X[2]"], X[:, 1, 0])
    assert frame["y"].tolist() == ["a", "b", "a"]
    assert "'names' left out, not of 3 rows like 'y'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"X": np.zeros((3, 2)), "y": np.eye(3)}, "target 'y' has shape (3, 3), expected (3,)"),
        ({"X": np.zeros((3, 2), complex)}, "array 'X' is of complex128"),
        ({"X": np.array([{}, 1, "a"], object)}, "not a readable NPZ file"),
        ({"X": np.float64(3)}, "no arrays with rows"),
        ({"X": np.zeros((0, 2))}, "the table has no rows"),
    ],
)
def test_npz_that_is_no_table_is_refused(tmp_path, arrays, expected):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError) as refusal:
        read_table(tmp_path / "a.npz", "y")
    assert expected in str(refusal.value)


@pytest.mark.parametrize("name", ["a.npz", "a.parquet", "a.csv.gz"])
def test_files_that_are_not_what_their_name_says_are_refused(write, name):
    with pytest.raises(InputError, match="not a readable"):
        read_table(write(name, "a,b\n1,2\n"))


@pytest.mark.parametrize("name", ["a.npz", "a.parquet"])
def test_files_that_were_cut_short_are_refused(tmp_path, name):
    path = tmp_path / name
    if name == "a.npz":
        np.savez(path, X=np.zeros((100, 10)))
    else:
        pd.DataFrame({"a": range(1000)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="not a readable"):
        read_table(path)


def test_paths_that_are_no_tables_are_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    for name, expected in [
        ("missing.csv", "no such file"),
        ("folder.csv", "is a directory"),
        ("table.xlsx", "unknown kind of table; expected a name ending in one of .csv"),
    ]:
        with pytest.raises(InputError, match=expected):
            read_table(tmp_path / name)
