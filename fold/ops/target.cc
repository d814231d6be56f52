#include "fold/ops/target.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "fold/ops/fixed_point.h"
#include "fold/ops/target_conditions.h"

namespace dsperse {

bool AllOnes(const std::vector<int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 1; });
}

std::string ConstantOperands(const Graph&, const NodeView& node, Facts& facts) {
  for (int i = 1; i < node.num_inputs(); ++i) {
    if (node.input(i).valid() && facts.ConstantOf(node.input(i)) == nullptr) {
      return absl::StrCat("input ", i, " is not constant");
    }
  }
  return "";
}

namespace {

// ---- conditions ----

int SpatialAxes(const NodeView& node, Facts& facts) {
  const Shape& shape = facts.ShapeOf(node.input(0));
  return shape.has_rank() ? shape.rank() - 2 : -1;
}

std::string OtherAxes(const NodeView& node, int axes) {
  return absl::StrCat(node.op_type(), " over ", axes, " spatial axes");
}

std::string JstproveConv(const Graph&, const NodeView& node, Facts& facts) {
  if (const int axes = SpatialAxes(node, facts); axes != 2 && axes != -1)
    return OtherAxes(node, axes);
  if (node.Int("group", 1) != 1) return absl::StrCat("group is ", node.Int("group", 1));
  if (!AllOnes(node.Ints("dilations"))) return "dilations above 1";
  for (absl::string_view name : {"kernel_shape", "strides", "dilations"}) {
    if (!node.HasAttr(name)) return absl::StrCat("attribute ", name, " is not written out");
  }
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID") return "pads are not written out (auto_pad)";
  if (facts.ConstantOf(node.input(1)) == nullptr) return "the kernel is not constant";
  return "";
}

// The compiler reads no window that begins before or behind the image by more than the window's size.
std::string JstproveWindows(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = JstproveConv(graph, node, facts); !why.empty()) return why;
  const std::optional<Dims> in = facts.StaticShape(node.input(0)), out = facts.StaticShape(node.output(0));
  const std::vector<int64_t> pads = node.Ints("pads"), kernel = node.Ints("kernel_shape"), strides = node.Ints("strides");
  if (!in || !out || in->size() != out->size() || pads.size() != 2 * kernel.size() || strides.size() != kernel.size() ||
      in->size() != kernel.size() + 2) {
    return "";
  }
  for (size_t i = 0; i < kernel.size(); ++i) {
    // In double: where nothing is inferred the file may declare any sizes.
    const double last =
        (static_cast<double>((*out)[i + 2]) - 1) * static_cast<double>(strides[i]) - static_cast<double>(pads[i]);
    if (pads[i] > kernel[i] || last > static_cast<double>((*in)[i + 2])) return "a window lies beyond the image";
  }
  return "";
}

std::string JstproveConvTranspose(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.HasAttr("output_shape")) return "its pads are not written out (output_shape)";
  return JstproveConv(graph, node, facts);
}

std::string JstproveGemm(const Graph&, const NodeView& node, Facts& facts) {
  if (!node.input(2).valid()) return "there is no C";
  if (facts.ConstantOf(node.input(1)) == nullptr) return "B is not constant";
  const Tensor* c = facts.ConstantOf(node.input(2));
  if (c == nullptr) return "C is not constant";
  // Measured: that of any other rank is left out of the sum.
  if (c->rank() != 1) return absl::StrCat("C is of rank ", c->rank());
  if (node.Float("alpha", 1) != 1 || node.Float("beta", 1) != 1) return "alpha or beta is not 1";
  return "";
}

std::string JstproveMaxPool(const Graph&, const NodeView& node, Facts& facts) {
  if (node.output(1).valid()) return "the output Indices is used";
  if (const int axes = SpatialAxes(node, facts); axes != 2 && axes != -1)
    return OtherAxes(node, axes);
  if (!AllOnes(node.Ints("dilations"))) return "dilations above 1";
  if (node.Int("ceil_mode", 0) != 0) return "ceil_mode is set";
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID") return "pads are not written out (auto_pad)";
  return "";
}

std::string JstproveBatchNormalization(const Graph&, const NodeView&, Facts&) {
  return "a run fails on any BatchNormalization left in a slice";
}

std::string JstproveAveragePool(const Graph&, const NodeView&, Facts&) {
  return "no proof when a value is negative";
}

