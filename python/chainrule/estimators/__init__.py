"""scikit-learn's estimators on chainrule's networks; loaded when first named.

Start at `_base.py`: fit and partial_fit, whatever the target. `classifier.py`, with `_targets.py`,
and `regressor.py` know their targets, `_stochastic.py` and `_lbfgs.py` are the two ways to train,
`_engine.py` holds the network.
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "MLPClassifier and MLPRegressor need scikit-learn: pip install 'chainrule[sklearn]'"
    ) from error

from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
