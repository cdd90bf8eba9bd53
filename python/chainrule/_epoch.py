"""One epoch of training: the steps, then what is reported of them. Start at `run_epoch`.

Between two calls of the core, every 50 ms or after a longer step, callbacks run and Ctrl-C is seen;
the network is then in its state after the last complete step.
"""

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._data import Data
from chainrule._errors import warn
from chainrule.callbacks import Callback
from chainrule.history import monitored_key

if TYPE_CHECKING:
    from chainrule.trainer import Trainer

OVERFLOW = "a parameter became infinite or NaN"


def run_epoch(
    trainer: "Trainer",
    data: Data,
    batch: int,
    order: NDArray[np.int64],
    validation: Data | None,
    callbacks: Sequence[Callback],
) -> None:
    """Trains on the batches of `order`, adds a record to the history, calls the callbacks."""
    where = trainer._fit_name
    steps_per_epoch = -(-len(order) // batch)
    rates = trainer._rates(steps_per_epoch)
    for callback in callbacks:
        callback.on_epoch_begin(trainer, trainer.epoch)

    start = time.perf_counter()
    costs, penalties = np.empty(steps_per_epoch), np.empty(steps_per_epoch)
    done = 0
    while done < steps_per_epoch:
        new, of_penalty = trainer._train(data, order[done * batch :], batch, rates[done:], where)
        end = done + len(new)
        costs[done:end], penalties[done:end] = new, of_penalty
        done = end
        for callback in callbacks:
            callback.on_steps_end(trainer, len(new), float(new[-1]))
        if not math.isfinite(new[-1]):  # the core takes no step with it
            costs[done:] = penalties[done:] = new[-1]
            break
    seconds = time.perf_counter() - start

    trainer.step_costs, trainer.step_penalties = costs, penalties
    found = trainer._evaluate_epoch(data, data.batch_weights(order, batch), validation)
    rate, loss = float(rates[-1]), found["loss"]
    logs = {"epoch": trainer.epoch, **found, "learning_rate": rate, "seconds": seconds}
    trainer.history.append(logs)
    schedule = trainer.schedule
    monitored = monitored_key(logs, schedule.monitor, schedule.where)
    trainer._schedule_state = schedule.advance(trainer._schedule_state, logs[monitored])
    trainer.epoch += 1
    for callback in callbacks:
        callback.on_epoch_end(trainer, trainer.epoch - 1, trainer.history.last())
    if not (math.isfinite(loss) and trainer.net._core.parameters_are_finite()):
        trainer.stop(f"the cost became {loss}" if not math.isfinite(loss) else OVERFLOW)
        warn(
            f"[{where}] epoch {trainer.epoch - 1}: {trainer.stop_reason}; lower the learning rate "
            "or scale the data",
            RuntimeWarning,
        )
