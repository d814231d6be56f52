#include "fold/lowering/lower_repeats.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/broadcast.h"
#include "fold/ops/target_conditions.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

constexpr int64_t kMostCopies = 256;
constexpr int64_t kMostRead = int64_t{1} << 20;  // elements of a constant
constexpr int kSliceByInputs = 10;  // opset

// Begins, then ends, of a MaxPool of static shapes: what its windows read beyond the image, those of ceil_mode too. Empty
// where attributes don't fit.
std::vector<int64_t> PoolPads(const NodeView& node, const Dims& in, const Dims& out) {
  const std::vector<int64_t> kernel = node.Ints("kernel_shape"), strides = node.Ints("strides");
  const size_t axes = kernel.size();
  const std::string mode = node.String("auto_pad", "NOTSET");
  std::vector<int64_t> pads(2 * axes, 0);
  if (mode == "NOTSET") pads = node.Ints("pads", pads);
  if (pads.size() != 2 * axes || strides.size() != axes) return {};
  constexpr int64_t kMost = int64_t{1} << 31;  // no product of two overflows
  for (size_t i = 0; i < axes; ++i) {
    for (int64_t number : {in[i + 2], out[i + 2], kernel[i], strides[i], pads[i] + 1, pads[i + axes] + 1}) {
      if (number < 1 || number > kMost) return {};
    }
    const int64_t reach = (out[i + 2] - 1) * strides[i] + kernel[i];
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      const int64_t total = std::max<int64_t>(reach - in[i + 2], 0);
      pads[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      pads[i + axes] = total - pads[i];
    } else if (node.Int("ceil_mode", 0) != 0) {
      pads[i + axes] = std::max(pads[i + axes], reach - in[i + 2] - pads[i]);
    }
  }
  return pads;
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerMaxTensor::Match(const Graph& graph, const NodeView& node, Facts& facts) const {
  if (node.num_inputs() != 2) return NoMatch<Rewrite>();
  const std::optional<Tensor> constants[] = {ConstantOf(graph, node.input(0)), ConstantOf(graph, node.input(1))};
  if (constants[0].has_value() == constants[1].has_value()) return NoMatch<Rewrite>();
  const int at = constants[0] ? 0 : 1;
  const Tensor& bound = *constants[at];
  if (bound.num_elements() < 2) return NoMatch<Rewrite>();  // refused for something else
  if (std::string why = WhyNotBroadcast(node, "Max", kVariadicBroadcast); !why.empty()) return NoMatch<Rewrite>(why);
  const DType type = bound.dtype();
  if (!IsFloat(type)) return NoMatch<Rewrite>("its element type is no float");
  if (bound.num_elements() > kMostRead) {
    return NoMatch<Rewrite>(absl::StrCat("its constant has ", bound.num_elements(), " elements"));
  }
  DSPERSE_ASSIGN_OR_RETURN(std::vector<double> values, ToDoubles(bound));
  const bool alike = std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
  const std::optional<Dims> in = facts.StaticShape(node.input(1 - at)), out = facts.StaticShape(node.output(0));
  if (alike && in && in == out) {
    return dsperse::Match(Rewrite{"its constant as one number", [=, number = values[0]](Rewriter& r) {
      r.Replace("Max", {r.anchor().input(1 - at), r.Scalar(type, number, "number")});
    }});
  }
  for (double& v : values) v = -v;
  DSPERSE_ASSIGN_OR_RETURN(const Tensor negated, RoundTo(type, bound.dims(), values));
  return dsperse::Match(Rewrite{"written as Min between Neg", [=](Rewriter& r) {
    const ValueId x = r.Emit("Neg", {r.anchor().input(1 - at)}, "negated");
    r.Replace("Neg", {r.Emit("Min", {x, r.Constant(negated, "bound")}, "smaller")});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerPoolEdges::Match(const Graph&, const NodeView& node, Facts& facts) const {
  if (!node.HasAttr("strides")) return NoMatch<Rewrite>();  // written out first
  if (node.output(1).valid()) return NoMatch<Rewrite>("the output Indices is used");
  if (!AllOnes(node.Ints("dilations"))) return NoMatch<Rewrite>("it is dilated");
  const std::optional<Dims> in = facts.StaticShape(node.input(0)), out = facts.StaticShape(node.output(0));
  const std::vector<int64_t> kernel = node.Ints("kernel_shape");
  const size_t axes = kernel.size();
  if (!in || !out || in->size() != axes + 2 || out->size() != axes + 2) {
    return NoMatch<Rewrite>("its shapes are not known");
  }
  const std::vector<int64_t> pads = PoolPads(node, *in, *out);
  if (pads.size() != 2 * axes) return NoMatch<Rewrite>("its attributes don't fit its input");
  int64_t copies = 0;
  for (size_t i = 0; i < pads.size(); ++i) {
    // A window that reaches beyond the image holds its edge, and is as large with copies of that.
    if (pads[i] >= kernel[i % axes]) return NoMatch<Rewrite>("a window may lie beyond the image");
    copies = std::min(copies, kMostCopies) + pads[i];
  }
  if (copies == 0) return NoMatch<Rewrite>();
  if (copies > kMostCopies) return NoMatch<Rewrite>(absl::StrCat("its pads are more than ", kMostCopies));
  return dsperse::Match(Rewrite{"written as MaxPool of an image with repeated edges", [=, dims = *in](Rewriter& r) {
    ValueId x = r.anchor().input(0);
    for (size_t i = 0; i < axes; ++i) {
      const int64_t axis = static_cast<int64_t>(i) + 2, size = dims[i + 2];
      const auto edge = [&](int64_t from, const std::string& name) {
        const std::vector<int64_t> starts = {from}, ends = {from + 1}, along = {axis};
        if (r.opset() < kSliceByInputs) {
          return r.Emit("Slice", {x}, name, {{"starts", starts}, {"ends", ends}, {"axes", along}});
        }
        return r.Emit("Slice", {x, r.Ints(starts, name + "_from"), r.Ints(ends, name + "_to"), r.Ints(along, name + "_axis")},
                      name);
      };
      std::vector<ValueId> parts;
      if (pads[i] > 0) parts.assign(static_cast<size_t>(pads[i]), edge(0, absl::StrCat("first_", axis)));
      parts.push_back(x);
      if (pads[i + axes] > 0) {
        parts.insert(parts.end(), static_cast<size_t>(pads[i + axes]), edge(size - 1, absl::StrCat("last_", axis)));
      }
      if (parts.size() > 1) x = r.Emit("Concat", std::move(parts), absl::StrCat("edges_", axis), {{"axis", axis}});
    }
    Attributes attributes = {{"auto_pad", std::string("NOTSET")}, {"pads", std::vector<int64_t>(2 * axes, 0)}};
    if (r.opset() >= 10) attributes.push_back({"ceil_mode", int64_t{0}});
    r.Replace("MaxPool", {x},
              std::move(attributes), /*like_anchor=*/true);
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerUncountedPads::Match(const Graph&, const NodeView& node, Facts& facts) const {
  if (!node.HasAttr("strides")) return NoMatch<Rewrite>();  // written out first
  if (node.Int("count_include_pad", 0) != 0) return NoMatch<Rewrite>();
  if (!AllOnes(node.Ints("dilations"))) return NoMatch<Rewrite>("it is dilated");
  if (node.Int("ceil_mode", 0) != 0) return NoMatch<Rewrite>("ceil_mode is set");
  const std::optional<Dims> in = facts.StaticShape(node.input(0)), out = facts.StaticShape(node.output(0));
  const DType type = facts.TypeOf(node.input(0));
  const std::vector<int64_t> kernel = node.Ints("kernel_shape"), strides = node.Ints("strides");
  const size_t axes = kernel.size();
  if (!in || !out || in->size() != axes + 2 || out->size() != axes + 2) return NoMatch<Rewrite>("its shapes are not known");
  if (!IsFloat(type)) return NoMatch<Rewrite>("its element type is no float");
  if (std::string why = WhyNotBroadcast(node, "Mul"); !why.empty()) return NoMatch<Rewrite>(why);
  const std::vector<int64_t> pads = PoolPads(node, *in, *out);
  if (pads.size() != 2 * axes) return NoMatch<Rewrite>("its attributes don't fit its input");
  // Taps of a window by those of them within the image: a product over the axes.
  Dims dims = {1, 1};
  std::vector<double> factors = {1};
  for (size_t i = 0; i < axes; ++i) {
    const int64_t size = (*out)[i + 2];
    if (pads[i] >= kernel[i] || pads[i + axes] >= kernel[i]) return NoMatch<Rewrite>("a window may lie beyond the image");
    if (size > kMostRead / static_cast<int64_t>(factors.size())) return NoMatch<Rewrite>("its result is too large");
    std::vector<double> next;
    for (double factor : factors) {
      for (int64_t p = 0; p < size; ++p) {
        const int64_t begin = p * strides[i] - pads[i];
        const int64_t taps = std::min(begin + kernel[i], (*in)[i + 2]) - std::max<int64_t>(begin, 0);
        next.push_back(factor * static_cast<double>(kernel[i]) / static_cast<double>(taps));
      }
    }
    factors = std::move(next);
    dims.push_back(size);
  }
  if (std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; })) return NoMatch<Rewrite>();
  DSPERSE_ASSIGN_OR_RETURN(const Tensor tensor, RoundTo(type, dims, factors));
  return dsperse::Match(Rewrite{"its pads counted, and the mean multiplied at the border", [tensor](Rewriter& r) {
    const NodeView view = r.anchor();
    Attributes attributes = {{"count_include_pad", int64_t{1}}};
    for (const char* name : {"kernel_shape", "strides", "pads"}) {
      if (view.HasAttr(name)) attributes.push_back({name, view.Ints(name)});
    }
    if (view.HasAttr("auto_pad")) attributes.push_back({"auto_pad", view.String("auto_pad", "")});
    const ValueId mean = r.Emit("AveragePool", {view.input(0)}, "counted", std::move(attributes));
    r.Replace("Mul", {mean, r.Constant(tensor, "taps")});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerSoftmaxAxes::Match(const Graph&, const NodeView& node, Facts& facts) const {
  if (node.opset() >= 13) return NoMatch<Rewrite>();
  const std::optional<Dims> dims = facts.StaticShape(node.output(0));
  if (!dims) return NoMatch<Rewrite>("its shape is not known");
  const int64_t rank = static_cast<int64_t>(dims->size()), given = node.Int("axis", 1);
  const int64_t axis = given < 0 ? given + rank : given;
  if (axis < 0 || axis >= rank) return NoMatch<Rewrite>("its axis is out of range");
  if (node.opset() < 5) return NoMatch<Rewrite>("Reshape takes a shape from opset 5 on");
  return dsperse::Match(Rewrite{"its axes flattened", [axis, dims = *dims](Rewriter& r) {
    const ValueId flat = r.Emit("Flatten", {r.anchor().input(0)}, "flat", {{"axis", axis}});
    const ValueId shares = r.Emit("Softmax", {flat}, "shares", {{"axis", int64_t{1}}});
    r.Replace("Reshape", {shares, r.Ints(std::vector<int64_t>(dims.begin(), dims.end()), "shape")});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerTile::Match(const Graph&, const NodeView& node, Facts& facts) const {
  const Tensor* written = facts.ConstantOf(node.input(1));
  if (written == nullptr) return NoMatch<Rewrite>("its repeats are not constant");
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> repeats, ToInts(*written));
  int64_t copies = 0;
  for (int64_t repeat : repeats) {
    if (repeat < 1) return NoMatch<Rewrite>("it leaves no element");
    copies = std::min(copies, kMostCopies) + std::min(repeat, kMostCopies + 2) - 1;
  }
  if (copies > kMostCopies) return NoMatch<Rewrite>(absl::StrCat("it makes more than ", kMostCopies, " copies"));
  if (copies == 0) return NoMatch<Rewrite>();
  return dsperse::Match(Rewrite{"written as Concat of copies", [repeats](Rewriter& r) {
    ValueId x = r.anchor().input(0);
    size_t last = repeats.size();
    while (repeats[last - 1] == 1) --last;
    for (size_t i = 0; i < last; ++i) {
      if (repeats[i] == 1) continue;
      std::vector<ValueId> parts(static_cast<size_t>(repeats[i]), x);
      const Attributes along = {{"axis", static_cast<int64_t>(i)}};
      if (i + 1 == last) return r.Replace("Concat", std::move(parts), along);
      x = r.Emit("Concat", std::move(parts), absl::StrCat("copies_", i), along);
    }
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerExpandAxes::Match(const Graph&, const NodeView& node, Facts& facts) const {
  const Shape& in = facts.ShapeOf(node.input(0));
  const Shape& out = facts.ShapeOf(node.output(0));
  if (!in.has_rank() || !out.has_rank()) return NoMatch<Rewrite>("the ranks are not known");
  if (out.rank() <= in.rank()) return NoMatch<Rewrite>();
  std::vector<int64_t> axes;
  for (int i = in.rank(); i < out.rank(); ++i) axes.push_back(static_cast<int64_t>(axes.size()));
  return dsperse::Match(Rewrite{"its axes added by Unsqueeze", [axes](Rewriter& r) {
    const ValueId x = r.Unsqueeze(r.anchor().input(0), axes, "unsqueezed");
    r.Replace("Expand", {x, r.anchor().input(1)});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerResizeScales::Match(const Graph&, const NodeView& node, Facts& facts) const {
  if (node.opset() < 11) return NoMatch<Rewrite>();
  if (node.String("mode", "nearest") != "nearest") return NoMatch<Rewrite>("mode is not nearest");
  const std::optional<Dims> in = facts.StaticShape(node.input(0)), out = facts.StaticShape(node.output(0));
  if (!in || !out || in->size() != out->size()) return NoMatch<Rewrite>("its shapes are not known");
  if (node.String("keep_aspect_ratio_policy", "stretch") != "stretch") return NoMatch<Rewrite>("it keeps the aspect ratio");
  std::vector<double> scales;
  for (size_t i = 0; i < in->size(); ++i) {
    const int64_t from = (*in)[i], to = (*out)[i];
    if (from < 1 || to < 1 || to % from != 0 || to / from > kMostCopies) {
      return NoMatch<Rewrite>(absl::StrCat("it makes ", to, " elements of ", from));
    }
    scales.push_back(static_cast<double>(to / from));
    if (!RepeatsAlike(node, scales.back())) return NoMatch<Rewrite>("it repeats no elements alike");
  }
  // Scales that give these sizes by rounding down are others.
  if (const Tensor* written = node.input(2).valid() ? facts.ConstantOf(node.input(2)) : nullptr;
      written != nullptr && written->num_elements() > 0) {
    DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> given, ToDoubles(*written));
    if (std::any_of(given.begin(), given.end(), [](double scale) { return scale != std::floor(scale); })) {
      return NoMatch<Rewrite>("its scales are no whole numbers");
    }
  } else if (node.input(2).valid() && written == nullptr) {
    return NoMatch<Rewrite>("its scales are not constant");
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor tensor, RoundTo(DType::kFloat, {static_cast<int64_t>(scales.size())}, scales));
  return dsperse::Match(Rewrite{"written by scales of all axes", [tensor](Rewriter& r) {
    r.Replace("Resize", {r.anchor().input(0), r.opset() < 13 ? r.anchor().input(1) : ValueId(), r.Constant(tensor, "scales")},
              {{"mode", std::string("nearest")},
               {"coordinate_transformation_mode", std::string("asymmetric")},
               {"nearest_mode", std::string("floor")}});
  }});
}

}  // namespace dsperse
