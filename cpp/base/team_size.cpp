#include "base/team_size.h"

#include <algorithm>
#include <limits>

#include "base/threads.h"

namespace chainrule {

namespace {

// From here on two threads pay if both cores are idle: 20-64-64-2 with batch 32, 1.0 MFLOP, gains 3 %, in float64,
// which counts double, 24 % (Zen 5).
constexpr double kFlopsPerTriedThread = 9e5;
// In steps. While the small team takes its trial between turns of the large one, 1.6 % of the steps are slow ones.
constexpr int kTrial = 16, kTurn = 1024;
// A loss takes about 10 ms on Linux, two time slices; after four of them in a row that is 1 % of the wait or less.
constexpr int kShortestWait = 512, kLongestWait = 32768, kWaitGrowth = 4;
// The debt that loses, in steps. To wake threads and fill their caches takes 0.3 ms, 5 steps of 64-128-10, batch 128.
constexpr double kPatience = 16;

}  // namespace

void TeamSize::prepare(double flops, bool waits_for_memory) {
  if (const int n = max_threads(); n != max_threads_) {
    max_threads_ = n;
    wait_ = kShortestWait;
    start(Phase::kTrialOfSmall);
  }
  flops_ = flops;
  small_ = waits_for_memory ? 1 : threads_for(flops);
  large_ = std::max(small_, threads_for(flops, kFlopsPerTriedThread));
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
    case Phase::kTrialOfSmall:
      start(Phase::kTurnOfLarge);
      break;
    case Phase::kTurnOfLarge:
      if (!lost_) wait_ = kShortestWait;
      start(lost_ ? Phase::kTurnOfSmall : Phase::kTrialOfSmall);
      break;
    case Phase::kTurnOfSmall:
      wait_ = std::min(kWaitGrowth * wait_, kLongestWait);
      start(Phase::kTrialOfSmall);
      break;
  }
}

void TeamSize::count_step(Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - last_look_).count();
  last_look_ = now;
  ++steps_;
  if (phase_ == Phase::kTrialOfSmall) {
    pace_ = std::min(pace_, seconds / step_flops_);
  } else if (phase_ == Phase::kTurnOfLarge) {
    debt_ = std::max(0.0, debt_ + seconds - pace_ * step_flops_);
    lost_ = lost_ || debt_ > kPatience * pace_ * flops_;
  }
}

void TeamSize::start(Phase phase) {
  phase_ = phase;
  steps_ = 0, debt_ = 0, lost_ = false;
  if (phase == Phase::kTrialOfSmall) pace_ = std::numeric_limits<double>::infinity();
}

int TeamSize::phase_steps() const {
  switch (phase_) {
    case Phase::kTrialOfSmall:
      return kTrial;
    case Phase::kTurnOfLarge:
      return kTurn;
    case Phase::kTurnOfSmall:
      return wait_;
  }
  return 0;
}

}  // namespace chainrule
