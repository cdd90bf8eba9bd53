#include "base/helpers.h"

#include <algorithm>

namespace chainrule {

namespace {

// A rest lasts so many times as long as the helpers were late, which then is a tenth of the time or less; after each
// further such call three times as long as before, but not for longer than a second.
constexpr int kRest = 10, kGrowth = 3;
constexpr std::chrono::seconds kLongestRest{1};

Helpers helpers;

double seconds_since(Helpers::Clock::time_point start) {
  return std::chrono::duration<double>(Helpers::Clock::now() - start).count();
}

}  // namespace

bool Helpers::pay(Clock::time_point now, double flops) const {
  return now >= end_of_rest_.load(std::memory_order_relaxed) || flops > flops_.load(std::memory_order_relaxed);
}

void Helpers::came(Clock::time_point now, int members, double flops, double late, double seconds) {
  const double spared = (members - 1) * (seconds - late);  // by them; alone, it would have been their work, too
  if (late < spared) {
    if (now >= end_of_rest_.load(std::memory_order_relaxed)) rest_.store(Clock::duration::zero());
    return;
  }
  const auto rest = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(kRest * late));
  rest_.store(std::min<Clock::duration>(std::max(rest, kGrowth * rest_.load()), kLongestRest));
  flops_.store(flops * late / std::max(spared, 1e-9));
  end_of_rest_.store(now + rest_.load());
}

namespace detail {

void run_call(int n_threads, double flops, void (*call)(void*, const Team&), void* f) {
  if (n_threads <= 1 || n_threads > usable_cores()) return run_team(n_threads, call, f);
  const auto start = Helpers::Clock::now();
  if (!helpers.pay(start, flops)) return run_team(1, call, f);
  std::atomic<double> late{0};
  int members = 1;
  chainrule::run_team(n_threads, [&](const Team& team) {
    const double mine = seconds_since(start);
    for (double latest = late.load(); mine > latest && !late.compare_exchange_weak(latest, mine);) {
    }
    if (team.id() == 0) members = team.size();
    call(f, team);
  });
  if (members > 1) helpers.came(Helpers::Clock::now(), members, flops, late, seconds_since(start));
}

}  // namespace detail

}  // namespace chainrule
