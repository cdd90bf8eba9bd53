"""The random numbers of an estimator: what `random_state` means, as in scikit-learn."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from chainrule._errors import message
from chainrule.estimators._options import refuses


class _NoEntropy(ISeedSequence):
    """Fills the state of a generator that is about to be seeded."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> NDArray[Any]:
        return np.ones(n_words, dtype)


@refuses
def random_state(est: Any, where: str) -> np.random.RandomState:
    """The generator that `random_state` means."""
    if type(est.random_state) is int and 0 <= est.random_state < 2**32:
        # check_random_state asks the system for entropy before it takes the seed: three times as
        # long, which is a fifth of a partial_fit of 30 rows.
        generator = np.random.RandomState(np.random.MT19937(cast(Any, _NoEntropy())))
        generator.seed(est.random_state)
        return generator
    try:
        return check_random_state(est.random_state)
    except ValueError:
        expected = "an integer from 0 to 2**32 - 1, a RandomState or None"
        raise ValueError(message(where, "random_state", expected, est.random_state)) from None


def putting_back(est: Any) -> Callable[[], object] | None:
    """What puts the generator of the user, or NumPy's, back to where it is now.

    That takes a tenth of a partial_fit of 30 rows, so only where something may be drawn.
    """
    given = est.random_state
    generator = check_random_state(None) if given is None or given is np.random else given
    if not isinstance(generator, np.random.RandomState):
        return None
    return partial(generator.set_state, generator.get_state(legacy=False))
