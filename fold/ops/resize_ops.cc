// Resize and Upsample: nearest, linear and cubic, all coordinate modes of ONNX, antialiased or not.
//
// Interpolation is separable: each axis has for each output position a few input positions and weights
// (`AxisPlan`, in double); axes are applied one after the other in double, and the result is rounded
// once. "nearest" only moves elements. Formulas: the operator's specification and, where that leaves
// room, what its official test cases hold: output_width is scale · input width, not its floor.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/resize_plan.h"
#include "fold/ops/strided.h"

namespace dsperse {
namespace {

// The sizes of the result, scales and regions, one an axis.
struct Sizes {
  Dims dims;
  std::vector<double> scales;
  std::vector<double> widths;  // of the result before rounding down
  std::vector<double> roi_start;
  std::vector<double> roi_end;
};

// A float list that may be given as input `i`; empty means not given.
absl::StatusOr<std::vector<double>> FloatsAt(const NodeView& node, Inputs inputs, int i) {
  const Tensor* tensor = InputAt(inputs, i);
  if (tensor == nullptr || tensor->num_elements() == 0) return std::vector<double>();
  if (!IsFloat(tensor->dtype())) {
    return InvalidNode(node, absl::StrCat("input ", i, " is ", DTypeName(tensor->dtype())));
  }
  return ToDoubles(*tensor);
}

absl::Status SetScales(const NodeView& node, const Dims& in, const std::vector<int>& axes,
                       absl::Span<const double> scales, Sizes* out) {
  if (scales.size() != axes.size()) {
    return InvalidNode(node, absl::StrCat(scales.size(), " scales for ", axes.size(), " axes"));
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = axes[i];
    // In float, as ONNX's shape inference multiplies.
    const float size = static_cast<float>(in[axis]) * static_cast<float>(scales[i]);
    if (!(scales[i] > 0) || !(size < 1e15f)) {
      return InvalidNode(node, absl::StrCat("scale ", scales[i], " of ", in[axis], " elements"));
    }
    out->dims[axis] = static_cast<int64_t>(std::floor(size));
    out->scales[axis] = scales[i];
    out->widths[axis] = scales[i] * static_cast<double>(in[axis]);
  }
  return absl::OkStatus();
}

absl::Status SetSizes(const NodeView& node, const Dims& in, const std::vector<int>& axes,
                      const std::vector<int64_t>& sizes, Sizes* out) {
  if (sizes.size() != axes.size()) {
    return InvalidNode(node, absl::StrCat(sizes.size(), " sizes for ", axes.size(), " axes"));
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = axes[i];
    if (sizes[i] < 0 || sizes[i] > (int64_t{1} << 48) || (in[axis] == 0 && sizes[i] != 0)) {
      return InvalidNode(node, absl::StrCat("size ", sizes[i], " from ", in[axis], " elements"));
    }
    out->dims[axis] = sizes[i];
    out->widths[axis] = static_cast<double>(sizes[i]);
    out->scales[axis] = in[axis] == 0 ? 1 : static_cast<double>(sizes[i]) / static_cast<double>(in[axis]);
  }
  const std::string policy = node.String("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch" || axes.empty()) return absl::OkStatus();
  if (policy != "not_larger" && policy != "not_smaller") {
    return InvalidNode(node, absl::StrCat("keep_aspect_ratio_policy ", policy));
  }
  double scale = out->scales[axes[0]];
  for (int axis : axes) {
    scale = policy == "not_larger" ? std::min(scale, out->scales[axis])
                                   : std::max(scale, out->scales[axis]);
  }
  for (int axis : axes) {
    out->scales[axis] = scale;
    out->widths[axis] = scale * static_cast<double>(in[axis]);
    if (!(out->widths[axis] < 0x1p48)) {
      return InvalidNode(node, absl::StrCat("scale ", scale, " of ", in[axis], " elements"));
    }
    out->dims[axis] = static_cast<int64_t>(out->widths[axis] + 0.5);
  }
  return absl::OkStatus();
}

// Where Upsample, Resize up to opset 10 and Resize from 11 on take their lists from.
absl::StatusOr<Sizes> ReadSizes(const NodeView& node, Inputs inputs, bool modern) {
  const Dims& in = inputs[0]->dims();
  const int rank = inputs[0]->rank();
  std::vector<int> axes;
  std::vector<int64_t> given = node.Ints("axes");
  if (!node.HasAttr("axes")) {
    for (int i = 0; i < rank; ++i) given.push_back(i);
  }
  DSPERSE_RETURN_IF_ERROR(NormalizeAxes(node, given, rank).status());  // none twice
  for (int64_t axis : given) axes.push_back(static_cast<int>(axis < 0 ? axis + rank : axis));

  Sizes sizes;
  sizes.dims = in;
  sizes.scales.assign(in.size(), 1);
  for (int64_t d : in) sizes.widths.push_back(static_cast<double>(d));
  sizes.roi_start.assign(in.size(), 0);
  sizes.roi_end.assign(in.size(), 1);

  std::vector<double> scales;
  if (modern || InputAt(inputs, 1) != nullptr) {
    DSPERSE_ASSIGN_OR_RETURN(scales, FloatsAt(node, inputs, modern ? 2 : 1));
  } else {
    for (float s : node.Floats("scales")) scales.push_back(static_cast<double>(s));
  }
  const Tensor* wanted = modern ? InputAt(inputs, 3) : nullptr;
  if (wanted != nullptr && wanted->num_elements() > 0) {
    DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> list, IntsOf(node, *wanted, "sizes"));
    DSPERSE_RETURN_IF_ERROR(SetSizes(node, in, axes, list, &sizes));
  } else {
    DSPERSE_RETURN_IF_ERROR(SetScales(node, in, axes, scales, &sizes));
  }
  if (modern && node.String("coordinate_transformation_mode", "") == "tf_crop_and_resize") {
    DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> roi, FloatsAt(node, inputs, 1));
    if (roi.size() != 2 * axes.size()) {
      return InvalidNode(node, absl::StrCat(roi.size(), " numbers in roi for ", axes.size(), " axes"));
    }
    for (size_t i = 0; i < axes.size(); ++i) {
      sizes.roi_start[axes[i]] = roi[i];
      sizes.roi_end[axes[i]] = roi[axes.size() + i];
    }
  }
  return sizes;
}

