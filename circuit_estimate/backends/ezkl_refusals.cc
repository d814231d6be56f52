// What EZKL 23.0.5 does not take (`gen_settings` fails), what of it computes another function, and what its importer
// drops.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/ezkl_counter.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {
namespace {

bool AllOnes(const std::vector<int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 1; });
}

std::string PoolRefusal(const NodeView& node, const Dims& in, const Dims& out) {
  if (!node.HasAttr("strides")) return absl::StrCat(node.op_type(), " without strides is refused");
  if (!AllOnes(node.Ints("dilations")))
    return absl::StrCat(node.op_type(), " with dilation above 1 is laid as one without");
  if (CeilAddsWindows(node, in, out))
    return absl::StrCat(node.op_type(), " with a ceil_mode that adds windows is refused");
  return "";
}

std::string TransposeRefusal(const NodeView& node) {
  if (node.Int("group", 1) != 1) return "ConvTranspose with group > 1 is refused";
  for (int64_t stride : node.Ints("strides")) {
    if (stride > 2) return "ConvTranspose with a stride above 2 is refused";
  }
  if (node.HasAttr("output_shape")) return "ConvTranspose with an output_shape computes another function, or is refused";
  const std::vector<int64_t> more = node.Ints("output_padding"), pads = node.Ints("pads");
  for (size_t i = 0; i < more.size(); ++i) {
    if (more[i] > (pads.size() == 2 * more.size() ? pads[more.size() + i] : 0)) {
      return "ConvTranspose with an output_padding beyond its pads is refused";
    }
  }
  return "";
}

}  // namespace

bool EzklCounter::IsAll(ValueId value, double element) {
  if (element == 0) return view_.IsZero(value);
  const std::optional<std::vector<double>> values = view_.DoublesOf(value);
  return values.has_value() && !values->empty() &&
         std::all_of(values->begin(), values->end(), [&](double v) { return v == element; });
}

bool EzklCounter::IsMaxWithZero(const NodeView& node) {
  return node.Is("Max") && (view_.ScalarOf(node.input(0)) == std::optional<double>(0.0) ||
                            view_.ScalarOf(node.input(1)) == std::optional<double>(0.0));
}

ValueId EzklCounter::StandsFor(const NodeView& node) {
  constexpr ValueId kNone;
  const Dims* const out = view_.ShapeOf(node.output(0));
  const auto unless_resized = [&](ValueId value) {
    const Dims* const in = view_.ShapeOf(value);
    return in != nullptr && out != nullptr && *in == *out ? value : kNone;
  };
  if (node.Is("Expand") || node.Is("Tile")) return unless_resized(node.input(0));
  if (node.Is("Slice")) {  // backwards it moves elements
    if (node.input(4).valid()) {
      const std::optional<std::vector<int64_t>> steps = view_.IntsOf(node.input(4));
      if (!steps.has_value() || !AllOnes(*steps)) return kNone;
    }
    return unless_resized(node.input(0));
  }
  const bool multiplies = node.Is("Mul") || node.Is("Div");
  if (!multiplies && !node.Is("Add") && !node.Is("Sub") && !node.Is("Sum")) return kNone;
  if (node.num_inputs() != 2) return kNone;
  const double neutral = multiplies ? 1 : 0;
  const bool either = !node.Is("Sub") && !node.Is("Div");
  for (int constant : {1, 0}) {
    if (constant == 0 && !either) continue;
    if (view_.IsConstant(node.input(constant)) && IsAll(node.input(constant), neutral)) {
      return unless_resized(node.input(1 - constant));
    }
  }
  return kNone;
}

