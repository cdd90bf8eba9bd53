// How many threads the steps of a training run get, and which of two ways a team goes, where no formula can tell: by
// the clock.
#pragma once

#include <chrono>

namespace chainrule {

// A second core makes a step of 2 to 8 MFLOP up to 1.6 times as fast while it is idle, and 4 to 10 times as slow while
// another program holds it. A core that writes a line which another one has read waits for it: 7 ns on Zen 4 where both
// have a third-level cache in common, 27 ns where not, so that there steps of 1 MFLOP took 3 times as long on two
// threads as on one, of 200 MFLOP (128 units, 17 layers, batch 128) 1.1 times. (`prefetchw` does not take such a line.
// A thread that not only reads the other's line but writes to it takes it away from the other, which then writes it
// four times as fast. Tried: batch and parameters of each thread's own, what the other needs copied into a buffer that
// it takes so: 20-64-64-2 was 11 % faster than on one thread, 15 % in float64, 64-100-10 with batch 200 no faster,
// larger ones slower.)
// So one thread has a trial and then the team that threads_for names. Each step that takes the team longer than the
// trial's fastest makes a debt, each shorter one pays it off. Too much debt, and one thread has a turn, longer after
// every such loss, but a short one if the team's turn as a whole had gained. Other work than before is compared by its
// operations. The first steps of a team's turn try two ways to take them, and the others go the faster one; after a
// loss, when there is no patience for both, a turn goes one way, and after the next loss the other. Neither team nor
// way changes a bit.
class TeamSize {
 public:
  using Clock = std::chrono::steady_clock;

  // The most threads that steps of so many floating-point operations may get.
  static int most_threads(double flops);

  // For steps of so many floating-point operations.
  void prepare(double flops);
  int largest() const { return team_; }
  int threads() const { return phase_ == Phase::kTurnOfTeam ? team_ : 1; }
  bool tries() const { return team_ > 1; }  // then next_step must be asked before every step
  // Steps that the turn has had when a team begins; and whether step number `step` of the turn goes the second way,
  // which every member may ask after a barrier of the step before.
  int steps() const { return steps_; }
  bool second_way(int step) const {
    if (!tries_ways_) return way_;
    return step < kTriedSteps ? step / kStepsOfWay % 2 == 1 : step > kTriedSteps && fastest_[1] < fastest_[0];
  }

  // The team of threads() begins; is about to take its next step, of so many operations (the last batch of an epoch may
  // be smaller), which is its last one if next_step returns true; has ended.
  void begin(Clock::time_point now) { last_look_ = now, in_step_ = false; }
  bool next_step(Clock::time_point now, double flops);
  void end(Clock::time_point now);

 private:
  enum class Phase { kTrial, kTurnOfTeam, kTurnOfOne };
  // The first step after a change of ways is slower, because lines of parameters change places.
  static constexpr int kStepsOfWay = 3, kTriedSteps = 4 * kStepsOfWay;

  void count_step(Clock::time_point now);
  void start(Phase phase);
  int phase_steps() const;

  int max_threads_ = 0;  // what all below was learned with
  int team_ = 1;
  double flops_ = 0, step_flops_ = 0;  // of the steps prepared for; of the one under way
  Phase phase_ = Phase::kTrial;
  int steps_ = 0;                          // of the phase so far
  double pace_ = 0;                        // seconds per operation of the trial's fastest step
  double fastest_[2] = {};                 // seconds per operation of the steps that tried a way
  bool tries_ways_ = false, way_ = false;  // the team's turn; of one that does not
  double late_ = 0;                        // seconds: of the turn, beside one thread; negative if it gained
  double debt_ = 0;                        // seconds
  double lost_debt_ = 0;                   // of the latest loss
  int debt_steps_ = 0;                     // in a row, in which the team has been in debt
  bool lost_ = false;
  int wait_ = 0, turn_ = 0;  // lengths of the next turns: of one thread, in shortest ones; of the team, in steps
  bool in_step_ = false;
  Clock::time_point last_look_;
};

}  // namespace chainrule