std::string JstproveInstanceNormalization(const Graph&, const NodeView&, Facts&) {
  return "refused when the circuit is defined";
}

// A constant operand enters a circuit as its whole part, without the fixed-point scale: x + 0.25 is proven
// as x, and x · 2 as 2^-17 · x. Only zeros mean the same either way. (Weights of Conv and Gemm are scaled.)
std::string NoConstantOperand(const Graph&, const NodeView& node, Facts& facts) {
  for (ValueId operand : node.inputs()) {
    const Tensor* constant = operand.valid() ? facts.ConstantOf(operand) : nullptr;
    if (constant != nullptr && !AllZero(*constant)) {
      return "a constant operand is proven as another number: its whole part, without the scale";
    }
  }
  return "";
}

constexpr char kShapeOfAnother[] = "the compiler takes its result to have the shape of its first operand";

std::string JstproveSum(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = NoConstantOperand(graph, node, facts); !why.empty()) return why;
  return TakesShapeOfAnother(node, facts) ? kShapeOfAnother : "";
}

std::string JstproveMaxMin(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.num_inputs() != 2) return absl::StrCat(node.num_inputs(), " operands");
  if (std::string why = NoConstantOperand(graph, node, facts); !why.empty()) return why;
  if (facts.ConstantOf(node.input(0)) != nullptr) return "its first operand is constant, and bounds the result";
  if (facts.ConstantOf(node.input(1)) != nullptr || CoversBound(graph, node.input(0), node.input(1))) {
    return TakesShapeOfAnother(node, facts) ? kShapeOfAnother : "";
  }
  return "the compiler bounds the result as its first operand, which the second may exceed";
}

// Whole parts aren't taken: 1.5 as an int64 is proven as 1.5.
std::string JstproveCast(const Graph&, const NodeView& node, Facts& facts) {
  for (const DType type : {facts.TypeOf(node.input(0)), facts.TypeOf(node.output(0))}) {
    if (!IsFloat(type)) return absl::StrCat("a Cast that may change numbers: ", DTypeName(type));
  }
  return "";
}

std::string JstproveClip(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.opset() < 11) return "its bounds are attributes";
  for (int i = 1; i < node.num_inputs(); ++i) {
    if (node.input(i).valid() && facts.ConstantOf(node.input(i)) == nullptr)
      return "bounds are not constant";
  }
  return NoConstantOperand(graph, node, facts);
}

std::string JstproveMean(const Graph&, const NodeView&, Facts&) {
  return "the mean of negative values is proven as another number";
}

std::string JstprovePad(const Graph&, const NodeView& node, Facts& facts) {
  if (node.String("mode", "constant") != "constant") return "mode is not constant";
  for (int i : {1, 3}) {
    if (node.input(i).valid() && facts.ConstantOf(node.input(i)) == nullptr)
      return absl::StrCat("input ", i, " is not constant");
  }
  if (node.Float("value", 0) != 0) return "it pads with another value than 0";
  if (node.input(2).valid()) {
    const Tensor* value = facts.ConstantOf(node.input(2));
    if (value == nullptr || !AllZero(*value)) return "it pads with another value than 0";
  }
  if (node.input(3).valid()) return "it names axes";
  std::vector<int64_t> pads = node.Ints("pads");
  if (node.input(1).valid()) {
    if (absl::StatusOr<std::vector<int64_t>> read = ToInts(*facts.ConstantOf(node.input(1))); read.ok()) pads = *read;
  }
  for (int64_t pad : pads) {
    if (pad < 0) return "it drops elements: a run fails";
  }
  return "";
}

// What is joined along an inner axis isn't contiguous in the compiler's memory, and MatMul, Transpose, Gather,
// Split and ReduceMean of it are refused, elementwise operators between or not.
std::string JstproveConcat(const Graph& graph, const NodeView& node, Facts& facts) {
  const Shape& shape = facts.ShapeOf(node.output(0));
  const int64_t axis = node.Int("axis", 1);
  const int outer = static_cast<int>(axis < 0 && shape.has_rank() ? axis + shape.rank() : axis);
  for (int i = 0; shape.has_rank() && i < std::min(outer, shape.rank()); ++i) {
    if (shape.dim(i).known() && shape.dim(i).size() != 1) return "an axis with more than one element in front of it";
  }
  return NoConstantOperand(graph, node, facts);
}

