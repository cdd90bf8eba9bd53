"""Calls with names that there are not: the refusal lists those that there are."""

import inspect
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule._calls import explained

X, Y = np.zeros((4, 3)), np.zeros(4)
NET = cr.Network([cr.Dense(1)], 3)
TRAINER = cr.Trainer(NET, "squared_error")

SLIPS = {  # what others call it, or a slip of the pen -> what the message says
    "Adam lr": (lambda: cr.Adam(lr=1e-3), "(did you mean 'learning_rate'?)"),
    "Adam betas": (lambda: cr.Adam(betas=(0.9, 0.99)), "(did you mean 'beta2'?)"),
    "Adam eps": (lambda: cr.Adam(eps=1e-3), "(did you mean 'epsilon'?)"),
    "SGD weight_decay": (
        lambda: cr.SGD(weight_decay=0.1),
        "one of 'learning_rate', 'momentum', 'nesterov', got 'weight_decay'",
    ),
    "Dense activaton": (lambda: cr.Dense(64, activaton="relu"), "(did you mean 'activation'?)"),
    "Dense use_bias": (
        lambda: cr.Dense(64, use_bias=False),
        "one of 'units', 'activation', 'initializer', got 'use_bias'",
    ),
    "Dropout p": (lambda: cr.Dropout(p=0.5), "(did you mean 'rate'?)"),
    "Huber dleta": (lambda: cr.Huber(dleta=1.0), "(did you mean 'delta'?)"),
    "cosine n_epochs": (lambda: cr.cosine(n_epochs=5), "(did you mean 'epochs'?)"),
    "EarlyStopping mode": (
        lambda: cr.EarlyStopping(mode="max"),
        "(did you mean 'larger_is_better'?)",
    ),
    "Checkpoint evrey": (lambda: cr.Checkpoint("x", evrey=1), "(did you mean 'every'?)"),
    "Network input_dim": (
        lambda: cr.Network([cr.Dense(1)], input_dim=3),
        "(did you mean 'n_inputs'?)",
    ),
    "Trainer optimiser": (
        lambda: cr.Trainer(NET, "squared_error", optimiser="sgd"),
        "(did you mean 'optimizer'?)",
    ),
    "Trainer.fit batchsize": (
        lambda: TRAINER.fit(X, Y, batchsize=3),
        "(did you mean 'batch_size'?)",
    ),
    "Trainer.fit validation_split": (
        lambda: TRAINER.fit(X, Y, validation_split=0.1),
        "validation_data=(X_val, Y_val)",
    ),
    "Trainer.fit verbose": (lambda: TRAINER.fit(X, Y, verbose=1), "cr.ProgressBar()"),
    "MLPClassifier lr": (lambda: cr.MLPClassifier(lr=1), "learning_rate_init"),
    "MLPRegressor.fit epochs": (
        lambda: cr.MLPRegressor().fit(X, Y, epochs=3),
        "'sample_weight_val', got 'epochs'",
    ),
}


@pytest.mark.parametrize("call", SLIPS)
def test_unknown_arguments_are_refused_with_the_known_ones(call):
    (where, name), (slip, said) = call.split(), SLIPS[call]
    with pytest.raises(TypeError) as refusal:
        slip()
    assert str(refusal.value).startswith(f"[{where}] argument: expected one of '")
    assert f", got {name!r}" in str(refusal.value)
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: TRAINER.step(), "Trainer.step() missing 2 required positional arguments"),
        (lambda: TRAINER.fit(X), "Trainer.fit() missing 1 required positional argument: 'Y'"),
        (lambda: cr.MLPRegressor().fit(), "MLPRegressor.fit() missing 2 required"),
        (lambda: cr.Dense(), "Dense() missing 1 required positional argument: 'units'"),
        (lambda: cr.Dense(1, units=1), "Dense() got multiple values for argument 'units'"),
    ],
)
def test_other_wrong_calls_are_refused_by_the_name_that_was_called(call, said):
    with pytest.raises(TypeError) as refusal:
        call()
    assert str(refusal.value).startswith(said)


def test_a_type_error_from_within_stays_as_it_is():
    inner = TypeError("of its own")

    @explained()
    def outer(x):
        raise inner

    with pytest.raises(TypeError) as caught:
        outer(1)
    assert caught.value is inner


def test_signatures_and_pickles_are_those_of_the_functions():
    assert list(inspect.signature(cr.cosine).parameters) == ["epochs", "end"]
    assert list(inspect.signature(cr.Dense).parameters) == ["units", "activation", "initializer"]
    assert list(inspect.signature(TRAINER.fit).parameters)[:3] == ["X", "Y", "epochs"]
    assert cr.Trainer.fit.__doc__.startswith("Trains for `epochs` more epochs")
    assert pickle.loads(pickle.dumps(cr.cosine)) is cr.cosine


def test_calls_without_an_object_keep_pythons_words():
    X, Y = np.ones((4, 2)), np.ones((4, 1))
    trainer = cr.Trainer(cr.Network([cr.Dense(1)], 2), "squared_error")
    for wrong in (
        lambda: cr.Trainer.fit(),
        lambda: cr.Trainer.fit(X=X, Y=Y),
        lambda: cr.Trainer.__init__(),
        lambda: cr.Trainer.fit(self=trainer, X=X, Y=Y, eps=1),
    ):
        with pytest.raises(TypeError, match=r"Trainer\.(fit|__init__)\(\) .*(self|eps)"):
            wrong()


def test_what_a_derived_class_takes_is_not_guessed():
    class Mine(cr.Trainer):
        def __init__(self, net, lr=0.1, **options):
            super().__init__(net, "squared_error", **options)

        def fit(self, X, Y, **options):
            return super().fit(X, Y, **options)

    net = cr.Network([cr.Dense(1)], 2)
    with pytest.raises(TypeError, match=r"\[Trainer\] argument: expected one of 'net', .*'lrr'"):
        Mine(net, lrr=3)
    with pytest.raises(TypeError, match=r"\[Trainer\.fit\] argument: .*'eps'"):
        Mine(net).fit(np.ones((4, 2)), np.ones((4, 1)), eps=1)
