// How one axis is resized: for each output position the input positions it is made of, with weights.
#ifndef DSPERSE_FOLD_OPS_RESIZE_PLAN_H_
#define DSPERSE_FOLD_OPS_RESIZE_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace dsperse {

struct ResizeRule {
  enum class Mode { kNearest, kLinear, kCubic };
  enum class Coordinates {
    kHalfPixel,
    kHalfPixelSymmetric,
    kPytorchHalfPixel,
    kAlignCorners,
    kAsymmetric,
    kTfCropAndResize,
  };
  // How a coordinate between two elements is rounded. kSimple: Upsample and Resize up to opset 10, which
  // round down when they enlarge and don't say what they do when they shrink.
  enum class Rounding { kPreferFloor, kPreferCeil, kFloor, kCeil, kSimple };

  Mode mode = Mode::kNearest;
  Coordinates coordinates = Coordinates::kAsymmetric;
  Rounding rounding = Rounding::kSimple;
  bool antialias = false;
  bool exclude_outside = false;
  double cubic_a = -0.75;
};

// False for a name that isn't ONNX's.
bool ParseCoordinates(absl::string_view name, ResizeRule::Coordinates* out);
bool ParseRounding(absl::string_view name, ResizeRule::Rounding* out);

struct AxisShape {
  int64_t in = 1;   // ≥ 1
  int64_t out = 1;  // ≥ 1
  double scale = 1;
  double out_width = 1;  // scale · in, before it was rounded down to `out`
  double roi_start = 0;
  double roi_end = 1;
};

// Terms of output position p: source[t], weight[t] for t in [first[p], first[p + 1]). In mode nearest
// there is one a position, with weight 1.
struct AxisPlan {
  bool identity = false;   // out = in, nothing moves (the lists are filled all the same)
  // Which element is nearest isn't settled: kSimple met a coordinate between two elements while
  // shrinking, or rounding of the coordinate decides.
  bool undefined = false;
  std::vector<int64_t> first{0};
  std::vector<int64_t> source;
  std::vector<double> weight;
  std::vector<bool> outside;  // of tf_crop_and_resize: position lies outside the input; else empty

  int64_t size() const { return static_cast<int64_t>(first.size()) - 1; }
  int64_t Nearest(int64_t p) const { return source[first[p]]; }
};

AxisPlan PlanAxis(const ResizeRule& rule, const AxisShape& shape);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_RESIZE_PLAN_H_
