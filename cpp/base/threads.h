// Threads. `run_team` holds the library's only `omp parallel`; all other code sees a Team.
#pragma once

#include <atomic>
#include <exception>
#include <type_traits>

#include "base/views.h"

namespace chainrule {

// How many threads a call made now may use: set_num_threads, else OpenMP's own limit (OMP_NUM_THREADS, threadpoolctl,
// joblib, the affinity mask) and the CPU quota of the container. 1 in a forked child, because the OpenMP runtime does
// not survive a fork.
int max_threads();
void set_max_threads(int n);  // n >= 1; 0 takes the setting back
// How many of them a piece of work of so many floating-point operations is worth. About 40 us of one core's work each:
// joining costs a microsecond or two when the cores are idle, but up to a time slice when another program holds one.
// Steps of training find out by the clock (TeamSize).
inline constexpr double kFlopsPerThread = 4e6;
int threads_for(double flops, double flops_per_thread = kFlopsPerThread);
double cgroup_quota();  // CPUs this container may use; 0 when there is no quota
int usable_cores();     // by the affinity mask and the quota

// All members meet at wait(). One that waits spins, then offers its core to others, then sleeps. It spins for longer
// than it takes to wake a sleeper: who sleeps once comes late, so that the others sleep, and so on (54-256-256-256-7
// then took 1.65 ms a step instead of 1.32). Where there are more members than cores nobody spins.
class Barrier {
 public:
  explicit Barrier(bool spins) : spins_(spins) {}
  void wait(int members);

 private:
  const bool spins_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> round_{0};
  std::atomic<int> sleepers_{0};
};

// How much of its part of some pieces a member, and whoever has helped it, has begun: of those that are being shared,
// and, 0 until then, of the next ones.
struct alignas(64) Begun {
  std::atomic<index_t> of[2] = {0, 0};
  unsigned round = 0;
};

// One member's view of the team it works in.
class Team {
 public:
  Team(int id, int size, Barrier& barrier, Begun* begun) : id_(id), size_(size), barrier_(barrier), begun_(begun) {}
  int id() const { return id_; }
  int size() const { return size_; }
  void barrier() const {
    if (size_ > 1) barrier_.wait(size_);
  }
  // This member's part of 0 .. n-1, cut at multiples of `grain`.
  struct Range {
    index_t begin, end;
  };
  Range part(index_t n, index_t grain = 1) const {
    if (size_ == 1) return {0, n};  // divisions take long
    const index_t pieces = (n + grain - 1) / grain;
    const index_t begin = pieces * id_ / size_ * grain, end = pieces * (id_ + 1) / size_ * grain;
    return {begin < n ? begin : n, end < n ? end : n};
  }
  // Called by every member: together they call f(i) once for each of 0 .. n-1. A member takes its part of them, and
  // then what those that come after it have not begun. There must be a barrier between two such calls.
  template <class F>
  void share(index_t n, F f) const {
    if (size_ == 1) {
      for (index_t i = 0; i < n; ++i) f(i);
      return;
    }
    Begun& mine = begun_[id_];
    const unsigned now = mine.round++ % 2;
    mine.of[1 - now].store(0, std::memory_order_relaxed);  // nobody looks at it before the barrier
    for (int k = 0; k < size_; ++k) {
      const int member = id_ + k < size_ ? id_ + k : id_ + k - size_;
      const index_t first = n * member / size_, end = n * (member + 1) / size_;
      std::atomic<index_t>& begun = begun_[member].of[now];
      while (first + begun.load(std::memory_order_relaxed) < end) {
        const index_t i = first + begun.fetch_add(1, std::memory_order_relaxed);
        if (i < end) f(i);
      }
    }
  }

 private:
  int id_, size_;
  Barrier& barrier_;
  Begun* begun_;
};

namespace detail {
void run_team(int n_threads, void (*call)(void*, const Team&), void* f);
}

// Calls f(team) once on each of at most n_threads threads (the runtime may give fewer). f must not throw.
template <class F>
void run_team(int n_threads, F&& f) {
  detail::run_team(
      n_threads, [](void* p, const Team& team) { (*static_cast<std::remove_reference_t<F>*>(p))(team); }, &f);
}

// Called by every member: once all have come, the thread that called run_team does f, which may throw, and the others
// wait. Returns, to all of them, whether it was done; if not, `failure`, which they share, holds what it threw.
template <class F>
bool alone(const Team& team, std::exception_ptr& failure, F&& f) {
  team.barrier();
  if (team.id() == 0) {
    try {
      f();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  team.barrier();
  return failure == nullptr;
}

inline void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

}  // namespace chainrule