std::string JstproveMatMul(const Graph&, const NodeView& node, Facts& facts) {
  for (int i : {0, 1}) {
    if (facts.ShapeOf(node.input(i)).has_rank() && facts.ShapeOf(node.input(i)).rank() < 2) return "an operand is a vector";
  }
  const Shape& shape = facts.ShapeOf(node.input(0));
  const Shape& other = facts.ShapeOf(node.input(1));
  // Measured: 'leading batch dimensions must match element-wise'; matrices without any serve all of them.
  if (shape.has_rank() && other.has_rank() && shape.rank() > 2 && other.rank() > 2) {
    if (shape.rank() != other.rank()) return "its operands have batches of other ranks";
    for (int i = 0; i + 2 < shape.rank(); ++i) {
      if (shape.dim(i) != other.dim(i)) return "its operands have batches of other sizes";
    }
  }
  if (facts.ConstantOf(node.input(1)) == nullptr) return "";
  return shape.has_rank() && shape.rank() <= 3 ? "" : "a constant right operand and a left one of a rank above 3";
}

std::string JstprovePow(const Graph&, const NodeView& node, Facts& facts) {
  const Tensor* exponent = facts.ConstantOf(node.input(1));
  if (exponent == nullptr || exponent->num_elements() != 1)
    return "the exponent is not one constant";
  const absl::StatusOr<std::vector<double>> value = ToDoubles(*exponent);
  if (!value.ok()) return "the exponent has no numeric value";
  const double number = (*value)[0];
  // An odd power of a negative number is proven as another number.
  const bool even = number >= 2 && number <= 64 && std::fmod(number, 2) == 0;
  return even || number == 0.5 ? "" : absl::StrCat("exponent ", number);
}

std::string JstproveDiv(const Graph&, const NodeView& node, Facts& facts) {
  const Tensor* divisor = facts.ConstantOf(node.input(1));
  if (divisor == nullptr) return "the divisor is not constant";
  if (divisor->num_elements() > (1 << 20)) return "the divisor has more than 2^20 elements";
  const absl::StatusOr<std::vector<double>> values = ToDoubles(*divisor);
  if (!values.ok()) return "the divisor has no numeric value";
  for (double value : *values) {
    // A divisor enters as its whole part.
    if (!(value >= 1 && value < 4294967296.0 && value == std::trunc(value)))
      return absl::StrCat("divisor ", value, " is not a whole number within 1 … 2^32");
  }
  return TakesShapeOfAnother(node, facts) ? kShapeOfAnother : "";
}

// The compiler counts an axis from behind as if the index had an axis, which a single number hasn't.
std::string JstproveGather(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.Int("axis", 0) < 0) return "its axis is counted from behind";
  return ConstantOperands(graph, node, facts);
}

// The compiler bounds a sum as one of as many elements as the last axis has, whichever axes are summed. (Measured on
// witnesses: what exceeds that is proven as another number.)
std::string JstproveReduceSum(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = ConstantOperands(graph, node, facts); !why.empty()) return why;
  const std::optional<Dims> in = facts.StaticShape(node.input(0));
  const std::optional<Dims> out = facts.StaticShape(node.output(0));
  if (!in || !out || in->empty()) return "";
  double elements = 1;
  for (int64_t size : *in) elements *= static_cast<double>(size);
  for (int64_t size : *out) elements /= static_cast<double>(size);
  if (!(elements > static_cast<double>(in->back()))) return "";
  return absl::StrCat("it sums ", elements, " elements, and the compiler counts the last axis: ", in->back());
}

std::string JstproveFlatten(const Graph&, const NodeView& node, Facts&) {
  return node.Int("axis", 1) < 0 ? "its axis is counted from behind" : "";
}