absl::StatusOr<ResizeRule> ReadRule(const NodeView& node, bool modern) {
  ResizeRule rule;
  const std::string mode = node.String("mode", "nearest");
  if (mode == "nearest") {
    rule.mode = ResizeRule::Mode::kNearest;
  } else if (mode == "linear" || mode == "bilinear") {
    rule.mode = ResizeRule::Mode::kLinear;
  } else if (mode == "cubic") {
    rule.mode = ResizeRule::Mode::kCubic;
  } else {
    return InvalidNode(node, absl::StrCat("mode ", mode));
  }
  if (!modern) return rule;
  const std::string coordinates = node.String("coordinate_transformation_mode", "half_pixel");
  const std::string nearest = node.String("nearest_mode", "round_prefer_floor");
  if (!ParseCoordinates(coordinates, &rule.coordinates) || !ParseRounding(nearest, &rule.rounding)) {
    return InvalidNode(node, absl::StrCat("coordinate_transformation_mode ", coordinates,
                                          ", nearest_mode ", nearest));
  }
  rule.antialias = node.Int("antialias", 0) != 0;
  rule.exclude_outside = node.Int("exclude_outside", 0) != 0;
  rule.cubic_a = static_cast<double>(node.Float("cubic_coeff_a", -0.75f));
  if (rule.antialias && rule.mode == ResizeRule::Mode::kNearest) {
    return InvalidNode(node, "antialias with mode nearest");
  }
  return rule;
}

// One axis of `data` (shape `dims`) by its plan.
std::vector<double> ApplyAxis(const std::vector<double>& data, const Dims& dims, int axis,
                              const AxisPlan& plan) {
  const int64_t outer = ProductOf(dims, 0, axis);
  const int64_t inner = ProductOf(dims, axis + 1, static_cast<int>(dims.size()));
  const int64_t size = plan.size();
  std::vector<double> out(static_cast<size_t>(outer * size * inner), 0.0);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t p = 0; p < size; ++p) {
      double* to = out.data() + (o * size + p) * inner;
      for (int64_t t = plan.first[p]; t < plan.first[p + 1]; ++t) {
        const double weight = plan.weight[t];
        const double* from = data.data() + (o * dims[axis] + plan.source[t]) * inner;
        for (int64_t i = 0; i < inner; ++i) to[i] += weight * from[i];
      }
    }
  }
  return out;
}

// Where some coordinate lies outside the region (tf_crop_and_resize).
std::vector<bool> Outside(const std::vector<AxisPlan>& plans, const Dims& dims, int64_t count) {
  std::vector<bool> outside(static_cast<size_t>(count), false);
  int64_t inner = count;
  for (size_t axis = 0; axis < plans.size(); ++axis) {
    inner /= std::max<int64_t>(dims[axis], 1);
    if (plans[axis].outside.empty()) continue;
    for (int64_t i = 0; i < count; ++i) {
      if (plans[axis].outside[i / inner % dims[axis]]) outside[i] = true;
    }
  }
  return outside;
}

