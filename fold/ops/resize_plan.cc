#include "fold/ops/resize_plan.h"

#include <algorithm>
#include <cmath>

namespace dsperse {
namespace {

using Coordinates = ResizeRule::Coordinates;
using Mode = ResizeRule::Mode;
using Rounding = ResizeRule::Rounding;

// The input coordinate of output position `p`, computed in F.
template <typename F>
F InputCoordinate(Coordinates coordinates, const AxisShape& s, F out_width, int64_t p) {
  const F half = static_cast<F>(0.5);
  const F x = static_cast<F>(p);
  const F last = static_cast<F>(s.in - 1);
  const F scale = static_cast<F>(s.scale);
  switch (coordinates) {
    case Coordinates::kAsymmetric:
      return x / scale;
    case Coordinates::kAlignCorners:
      return out_width == 1 ? 0 : x * last / (out_width - 1);
    case Coordinates::kPytorchHalfPixel:
      return out_width == 1 ? -half : (x + half) / scale - half;
    case Coordinates::kHalfPixelSymmetric: {
      const F adjustment = static_cast<F>(s.out) / out_width;
      const F offset = static_cast<F>(s.in) / 2 * (1 - adjustment);
      return offset + (x + half) / scale - half;
    }
    case Coordinates::kTfCropAndResize: {
      const F start = static_cast<F>(s.roi_start);
      const F extent = (static_cast<F>(s.roi_end) - start) * last;
      const F inside = out_width == 1 ? extent / 2 : x * extent / (out_width - 1);
      return inside + start * last;
    }
    default:
      return (x + half) / scale - half;
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

// The element nearest to x; none (−1) where kSimple leaves it open.
int64_t NearestElement(const ResizeRule& rule, const AxisShape& s, double x) {
  const double floor = std::floor(x);
  const double ratio = x - floor;
  bool up = false;
  switch (rule.rounding) {
    case Rounding::kPreferFloor: up = ratio > 0.5; break;
    case Rounding::kPreferCeil: up = ratio >= 0.5; break;
    case Rounding::kFloor: break;
    case Rounding::kCeil: up = ratio > 0; break;
    case Rounding::kSimple:
      if (ratio > 0 && s.scale < 1) return -1;
      break;
  }
  return static_cast<int64_t>(
      std::clamp(floor + (up ? 1.0 : 0.0), 0.0, static_cast<double>(s.in - 1)));
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
      double x = InputCoordinate<double>(rule.coordinates, shape, shape.out_width, p);
      const double last = static_cast<double>(shape.in - 1);
      if (crop) {
        const bool outside = !(x >= 0 && x <= last);
        plan.outside.push_back(outside);
        if (outside) x = 0;
      }
      // Beyond the ends everything is the first or the last element.
      const double margin = 4 * (1 + 1 / std::min(shape.scale, 1.0));
      const auto bounded = [&](double v) {
        return std::clamp(std::isnan(v) ? 0.0 : v, -margin, last + margin);
      };
      x = bounded(x);
      if (rule.mode == Mode::kNearest) {
        // A coordinate that lies between two elements but for rounding: implementations that compute in
        // float, with the result's own width, pick another one.
        const double other = static_cast<double>(InputCoordinate<float>(
            rule.coordinates, shape, static_cast<float>(shape.out), p));
        const int64_t nearest = NearestElement(rule, shape, x);
        const bool outside = crop && plan.outside.back();
        plan.undefined |=
            nearest < 0 || (!outside && nearest != NearestElement(rule, shape, bounded(other)));
        plan.source.push_back(std::max<int64_t>(nearest, 0));
        plan.weight.push_back(1);
      } else {
        AddWeighted(rule, shape, x, &plan);
      }
    }
    plan.first.push_back(static_cast<int64_t>(plan.source.size()));
  }
  return plan;
}

}  // namespace dsperse