std::string EzklCounter::Refusal(const Node& node) {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  if (op == "Conv" || op == "ConvTranspose") {
    const Dims* const weight = view_.ShapeOf(view.input(1));
    if (weight == nullptr) return "shape of the kernel is not known";
    if (weight->size() != node.in->size() || node.out->size() != node.in->size() || weight->size() < 3) {
      return "shapes of input, kernel and result don't fit";
    }
    if (!AllOnes(view.Ints("dilations"))) return absl::StrCat(op, " with dilation above 1 is refused");
    if (op == "ConvTranspose") {
      if (std::string why = TransposeRefusal(view); !why.empty()) return why;
    }
    const bool pointwise = op == "Conv" && IsPointwiseConv(view);
    if (!view.HasAttr("strides") && !pointwise) return absl::StrCat(op, " without strides is refused");
    if (view.input(2).valid() && !view_.IsConstant(view.input(2)) && !(pointwise && AllOnes(view.Ints("strides")))) {
      return absl::StrCat(op, " with a computed bias is refused");
    }
  } else if (op == "MatMul" || op == "Gemm") {
    const Dims* const b = view_.ShapeOf(view.input(1));
    if (b == nullptr || !MatrixProductOf(view_, view).has_value()) return "shapes of the operands are not known";
    if (op == "Gemm") return "";
    if (node.in->size() == 1 && b->size() == 1) return "a product of two vectors is refused";
    for (size_t i = 3; i <= std::min(node.in->size(), b->size()); ++i) {
      const int64_t left = (*node.in)[node.in->size() - i], right = (*b)[b->size() - i];
      // But a constant is repeated over the batches of the other.
      if (left != right && !view_.IsConstant(view.input(left == 1 ? 0 : 1))) return "batches of other sizes are refused";
    }
  } else if (op == "MaxPool" || op == "AveragePool") {
    return PoolRefusal(view, *node.in, *node.out);
  } else if (op == "Clip") {
    if (!ClipBoundsOf(view_, view).constant) return "bounds are not constant";
  } else if (op == "Pow") {
    const std::optional<double> exponent = view_.ScalarOf(view.input(1));
    if (!exponent.has_value() || !(*exponent >= 1 && *exponent <= 64) || *exponent != std::floor(*exponent)) {
      if (exponent != std::optional<double>(0.5)) return "exponents other than a whole constant and 0.5 have no formula";
    }
  } else if (op == "Max" || op == "Min") {
    if (view.num_inputs() != 2) return "Max and Min of two operands only";
    for (ValueId operand : view.inputs()) {
      if (op == "Max" && view_.IsConstant(operand) && view_.Elements(operand) != Count(1)) {
        return "Max with a constant of several elements is refused";
      }
    }
  } else if (op == "Cast") {
    for (const DType type : {view_.facts().TypeOf(view.input(0)), view_.facts().TypeOf(view.output(0))}) {
      if (!IsFloat(type)) return "a Cast between other than float types has no formula";
    }
  } else if (op == "Pad") {
    if (view.String("mode", "constant") != "constant") return "Pad by other than a constant is refused";
    if (view.input(3).valid()) return "Pad of named axes is refused";
    if (view.Float("value", 0) != 0 || (view.input(2).valid() && !view_.IsZero(view.input(2)))) {
      return "Pad by other than zeros is refused";
    }
    for (size_t i = 0; i < node.in->size() && i < node.out->size(); ++i) {
      if ((*node.out)[i] < (*node.in)[i]) return "Pad that drops elements is refused";
    }
  } else if (op == "Resize") {
    if (view.String("mode", "nearest") != "nearest") return "Resize other than nearest is refused";
    if (view.input(3).valid()) return "Resize to sizes is refused";
    if (view.HasAttr("axes")) return "Resize of named axes is refused";
    for (size_t i = 0; i < node.in->size() && i < node.out->size(); ++i) {
      if ((*node.in)[i] < 1 || (*node.out)[i] % (*node.in)[i] != 0) return "Resize by other than whole scales is refused";
    }
  } else if (op == "Tile") {
    for (size_t i = 0; i < node.in->size() && i < node.out->size(); ++i) {
      if ((*node.in)[i] != (*node.out)[i] && (*node.in)[i] != 1)
        return "Tile of an axis of more than one element is refused";
    }
  } else if (op == "Expand") {
    if (node.out->size() > node.in->size() && !AllOnes(std::vector<int64_t>(node.in->begin(), node.in->end()))) {
      return "an Expand that adds axes repeats single elements";
    }
  } else if (op == "Dropout") {
    if (view.num_inputs() > 1) return "Dropout with more than one input is refused";
    if (view.output(1).valid()) return "Dropout with a mask is refused";
  } else if (op == "BatchNormalization") {
    if (view.Int("training_mode", 0) != 0) return "BatchNormalization with training_mode is refused";
  } else if (op == "Softmax") {
    const int64_t rank = static_cast<int64_t>(node.in->size());
    const int64_t axis = view.Int("axis", 1);
    if (view.opset() < 13 && (axis < 0 ? axis + rank : axis) < rank - 1) return "Softmax over several axes is refused";
  }
  return "";
}

}  // namespace dsperse
