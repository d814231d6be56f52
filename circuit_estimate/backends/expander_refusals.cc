// What the compiler inside DSperse 3.9.10 makes no circuit of, although it knows the operator: seen by `dsperse
// compile` of single nodes. Of what it makes circuits that can't be run, or prove another function, fold/ops/target.cc
// tells.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/expander_counter.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {
namespace {

bool AllOnes(const std::vector<int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 1; });
}

bool PadsByItself(const NodeView& node) {
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  return auto_pad != "NOTSET" && auto_pad != "VALID";
}

}  // namespace

std::string ExpanderCounter::Refusal(const Node& node) const {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  const bool pools = op == "MaxPool" || op == "AveragePool";
  if (op == "Conv" || op == "ConvTranspose" || pools) {
    if (node.in->size() != 4) return absl::StrCat(op, " over other than two spatial axes");
    if (!AllOnes(view.Ints("dilations"))) return absl::StrCat(op, " with dilation above 1");
    if (op == "ConvTranspose" && PadsByItself(view)) return absl::StrCat(op, " with auto_pad");
  }
  if (op == "Conv" || op == "ConvTranspose") {
    if (view.Int("group", 1) != 1) return absl::StrCat(op, " with group > 1");
    if (view.HasAttr("output_shape")) return absl::StrCat(op, " with output_shape");
  } else if (pools) {
    if (view.Int("ceil_mode", 0) != 0 && (op == "AveragePool" || CeilAddsWindows(view, *node.in, *node.out))) {
      return absl::StrCat(op, " with ceil_mode");
    }
    if (view.Int("count_include_pad", 0) != 0) return absl::StrCat(op, " with count_include_pad");
  } else if (op == "Pad") {
    if (view.Float("value", 0) != 0 || (view.input(2).valid() && !view_.IsZero(view.input(2)))) {
      return "Pad by other than zeros";
    }
  } else if (op == "Gemm") {
    if (!view.input(2).valid()) return "Gemm without C";
    if (view.Float("alpha", 1) != 1 || view.Float("beta", 1) != 1) return "Gemm with an alpha or beta other than 1";
  } else if (op == "MatMul") {
    for (int i : {0, 1}) {
      const Dims* const dims = view_.ShapeOf(view.input(i));
      if (dims != nullptr && dims->size() < 2) return "MatMul of a vector";
    }
  } else if (op == "Clip") {
    if (view.HasAttr("min") || view.HasAttr("max")) return "Clip by attributes, which the compiler doesn't read";
    if (!ClipBoundsOf(view_, view).constant) return "bounds are not constant";
  } else if (op == "Max" || op == "Min") {
    if (view.num_inputs() != 2) return absl::StrCat(op, " of other than two operands");
  } else if (op == "Softmax") {
    if (view.opset() < 13) return "Softmax before opset 13";
  }
  return "";
}

const ExpanderCounter::Refusals& ExpanderCounter::RefusalsOf(const Node& node) {
  std::unique_ptr<const Refusals>& known = refusals_[node.view.id()];
  if (known == nullptr) known = std::make_unique<const Refusals>(Refusals{Refusal(node), LeavesOut(node.view)});
  return *known;
}

std::string ExpanderCounter::LeavesOut(const NodeView& view) const {
  constexpr absl::string_view kPriced = ": priced as if written out";
  const bool convolves = view.Is("Conv") || view.Is("ConvTranspose");
  if (!convolves && !view.Is("MaxPool") && !view.Is("AveragePool")) return "";
  if (PadsByItself(view)) return absl::StrCat(view.op_type(), " with auto_pad in the place of pads", kPriced);
  if (convolves && !view.HasAttr("kernel_shape")) return absl::StrCat(view.op_type(), " without kernel_shape", kPriced);
  if (!view.Is("Conv")) return "";
  for (absl::string_view name : {"strides", "dilations"}) {
    if (!view.HasAttr(name)) return absl::StrCat("Conv without ", name, kPriced);
  }
  return "";
}

}  // namespace dsperse