// Backwards, the compiler takes an end before the first element for the first element, which it leaves out then.
std::string JstproveSlice(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = ConstantOperands(graph, node, facts); !why.empty()) return why;
  if (!node.input(4).valid()) return "";
  if (!node.input(2).valid()) return "it has no ends";
  const absl::StatusOr<std::vector<int64_t>> steps = ToInts(*facts.ConstantOf(node.input(4)));
  if (!steps.ok()) return "its steps have no numeric value";
  const bool backwards = std::any_of(steps->begin(), steps->end(), [](int64_t step) { return step < 0; });
  if (!backwards) return "";
  const absl::StatusOr<std::vector<int64_t>> ends = ToInts(*facts.ConstantOf(node.input(2)));
  const std::optional<Dims> in = facts.StaticShape(node.input(0));
  if (!ends.ok() || !in || ends->size() != steps->size()) return "it runs backwards, by unknown sizes";
  std::vector<int64_t> axes;
  if (node.input(3).valid()) {
    if (absl::StatusOr<std::vector<int64_t>> read = ToInts(*facts.ConstantOf(node.input(3))); read.ok()) axes = *read;
  }
  for (size_t i = axes.size(); i < steps->size(); ++i) axes.push_back(static_cast<int64_t>(i));
  for (size_t i = 0; i < steps->size(); ++i) {
    const int64_t axis = axes[i] < 0 ? axes[i] + static_cast<int64_t>(in->size()) : axes[i];
    if (axis < 0 || axis >= static_cast<int64_t>(in->size())) return "it names an axis that isn't there";
    if ((*steps)[i] < 0 && (*ends)[i] < -(*in)[static_cast<size_t>(axis)]) return "it runs backwards over the first element";
  }
  return "";
}

std::string NearestOnly(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.String("mode", "nearest") != "nearest") return "mode is not nearest";
  return ConstantOperands(graph, node, facts);
}

// The compiler maps an output's place by the sizes of both axes, ONNX by the scale that is written: the same where the
// scale gives a whole size.
std::string JstproveResize(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = NearestOnly(graph, node, facts); !why.empty()) return why;
  const ValueId written = node.input(node.opset() < 11 ? 1 : 2);
  const Tensor* scales = written.valid() ? facts.ConstantOf(written) : nullptr;
  if (scales == nullptr || scales->num_elements() == 0) return "";
  const std::optional<Dims> in = facts.StaticShape(node.input(0));
  const absl::StatusOr<std::vector<double>> values = ToDoubles(*scales);
  if (!in || !values.ok()) return "its shape is not known";
  std::vector<int64_t> axes = node.Ints("axes");
  for (size_t i = 0; axes.size() < values->size(); ++i) axes.push_back(static_cast<int64_t>(i));
  for (size_t i = 0; i < values->size(); ++i) {
    const int64_t axis = axes[i] < 0 ? axes[i] + static_cast<int64_t>(in->size()) : axes[i];
    if (axis < 0 || axis >= static_cast<int64_t>(in->size())) return "it names an axis that isn't there";
    const double size = (*values)[i] * static_cast<double>((*in)[static_cast<size_t>(axis)]);
    if (size != std::floor(size)) return absl::StrCat("scale ", (*values)[i], " gives no whole size");
  }
  return "";
}

// Its epsilon isn't read, and neither are its other outputs.
std::string JstproveLayerNormalization(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = ConstantOperands(graph, node, facts); !why.empty()) return why;
  for (int i = 1; i < node.num_outputs(); ++i) {
    if (node.output(i).valid()) return absl::StrCat("output ", i, " is used");
  }
  const double epsilon = node.Float("epsilon", 1e-5f);
  if (!IsCircuitEpsilon(epsilon)) return absl::StrCat("epsilon ", epsilon, " is proven as ", kCircuitEpsilon);
  return "";
}

std::string JstproveGelu(const Graph&, const NodeView& node, Facts&) {
  return node.String("approximate", "none") == "tanh" ? "" : "approximate is not tanh";
}

std::string JstproveSoftmax(const Graph&, const NodeView& node, Facts&) {
  return node.opset() < 13 ? "Softmax before opset 13 is refused" : "";
}

// ---- tables, by operator name ----

