"""Files of the estimators' `save`, for commands that read what is fitted and train nothing."""

from pathlib import Path

from chainrule._container import Contents
from chainrule.cli.model_file import damaged
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.estimators._file import FORMAT, to_look_at

__all__ = ["FORMAT", "estimator_of"]


def estimator_of(
    contents: Contents, path: Path
) -> tuple[MLPClassifier | MLPRegressor, dict[str, str]]:
    """The estimator, and what its parameters are called that no file holds. Raises InputError."""
    try:
        return to_look_at(contents, "chainrule", path)
    except ValueError as error:
        raise damaged(path, error) from None
