#include "slicer/lift.h"

#include <cmath>

namespace dsperse {
absl::string_view BoundSourceName(BoundSource source) {
  switch (source) {
    case BoundSource::kProven:
      return "proven";
    case BoundSource::kGiven:
      return "given";
    case BoundSource::kAssumed:
      return "assumed";
    case BoundSource::kNone:
      break;
  }
  return "none";
}

double Lift::bound() const { return doublings == 0 ? 1 : 1 + std::ldexp(1.0, doublings); }

Lift LiftFor(double magnitude, BoundSource source) {
  Lift lift{0, source};
  if (!(magnitude > 1)) return lift;
  while (lift.bound() < WithRounding(magnitude) && lift.doublings < kMostDoublings) ++lift.doublings;
  return lift;
}

}  // namespace dsperse
