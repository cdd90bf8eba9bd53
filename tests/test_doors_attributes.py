"""Attributes of networks and trainers: checked when they are set, or not to be set at all."""

import pickle

import numpy as np
import pytest

import chainrule as cr

from .doors import TARGETS, X, build, refusal, state_of, trainer_at_work

Y = TARGETS["cross_entropy"]
TRAINER = "make another Trainer"
NETWORK = "make another Network"
OF_CLASS = "makes of its arguments, no attribute of class Mine"
BY_LAYER = "assign to that of a layer, as in net.{}[1]"
FIXED = {
    "net": TRAINER,
    "optimizer": TRAINER,
    "learning_rate_factors": TRAINER,
    "decay_factors": TRAINER,
    "frozen": TRAINER,
    "ema": TRAINER,
}
FIXED_OF_NETWORKS = {
    "layers": NETWORK,
    "n_inputs": NETWORK,
    "dtype": NETWORK,
    "seed": NETWORK,
    "parameters": "assign to one, as in net.parameters['1.weight']",
    "gradients": "backward() computes them",
    "W": BY_LAYER.format("W"),
    "b": BY_LAYER.format("b"),
}


@pytest.mark.parametrize("name", FIXED)
def test_what_a_trainer_is_made_of_stays(name):
    trainer = trainer_at_work()
    other = cr.Trainer(build(dtype="float64"), "cross_entropy", cr.SGD(0.1), ema=0.9)
    message = f"[Trainer] {name}: cannot be set; {FIXED[name]}"
    for value in (getattr(other, name), None):
        with refusal(trainer, AttributeError, message):
            setattr(trainer, name, value)
    trainer.step(X, Y)


@pytest.mark.parametrize("name", FIXED_OF_NETWORKS)
def test_what_a_network_is_made_of_stays(name):
    trainer, other = trainer_at_work(), build(dtype="float64")
    message = f"[Network] {name}: cannot be set; {FIXED_OF_NETWORKS[name]}"
    for value in (getattr(other, name), dict(other.parameters), None):
        with refusal(trainer, AttributeError, message):
            setattr(trainer.net, name, value)


NUMBER = "expected a finite number >"
BAD = [
    ("loss", "hinges", ValueError, "expected one of "),
    ("loss", None, TypeError, "expected one of "),
    ("schedule", "cosine", TypeError, "expected a schedule, a function epoch -> factor or None"),
    ("schedule", lambda: 1.0, TypeError, "expected a schedule, a function epoch -> factor or None"),
    ("metrics", "acuracy", ValueError, "expected one of 'accuracy'"),
    ("metrics", np.array(3), TypeError, "expected a list of names, functions or Metrics"),
    ("seed", -1, ValueError, "expected an integer from 0 to"),
    ("l2", float("nan"), ValueError, f"{NUMBER}= 0, got nan"),
    ("l2", "x", TypeError, f"{NUMBER}= 0, got 'x'"),
    ("l1", -1, ValueError, f"{NUMBER}= 0, got -1"),
    ("penalize", "max", ValueError, "expected one of 'mean', 'sum', got 'max'"),
    ("clip_value", 0, ValueError, f"{NUMBER} 0, got 0"),
    ("clip_norm", -1, ValueError, f"{NUMBER} 0, got -1"),
]


@pytest.mark.parametrize(("name", "value", "error", "problem"), BAD)
def test_a_trainer_checks_what_is_set(name, value, error, problem):
    trainer, kept = trainer_at_work(), getattr(trainer_at_work(), name)
    before = state_of(trainer)
    with pytest.raises(error) as caught:
        setattr(trainer, name, value)
    assert str(caught.value).startswith(f"[Trainer] {name}: {problem}")
    assert getattr(trainer, name) == kept
    assert state_of(trainer) == before


def test_what_is_set_between_fits_holds_for_the_next():
    def trained(before, after):
        trainer = cr.Trainer(build(), "cross_entropy", cr.Adam(0.01), **before)
        trainer.fit(X, Y, epochs=2, batch_size=3)
        for name, value in after.items():
            setattr(trainer, name, value)
        trainer.fit(X, Y, epochs=2, batch_size=3)
        return state_of(trainer) | {"history": trainer.history["loss"]}

    options = {"l2": 0.1, "clip_norm": 0.5, "penalize": "sum"}
    assert trained(options, {}) == trained(options, options)
    assert trained({}, options) != trained({}, {})
    assert trained({}, {"schedule": lambda epoch: 1.0}) == trained({}, {})
    assert trained({}, {"loss": "focal"}) == trained({}, {"loss": cr.Focal()})


def test_pickles_keep_them():
    trainer = cr.Trainer(build(), "cross_entropy", l2=0.1, ema=0.9, frozen=["1.bias"])
    again = pickle.loads(pickle.dumps(trainer))
    assert (again.l2, again.ema, again.frozen) == (0.1, 0.9, ["1.bias"])
    with pytest.raises(AttributeError, match=r"\[Trainer\] ema: cannot be set"):
        again.ema = None


def test_a_loss_that_is_set_must_fit_the_network(recwarn):
    trainer = trainer_at_work()
    text = "[Trainer] loss.delta: expected a number that float32 can hold, got 1e-60"
    with refusal(trainer, ValueError, text):
        trainer.loss = cr.Huber(1e-60)
    with pytest.warns(UserWarning, match="hinge takes outputs below 0") as caught:
        trainer.loss = "hinge"
    assert caught[0].filename == __file__
    trainer.loss = "hinge"  # warned of once
    assert not recwarn.list


