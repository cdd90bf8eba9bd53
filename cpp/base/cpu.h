// Which instruction sets this CPU runs.
#pragma once

namespace chainrule {

// True when this CPU and its operating system run the named path: "baseline", "avx2", "avx512" or "neon".
bool cpu_runs(const char* isa);

}  // namespace chainrule
