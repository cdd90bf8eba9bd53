"""The options of a trainer as its attributes: checked when they are set, or fixed."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from chainrule._attributes import checked, fixed
from chainrule._data import check_outputs
from chainrule._errors import (
    check_choice,
    check_integer,
    check_limit,
    check_number,
    check_precision,
    warn,
)
from chainrule._trainer_checks import check_metrics, numbers_of, warn_of_range
from chainrule.losses import Loss, resolve_loss
from chainrule.metrics import Metric, resolve_metrics
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.schedules import Schedule, as_schedule

checked_option = partial(checked, "Trainer")
# Of those the state of the optimizer in the core is made.
fixed_option = partial(fixed, "Trainer", instead="make another Trainer")


def _check_loss_fits(trainer: Any, loss: Loss) -> None:
    if loss == getattr(trainer, "_loss", None):
        return
    check_outputs("Trainer", trainer.net, loss)
    check_precision("Trainer", numbers_of("loss", loss), trainer.net.dtype)
    warn_of_range(trainer.net, loss)


def _check_held(name: str, trainer: Any, value: float | None) -> None:
    check_precision("Trainer", {name: value}, trainer.net.dtype)


class Options:
    """`Trainer` tells of them."""

    net: Network = fixed_option("net")
    loss: Loss = checked_option(
        "loss", lambda where, _, value: resolve_loss(value, where), _check_loss_fits
    )
    optimizer: Optimizer = fixed_option("optimizer")
    schedule: Schedule = checked_option(
        "schedule", lambda where, _, value: as_schedule(value, where)
    )
    metrics: Sequence[Metric] = checked_option(
        "metrics",
        lambda where, _, value: resolve_metrics(value, where),
        lambda trainer, metrics: check_metrics("Trainer", metrics, trainer.net),
    )
    seed: int = checked_option("seed", partial(check_integer, minimum=0, maximum=2**63 - 1))
    l2: float = checked_option("l2", partial(check_number, minimum=0), partial(_check_held, "l2"))
    l1: float = checked_option("l1", partial(check_number, minimum=0), partial(_check_held, "l1"))
    penalize: str = checked_option("penalize", partial(check_choice, known=("mean", "sum")))
    clip_value: float | None = checked_option(
        "clip_value", check_limit, partial(_check_held, "clip_value")
    )
    clip_norm: float | None = checked_option(
        "clip_norm", check_limit, partial(_check_held, "clip_norm")
    )
    learning_rate_factors: dict[str, float] = fixed_option("learning_rate_factors", copies=True)
    decay_factors: dict[str, float] = fixed_option("decay_factors", copies=True)
    frozen: list[str] = fixed_option("frozen", copies=True)
    ema: float | None = fixed_option("ema")


# Of a trainer, besides the options and what begins with an underscore.
ATTRIBUTES = {"history", "epoch", "step_costs", "step_penalties", "stop_reason"}


def warn_of_slips(where: str, trainer: object) -> None:
    """Of attributes of the user's own that are spelt nearly as an option, which change nothing."""
    own = [name for name in vars(trainer) if name[0] != "_" and name not in ATTRIBUTES]
    if own and type(trainer).__module__ == "chainrule.trainer":  # a derived class reads its own
        from difflib import get_close_matches  # 1 ms of the time that `import chainrule` takes

        options = [name for name, one in vars(Options).items() if isinstance(one, property)]
        for name in own:
            for meant in get_close_matches(name, options, n=1, cutoff=0.85):
                warn(f"[{where}] trainer.{name}: nothing reads it (did you mean {meant!r}?)")
