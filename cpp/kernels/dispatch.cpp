// Chooses the kernel table, once.

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "base/cpu.h"
#include "kernels/kernels.h"

namespace chainrule {

#if defined(__x86_64__)
const KernelTables* kernel_tables_baseline();
const KernelTables* kernel_tables_avx2();
const KernelTables* kernel_tables_avx512();
#elif defined(__aarch64__)
const KernelTables* kernel_tables_neon();
#else
const KernelTables* kernel_tables_baseline();
#endif

namespace {

struct Path {
  const char* name;
  const KernelTables* (*tables)();
};

// Best last.
constexpr Path kPaths[] = {
#if defined(__x86_64__)
    {"baseline", kernel_tables_baseline},
    {"avx2", kernel_tables_avx2},
    {"avx512", kernel_tables_avx512},
#elif defined(__aarch64__)
    {"neon", kernel_tables_neon},
#else
    {"baseline", kernel_tables_baseline},
#endif
};

const KernelTables* find(const char* name, const char* source) {
  std::string runs;
  for (const Path& path : kPaths) {
    if (!cpu_runs(path.name)) continue;
    if (std::strcmp(path.name, name) == 0) return path.tables();
    runs += runs.empty() ? path.name : std::string(", ") + path.name;
  }
  throw std::invalid_argument(std::string(source) + ": expected an instruction set that this CPU runs (" + runs +
                              "), got '" + name + "'");
}

std::atomic<const KernelTables*>& current() {
  static std::atomic<const KernelTables*> tables = [] {
    const char* wanted = std::getenv("CHAINRULE_ISA");
    if (wanted != nullptr && *wanted != '\0') return find(wanted, "CHAINRULE_ISA");
    const IsaNames isas = available_isas();
    return find(isas.names[isas.count - 1], "CHAINRULE_ISA");
  }();
  return tables;
}

}  // namespace

template <>
const Kernels<float>& kernels<float>() {
  return current().load(std::memory_order_relaxed)->float32;
}
template <>
const Kernels<double>& kernels<double>() {
  return current().load(std::memory_order_relaxed)->float64;
}

IsaNames available_isas() {
  IsaNames isas = {};
  for (const Path& path : kPaths) {
    if (cpu_runs(path.name)) isas.names[isas.count++] = path.name;
  }
  return isas;
}

const char* current_isa() { return current().load()->isa; }

void use_isa(const char* name) { current().store(find(name, "use_isa")); }

}  // namespace chainrule
