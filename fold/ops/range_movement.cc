// Ranges of operators that rearrange, repeat, select or join elements.
#include <algorithm>
#include <iterator>

#include "fold/ops/range.h"

namespace dsperse {
namespace {

// Elements of input 0, nothing else.
Interval First(const RangeInput& in) { return in.inputs.empty() ? Interval() : in.inputs[0]; }

Interval All(const RangeInput& in) {
  if (in.inputs.empty()) return {};
  Interval all = in.inputs[0];
  for (const Interval& input : in.inputs) all = Hull(all, input);
  return all;
}

Interval Where(const RangeInput& in) {
  return in.inputs.size() == 3 ? Hull(in.inputs[1], in.inputs[2]) : Interval();
}

Interval OrZero(const RangeInput& in) { return HullWithZero(First(in)); }

Interval Pad(const RangeInput& in) {
  if (in.node.String("mode", "constant") != "constant") return First(in);
  if (in.node.input(2).valid()) return Hull(in.inputs[0], in.inputs[2]);
  return Hull(First(in), Interval::Point(in.node.Float("value", 0)));
}

// Inference only: training scales what it keeps.
Interval Dropout(const RangeInput& in) {
  if (in.node.input(2).valid() || (in.node.opset() < 7 && in.node.Int("is_test", 0) == 0)) return {};
  return First(in);
}

// Nearest only: cubic weights overshoot.
Interval Resize(const RangeInput& in) {
  const bool extrapolates =
      in.node.String("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize";
  return in.node.String("mode", "nearest") == "nearest" && !extrapolates ? First(in) : Interval();
}

Interval Cast(const RangeInput& in) {
  const DType from = in.facts.TypeOf(in.node.input(0));
  if (from != DType::kFloat && from != DType::kDouble) return {};
  const Interval x = First(in);
  return Widen(x, 1, x.bounded() ? x.magnitude() : 0, true);
}

}  // namespace

RangeRule FindMovementRange(absl::string_view op_type) {
  static constexpr absl::string_view kFirst[] = {
      "DepthToSpace", "Expand",  "Flatten",      "Gather", "GatherElements", "GatherND",
      "Identity",     "Reshape", "ReverseSequence", "Slice",  "SpaceToDepth",   "Split",
      "Squeeze",      "Tile",    "Transpose",    "Unsqueeze"};
  if (std::find(std::begin(kFirst), std::end(kFirst), op_type) != std::end(kFirst)) return &First;
  if (op_type == "Concat") return &All;
  if (op_type == "Where") return &Where;
  if (op_type == "Trilu") return &OrZero;
  if (op_type == "Pad") return &Pad;
  if (op_type == "Dropout") return &Dropout;
  if (op_type == "Resize" || op_type == "Upsample") return &Resize;
  if (op_type == "Cast") return &Cast;
  return nullptr;
}

}  // namespace dsperse
