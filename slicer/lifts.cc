#include "slicer/lifts.h"

namespace dsperse {
namespace {

bool HoldsFloats(DType type) {
  return type == DType::kFloat || type == DType::kDouble || type == DType::kFloat16;
}

}  // namespace

Lift Lifts::Of(ValueId value) {
  if (!HoldsFloats(facts_.TypeOf(value))) return {};
  std::optional<double> least;
  BoundSource source = BoundSource::kNone;
  auto consider = [&](double magnitude, BoundSource from) {
    if (least && *least <= magnitude) return;
    least = magnitude;
    source = from;
  };
  if (known_inputs_) {
    if (const Interval range = ranges_.Of(value); range.bounded()) {
      consider(range.magnitude(), BoundSource::kProven);
    }
  }
  if (const auto it = options_.given.find(std::string(graph_.Name(value))); it != options_.given.end()) {
    consider(it->second, BoundSource::kGiven);
  }
  if (options_.assumed) consider(*options_.assumed, BoundSource::kAssumed);
  return least ? LiftFor(*least, source) : Lift();
}

}  // namespace dsperse
