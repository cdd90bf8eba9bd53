"""Deep networks that train: the weights of PyTorch's training, depth that plain layers cannot use,
the same bits in any circumstances, the estimators."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import chainrule as cr

A = cr.Activation
ADAM_STEPS = 100


def torch_module(torch, layers, n):
    """The same layers as a module, in float64; (module, its width)."""
    modules = []
    for layer in layers:
        if isinstance(layer, cr.Residual):
            branch, width = torch_module(torch, layer.layers, n)
            shortcut = torch.nn.Linear(n, width) if width != n else torch.nn.Identity()
            modules.append(block(torch, branch, shortcut))
            n = width
            continue
        if isinstance(layer, cr.Dense):
            modules.append(torch.nn.Linear(n, layer.units))
            n = layer.units
        elif isinstance(layer, cr.BatchNorm):
            # PyTorch's momentum is the weight of the batch.
            modules.append(torch.nn.BatchNorm1d(n, layer.epsilon, 1 - layer.momentum))
        elif isinstance(layer, cr.LayerNorm):
            modules.append(torch.nn.LayerNorm(n, layer.epsilon))
        activation = getattr(layer, "activation", A("identity")).name
        if activation in ("tanh", "relu", "sigmoid"):
            kind = {"tanh": "Tanh", "relu": "ReLU", "sigmoid": "Sigmoid"}[activation]
            modules.append(getattr(torch.nn, kind)())
    return torch.nn.Sequential(*modules).double(), n


def block(torch, branch, shortcut):
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.branch, self.shortcut = branch, shortcut

        def forward(self, x):
            return self.branch(x) + self.shortcut(x)

    return Block()


LAYERS = {
    "batch norm": [cr.Dense(20), cr.BatchNorm(), A("relu"), cr.Dense(4, "softmax")],
    "layer norm": [cr.Dense(20), cr.LayerNorm(), A("tanh"), cr.Dense(4, "softmax")],
    "residual": [
        cr.Residual([cr.Dense(20, "tanh"), cr.Dense(9), cr.BatchNorm(0.8, 1e-3)]),
        A("relu"),
        cr.Residual([cr.LayerNorm(), cr.Dense(17, "sigmoid")]),
        cr.Dense(4, "softmax"),
    ],
}


@pytest.mark.parametrize("layers", LAYERS.values(), ids=list(LAYERS))
def test_training_is_that_of_torch(layers, rng):
    """100 steps of Adam. What differs by definition: the momentum of batch normalization."""
    torch = pytest.importorskip("torch")
    net = cr.Network(layers, 9, "float64", seed=2)
    module, _ = torch_module(torch, net.layers, 9)
    # The running statistics are last in ours and buffers in theirs.
    ours = {name: value for name, value in net.parameters.items() if "running" not in name}
    theirs = list(module.parameters())
    assert [v.T.shape for v in ours.values()] == [tuple(p.shape) for p in theirs]
    for value, p in zip(ours.values(), theirs, strict=True):
        p.data = torch.tensor(value.T.copy())
    optimizer = torch.optim.Adam(theirs, lr=1e-3)
    trainer = cr.Trainer(net, "cross_entropy", cr.Adam(1e-3))
    X, y = rng.normal(size=(ADAM_STEPS, 32, 9)), rng.integers(0, 4, (ADAM_STEPS, 32))
    for Xt, yt in zip(X, y, strict=True):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(torch.tensor(Xt)), torch.tensor(yt)).backward()
        optimizer.step()
        trainer.step(Xt, yt)
    for name, p in zip(ours, theirs, strict=True):
        difference = np.abs(net.parameters[name] - p.detach().numpy().T)
        assert difference.max() < 1e-9, name
    module.eval()
    with torch.no_grad():
        z = module(torch.tensor(X[0])).softmax(dim=1).numpy()
    assert net.predict(X[0]) == pytest.approx(z, rel=1e-9)


# ---- Depth ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, test_size=0.2, random_state=0)


def test_twenty_plain_sigmoid_layers_learn_nothing(digits):
    X, _, y, _ = digits
    layers = [*[cr.Dense(64, "sigmoid")] * 20, cr.Dense(10, "softmax")]
    net = cr.Network(layers, 64, seed=0)
    start = net.cost(X, y, "cross_entropy")
    history = cr.Trainer(net, "cross_entropy", cr.Adam(1e-3)).fit(X, y, 30, 64)
    assert min(history["loss"]) > 2.29 - 1e-9  # the entropy of the classes, ln 10 = 2.3026, nearly
    assert net.cost(X, y, "cross_entropy") > min(start, 2.3) - 0.01


def test_the_same_depth_learns_with_normalization_and_shortcuts(digits):
    X, X_test, y, y_test = digits
    hidden = cr.Residual([cr.Dense(64), cr.BatchNorm(), A("sigmoid")])
    net = cr.Network([cr.Dense(64), *[hidden] * 19, cr.Dense(10, "softmax")], 64, seed=0)
    cr.Trainer(net, "cross_entropy", cr.Adam(1e-3)).fit(X, y, 30, 64)
    assert np.mean(net.predict(X_test).argmax(axis=1) == y_test) >= 0.96


def test_a_hundred_residual_layers_train(digits):
    X, _, y, _ = digits
    hidden = cr.Residual([cr.BatchNorm(), A("relu"), cr.Dense(32)])
    net = cr.Network([cr.Dense(32), *[hidden] * 98, cr.Dense(10, "softmax")], 64, seed=0)
    history = cr.Trainer(net, "cross_entropy", cr.Adam(1e-3)).fit(X, y, 12, 64)
    assert history["loss"][-1] < 0.3 < 1 < history["loss"][0]


# ---- The same bits -------------------------------------------------------------------------------

DEEP = [
    cr.Dense(130),
    cr.BatchNorm(),
    A("relu"),
    cr.Dropout(0.3),
    cr.Residual([cr.Dense(97, "tanh"), cr.LayerNorm(), cr.Dropout(0.1), cr.Dense(130)]),
    cr.BatchNorm(),
    cr.Dense(5, "softmax"),
]


def trained(X, y, **options):
    net = cr.Network(DEEP, 40, "float32", seed=1)
    cr.Trainer(net, "cross_entropy", cr.Adam(0.01), seed=3, l2=1e-3, clip_norm=1.0).fit(
        X, y, **{"epochs": 2, "batch_size": 700} | options
    )
    return net


def test_any_number_of_threads_and_any_cut_of_the_fit_give_the_same_bits(rng, threads):
    X, y = rng.normal(size=(2000, 40)), rng.integers(0, 5, 2000)
    runs = []
    for n in (1, 2, 3, 7):
        cr.set_num_threads(n)
        runs.append(trained(X, y))
    net = cr.Network(DEEP, 40, "float32", seed=1)
    trainer = cr.Trainer(net, "cross_entropy", cr.Adam(0.01), seed=3, l2=1e-3, clip_norm=1.0)
    for _ in range(2):
        trainer.fit(X, y, 1, 700)
    runs.append(net)
    for name, value in runs[0].parameters.items():
        for other in runs[1:]:
            assert np.array_equal(value, other.parameters[name]), name


# ---- The estimators ------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_layers_work_through_the_estimators(digits, solver):
    X, X_test, y, y_test = digits
    layers = [
        cr.Dense(32),
        cr.BatchNorm(),
        A("relu"),
        cr.Residual([cr.LayerNorm(), cr.Dense(32, "relu")]),
        *([cr.Dropout(0.1)] if solver == "adam" else []),
    ]
    est = cr.MLPClassifier(layers=layers, solver=solver, max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        est.fit(X, y)
    assert est.score(X_test, y_test) > 0.95
    assert [w.shape for w in est.coefs_] == [(64, 32), (32, 32), (32, 10)]


def test_lbfgs_leaves_the_running_statistics_of_the_parameters_found(digits):
    """They are those of the data, not of the way there."""
    X, _, y, _ = digits
    layers = [cr.BatchNorm(), cr.Dense(8, "tanh"), cr.BatchNorm()]
    est = cr.MLPClassifier(layers=layers, solver="lbfgs", max_iter=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        est.fit(X, y)
    net = cr.Network.from_sklearn(est)
    assert net.parameters["1.running_mean"] == pytest.approx(X.mean(axis=0), abs=1e-12)
    assert net.parameters["1.running_variance"] == pytest.approx(X.var(axis=0, ddof=1), abs=1e-12)
    hidden = net.trace(X, y, "cross_entropy").A[2]
    assert net.parameters["3.running_mean"] == pytest.approx(hidden.mean(axis=0), abs=1e-10)
