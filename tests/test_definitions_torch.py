"""Where the docstrings say that PyTorch defines things differently, it does, and by just that."""

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch")
F = torch.nn.functional

M, N = 12, 3  # rows and outputs


@pytest.fixture
def A(rng):
    return rng.normal(size=(M, N))


@pytest.fixture
def Y(rng):
    return rng.uniform(0.2, 2, size=(M, N))


def cost(A, Y, loss, activation="identity", weights=None):
    """Of outputs A, or of Z with another activation."""
    return cr.Network([cr.Activation(activation)], N, "float64").cost(A, Y, loss, weights)


def of_torch(function, Z, Y, **options):
    return float(function(torch.tensor(Z), torch.tensor(Y), **options))


def test_losses_of_numbers_are_sums_over_outputs_where_torch_takes_means(A, Y):
    p = Y / 2
    pairs = [
        (cost(A, Y, "squared_error"), N / 2 * of_torch(F.mse_loss, A, Y)),
        (cost(A, Y, "absolute_error"), N * of_torch(F.l1_loss, A, Y)),
        (cost(A, Y, cr.Huber(0.5)), N * of_torch(F.huber_loss, A, Y, delta=0.5)),
        (cost(A, Y, cr.Huber(0.5)), N * 0.5 * of_torch(F.smooth_l1_loss, A, Y, beta=0.5)),
        (
            cost(A, p, "binary_cross_entropy", "sigmoid"),
            N * of_torch(F.binary_cross_entropy_with_logits, A, p),
        ),
        (
            cost(A, Y, "poisson", "exp"),
            N * (of_torch(F.poisson_nll_loss, A, Y) + np.mean(Y * np.log(Y) - Y)),
        ),
    ]
    for ours, theirs in pairs:
        assert ours == pytest.approx(theirs, rel=1e-13)


def test_losses_of_classes(A, rng):
    classes, weights = rng.integers(0, N, M), np.array([1.0, 2.0, 5.0])
    of_rows, labels = weights[classes], np.eye(N)[classes]
    theirs = of_torch(F.cross_entropy, A, classes, weight=torch.tensor(weights))
    ours = cost(A, classes, "cross_entropy", "softmax", of_rows)
    assert ours == pytest.approx(theirs, rel=1e-13)
    theirs = of_torch(F.cross_entropy, A, labels, weight=torch.tensor(weights))
    assert ours * of_rows.sum() / M == pytest.approx(theirs, rel=1e-13)

    own = A[np.arange(M), classes]
    margins = np.maximum(0, 1 + A - own[:, np.newaxis])
    margins[np.arange(M), classes] = 0
    assert cost(A, classes, "multiclass_hinge") == pytest.approx(margins.max(axis=1).mean())
    theirs = of_torch(F.multi_margin_loss, A, classes)
    assert theirs == pytest.approx(margins.sum(axis=1).mean() / N)


def test_the_derivative_of_hard_sigmoid_is_a_float32_in_torch():
    x = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    F.hardsigmoid(x).sum().backward()
    assert x.grad.item() == float(np.float32(1 / 6)) == pytest.approx(1 / 6 + 5e-9, abs=1e-10)
    assert F.hardsigmoid(x).item() == pytest.approx(0.5 / 6 + 0.5, rel=1e-15)


def one_weight(optimizer, rates, weight, **options):
    """A weight and a bias after steps in which the gradients of both are 1, at these rates."""
    net = cr.Network([cr.Dense(1)], 1, "float64")
    net.parameters["1.weight"], net.parameters["1.bias"] = [[weight]], [weight]
    schedule = None if len(rates) == 1 else lambda epoch: rates[int(epoch)] / rates[0]
    trainer = cr.Trainer(net, "absolute_error", optimizer, schedule, **options)
    for _ in rates:
        trainer.step([[1.0]], [[-100.0]])
    return float(net.W[1].item()), float(net.b[1].item())


def one_of_torch(kind, rates, weight, **options):
    w = torch.tensor([weight], dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, kind)([w], lr=rates[0], **options)
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        w.grad = torch.ones(1, dtype=torch.float64)
        optimizer.step()
    return w.item()


def test_momentum_keeps_its_size_when_the_rate_changes():
    """After rates 1 and 0.1: v = -1, then -0.9 - 0.1 here; in PyTorch v = 1.9, times 0.1."""
    ours, _ = one_weight(cr.SGD(1.0, momentum=0.9), [1.0, 0.1], 0.0)
    assert ours == pytest.approx(-1 - 1.0, rel=1e-14)
    assert one_of_torch("SGD", [1.0, 0.1], 0.0, momentum=0.9) == pytest.approx(-1 - 0.19, rel=1e-14)


def test_biases_decay_in_torch():
    theirs = one_of_torch("AdamW", [0.1], 2.0, weight_decay=0.5)
    weight, bias = one_weight(cr.AdamW(0.1, weight_decay=0.5), [0.1], 2.0)
    assert weight == pytest.approx(theirs, rel=1e-14)
    assert bias == pytest.approx(theirs + 0.1 * 0.5 * 2.0, rel=1e-14)
    _, bias = one_weight(cr.AdamW(0.1, weight_decay=0.5), [0.1], 2.0, decay_factors={"1.bias": 1})
    assert bias == pytest.approx(theirs, rel=1e-14)


def test_torch_adds_a_millionth_to_the_norm():
    """Of two gradients of 1, so sqrt(2)."""
    weight, _ = one_weight(cr.SGD(1.0), [1.0], 0.0, clip_norm=0.5)
    assert weight == pytest.approx(-0.5 / np.sqrt(2), rel=1e-14)
    w = torch.zeros(2, dtype=torch.float64)
    w.grad = torch.ones(2, dtype=torch.float64)
    torch.nn.utils.clip_grad_norm_([w], 0.5)
    assert w.grad[0].item() == pytest.approx(0.5 / (np.sqrt(2) + 1e-6), rel=1e-12)


def test_the_momentum_of_batch_norm_is_1_minus_that_of_torch(A):
    theirs = torch.nn.BatchNorm1d(N, momentum=0.3, dtype=torch.float64)
    theirs(torch.tensor(A))
    net = cr.Network([cr.BatchNorm(momentum=0.7)], N, "float64")
    net.backward(A, A, "squared_error")
    for name, expected in (("mean", theirs.running_mean), ("variance", theirs.running_var)):
        np.testing.assert_allclose(net.parameters[f"1.running_{name}"], expected, rtol=1e-13)
