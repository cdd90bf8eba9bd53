// What golden.cpp and accuracy.cpp share: reading their tables, values made from integers alone, and a hash. The same
// in Python stands in __init__.py.
#pragma once

#include <fstream>
#include <iomanip>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace chainrule {

// The lines of a file but for comments.
inline std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line[0] != '#') lines.push_back(line);
  }
  if (lines.empty()) throw std::runtime_error("nothing in " + path);
  return lines;
}

inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// The paths of this CPU whose bits are the same everywhere: all but the baseline, which has no fused multiply-add.
inline std::vector<std::string> isas_with_fma() {
  const IsaNames isas = available_isas();
  std::vector<std::string> names(isas.names, isas.names + isas.count);
  if (names.front() == "baseline") names.erase(names.begin());
  if (names.empty()) throw std::runtime_error("this CPU has no fused multiply-add: its bits are its own");
  return names;
}

inline constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;

// The scrambling of splitmix64 (Steele, Lea & Flood 2014).
inline std::uint64_t mix(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

inline std::uint64_t random_bits(std::uint64_t stream, index_t i) {
  return mix(kGoldenRatio * (stream << 32 | static_cast<std::uint64_t>(i)));
}

// Multiples of 2^-15 in [-1, 1), exact in float32.
inline double number(std::uint64_t stream, index_t i) {
  return (static_cast<double>(random_bits(stream, i) >> 48) - 0x1p15) * 0x1p-15;
}

template <class T>
std::vector<T> numbers(std::uint64_t stream, index_t n) {
  std::vector<T> values;
  for (index_t i = 0; i < n; ++i) values.push_back(static_cast<T>(number(stream, i)));
  return values;
}

// A hash of all values, in order, as the bits of float64.
class Digest {
 public:
  template <class Values>
  void add(const Values& values) {
    for (const double value : values) {
      std::uint64_t bits;
      __builtin_memcpy(&bits, &value, sizeof bits);
      sum_ += mix(bits + kGoldenRatio * ++place_);
    }
  }
  std::string text() const {
    std::ostringstream out;
    out << std::hex << std::setw(16) << std::setfill('0') << sum_;
    return out.str();
  }

 private:
  std::uint64_t sum_ = 0, place_ = 0;
};

}  // namespace chainrule
