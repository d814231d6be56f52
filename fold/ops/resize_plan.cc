#include "fold/ops/resize_plan.h"

#include <algorithm>
#include <cmath>

namespace dsperse {
namespace {

using Coordinates = ResizeRule::Coordinates;
using Mode = ResizeRule::Mode;
using Rounding = ResizeRule::Rounding;

// The input coordinate of output position `p`.
double InputCoordinate(Coordinates coordinates, const AxisShape& s, int64_t p) {
  const double x = static_cast<double>(p);
  const double last = static_cast<double>(s.in - 1);
  switch (coordinates) {
    case Coordinates::kAsymmetric:
      return x / s.scale;
    case Coordinates::kAlignCorners:
      return s.out_width == 1 ? 0 : x * last / (s.out_width - 1);
    case Coordinates::kPytorchHalfPixel:
      return s.out_width == 1 ? -0.5 : (x + 0.5) / s.scale - 0.5;
    case Coordinates::kHalfPixelSymmetric: {
      const double adjustment = static_cast<double>(s.out) / s.out_width;
      const double offset = static_cast<double>(s.in) / 2 * (1 - adjustment);
      return offset + (x + 0.5) / s.scale - 0.5;
    }
    case Coordinates::kTfCropAndResize: {
      const double extent = (s.roi_end - s.roi_start) * last;
      const double inside = s.out_width == 1 ? extent / 2 : x * extent / (s.out_width - 1);
      return inside + s.roi_start * last;
    }
    default:
      return (x + 0.5) / s.scale - 0.5;
  }
}

double Cubic(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

// Weights of the elements floor + i, i from *begin on; `ratio` in (0, 1] is the coordinate − floor.
std::vector<double> Weights(const ResizeRule& rule, double ratio, double scale, int64_t* begin) {
  const double shrink = rule.antialias ? std::min(scale, 1.0) : 1.0;
  const double reach = rule.mode == Mode::kCubic ? 2 : 1;
  *begin = static_cast<int64_t>(std::floor(-reach / shrink)) + 1;
  const int64_t count = 2 - 2 * *begin;
  std::vector<double> weights;
  double sum = 0;
  for (int64_t i = *begin; i < *begin + count; ++i) {
    const double distance = (static_cast<double>(i) - ratio) * shrink;
    weights.push_back(rule.mode == Mode::kCubic ? Cubic(distance, rule.cubic_a)
                                                : std::clamp(1 - std::abs(distance), 0.0, 1.0));
    sum += weights.back();
  }
  if (rule.antialias) {
    for (double& w : weights) w /= sum;
  }
  return weights;
}

void AddNearest(const ResizeRule& rule, const AxisShape& s, double x, AxisPlan* plan) {
  const double floor = std::floor(x);
  const double ratio = x - floor;
  bool up = false;
  switch (rule.rounding) {
    case Rounding::kPreferFloor: up = ratio > 0.5; break;
    case Rounding::kPreferCeil: up = ratio >= 0.5; break;
    case Rounding::kFloor: break;
    case Rounding::kCeil: up = ratio > 0; break;
    case Rounding::kSimple: plan->undefined |= ratio > 0 && s.scale < 1; break;
  }
  const double nearest = std::clamp(floor + (up ? 1.0 : 0.0), 0.0, static_cast<double>(s.in - 1));
  plan->source.push_back(static_cast<int64_t>(nearest));
  plan->weight.push_back(1);
}

void AddWeighted(const ResizeRule& rule, const AxisShape& s, double x, AxisPlan* plan) {
  // An element hit exactly is the right one of its pair.
  double floor = std::floor(x);
  double ratio = x - floor;
  if (ratio == 0) {
    floor -= 1;
    ratio = 1;
  }
  int64_t begin = 0;
  const std::vector<double> weights = Weights(rule, ratio, s.scale, &begin);
  const int64_t base = static_cast<int64_t>(floor) + begin;
  const size_t start = plan->source.size();
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t at = base + static_cast<int64_t>(i);
    if (rule.exclude_outside && (at < 0 || at >= s.in)) continue;
    plan->source.push_back(std::clamp<int64_t>(at, 0, s.in - 1));
    plan->weight.push_back(weights[i]);
    sum += weights[i];
  }
  if (rule.exclude_outside) {
    for (size_t t = start; t < plan->weight.size(); ++t) plan->weight[t] /= sum;
  }
}

}  // namespace

bool ParseCoordinates(absl::string_view name, Coordinates* out) {
  constexpr struct {
    const char* name;
    Coordinates value;
  } kNames[] = {{"half_pixel", Coordinates::kHalfPixel},
                {"half_pixel_symmetric", Coordinates::kHalfPixelSymmetric},
                {"pytorch_half_pixel", Coordinates::kPytorchHalfPixel},
                {"align_corners", Coordinates::kAlignCorners},
                {"asymmetric", Coordinates::kAsymmetric},
                {"tf_crop_and_resize", Coordinates::kTfCropAndResize}};
  for (const auto& entry : kNames) {
    if (name != entry.name) continue;
    *out = entry.value;
    return true;
  }
  return false;
}

bool ParseRounding(absl::string_view name, Rounding* out) {
  constexpr struct {
    const char* name;
    Rounding value;
  } kNames[] = {{"round_prefer_floor", Rounding::kPreferFloor},
                {"round_prefer_ceil", Rounding::kPreferCeil},
                {"floor", Rounding::kFloor},
                {"ceil", Rounding::kCeil}};
  for (const auto& entry : kNames) {
    if (name != entry.name) continue;
    *out = entry.value;
    return true;
  }
  return false;
}

AxisPlan PlanAxis(const ResizeRule& rule, const AxisShape& shape) {
  AxisPlan plan;
  const bool crop = rule.coordinates == Coordinates::kTfCropAndResize;
  plan.identity = shape.in == shape.out && shape.scale == 1 &&
                  !(crop && (shape.roi_start != 0 || shape.roi_end != 1));
  plan.first.reserve(static_cast<size_t>(shape.out) + 1);
  for (int64_t p = 0; p < shape.out; ++p) {
    if (plan.identity) {
      plan.source.push_back(p);
      plan.weight.push_back(1);
    } else {
      double x = InputCoordinate(rule.coordinates, shape, p);
      const double last = static_cast<double>(shape.in - 1);
      if (crop) {
        const bool outside = !(x >= 0 && x <= last);
        plan.outside.push_back(outside);
        if (outside) x = 0;
      }
      // Beyond the ends everything is the first or the last element.
      const double margin = 4 * (1 + 1 / std::min(shape.scale, 1.0));
      x = std::clamp(std::isnan(x) ? 0.0 : x, -margin, last + margin);
      if (rule.mode == Mode::kNearest) {
        AddNearest(rule, shape, x, &plan);
      } else {
        AddWeighted(rule, shape, x, &plan);
      }
    }
    plan.first.push_back(static_cast<int64_t>(plan.source.size()));
  }
  return plan;
}

}  // namespace dsperse
