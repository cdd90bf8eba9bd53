"""The number of threads of training steps, and their way, chosen by a clock that the tests turn."""

import pytest

from chainrule import _core

FLOPS = 5e6  # one thread or two
ONE = 100e-6  # seconds of a step on one thread


class Run:
    """Steps that take what `two` says on two threads, in teams as the training loop forms them."""

    def __init__(self):
        self.size, self.now, self.taken, self.second = _core.TeamSize(), 0.0, [], []

    def train(self, steps, two, flops=FLOPS, ragged=None, second=1.0):
        """Returns the threads of each step. The second way takes `second` times as long."""
        self.size.prepare(flops)
        taken = []
        while len(taken) < steps:
            self.size.begin(self.now)
            threads, last, turn = self.size.threads, False, self.size.steps - len(taken)
            while not last and len(taken) < steps:
                step = flops * (ragged if ragged and len(taken) % 8 == 7 else 1)
                last = self.size.next_step(self.now, step)
                goes_second = threads > 1 and self.size.second_way(turn + len(taken))
                way = second if goes_second else 1.0
                self.now += (ONE if threads == 1 else two * way) * step / FLOPS
                taken.append(threads)
                if threads > 1:
                    self.second.append(goes_second)
            self.size.end(self.now)
        self.taken += taken
        return taken


def share_of_two(taken):
    return taken.count(2) / len(taken)


@pytest.fixture
def run(threads):
    _core.set_max_threads(2)
    return Run()


def test_two_threads_stay_where_they_are_faster(run):
    assert share_of_two(run.train(20_000, two=0.7 * ONE)) > 0.98


@pytest.mark.parametrize("slower", [1.02, 1.06, 1.5, 10, 50])
def test_two_threads_go_where_they_are_slower(run, slower):
    run.train(20_000, two=slower * ONE)
    assert run.now < 1.03 * 20_000 * ONE
    assert share_of_two(run.train(20_000, two=slower * ONE)) < 0.06


@pytest.mark.parametrize("ragged", [0.01, 0.2, 0.9])
def test_a_smaller_last_batch_does_not_spoil_the_comparison(run, ragged):
    assert share_of_two(run.train(20_000, two=0.7 * ONE, ragged=ragged)) > 0.98
    assert share_of_two(run.train(20_000, two=1.5 * ONE, ragged=ragged)) < 0.06


def test_large_steps_are_tried_as_well(run):
    large = 1e8  # 2 ms on one thread
    assert run.train(4, two=0.7 * ONE, flops=large) == [1, 1, 1, 2]
    assert share_of_two(run.train(20_000, two=0.7 * ONE, flops=large)) > 0.999
    assert share_of_two(run.train(20_000, two=1.1 * ONE, flops=large)) < 0.06


def test_steps_of_a_tenth_of_a_second_do_not_stay_on_one_thread_for_minutes(run):
    large = 5e9
    assert share_of_two(run.train(20_000, two=2 * ONE, flops=large)) < 0.06
    taken = run.train(2_000, two=0.7 * ONE, flops=large)
    assert taken.index(2) < 700  # a minute


def test_one_stall_ends_the_turn_at_once_and_is_forgotten_later(run):
    run.train(500, two=0.7 * ONE)
    assert run.size.threads == 2
    assert run.train(3, two=50 * ONE) == [2, 2, 1]  # the step that stalls, one more, then alone
    assert share_of_two(run.train(20_000, two=0.7 * ONE)) > 0.9


def test_the_other_core_is_used_soon_after_it_is_free_again(run):
    run.train(100_000, two=30 * ONE)
    run.train(33_000, two=0.7 * ONE)
    assert share_of_two(run.train(5_000, two=0.7 * ONE)) > 0.98


@pytest.mark.parametrize("flops", [FLOPS, 12 * FLOPS])  # of 64-100-10 and of 54-256-256-7
def test_a_core_that_is_taken_for_a_tenth_of_a_second_is_used_soon(run, flops):
    while run.now < 0.1:
        run.train(1, two=50 * ONE, flops=flops)
    steps = int(0.2 / (ONE * flops / FLOPS))
    run.train(steps, two=0.7 * ONE, flops=flops)
    assert share_of_two(run.train(100, two=0.7 * ONE, flops=flops)) == 1


