#include "slicer/narrowing.h"

#include <cmath>
#include <limits>

namespace dsperse {
namespace {

// More of it is beyond what any prover's field holds.
constexpr int kMostDoublings = 100;

}  // namespace

double Narrow::bound() const {
  return doublings == 0 ? std::numeric_limits<double>::infinity() : std::ldexp(1.0, doublings);
}

Narrow NarrowTo(double magnitude, BoundSource source) {
  Narrow narrow{1, source};
  while (narrow.bound() < magnitude * (1 + 1.0 / 64)) {
    if (++narrow.doublings > kMostDoublings) return {};
  }
  return narrow;
}

}  // namespace dsperse
