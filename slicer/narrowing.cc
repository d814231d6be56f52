#include "slicer/narrowing.h"

#include <cmath>
#include <limits>

namespace dsperse {
double Narrow::bound() const {
  return doublings == 0 ? std::numeric_limits<double>::infinity() : std::ldexp(1.0, doublings);
}

Narrow NarrowTo(double magnitude, BoundSource source) {
  Narrow narrow{1, source};
  while (narrow.bound() < WithRounding(magnitude)) {
    if (++narrow.doublings > kMostDoublings) return {};
  }
  return narrow;
}

}  // namespace dsperse
