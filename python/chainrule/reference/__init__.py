"""Neural networks in plain NumPy, written to be read; the same mathematics as the compiled core,
with which it shares no code.

Symbols and function names are those of the standard deep-learning course. A column is a sample
unless samples="rows" is said. Read in this order: activations, losses, propagation, optimizers,
updates, training.

    activations, loss = ["relu", "sigmoid"], "binary_cross_entropy"
    parameters, costs = model(X, Y, [n_x, 16, 1], activations, loss, learning_rate=0.1, epochs=500)

and the same, step by step:

    parameters = initialize_parameters([n_x, 16, 1])
    for epoch in range(500):
        AL, caches = forward_propagation(X, parameters, activations)
        cost = compute_cost(AL, Y, caches, loss)
        grads = backward_propagation(AL, Y, caches, loss)
        parameters, _ = update_parameters(parameters, grads, learning_rate=0.1)
"""

from .activations import (
    ACTIVATIONS,
    Activation,
    activation_backward,
    activation_forward,
    exp,
    exp_backward,
    identity,
    identity_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from .checks import Array, Parameters
from .gradient_check import numerical_gradients, relative_difference
from .initialization import INITIALIZERS, initialize_parameters
from .losses import (
    LOSSES,
    Loss,
    absolute_error,
    absolute_error_backward,
    binary_cross_entropy,
    binary_cross_entropy_backward,
    binary_cross_entropy_from_Z,
    cross_entropy,
    cross_entropy_backward,
    cross_entropy_from_Z,
    cross_entropy_to_Z,
    huber,
    huber_backward,
    loss_backward,
    loss_forward,
    poisson,
    poisson_backward,
    poisson_from_Z,
    quantile_loss,
    quantile_loss_backward,
    squared_error,
    squared_error_backward,
)
from .optimizers import OPTIMIZERS, State
from .propagation import (
    Cache,
    backward_propagation,
    compute_cost,
    forward_propagation,
    linear_activation_forward,
    linear_backward,
)
from .training import model, optimize, predict, predict_classes, random_mini_batches
from .updates import (
    average_parameters,
    clip_gradients,
    initialize_optimizer,
    update_parameters,
)

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "Activation",
    "Array",
    "Cache",
    "Loss",
    "Parameters",
    "State",
    "absolute_error",
    "absolute_error_backward",
    "activation_backward",
    "activation_forward",
    "average_parameters",
    "backward_propagation",
    "binary_cross_entropy",
    "binary_cross_entropy_backward",
    "binary_cross_entropy_from_Z",
    "clip_gradients",
    "compute_cost",
    "cross_entropy",
    "cross_entropy_backward",
    "cross_entropy_from_Z",
    "cross_entropy_to_Z",
    "exp",
    "exp_backward",
    "forward_propagation",
    "huber",
    "huber_backward",
    "identity",
    "identity_backward",
    "initialize_optimizer",
    "initialize_parameters",
    "leaky_relu",
    "leaky_relu_backward",
    "linear_activation_forward",
    "linear_backward",
    "loss_backward",
    "loss_forward",
    "model",
    "numerical_gradients",
    "optimize",
    "poisson",
    "poisson_backward",
    "poisson_from_Z",
    "predict",
    "predict_classes",
    "quantile_loss",
    "quantile_loss_backward",
    "random_mini_batches",
    "relative_difference",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "squared_error",
    "squared_error_backward",
    "tanh",
    "tanh_backward",
    "update_parameters",
]
