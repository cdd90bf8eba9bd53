"""100 steps from equal weights end where PyTorch's end.

Where definitions differ, PyTorch is told: its weight decay is decoupled and acts on weights alone.
What no option of PyTorch's reaches: Lion (there is none); a schedule, which here scales each step
of Rprop; weight decay of SGD, RMSProp and Adagrad, for which there is `l2`.
"""

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch")

STEPS = 100
DECOUPLED = {"decoupled_weight_decay": True}
# Ours, the name of theirs, its options.
PAIRS = {
    "sgd": (cr.SGD(0.1), "SGD", {}),
    "momentum": (cr.SGD(0.05, 0.9), "SGD", {"momentum": 0.9}),
    "nesterov": (cr.SGD(0.05, 0.8, nesterov=True), "SGD", {"momentum": 0.8, "nesterov": True}),
    "rmsprop": (cr.RMSProp(0.01, 0.8), "RMSprop", {"alpha": 0.8}),
    "adam": (cr.Adam(0.02, 0.8, 0.95, 1e-6), "Adam", {"betas": (0.8, 0.95), "eps": 1e-6}),
    "adamw": (cr.AdamW(0.02, weight_decay=0.1), "AdamW", {"weight_decay": 0.1}),
    "nadam": (cr.NAdam(), "NAdam", {}),
    "nadam with options": (
        cr.NAdam(0.01, 0.8, 0.99, 1e-6, 0.1, momentum_decay=0.3),
        "NAdam",
        {
            "betas": (0.8, 0.99),
            "eps": 1e-6,
            "weight_decay": 0.1,
            "momentum_decay": 0.3,
            **DECOUPLED,
        },
    ),
    "radam": (cr.RAdam(), "RAdam", {}),
    "radam with options": (
        cr.RAdam(0.02, 0.8, 0.97, 1e-4, 0.1),
        "RAdam",
        {"betas": (0.8, 0.97), "eps": 1e-4, "weight_decay": 0.1, **DECOUPLED},
    ),
    "adagrad": (cr.Adagrad(), "Adagrad", {}),
    "adagrad with options": (cr.Adagrad(0.1, epsilon=1e-3), "Adagrad", {"eps": 1e-3}),
    "rprop": (cr.Rprop(), "Rprop", {}),
    "rprop with options": (
        cr.Rprop(0.05, 0.3, 1.5, 1e-3, 0.5),
        "Rprop",
        {"etas": (0.3, 1.5), "step_sizes": (1e-3, 0.5)},
    ),
}


@pytest.fixture
def float64():
    """PyTorch keeps NAdam's product of momenta in its default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_every_optimizer_but_lion_is_compared():
    ours = {type(pair[0]) for pair in PAIRS.values()}
    assert ours == set(cr.optimizers.OPTIMIZERS.values()) - {cr.Lion}


def test_defaults_are_those_of_torch():
    names = {"learning_rate": "lr", "epsilon": "eps", "momentum_decay": "momentum_decay"}
    for ours, theirs, _ in (PAIRS[name] for name in ("nadam", "radam", "adagrad", "rprop")):
        defaults = getattr(torch.optim, theirs)([torch.zeros(1)]).defaults
        described = ours.to_dict()
        for name in names.keys() & described.keys():
            assert described[name] == defaults[names[name]], (theirs, name)
        if "beta1" in described:
            assert (ours.beta1, ours.beta2) == defaults["betas"]
    assert (cr.Rprop().eta_minus, cr.Rprop().eta_plus) == defaults["etas"]
    assert (cr.Rprop().smallest_step, cr.Rprop().largest_step) == defaults["step_sizes"]


@pytest.mark.parametrize("name", PAIRS)
def test_100_steps_end_where_torch_ends(name, rng, float64):
    ours, kind, options = PAIRS[name]
    X, Y = rng.normal(size=(40, 7)), rng.integers(0, 5, 40)
    net = cr.Network([cr.Dense(12, "tanh"), cr.Dense(5, "softmax")], 7, "float64", seed=1)
    theirs = {k: torch.tensor(v, requires_grad=True) for k, v in net.parameters.items()}
    weights, biases = ([p for p in theirs.values() if p.ndim == n] for n in (2, 1))
    of_biases = {"weight_decay": 0.0} if "weight_decay" in options else {}
    groups = [{"params": weights}, {"params": biases} | of_biases]
    optimizer = getattr(torch.optim, kind)(groups, lr=ours.learning_rate, **options)
    trainer = cr.Trainer(net, "cross_entropy", ours)
    for _ in range(STEPS):
        trainer.step(X, Y)
        optimizer.zero_grad()
        hidden = torch.tanh(torch.tensor(X) @ theirs["1.weight"] + theirs["1.bias"])
        Z = hidden @ theirs["2.weight"] + theirs["2.bias"]
        torch.nn.functional.cross_entropy(Z, torch.tensor(Y)).backward()
        optimizer.step()
    for key, value in theirs.items():
        expected = value.detach().numpy()
        np.testing.assert_allclose(net.parameters[key], expected, rtol=1e-9, atol=1e-9)