// What DSperse 3.9.10 compiles into JSTprove circuits, proves and verifies.
constexpr TargetRow kJstprove[] = {
    {"Add", "no constant operand but zeros, the first of the result's shape", &JstproveSum},
    {"AveragePool", "never: fails on negative values", &JstproveAveragePool},
    {"BatchNormalization", "never: a run fails on it", &JstproveBatchNormalization},
    {"Cast", "between float types", &JstproveCast},
    {"Clip", "bounds 0 or absent, as inputs", &JstproveClip},
    {"Concat", "along the first axis of more than one element, no constant operand but zeros",
     &JstproveConcat},
    {"Constant", ""},
    {"Conv", "group 1, dilations 1, two spatial axes, attributes written out, constant kernel, windows that meet the image",
     &JstproveWindows},
    {"ConvTranspose",
     "group 1, dilations 1, two spatial axes, attributes written out, constant kernel",
     &JstproveConvTranspose},
    {"Div", "constant whole divisor of at least 1", &JstproveDiv},
    {"Erf", ""},
    {"Exp", ""},
    {"Expand", "constant shape", &ConstantOperands},
    {"Flatten", "an axis of at least 0", &JstproveFlatten},
    {"Gather", "constant indices, an axis of at least 0", &JstproveGather},
    {"Gelu", "approximate = tanh", &JstproveGelu},
    {"Gemm", "with a C of rank 1, B and C constant, alpha and beta 1", &JstproveGemm},
    {"GlobalAveragePool", ""},
    {"HardSwish", ""},
    {"Identity", ""},
    {"InstanceNormalization", "never: refused", &JstproveInstanceNormalization},
    {"LayerNormalization", "constant scale and bias, epsilon 1e-5, one output", &JstproveLayerNormalization},
    {"LeakyRelu", ""},
    {"MatMul", "no vectors, batches of one shape, a constant right operand with a left one of at most rank 3", &JstproveMatMul},
    {"Max", "two operands, the second 0 or bounded by the first", &JstproveMaxMin},
    {"MaxPool", "one output, two spatial axes, dilations 1, no ceil_mode, pads written out",
     &JstproveMaxPool},
    {"Min", "two operands, the second 0 or bounded by the first", &JstproveMaxMin},
    {"Mul", "no constant operand but zeros, the first of the result's shape", &JstproveSum},
    {"Neg", ""},
    {"Pad", "constant pads of at least 0, value 0, no axes named", &JstprovePad},
    {"Pow", "constant even exponent, or 0.5", &JstprovePow},
    {"ReduceMean", "never: wrong for negative values", &JstproveMean},
    {"ReduceSum", "constant axes, no more elements than the last axis has", &JstproveReduceSum},
    {"Reshape", "constant shape", &ConstantOperands},
    {"Resize", "nearest, constant sizes, whole multiples", &JstproveResize},
    {"Sigmoid", ""},
    {"Slice", "constant bounds, backwards not over the first element", &JstproveSlice},
    {"Softmax", "from opset 13 on", &JstproveSoftmax},
    {"Split", "constant sizes", &ConstantOperands},
    {"Sqrt", ""},
    {"Squeeze", "constant axes", &ConstantOperands},
    {"Sub", "no constant operand but zeros, the first of the result's shape", &JstproveSum},
    {"Tanh", ""},
    {"Tile", "constant repeats", &ConstantOperands},
    {"Transpose", ""},
    {"Unsqueeze", "constant axes", &ConstantOperands},
};

// Slices of nothing but these are not proven (DSperse 3.9.10).
constexpr absl::string_view kMoves[] = {"Cast",    "Concat",   "Constant",  "Expand",   "Flatten",
                                        "Gather",  "Identity", "Reshape",   "Slice",    "Split",
                                        "Squeeze", "Tile",     "Transpose", "Unsqueeze"};

}  // namespace

const Target* Target::Find(absl::string_view name) {
  static const Target kTargets[] = {Target("jstprove", kJstprove, &dsperse::ScalePower, /*checks_products=*/true),
                                    Target("ezkl", EzklRows(), nullptr, /*checks_products=*/false)};
  for (const Target& target : kTargets) {
    if (target.name() == name) return &target;
  }
  return nullptr;
}

std::vector<absl::string_view> Target::Names() { return {"jstprove", "ezkl"}; }

std::string Target::WhyNot(const Graph& graph, const NodeView& node, Facts& facts) const {
  if (!node.domain().empty()) {
    return absl::StrCat("operator ", node.op_type(), " of domain ", node.domain(),
                        " is unknown to ", name_);
  }
  const int64_t opset = node.opset();
  for (const TargetRow& row : rows_) {
    if (row.op_type != node.op_type() || opset < row.since || opset > row.until) continue;
    return row.why_not == nullptr ? "" : row.why_not(graph, node, facts);
  }
  return absl::StrCat("operator ", node.op_type(), " is unknown to ", name_);
}

bool Target::MovesData(const NodeView& node) const {
  return node.domain().empty() &&
         std::find(std::begin(kMoves), std::end(kMoves), node.op_type()) != std::end(kMoves);
}

}  // namespace dsperse
