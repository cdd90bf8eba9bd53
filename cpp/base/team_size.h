// How many threads the steps of a training run get, where no formula can tell: by the clock.
#pragma once

#include <chrono>

namespace chainrule {

// A second core makes a step of 2 to 8 MFLOP up to 1.6 times as fast while it is idle, and 4 to 10 times as slow while
// another program holds it. Few rows through many weights wait for memory, not for cores, and two cores that change
// each other's weights may wait longer than one (768-768-768-10, batch 16: 1.5 times on two cores without a common
// cache). So two sizes of team take turns there: the small one that threads_for names, on trial, then
// a large one. Each step that takes the large team longer than the trial's fastest makes a debt, each shorter one pays
// it off. Too much debt, and the small team has a turn, longer after every such loss. Other work than before is
// compared by its operations. Which team takes a step changes no bit.
class TeamSize {
 public:
  using Clock = std::chrono::steady_clock;

  // For steps of so many floating-point operations, which may wait for memory more than for cores.
  void prepare(double flops, bool waits_for_memory);
  int largest() const { return large_; }
  int threads() const { return phase_ == Phase::kTurnOfLarge ? large_ : small_; }
  bool tries() const { return small_ != large_; }  // then next_step must be asked before every step

  // The team of threads() begins; is about to take its next step, of so many operations (the last batch of an epoch may
  // be smaller), which is its last one if next_step returns true; has ended.
  void begin(Clock::time_point now) { last_look_ = now, in_step_ = false; }
  bool next_step(Clock::time_point now, double flops);
  void end(Clock::time_point now);

 private:
  enum class Phase { kTrialOfSmall, kTurnOfLarge, kTurnOfSmall };

  void count_step(Clock::time_point now);
  void start(Phase phase);
  int phase_steps() const;

  int max_threads_ = 0;  // what all below was learned with
  int small_ = 1, large_ = 1;
  double flops_ = 0, step_flops_ = 0;  // of the steps prepared for; of the one under way
  Phase phase_ = Phase::kTrialOfSmall;
  int steps_ = 0;    // of the phase so far
  double pace_ = 0;  // seconds per operation of the trial's fastest step
  double debt_ = 0;  // seconds
  bool lost_ = false;
  int wait_ = 0;  // length of the small team's next turn
  bool in_step_ = false;
  Clock::time_point last_look_;
};

}  // namespace chainrule