absl::StatusOr<Outputs> Interpolate(const EvalContext& context, const NodeView& node,
                                    const Tensor& x, const Dims& dims,
                                    const std::vector<AxisPlan>& plans) {
  // The wide intermediate results count against the limit too.
  Dims now = x.dims();
  for (int axis = 0; axis < x.rank(); ++axis) {
    now[axis] = dims[axis];
    DSPERSE_ASSIGN_OR_RETURN(const int64_t count, NumElements(now));
    if (count > context.max_output_bytes / 8) {
      return absl::ResourceExhaustedError(absl::StrCat(DescribeNode(node), ": an intermediate result of ",
                                                       DimsToString(now)));
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(std::vector<double> values, ToDoubles(x));
  now = x.dims();
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (plans[axis].identity) continue;
    values = ApplyAxis(values, now, axis, plans[axis]);
    now[axis] = dims[axis];
  }
  const std::vector<bool> outside = Outside(plans, dims, static_cast<int64_t>(values.size()));
  const double extrapolation = static_cast<double>(node.Float("extrapolation_value", 0));
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* y = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, dims, &y));
        for (size_t i = 0; i < values.size(); ++i) {
          y[i] = static_cast<T>(outside[i] ? extrapolation : values[i]);
        }
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

absl::StatusOr<Outputs> PickNearest(const EvalContext& context, const NodeView& node,
                                    const Tensor& x, const Dims& dims,
                                    const std::vector<AxisPlan>& plans) {
  for (const AxisPlan& plan : plans) {
    if (std::find(plan.outside.begin(), plan.outside.end(), true) != plan.outside.end()) {
      return Unsupported(node, x.dtype(), "mode nearest outside the region");
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, x));
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(dims, width, context.max_output_bytes));
  const Dims strides = RowMajorStrides(x.dims());
  const int rank = x.rank();
  if (rank == 0 || bytes.empty()) {
    if (rank == 0) bytes = std::string(x.raw());
    return Single(Tensor::FromBytes(x.dtype(), dims, std::move(bytes)));
  }
  char* out = bytes.data();
  const int64_t rows = ProductOf(dims, 0, rank - 1);
  const AxisPlan& inner = plans[rank - 1];
  Dims at(static_cast<size_t>(rank), 0);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t base = 0;
    for (int k = 0; k + 1 < rank; ++k) base += plans[k].Nearest(at[k]) * strides[k];
    DispatchWidth(width, [&](auto w) {
      for (int64_t i = 0; i < dims[rank - 1]; ++i) {
        std::memcpy(out, x.raw().data() + (base + inner.Nearest(i)) * w.value, w.value);
        out += w.value;
      }
    });
    for (int k = rank - 1; k-- > 0;) {
      if (++at[k] < dims[k]) break;
      at[k] = 0;
    }
  }
  return Single(Tensor::FromBytes(x.dtype(), dims, std::move(bytes)));
}

absl::StatusOr<Outputs> Evaluate(const EvalContext& context, const NodeView& node, Inputs inputs,
                                 bool modern) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const ResizeRule rule, ReadRule(node, modern));
  DSPERSE_ASSIGN_OR_RETURN(const Sizes sizes, ReadSizes(node, inputs, modern));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, x));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t count, NumElements(sizes.dims));
  if (count > context.max_output_bytes / width) {
    return absl::ResourceExhaustedError(
        absl::StrCat(DescribeNode(node), ": a result of ", DimsToString(sizes.dims)));
  }
  if (count == 0 || x.num_elements() == 0) {
    if (count > 0) return InvalidNode(node, "nothing to resize");
    return Single(Tensor::FromBytes(x.dtype(), sizes.dims, ""));
  }
  std::vector<AxisPlan> plans;
  for (int axis = 0; axis < x.rank(); ++axis) {
    AxisShape shape;
    shape.in = x.dims()[axis];
    shape.out = sizes.dims[axis];
    shape.scale = sizes.scales[axis];
    shape.out_width = sizes.widths[axis];
    shape.roi_start = sizes.roi_start[axis];
    shape.roi_end = sizes.roi_end[axis];
    AxisPlan plan = PlanAxis(rule, shape);
    if (plan.undefined) {
      return Unsupported(node, x.dtype(), "a factor that leaves open which element is nearest");
    }
    plans.push_back(std::move(plan));
  }
  if (rule.mode == ResizeRule::Mode::kNearest) {
    return PickNearest(context, node, x, sizes.dims, plans);
  }
  // What integers are rounded to isn't specified.
  if (!IsFloat(x.dtype())) return UnsupportedType(node, x.dtype());
  return Interpolate(context, node, x, sizes.dims, plans);
}

absl::StatusOr<Outputs> EvaluateUpsample(const EvalContext& context, const NodeView& node,
                                         Inputs inputs) {
  return Evaluate(context, node, inputs, false);
}

absl::StatusOr<Outputs> EvaluateResize(const EvalContext& context, const NodeView& node,
                                       Inputs inputs) {
  return Evaluate(context, node, inputs, true);
}

}  // namespace

void AppendResizeOps(std::vector<OpDef>* rows) {
  AddRow(rows, "Upsample", 7, &EvaluateUpsample).until = 9;
  AddRow(rows, "Resize", 10, &EvaluateUpsample).until = 10;
  AddRow(rows, "Resize", 11, &EvaluateResize);
}

}  // namespace dsperse