def test_a_core_that_is_taken_for_a_second_is_used_soon_by_long_steps(run):
    while run.now < 1:
        run.train(1, two=5 * ONE, flops=20 * FLOPS)  # of 2 ms on one thread
    run.train(250, two=0.7 * ONE, flops=20 * FLOPS)
    assert share_of_two(run.train(100, two=0.7 * ONE, flops=20 * FLOPS)) == 1


def test_calls_of_one_step_learn_as_well(run):
    taken = [run.train(1, two=0.7 * ONE)[0] for _ in range(2_000)]
    assert share_of_two(taken) > 0.95


def test_a_smaller_last_batch_does_not_disturb(run):
    for _ in range(100):
        run.train(50, two=0.7 * ONE)
        run.train(1, two=ONE, flops=FLOPS / 10)  # too small for two threads
    assert share_of_two(run.taken) > 0.95


def test_what_was_learned_with_another_limit_is_forgotten(run):
    run.train(2_000, two=0.7 * ONE)
    _core.set_max_threads(1)
    assert run.train(100, two=0.7 * ONE) == [1] * 100
    _core.set_max_threads(2)
    assert run.train(16, two=0.7 * ONE) == [1] * 16


def test_steps_too_small_for_two_threads_are_not_tried(run):
    assert set(run.train(3_000, two=0.1 * ONE, flops=0.8e6)) == {1}


def test_two_threads_are_tried_before_larger_teams(run):
    assert 2 in run.train(3_000, two=0.7 * ONE, flops=0.95e6)
    _core.set_max_threads(8)
    assert max(run.train(100, two=0.7 * ONE, flops=2.6e6)) == 2
    assert max(run.train(100, two=0.7 * ONE, flops=2.8e6)) == 3


@pytest.mark.parametrize("second", [0.5, 0.98, 1.02, 1.3])
@pytest.mark.parametrize("steps_of_a_call", [1, 5, 20_000])
def test_the_faster_of_two_ways_is_found(second, steps_of_a_call, run):
    while len(run.second) < 900:  # not a whole turn
        run.train(min(steps_of_a_call, 900), two=0.7 * ONE, second=second)
    assert run.second[:12] == [False] * 3 + [True] * 3 + [False] * 3 + [True] * 3
    assert set(run.second[13:900]) == {second < 1}


def test_a_smaller_batch_is_compared_by_its_operations(run):
    run.train(500, two=0.7 * ONE, second=0.9, ragged=0.2)  # a smaller one falls to the first way
    assert run.second[100]


def test_every_turn_of_the_team_tries_both_ways_again(run):
    run.train(1_000, two=0.7 * ONE, second=0.8)
    assert run.second[500]
    run.train(3_000, two=0.7 * ONE, second=1.2)
    assert not run.second[-1]


def test_a_turn_that_gained_more_than_it_lost_is_followed_by_a_short_one(run):
    run.train(500, two=0.7 * ONE)
    lost = run.train(50, two=3 * ONE)
    assert 1 in lost
    back = run.train(300, two=0.7 * ONE)
    assert back.index(2) <= 0.01 / ONE + 1 + 16  # 10 ms and a trial
    run.train(20_000, two=3 * ONE)  # if it goes on, turns of the team become rare
    assert share_of_two(run.train(20_000, two=3 * ONE)) < 0.06


def test_a_tenth_of_a_second_at_the_start_costs_as_much_again_and_no_more(run):
    large = 23 * FLOPS  # 2.3 ms, as of 784-512-256-10, after a call of NumPy's
    run.train(32, two=1.6 * ONE, flops=large)
    assert run.taken[-1] == 1
    assert run.train(100, two=0.7 * ONE, flops=large)[-1] == 2


@pytest.mark.parametrize(
    ("first", "second"), [(0.6, 2), (2, 0.6), (0.9, 3), (3, 0.9), (0.6, 8), (8, 0.6)]
)
def test_a_slow_way_does_not_keep_the_team_from_the_other_one(first, second, run):
    """Neither at first nor after another program has had a core."""
    ways, least = (
        {"two": first * ONE, "second": second / first},
        0.8 if 8 in (first, second) else 0.9,
    )
    assert share_of_two(run.train(20_000, **ways)) > least
    while 1 not in run.train(1, two=50 * ONE):
        pass
    assert share_of_two(run.train(20_000, **ways)) > least
