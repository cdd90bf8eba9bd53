#include "base/team_size.h"

#include <algorithm>
#include <limits>

#include "base/threads.h"

namespace chainrule {

namespace {

// From here on two threads pay if both cores are idle; in float64, which counts double, from half as many on. On Zen 4
// 20-64-64-2 with batch 32, 1.0 MFLOP, gains up to 6 %, as it does with 16 rows in float64; 30-100-50-2 with batch 32
// 20 %, 64-128-10 with batch 32 20 to 25 %, with 16 rows in float64 as much.
constexpr double kFlopsOfTwoThreads = 9e5;
// For each thread of a larger team.
constexpr double kFlopsPerTriedThread = 9e5;
// Steps of one thread's trial: the caches are warm after one, small steps need more against noise.
constexpr int kLongestTrial = 16, kShortestTrial = 3;
constexpr double kFlopsOfTrial = 1e8;
// Steps of the team's turn between two trials, twice as many after every turn without a loss: at first the trials of
// one of 16 threads take 4 % of the time, later 0.3 %.
constexpr int kShortestTurn = 1024, kLongestTurn = 16384;
// The debt that loses, in steps. To wake threads and fill their caches takes 0.3 ms, 5 steps of 64-128-10, batch 128.
// In its first steps after a loss less is enough.
constexpr double kPatience = 16, kPatienceAtFirst = 4;
constexpr int kFirstSteps = 16;
// After a loss one thread has a turn, of 10 ms and four such debts. A loss takes the debt, or 10 ms on Linux, two time
// slices, where another program has the core. (With 16 steps after every loss 54-256-256-256-7 stayed on one thread for
// seconds after another program's start.) After each further loss in a row the turn is three times as long, at last
// 81 times, so that losses take 1 % of the time or less. (Turns of 512 steps and more lasted for 0.6 s where steps take
// 1.2 ms, and kept whole fits on one thread, because threads of OpenBLAS spin for 0.1 s after a call of NumPy's or
// scikit-learn's.) The steps of large networks, of a tenth of a second, would wait for minutes; they lose 3 % of one. A
// turn that had gained more than it lost is followed by 10 ms: on a shared Xeon whose second core was away for 50 ms,
// one thread had 600 steps of 784-512-256-10, which took it 0.5 s longer.
constexpr double kSecondsOfTurn = 0.01, kDebtsOfTurn = 4, kSecondsOfWait = 60;
constexpr int kShortestWait = 1, kLongestWait = 81, kWaitGrowth = 3;
// From the second loss in a row on it has at least so many steps for each in which the debt grew, for it may grow
// slowly. (From the first one on, OpenBLAS's 0.1 s cost 784-512-256-10 another 1.3 s on one thread.)
constexpr int kStepsPerLost = 20;

}  // namespace

int TeamSize::most_threads(double flops) {
  const int two = threads_for(flops, kFlopsOfTwoThreads / 2);
  return std::max(std::min(two, 2), threads_for(flops, kFlopsPerTriedThread));
}

void TeamSize::prepare(double flops) {
  if (const int n = max_threads(); n != max_threads_) {
    max_threads_ = n;
    wait_ = kShortestWait, turn_ = kShortestTurn;
    start(Phase::kTrial);
  }
  flops_ = flops;
  team_ = most_threads(flops);
}

bool TeamSize::next_step(Clock::time_point now, double flops) {
  if (!tries()) return false;
  if (in_step_) count_step(now);
  in_step_ = true, step_flops_ = flops;
  return lost_ || steps_ + 1 >= phase_steps();
}

void TeamSize::end(Clock::time_point now) {
  if (!tries()) return;
  if (in_step_) count_step(now);
  if (!lost_ && steps_ < phase_steps()) return;
  switch (phase_) {
    case Phase::kTrial:
      return start(Phase::kTurnOfTeam);
    case Phase::kTurnOfTeam:
      if (lost_) {
        turn_ = kShortestTurn, lost_debt_ = std::min(debt_, kPatience * pace_ * flops_);
        if (late_ < 0) wait_ = kShortestWait, lost_debt_ = 0;
        return start(Phase::kTurnOfOne);
      }
      wait_ = kShortestWait, turn_ = std::min(2 * turn_, kLongestTurn);
      return start(Phase::kTrial);
    case Phase::kTurnOfOne:
      wait_ = std::min(kWaitGrowth * wait_, kLongestWait);
      return start(Phase::kTrial);
  }
}

void TeamSize::count_step(Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - last_look_).count();
  last_look_ = now;
  const int step = steps_++;
  if (phase_ == Phase::kTrial) {
    pace_ = std::min(pace_, seconds / step_flops_);
  } else if (phase_ == Phase::kTurnOfTeam) {
    if (tries_ways_ && step < kTriedSteps) {
      double& fastest = fastest_[second_way(step)];
      fastest = std::min(fastest, seconds / step_flops_);
    }
    const double late = seconds - pace_ * step_flops_;
    late_ += late, debt_ = std::max(0.0, debt_ + late);
    debt_steps_ = debt_ > 0 ? debt_steps_ + 1 : 0;
    const bool at_first = wait_ > kShortestWait && steps_ <= kFirstSteps;
    lost_ = lost_ || debt_ > (at_first ? kPatienceAtFirst : kPatience) * pace_ * flops_;
  }
}

void TeamSize::start(Phase phase) {
  phase_ = phase;
  steps_ = 0, late_ = 0, debt_ = 0, lost_ = false;
  if (phase == Phase::kTurnOfTeam) {
    debt_steps_ = 0;
    tries_ways_ = wait_ == kShortestWait;
    if (tries_ways_) {
      fastest_[0] = fastest_[1] = std::numeric_limits<double>::infinity();
    } else {
      way_ = wait_ == kWaitGrowth ? fastest_[1] < fastest_[0] : !way_;
    }
  }
  if (phase == Phase::kTrial) pace_ = std::numeric_limits<double>::infinity();
}

int TeamSize::phase_steps() const {
  switch (phase_) {
    case Phase::kTrial:
      return std::clamp(static_cast<int>(kFlopsOfTrial / flops_), kShortestTrial, kLongestTrial);
    case Phase::kTurnOfTeam:
      return turn_;
    case Phase::kTurnOfOne: {
      const double step = pace_ * flops_, wait = wait_ * (kSecondsOfTurn + kDebtsOfTurn * lost_debt_);
      const double least = wait_ > kShortestWait ? kStepsPerLost * debt_steps_ : 0;
      return 1 + static_cast<int>(std::min(std::max(wait / step, least), kSecondsOfWait / step));
    }
  }
  return 0;
}

}  // namespace chainrule
