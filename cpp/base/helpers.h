// Calls that threads share, one by one: predictions, costs, gradients. Training has many steps to learn from
// (TeamSize).
#pragma once

#include <atomic>
#include <chrono>
#include <type_traits>

#include "base/threads.h"

namespace chainrule {

// Whether the other threads of a call are at work all the time. One whose core another program holds comes up to a time
// slice late, or is away for one, and all wait: on Zen 4 predictions of 0.2 ms between two products of NumPy's, whose
// threads then spin for 0.1 s, took 4 ms. So after a call that one thread alone would have ended sooner, calls of that
// size are one thread's for a while, longer after every such call in a row. (More threads than there are cores are late
// by nature: who asks for them has them.)
// Threads that nobody calls for some milliseconds go to sleep, and to wake them takes longer than many a call. So a
// short call that comes alone is one thread's, and one that follows another wakes them. What that loses, later calls
// have to gain: there is a balance.
class Helpers {
 public:
  using Clock = std::chrono::steady_clock;

  // Whether a call of so many floating-point operations should have them.
  bool pay(Clock::time_point now, double flops) const;
  // Such a call of so many members has ended, after `seconds`, of which one of them was away for `lost`, the longest.
  void came(Clock::time_point now, int members, double flops, double lost, double seconds);

 private:
  std::atomic<Clock::duration> rest_{Clock::duration::zero()};  // the latest; zero after a call in which they paid
  std::atomic<Clock::time_point> end_of_rest_{Clock::time_point::min()};
  std::atomic<double> flops_{0};  // from which on they pay all the same
  std::atomic<double> owed_{0};   // seconds lost, less those gained since
};

namespace detail {
void run_call(int n_threads, double flops, bool is_look, void (*call)(void*, const Team&), void* f);
}

// run_team for a call of so many floating-point operations, on one thread where more would take longer. Not for one in
// which a function of the user's runs alone: the others wait for it asleep, which says nothing of their cores. A look
// at what a call was given is no call before that one.
template <class F>
void run_call(int n_threads, double flops, F&& f, bool is_look = false) {
  detail::run_call(
      n_threads, flops, is_look,
      [](void* p, const Team& team) { (*static_cast<std::remove_reference_t<F>*>(p))(team); }, &f);
}
template <class F>
void run_call(double flops, F&& f) {
  run_call(threads_for(flops), flops, f);
}

}  // namespace chainrule
