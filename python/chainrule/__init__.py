"""Neural networks trained on the CPU, at the speed of the hardware, the same bits every time.

import chainrule as cr

net = cr.Network([cr.Dense(64, "relu"), cr.Dense(10, "softmax")], n_inputs=64)
trainer = cr.Trainer(net, loss="cross_entropy", optimizer=cr.Adam(1e-3), metrics=["accuracy"])
history = trainer.fit(X, Y, epochs=20, batch_size=128, validation_data=(X_val, Y_val))
probabilities = net.predict(X_new)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule._errors import FileFormatError
from chainrule.activations import Activation
from chainrule.callbacks import Callback, CSVLogger, EarlyStopping, ProgressBar
from chainrule.gradient_check import GradientCheck, check_gradients
from chainrule.history import History
from chainrule.initializers import Initializer
from chainrule.layers import BatchNorm, Dense, Dropout, LayerNorm, Residual
from chainrule.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    BinaryFocal,
    CrossEntropy,
    Focal,
    Hinge,
    Huber,
    MulticlassHinge,
    Poisson,
    Quantile,
    SquaredError,
)
from chainrule.metrics import Metric
from chainrule.network import Network
from chainrule.optimizers import SGD, Adagrad, Adam, AdamW, Lion, NAdam, RAdam, RMSProp, Rprop
from chainrule.runtime import get_num_threads, runtime_info, set_num_threads
from chainrule.schedules import (
    constant,
    cosine,
    exponential,
    inverse_time,
    one_cycle,
    reduce_on_plateau,
    step,
    warmup,
)
from chainrule.trace import Trace
from chainrule.trainer import Trainer

if TYPE_CHECKING:
    from chainrule import c_export, onnx, ops, reference
    from chainrule.c_export import export_c
    from chainrule.checkpointing import Checkpoint
    from chainrule.custom import (
        register_activation,
        register_loss,
        unregister_activation,
        unregister_loss,
    )
    from chainrule.diagnosis import (
        Diagnose,
        Diagnosis,
        RateRangeTest,
        diagnose,
        learning_rate_range_test,
    )
    from chainrule.estimators import MLPClassifier, MLPRegressor
    from chainrule.onnx import export_onnx
    from chainrule.plots import plot_history
    from chainrule.predictor import Predictor

    __version__: str

__all__ = [
    "SGD",
    "AbsoluteError",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "CrossEntropy",
    "Dense",
    "Diagnose",
    "Diagnosis",
    "Dropout",
    "EarlyStopping",
    "FileFormatError",
    "Focal",
    "GradientCheck",
    "Hinge",
    "History",
    "Huber",
    "Initializer",
    "LayerNorm",
    "Lion",
    "MLPClassifier",
    "MLPRegressor",
    "Metric",
    "MulticlassHinge",
    "NAdam",
    "Network",
    "Poisson",
    "Predictor",
    "ProgressBar",
    "Quantile",
    "RAdam",
    "RMSProp",
    "RateRangeTest",
    "Residual",
    "Rprop",
    "SquaredError",
    "Trace",
    "Trainer",
    "c_export",
    "check_gradients",
    "constant",
    "cosine",
    "diagnose",
    "exponential",
    "export_c",
    "export_onnx",
    "get_num_threads",
    "inverse_time",
    "learning_rate_range_test",
    "one_cycle",
    "onnx",
    "ops",
    "plot_history",
    "reduce_on_plateau",
    "reference",
    "register_activation",
    "register_loss",
    "runtime_info",
    "set_num_threads",
    "step",
    "unregister_activation",
    "unregister_loss",
    "warmup",
]

# Found when first named: modules, and functions of modules.
_LAZY_MODULES = ("c_export", "onnx", "ops", "reference")
_LAZY_NAMES = {
    "plot_history": "plots",
    "Checkpoint": "checkpointing",
    "Predictor": "predictor",
    "Diagnose": "diagnosis",
    "Diagnosis": "diagnosis",
    "RateRangeTest": "diagnosis",
    "diagnose": "diagnosis",
    "learning_rate_range_test": "diagnosis",
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "export_c": "c_export",
    "export_onnx": "onnx",
    "register_activation": "custom",
    "register_loss": "custom",
    "unregister_activation": "custom",
    "unregister_loss": "custom",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # Imported here because it takes as long as the whole package.
        from importlib.metadata import version

        return version("chainrule")
    if name in _LAZY_MODULES:
        return import_module(f"chainrule.{name}")
    if name in _LAZY_NAMES:
        return getattr(import_module(f"chainrule.{_LAZY_NAMES[name]}"), name)
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"Any", "TYPE_CHECKING", "import_module"})
