#include "slicer/lifts.h"

#include <algorithm>

namespace dsperse {
std::optional<Lifts::Known> Lifts::Least(ValueId value, std::optional<double> assumed) {
  std::optional<Known> least;
  auto consider = [&](double magnitude, BoundSource from) {
    if (!least || magnitude < least->magnitude) least = Known{magnitude, from};
  };
  if (known_inputs_) {
    if (const Interval range = ranges_.Of(value); range.bounded()) {
      consider(range.magnitude(), BoundSource::kProven);
    }
  }
  if (const auto it = options_.given.find(std::string(graph_.Name(value))); it != options_.given.end()) {
    consider(it->second, BoundSource::kGiven);
  }
  if (assumed) consider(*assumed, BoundSource::kAssumed);
  return least;
}

Lift Lifts::Of(ValueId value) {
  if (!IsFloat(facts_.TypeOf(value))) return {};
  const std::optional<Known> least = Least(value, options_.assumed);
  return least ? LiftFor(least->magnitude, least->source) : Lift();
}

Narrow Lifts::Inside(ValueId value) {
  std::optional<double> assumed = options_.assumed;
  if (assumed) assumed = std::max(*assumed, kAssumedInside);
  const std::optional<Known> least = Least(value, assumed);
  return least ? NarrowTo(least->magnitude, least->source) : Narrow();
}

}  // namespace dsperse
