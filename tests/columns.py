"""A table with every kind of column, for the tests that export a model of the command line."""

import numpy as np
import pandas as pd

N = 200
TARGETS = ["y", "three", "number"]


def every_kind() -> pd.DataFrame:
    """With gaps, rare categories and categories without any rare one."""
    rng = np.random.default_rng(0)
    x, size = rng.normal(size=N), rng.lognormal(8, 3, N)
    frame = pd.DataFrame({"x": x, "size": size.round(3), "full": rng.integers(0, 99, N)})
    frame["colour"] = rng.choice(["red", "green", "blue"], N)
    frame["label"] = [f"l{int(k)}" for k in rng.exponential(3, N)]  # the name of an output
    frame["sure"] = rng.random(N) < 0.5
    frame["day"] = pd.Timestamp("1990-05-17 06:30") + pd.to_timedelta(rng.random(N) * 9000, "D")
    for column in ("x", "colour", "label", "sure", "day"):
        frame[column] = frame[column].astype(object).where(rng.random(N) > 0.1, None)
    frame["y"] = np.where(np.nan_to_num(x) + (frame["colour"] == "red") > 0.4, "in", "out")
    frame["three"] = np.digitize(x, [-0.5, 0.5]) * 2
    frame["number"] = 1e6 + 1e3 * x
    return frame


def strange_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Unknown categories, infinities, huge numbers, nothing at all, dates before 1970."""
    strange = table[:6].copy()
    strange.loc[0, ["colour", "label"]] = ["violet", "l999"]
    strange.loc[1, ["x", "size"]] = [np.inf, 1e300]
    strange.loc[2, ["x", "size"]] = [1e9, -1e50]
    strange.loc[3, strange.columns[:7]] = [None] * 7
    strange.loc[4, "day"] = pd.Timestamp("1931-02-03 04:05")
    return strange
