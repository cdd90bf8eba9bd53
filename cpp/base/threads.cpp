#include "base/threads.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

namespace chainrule {

namespace {

std::atomic<int> requested{0};          // by set_max_threads; 0: not set
std::atomic<int> openmp_limit_then{0};  // OpenMP's limit when it was set: one lowered since then is obeyed

// The OpenMP runtime does not survive a fork once anyone in the process has run a team, which need not have been us.
std::atomic<bool> forked{false};
const int fork_handler = pthread_atfork(nullptr, nullptr, [] { forked.store(true); });

// OpenMP reads the affinity mask when it is loaded; asked for the processors, it looks again.
const bool limit_is_set = std::getenv("OMP_NUM_THREADS") != nullptr;

// OMP_NUM_THREADS may name any number; nobody is served by more threads than set_num_threads accepts.
constexpr int kMostThreads = 1024;

int openmp_threads() {
  const int n = limit_is_set ? omp_get_max_threads() : std::min(omp_get_max_threads(), omp_get_num_procs());
  return std::min({n, omp_get_thread_limit(), kMostThreads});
}

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns at once when `word` is no longer `value`, else when woken (or for no reason).
void sleep_while(std::atomic<unsigned>& word, unsigned value) {
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  (void)word, (void)value;
  sched_yield();
#endif
}

void wake_all(std::atomic<unsigned>& word) {
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
#else
  (void)word;
#endif
}

double read_quota() {
  std::string quota, period;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> quota >> period) {
    return quota == "max" ? 0.0 : std::stod(quota) / std::stod(period);
  }
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (v1_quota >> quota && v1_period >> period && quota[0] != '-') return std::stod(quota) / std::stod(period);
  return 0.0;
}

}  // namespace

double cgroup_quota() {
  static const double quota = [] {
    try {
      return read_quota();
    } catch (const std::exception&) {  // a file of another form than documented: as if there were none
      return 0.0;
    }
  }();
  return quota;
}

namespace {
int cpus_of_quota() {
  const double quota = cgroup_quota();
  return quota > 0 ? std::max(1, static_cast<int>(std::ceil(quota))) : kMostThreads;
}
}  // namespace

int usable_cores() { return std::min(omp_get_num_procs(), cpus_of_quota()); }

int max_threads() {
  if (forked.load(std::memory_order_relaxed)) return 1;
  const int openmp_limit = omp_get_max_threads();
  if (const int n = requested.load(std::memory_order_relaxed); n > 0) {
    return openmp_limit < openmp_limit_then.load(std::memory_order_relaxed) ? std::min(n, openmp_limit) : n;
  }
  return std::min(openmp_threads(), cpus_of_quota());
}

int threads_for(double flops, double flops_per_thread) {
  if (flops < 2 * flops_per_thread) return 1;
  return std::max(1, static_cast<int>(std::min<double>(max_threads(), flops / flops_per_thread)));
}

void set_max_threads(int n) {
  openmp_limit_then.store(omp_get_max_threads());
  requested.store(n);
}

void Barrier::wait(int members) {
  // 0.2 and 0.3 ms on Zen 3: a pause takes 26 ns there, an offer that nobody takes 0.6 us.
  constexpr int kSpins = 8000, kOffers = 500;
  const unsigned round = round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == members - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1);
    if (sleepers_.load() > 0) wake_all(round_);  // stored, then loaded; a sleeper counts itself, then compares
    return;
  }
  for (int i = spins_ ? 0 : kSpins; i < kSpins + kOffers; ++i) {
    if (round_.load(std::memory_order_acquire) != round) return;
    i < kSpins ? pause_cpu() : static_cast<void>(sched_yield());
  }
  sleepers_.fetch_add(1);
  while (round_.load() == round) sleep_while(round_, round);
  sleepers_.fetch_sub(1);
}

namespace detail {

// Up to so many take no memory from the heap, and so calls of a predictor and steps take none.
constexpr int kFewThreads = 256;

void run_team(int n_threads, void (*call)(void*, const Team&), void* f) {
  if (n_threads <= 1) {
    Barrier alone(false);
    call(f, Team(0, 1, alone, nullptr));
    return;
  }
  Barrier barrier(n_threads <= usable_cores());
  alignas(Begun) std::byte room[kFewThreads * sizeof(Begun)];
  const auto n = static_cast<std::size_t>(n_threads);
  const std::unique_ptr<Begun[]> many(n_threads > kFewThreads ? new Begun[n] : nullptr);
  Begun* const begun = many ? many.get() : reinterpret_cast<Begun*>(room);
  if (!many) std::uninitialized_default_construct_n(begun, n);
#pragma omp parallel num_threads(n_threads)
  call(f, Team(omp_get_thread_num(), omp_get_num_threads(), barrier, begun));
}

}  // namespace detail

}  // namespace chainrule