def test_metrics_that_are_set_must_fit_the_network():
    softmax = cr.Activation("softmax", groups=(3, 2))
    trainer = cr.Trainer(cr.Network([cr.Dense(5, softmax)], X.shape[1]), "cross_entropy")
    with pytest.raises(ValueError, match="metrics of one's own for a softmax with groups"):
        trainer.metrics = ["accuracy"]
    assert trainer.metrics == ()


@pytest.mark.parametrize("name", ["frozen", "learning_rate_factors", "decay_factors"])
def test_options_by_name_that_are_fixed_are_copies(name):
    trainer = trainer_at_work()
    getattr(trainer, name).clear()
    value = getattr(trainer, name)
    value.append("2") if name == "frozen" else value.update({"2": 0.5})
    assert getattr(trainer, name) == getattr(trainer_at_work(), name)


@pytest.mark.parametrize("name", [*FIXED, "loss", "schedule", "metrics", "seed", "l2", "clip_norm"])
@pytest.mark.parametrize("inherited", [False, True])
def test_an_attribute_of_the_class_in_place_of_an_option_is_refused(name, inherited, tmp_path):
    Mixin = type("Mixin", (), {name: 0.01})
    bases, own = ((Mixin, cr.Trainer), {}) if inherited else ((cr.Trainer,), {name: 0.01})
    Mine = type("Mine", bases, own)
    trainer = trainer_at_work()
    trainer.save(tmp_path / "run")
    expected = f"[Trainer] {name}: expected what Trainer.__init__ {OF_CLASS}, got 0.01"
    for make in (lambda: Mine(trainer.net, "cross_entropy"), lambda: Mine.load(tmp_path / "run")):
        with pytest.raises(TypeError) as caught:
            make()
        assert str(caught.value) == expected


@pytest.mark.parametrize("name", FIXED_OF_NETWORKS)
def test_an_attribute_of_the_class_in_place_of_a_network_s_is_refused(name, tmp_path):
    Mine = type("Mine", (cr.Network,), {name: 3})
    build().save(tmp_path / "net")
    expected = f"[Network] {name}: expected what Network.__init__ {OF_CLASS}, got 3"
    for make in (lambda: Mine([cr.Dense(2)], 3), lambda: Mine.load(tmp_path / "net")):
        with pytest.raises(TypeError) as caught:
            make()
        assert str(caught.value) == expected


def test_a_class_of_ones_own_may_have_defaults_and_properties():
    class Mine(cr.Trainer):
        def __init__(self, *args, l2=0.01, **kwargs):
            super().__init__(*args, l2=l2, **kwargs)

        @property
        def l1(self):
            return self._l1

        @l1.setter
        def l1(self, value):
            self._l1 = 2 * value

    trainer = Mine(build(), "cross_entropy", l1=0.5)
    trainer.step(X, Y)
    assert (trainer.l2, trainer.l1) == (0.01, 1.0)


def test_a_network_of_ones_own_may_have_defaults_properties_and_attributes():
    class Mine(cr.Network):
        n_outputs = property(lambda self: 2)
        colour = "blue"

        def __init__(self, *args, seed=3, **kwargs):
            super().__init__(*args, seed=seed, **kwargs)

    net = Mine([cr.Dense(2)], 4)
    assert (net.seed, net.colour, net.predict(X).shape) == (3, "blue", (len(X), 2))


def test_the_learning_rate_can_be_read_and_is_changed_by_the_schedule():
    trainer = cr.Trainer(build(), "cross_entropy", cr.Adam(0.01), cr.step(every=2, factor=0.5))
    assert trainer.learning_rate == 0.01
    trainer.fit(X, Y, epochs=2)
    assert trainer.learning_rate == 0.005
    with pytest.raises(
        AttributeError, match=r"\[Trainer\] learning_rate: .* trainer\.schedule, .*"
    ):
        trainer.learning_rate = 0.1
    trainer.schedule = lambda epoch: 0.1
    assert trainer.fit(X, Y).last()["learning_rate"] == trainer.learning_rate == 0.01 * 0.1


def test_a_class_of_ones_own_does_not_set_the_learning_rate():
    class Early(cr.Trainer):
        def __init__(self, *args):
            self.learning_rate = 0.1
            super().__init__(*args)

    class Shadow(cr.Trainer):
        learning_rate = 0.1

    for kind, error in ((Early, AttributeError), (Shadow, TypeError)):
        with pytest.raises(error, match=r"\[Trainer\] learning_rate: "):
            kind(build(), "cross_entropy")


def test_slips_of_the_pen_are_warned_of_and_attributes_of_ones_own_are_not():
    trainer = cr.Trainer(build(), "cross_entropy")
    trainer.notes, trainer.losses, trainer.best_loss, trainer.epochs = "mine", [], 0.0, 3
    trainer.fit(X, Y)
    trainer.clipnorm = 1.0
    said = r"\[Trainer.fit\] trainer.clipnorm: nothing reads it \(did you mean 'clip_norm'\?\)"
    with pytest.warns(UserWarning, match=said):
        trainer.fit(X, Y)

    class Mine(cr.Trainer):
        pass

    mine = Mine(build(), "cross_entropy")
    mine.clipnorm = 1.0  # which it may read
    mine.fit(X, Y)
