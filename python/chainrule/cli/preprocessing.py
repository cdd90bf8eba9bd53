"""From columns to a network's input: scikit-learn's transformers, fitted on the training rows.

    number     missing -> median; mean 0, standard deviation 1; a column that tells missing rows
    boolean    the same, as 0 and 1
    category   an indicator (0 or 1) for each category seen twice or more, one for all rarer ones,
               one for missing
    time       days, and the phase of the year, of the week and of the day as sine and cosine;
               then as numbers

The fitted preprocessing is stored by skops: no pickle, and only known types are read back.
"""

import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import sklearn
import skops.io
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule.cli.console import InputError, names, note, one_line, warning
from chainrule.cli.features import MAX_CATEGORIES, Feature, as_kind
from chainrule.cli.tables import Table

# Besides what skops trusts anyway (scikit-learn's estimators, NumPy's arrays, plain Python): the
# dtype of imputed columns and, in scikit-learn 1.6, a list of columns.
TRUSTED = ["numpy.dtype", "sklearn.compose._column_transformer._RemainderColsList"]

SMALL, MOST_PACKED = 2**20, 100  # bytes, and how many times smaller more of them may be packed

LARGEST = 1e100  # beyond it a number counts as missing: its square would overflow float64
# Training rows stay within sqrt(m) standard deviations; a new row may not overflow float32.
MOST_DEVIATIONS = 1e4
# In days. 1970-01-01 was a Thursday; where a week begins does not matter to sine and cosine.
PERIODS = (("year", 365.2425), ("week", 7.0), ("day", 1.0))


def feature_frame(table: Table, features: Sequence[Feature]) -> pd.DataFrame:
    """One column per number, named "number:...", and one per category, "category:...".

    Raises InputError if columns are missing or of another kind.
    """
    names_there = {*table.frame.columns, *table.unsupported}
    absent = [feature.name for feature in features if feature.name not in names_there]
    if absent:
        what = f"column {absent[0]!r} is" if len(absent) == 1 else f"columns {names(absent)} are"
        raise InputError(f"{table.path}: {what} missing, which the model needs")
    table.check_names([feature.name for feature in features])
    columns: dict[str, Any] = {}
    for feature in features:
        values = as_kind(table, feature)
        if feature.kind == "category":
            texts = values.astype(object).where(values.notna(), None)
            columns[f"category:{feature.name}"] = texts
        elif feature.kind == "time":
            columns |= _time_columns(feature.name, pd.to_datetime(values))
        else:
            columns[f"number:{feature.name}"] = _finite(table, feature.name, values)
    return pd.DataFrame(columns, index=table.frame.index)


def _finite(table: Table, name: str, values: pd.Series) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = values.astype(np.float64).to_numpy(copy=True)
    huge = np.abs(numbers) > LARGEST
    if huge.any():
        row = int(huge.argmax()) + 1
        text = f"{int(huge.sum())} infinite values count as missing, the first in row {row}"
        warning(f"{table.path}: column {name!r}: {text}")
        numbers[huge] = np.nan
    return numbers


def _time_columns(name: str, times: pd.Series) -> dict[str, NDArray[np.float64]]:
    day = pd.Timedelta(days=1)
    days = ((times - pd.Timestamp("1970-01-01")) / day).to_numpy(np.float64)
    columns = {f"number:{name}:days": days}
    for period, length in PERIODS:
        phase = 2 * np.pi * (days % length) / length
        columns[f"number:{name}:{period} sine"] = np.sin(phase)
        columns[f"number:{name}:{period} cosine"] = np.cos(phase)
    return columns


def fit_preprocessing(frame: pd.DataFrame) -> ColumnTransformer:
    """The transformers, fitted on a `feature_frame` of training rows."""
    numbers = [name for name in frame.columns if name.startswith("number:")]
    categories = [name for name in frame.columns if name.startswith("category:")]
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    encode = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=2,
        max_categories=MAX_CATEGORIES,
        sparse_output=False,
    )
    transformers = [
        ("numbers", make_pipeline(impute, StandardScaler()), numbers),
        ("missing", MissingIndicator(error_on_new=False), numbers),
        ("categories", encode, categories),
    ]
    used = [transformer for transformer in transformers if transformer[2]]
    return ColumnTransformer(used).fit(frame)


def transform(preprocessing: ColumnTransformer, frame: pd.DataFrame) -> NDArray[np.float32]:
    """The network's input (m, n), float32."""
    Z = np.asarray(preprocessing.transform(frame), dtype=np.float64)
    return np.clip(Z, -MOST_DEVIATIONS, MOST_DEVIATIONS).astype(np.float32)


def known_categories(encoder: OneHotEncoder) -> Iterator[tuple[list[str], bool]]:
    """Of each column the categories with an indicator of their own, "" for missing, in its order,
    and whether another indicator after them is for all others.
    """
    rare = getattr(encoder, "infrequent_categories_", [None] * len(encoder.categories_))
    for categories, infrequent in zip(encoder.categories_, rare, strict=True):
        others = set() if infrequent is None else set(infrequent.tolist())
        known = ["" if c is None else c for c in categories.tolist() if c not in others]
        yield known, infrequent is not None


# ---- storing -------------------------------------------------------------------------------------


def dump_preprocessing(preprocessing: ColumnTransformer) -> NDArray[np.uint8]:
    """The bytes of skops; the same preprocessing gives the same bytes.

    skops numbers the parts by their place in memory and zip files carry the time; here the parts
    are numbered in order, and there is no time.
    """
    source = zipfile.ZipFile(BytesIO(skops.io.dumps(preprocessing)))
    schema = source.read("schema.json").decode()
    places = dict.fromkeys(re.findall(r'"__id__": (\d+)', schema))
    order = {place: str(number) for number, place in enumerate(places, start=1)}

    def renumber(text: str) -> str:
        text = re.sub(r'(?<="__id__": )\d+', lambda match: order[match[0]], text)
        return re.sub(
            r"\b(\d+)(?=\.(npy|npz)\b)", lambda match: order.get(match[0], match[0]), text
        )

    parts = {renumber(name): source.read(name) for name in source.namelist()}
    parts["schema.json"] = json.dumps(json.loads(renumber(schema))).encode()
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(parts):
            info = zipfile.ZipInfo(name)  # with the date 1980-01-01
            target.writestr(info, parts[name], zipfile.ZIP_DEFLATED)
    return np.frombuffer(packed.getvalue(), np.uint8)


def load_preprocessing(data: NDArray[np.uint8], made_with: str) -> ColumnTransformer:
    """The preprocessing in these bytes, `made_with` a version of scikit-learn; or InputError."""
    content = np.asarray(data, np.uint8).tobytes()
    try:
        parts = zipfile.ZipFile(BytesIO(content)).infolist()
        unpacked = sum(part.file_size for part in parts)
        if unpacked > SMALL + MOST_PACKED * len(content):  # zeros pack a thousandfold
            raise ValueError(f"{len(content)} bytes that unpack to {unpacked}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the versions differ is said below
            loaded = skops.io.loads(content, trusted=TRUSTED)
    except Exception as error:  # whatever a damaged, foreign or hostile file makes skops raise
        versions = f"made with scikit-learn {made_with}, here is {sklearn.__version__}"
        raise InputError(
            f"the preprocessing cannot be read ({versions}): {one_line(error)}"
        ) from None
    if not isinstance(loaded, ColumnTransformer):
        raise InputError(f"the preprocessing is a {type(loaded).__name__}, not a ColumnTransformer")
    if made_with.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        note(f"the model was made with scikit-learn {made_with}, here is {sklearn.__version__}")
    return loaded
