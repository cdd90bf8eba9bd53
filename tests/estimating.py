"""What the tests of the estimators share."""

from sklearn.datasets import make_classification


def binary():
    """300 rows of two classes, which a few epochs of a small network tell apart."""
    return make_classification(300, 8, n_informative=5, random_state=0, flip_y=0.05)


def weights_of(est):
    return [array.tobytes() for array in est.coefs_ + est.intercepts_]
