#include "base/cpu.h"

#include <string_view>

namespace chainrule {

bool cpu_runs(const char* isa) {
  const std::string_view name(isa);
#if defined(__x86_64__)
  // The builtins also ask whether the operating system saves the wide registers.
  if (name == "baseline") return true;
  if (name == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (name == "avx512") {
    return cpu_runs("avx2") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  }
  return false;
#elif defined(__aarch64__)
  return name == "neon";  // part of the architecture
#else
  return name == "baseline";
#endif
}

}  // namespace chainrule
