"""Training by mini-batches: the trainer, its callbacks, the order of the rows.

Formulas and order of events are those of scikit-learn's MLP, so that the same seed gives the same
model. Start at `prepare`.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import warn
from chainrule.callbacks import Callback, ProgressBar
from chainrule.estimators import _options, _start, _validation
from chainrule.estimators._learning_rate import FollowedRate, LearningRate
from chainrule.estimators._rules import RuledTrainer, Rules
from chainrule.estimators._tasks import Tasks
from chainrule.estimators._validation import Samples
from chainrule.history import monitored_key
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.schedules import Schedule, as_schedule

Array = NDArray[Any]
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


def prepare(
    est: Any,
    where: str,
    samples: Samples,
    loss: Loss,
    given: tuple[Any, Any, Any] | None,
    tasks: Tasks,
    incremental: bool,
) -> Callable[[], None]:
    """What trains the network for `max_iter` epochs at most, `incremental` for one."""
    if est.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    _start.begin_epochs(est)
    rows, validation = None, None
    if given is not None:
        validation = _validation.of_user(est, where, loss, *given)
    elif est.early_stopping:
        rows, validation = _validation.hold_out(est, where, loss, samples)
    n = samples.X.shape[0] if rows is None else len(rows)
    trainer = _trainer(est, where, loss, incremental)
    net = trainer.net
    batch = _batch_size(est, n, trainer.optimizer)
    sizes = np.minimum(batch, n - np.arange(0, n, batch))
    rules = Rules(est, est._optimizer, sizes, validation, incremental)
    schedule = _schedule(est)
    by_name = _options.of_parameters(est, where, net, trainer.optimizer)
    callbacks: list[Callback] = [rules]
    if _options.shows_bar(est):
        callbacks.append(ProgressBar())
    if tasks.wanted:
        tasks.rows, tasks.kept = rows, lambda: rules.kept(net)
        callbacks.append(tasks)
    options: dict[str, Any] = {
        "epochs": 1 if incremental else est.max_iter,
        "batch_size": batch,
        "sample_weight": samples.weights,
        "callbacks": callbacks + _options.callbacks(est, where),
        "shuffle": _shuffled(est, n),
        "rows": rows,
    }
    with trainer.following(rules, samples, where):
        monitored_key(trainer._keys(False), schedule.monitor, schedule.where)
    schedule.factor(trainer.epoch, trainer._schedule_state)  # a function may refuse, or be none

    def take_lists() -> None:
        """What callbacks have written into them at the end."""
        if rules.kept(net) is None:
            est._engine.ready(where)

    def train() -> None:
        est.n_iter_ = 0
        trainer.loss = loss  # these may change between calls
        trainer.l2 = est.alpha if net.dtype.type(est.alpha) else 0.0  # as float32 has it
        trainer.clip_value, trainer.clip_norm = est.clip_value, est.clip_norm
        trainer.schedule = schedule
        trainer._set_own_options(*by_name)
        trainer._set_ema(est.ema)
        est._engine.begin_training()
        interrupted = False
        try:
            with trainer.following(rules, samples, where):
                trainer.fit(samples.X, samples.y, **options)
            take_lists()
        except BaseException as error:
            with suppress(Exception):  # it may have come while a callback wrote
                take_lists()
            interrupted = isinstance(error, KeyboardInterrupt)
            if not interrupted:
                est._engine.end_training()
                raise
        kept = rules.kept(net)
        est._engine.end_training(kept)
        if interrupted:
            warn("Training interrupted by user.")
        if (rules.diverged or kept is not None) and not est.early_stopping:
            raise ValueError(_why(where, est, ruined=kept is not None))
        tasks.end()

    return train


def _why(where: str, est: Any, ruined: bool) -> str:
    """With scikit-learn's words, which programs may wait for."""
    if ruined:
        return NOT_FINITE
    what = f"the loss became {est.loss_} and the model has the parameters of the step before"
    return f"[{where}] epoch {est.n_iter_ - 1}: {what}. {NOT_FINITE}"


def _trainer(est: Any, where: str, loss: Loss, incremental: bool) -> RuledTrainer:
    """A new one, or for partial_fit the one that is there; sets `_optimizer`."""
    engine = est._engine
    net: Network = engine.net
    _options.check_numbers(est, where, net.dtype)
    if not (incremental and engine.has_optimizer and hasattr(est, "_optimizer")):
        follows = est.solver == "sgd" and est.schedule is None
        rule = est.learning_rate if follows else "constant"
        est._optimizer = LearningRate(float(est.learning_rate_init), rule, float(est.power_t))
        engine.forget_optimizer()
    if engine.trainer is None:
        optimizer = engine.saved_optimizer or _options.optimizer(est, where, net.dtype)
        engine.set_trainer(RuledTrainer(net, loss, optimizer, penalize="sum"))
    trainer: RuledTrainer = engine.trainer
    return trainer


def _schedule(est: Any) -> Schedule:
    return FollowedRate(est._optimizer) if est.schedule is None else as_schedule(est.schedule)


def _batch_size(est: Any, n: int, optimizer: Optimizer) -> int:
    if est.batch_size == "auto":
        return n if optimizer.full_batches else min(200, n)
    if est.batch_size > n:
        warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
    return min(int(est.batch_size), n)


def _shuffled(est: Any, n: int) -> Callable[[int], Array]:
    """The order of each epoch as scikit-learn draws it: the last one, shuffled."""
    order = np.arange(n)

    def next_order(epoch: int) -> Array:
        if est.shuffle:
            est._random_state.shuffle(order)
        return order

    return next_order
