#include "base/helpers.h"

#include <time.h>

#include <algorithm>

namespace chainrule {

namespace {

// A rest lasts ten times as long as what was lost, after each further such call three times as long as before, at most
// a second: a tenth of the time is lost, or less, as long as calls lose less than 0.1 s.
constexpr int kRest = 10, kGrowth = 3;
constexpr std::chrono::seconds kLongestRest{1};
// Who sleeps is mostly awake within so many seconds, who has lost its core is not. And the most that calls may owe.
constexpr double kWaking = 1e-3, kMostOwed = 2e-3;
// For so long after a call threads are awake (GCC's OpenMP: 10 ms). From so many floating-point operations on, 5 ms of
// one thread, sleepers are worth it: on a virtual Zen 4 they come 0.1 to 5 ms late, so that one call in 30 ms took 5.7
// ms instead of 0.4 (2000 rows of 20-64-64-2) to 1.4 (10,000 rows).
constexpr std::chrono::milliseconds kAwake{5};
constexpr double kFlopsForSleepers = 5e8;

Helpers helpers;

double seconds_since(Helpers::Clock::time_point start) {
  return std::chrono::duration<double>(Helpers::Clock::now() - start).count();
}

// Of the calling thread, at work.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

bool Helpers::pay(Clock::time_point now, double flops) const {
  return now >= end_of_rest_.load(std::memory_order_relaxed) || flops > flops_.load(std::memory_order_relaxed);
}

void Helpers::came(Clock::time_point now, int members, double flops, double lost, double seconds) {
  const double spared = (members - 1) * (seconds - lost);  // by them; alone, it would have been their work, too
  const double owed = std::max(0.0, owed_.load() + lost - spared);
  const bool paid = lost < spared;
  if (paid && now >= end_of_rest_.load(std::memory_order_relaxed)) rest_.store(Clock::duration::zero());
  if (paid || (lost < kWaking && owed < kMostOwed)) return owed_.store(owed);
  owed_.store(0);
  const double of_rest = kRest * std::max(owed, lost);
  const auto rest = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(of_rest));
  rest_.store(std::min<Clock::duration>(std::max(rest, kGrowth * rest_.load()), kLongestRest));
  flops_.store(flops * lost / std::max(spared, 1e-9));
  end_of_rest_.store(now + rest_.load());
}

namespace detail {

void run_call(int n_threads, double flops, bool is_look, void (*call)(void*, const Team&), void* f) {
  if (n_threads <= 1 || n_threads > usable_cores()) return run_team(n_threads, call, f);
  thread_local Helpers::Clock::time_point end_before{};  // each calling thread has helpers of its own
  const auto start = Helpers::Clock::now();
  const bool asleep = start - end_before > kAwake && flops < kFlopsForSleepers;
  if (asleep || !helpers.pay(start, flops)) {
    run_team(1, call, f);
    if (!is_look) end_before = Helpers::Clock::now();
    return;
  }
  std::atomic<double> lost{0};
  int members = 1;
  chainrule::run_team(n_threads, [&](const Team& team) {
    if (team.id() == 0) {
      members = team.size();
      return call(f, team);
    }
    const double cpu = cpu_seconds();
    call(f, team);
    const double away = seconds_since(start) - (cpu_seconds() - cpu);
    for (double most = lost.load(); away > most && !lost.compare_exchange_weak(most, away);) {
    }
  });
  end_before = Helpers::Clock::now();
  if (members > 1) helpers.came(end_before, members, flops, lost, seconds_since(start));
}

}  // namespace detail

}  // namespace chainrule
