// The table of `ezkl`: measured on EZKL 23.0.5 (gen_settings, and witnesses beside ONNX Runtime's results) at its
// default scales. circuit_estimate/backends/ezkl_refusals.cc says what of it has no price.
#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "fold/ops/fixed_point.h"
#include "fold/ops/range.h"
#include "fold/ops/target_conditions.h"

namespace dsperse {
namespace {

bool AllZeros(const std::vector<int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 0; });
}

// ---- numbers ----

// Two digits of base 2^14 hold 2^28, of which the scale takes 2^7: a witness of more fails.
constexpr double kMostHeld = 2097152;

std::string HeldConstants(const Graph&, const NodeView& node, Facts& facts) {
  constexpr int64_t kMostRead = int64_t{1} << 20;
  for (ValueId operand : node.inputs()) {
    const Tensor* constant = operand.valid() ? facts.ConstantOf(operand) : nullptr;
    if (constant == nullptr || !IsFloat(constant->dtype()) || constant->num_elements() < 1 ||
        (!constant->is_uniform() && constant->num_elements() > kMostRead)) {
      continue;
    }
    const Interval range = RangeOfConstant(*constant);
    if (!(range.low > -kMostHeld && range.high < kMostHeld)) return "a constant of 2^21 or more";
  }
  return "";
}

// Whole numbers are divided like others: 1 / 3 is no 0.
std::string FloatsOnly(const Graph&, const NodeView& node, Facts& facts) {
  const DType type = facts.TypeOf(node.input(0));
  return type == DType::kUndefined || IsFloat(type) ? "" : absl::StrCat("a quotient of ", DTypeName(type));
}

std::string FloatMean(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = ConstantOperands(graph, node, facts); !why.empty()) return why;
  return FloatsOnly(graph, node, facts);
}

// A Cast to whole numbers rounds down instead of towards zero, one to bool is none.
std::string FloatCast(const Graph&, const NodeView& node, Facts& facts) {
  for (const DType type : {facts.TypeOf(node.input(0)), facts.TypeOf(node.output(0))}) {
    if (type != DType::kUndefined && !IsFloat(type)) return absl::StrCat("a Cast that may change numbers: ", DTypeName(type));
  }
  return "";
}

// Its importer reads one tensor or one number.
std::string OneConstant(const Graph&, const NodeView& node, Facts&) {
  for (absl::string_view name : {"value", "value_float", "value_int"}) {
    if (node.HasAttr(name)) return "";
  }
  return "its value is a list, or no number";
}

std::string ExponentUpToFive(const Graph&, const NodeView& node, Facts& facts) {
  const Tensor* exponent = facts.ConstantOf(node.input(1));
  if (exponent == nullptr || exponent->num_elements() != 1) return "the exponent is not one constant";
  const absl::StatusOr<std::vector<double>> value = ToDoubles(*exponent);
  if (!value.ok()) return "the exponent has no numeric value";
  const double number = (*value)[0];
  // From 6 on no witness is found, whatever the base; 0 and negative ones give other numbers.
  const bool whole = number >= 1 && number <= 5 && number == std::floor(number);
  return whole || number == 0.5 ? "" : absl::StrCat("exponent ", number);
}

std::string HeldBounds(const Graph& graph, const NodeView& node, Facts& facts) {
  for (int i = 1; i < node.num_inputs(); ++i) {
    if (node.input(i).valid() && facts.ConstantOf(node.input(i)) == nullptr) return "bounds are not constant";
  }
  for (absl::string_view name : {"min", "max"}) {
    if (node.HasAttr(name) && !(std::abs(node.Float(name, 0)) < kMostHeld)) return "a constant of 2^21 or more";
  }
  return HeldConstants(graph, node, facts);
}

std::string TwoHeld(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.num_inputs() != 2) return absl::StrCat(node.num_inputs(), " operands");
  return HeldConstants(graph, node, facts);
}

std::string TwoAndNoTensor(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = TwoHeld(graph, node, facts); !why.empty()) return why;
  for (ValueId operand : node.inputs()) {
    const Tensor* constant = facts.ConstantOf(operand);
    if (constant != nullptr && constant->num_elements() != 1) return "a constant of several elements";
  }
  return "";
}

// ---- windows ----

// Written out, or the sizes of the weights; empty where neither tells.
std::vector<int64_t> KernelOf(const NodeView& node, Facts& facts) {
  if (node.HasAttr("kernel_shape")) return node.Ints("kernel_shape");
  const std::optional<Dims> weight = facts.StaticShape(node.input(1));
  if (!weight || weight->size() < 3) return {};
  return std::vector<int64_t>(weight->begin() + 2, weight->end());
}

// One that its importer turns into a product of matrices.
bool IsProduct(const NodeView& node, Facts& facts) {
  const std::vector<int64_t> kernel = KernelOf(node, facts);
  return node.Is("Conv") && !kernel.empty() && AllOnes(kernel) && AllOnes(node.Ints("strides")) &&
         AllZeros(node.Ints("pads")) && node.Int("group", 1) == 1;
}

std::string EzklConv(const Graph&, const NodeView& node, Facts& facts) {
  if (!AllOnes(node.Ints("dilations"))) return "dilations above 1";
  if (IsProduct(node, facts)) return "";
  if (!node.HasAttr("strides")) return "attribute strides is not written out";
  // It would be of the scale of inputs, and is added to products.
  if (node.input(2).valid() && facts.ConstantOf(node.input(2)) == nullptr) return "the bias is not constant";
  return "";
}

std::string EzklConvTranspose(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.Int("group", 1) != 1) return absl::StrCat("group is ", node.Int("group", 1));
  if (std::string why = EzklConv(graph, node, facts); !why.empty()) return why;
  // Between two elements it puts as many zeros as for 2, and behind the last one too many.
  for (int64_t stride : node.Ints("strides")) {
    if (stride > 2) return absl::StrCat("a stride of ", stride);
  }
  if (node.HasAttr("output_shape")) return "its pads are not written out (output_shape)";
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID") return "pads are not written out (auto_pad)";
  const std::vector<int64_t> more = node.Ints("output_padding"), pads = node.Ints("pads");
  for (size_t i = 0; i < more.size(); ++i) {
    const int64_t end = auto_pad == "NOTSET" && pads.size() == 2 * more.size() ? pads[more.size() + i] : 0;
    if (more[i] > end) return "its output_padding exceeds its pads";
  }
  return "";
}

// What is surely not below zero. Looks at a few nodes in front of it.
bool NotNegative(const Graph& graph, Facts& facts, ValueId value) {
  constexpr absl::string_view kNever[] = {"Abs", "Exp", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Sqrt"};
  constexpr absl::string_view kLikeInput[] = {
      "AveragePool",   "Cast",     "Dropout", "Expand",  "Flatten", "Gather", "GlobalAveragePool",
      "GlobalMaxPool", "Identity", "MaxPool", "Reshape", "Slice",   "Split",  "Squeeze",
      "Tile",          "Transpose", "Unsqueeze"};
  constexpr absl::string_view kLikeAll[] = {"Add", "Concat", "Min", "Mul", "Sum"};
  const auto among = [](const auto& list, absl::string_view op) {
    return std::find(std::begin(list), std::end(list), op) != std::end(list);
  };
  const auto bounded = [&](ValueId bound) {
    const Tensor* constant = bound.valid() ? facts.ConstantOf(bound) : nullptr;
    return constant != nullptr && constant->num_elements() == 1 && RangeOfConstant(*constant).low >= 0;
  };
  std::vector<ValueId> open = {value};
  for (int budget = 64; !open.empty(); --budget) {
    const ValueId asked = open.back();
    open.pop_back();
    if (bounded(asked)) continue;
    const NodeId producer = asked.valid() ? graph.Producer(asked) : NodeId{};
    if (budget == 0 || !producer.valid()) return false;
    const NodeView node = graph.node(producer);
    if (!node.domain().empty()) return false;
    if (among(kNever, node.op_type())) continue;
    if (node.Is("Clip") && node.opset() >= 11 && bounded(node.input(1)) && (!node.input(2).valid() || bounded(node.input(2)))) {
      continue;
    }
    if (node.Is("Clip") && node.opset() < 11 && node.Float("min", -1) >= 0 && node.Float("max", 1) >= 0) continue;
    if (node.Is("Max") && std::any_of(node.inputs().begin(), node.inputs().end(), bounded)) continue;
    if (among(kLikeInput, node.op_type())) {
      open.push_back(node.input(0));
    } else if (among(kLikeAll, node.op_type()) || node.Is("Max")) {
      open.insert(open.end(), node.inputs().begin(), node.inputs().end());
    } else {
      return false;
    }
  }
  return true;
}

// Of MaxPool and AveragePool. `pads`: some window reaches beyond the image, or may.
std::string PoolWindows(const NodeView& node, Facts& facts, bool* pads) {
  if (!node.HasAttr("strides")) return "attribute strides is not written out";
  if (!AllOnes(node.Ints("dilations"))) return "dilations above 1";
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  *pads = same || (auto_pad == "NOTSET" && !AllZeros(node.Ints("pads")));
  const bool ceil = node.Int("ceil_mode", 0) != 0;
  if (!same && !ceil) return "";
  const std::optional<Dims> in = facts.StaticShape(node.input(0)), out = facts.StaticShape(node.output(0));
  const std::vector<int64_t> kernel = node.Ints("kernel_shape"), strides = node.Ints("strides");
  const std::vector<int64_t> written = node.Ints("pads", std::vector<int64_t>(2 * kernel.size(), 0));
  const size_t axes = kernel.size();
  if (!in || !out || in->size() != axes + 2 || out->size() != axes + 2 || strides.size() != axes ||
      written.size() != 2 * axes) {
    return ceil ? "ceil_mode adds windows, or may" : "";
  }
  bool beyond = false;
  for (size_t i = 0; i < axes; ++i) {
    // In double: where nothing is inferred the file may declare any sizes.
    double size = static_cast<double>((*in)[i + 2]);
    if (!same && auto_pad == "NOTSET") size += static_cast<double>(written[i]) + static_cast<double>(written[i + axes]);
    const double reach = (static_cast<double>((*out)[i + 2]) - 1) * static_cast<double>(strides[i]) +
                         static_cast<double>(kernel[i]);
    beyond |= reach > size;
  }
  if (same) *pads = beyond;
  return ceil && beyond ? "ceil_mode adds windows, or may" : "";
}

std::string EzklMaxPool(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.output(1).valid()) return "the output Indices is used";
  bool pads = false;
  if (std::string why = PoolWindows(node, facts, &pads); !why.empty()) return why;
  return pads && !NotNegative(graph, facts, node.input(0)) ? "it pads with zeros what may be negative" : "";
}

std::string EzklAveragePool(const Graph&, const NodeView& node, Facts& facts) {
  bool pads = false;
  if (std::string why = PoolWindows(node, facts, &pads); !why.empty()) return why;
  return pads && node.Int("count_include_pad", 0) == 0 ? "its pads do not count, but are counted" : "";
}

// ---- products, normalizations ----

// Only a constant is repeated over the batches of the other operand.
std::string EzklMatMul(const Graph&, const NodeView& node, Facts& facts) {
  const Shape shapes[] = {facts.ShapeOf(node.input(0)), facts.ShapeOf(node.input(1))};
  if (!shapes[0].has_rank() || !shapes[1].has_rank()) return "";
  const int ranks[] = {shapes[0].rank(), shapes[1].rank()};
  if (ranks[0] == 1 && ranks[1] == 1) return "a product of two vectors";
  for (int i = 3; i <= std::min(ranks[0], ranks[1]); ++i) {
    const Dim dims[] = {shapes[0].dim(ranks[0] - i), shapes[1].dim(ranks[1] - i)};
    if (!dims[0].known() || !dims[1].known() || dims[0].size() == dims[1].size()) continue;
    const int repeated = dims[0].size() == 1 ? 0 : 1;
    if (facts.ConstantOf(node.input(repeated)) == nullptr) return "its operands have batches of other sizes";
  }
  return "";
}

std::string EzklBatchNormalization(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.Int("training_mode", 0) != 0) return "training_mode is set";
  return ConstantOperands(graph, node, facts);
}

// The mean is taken over the batch as well.
std::string EzklInstanceNormalization(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = ConstantOperands(graph, node, facts); !why.empty()) return why;
  const Shape& shape = facts.ShapeOf(node.input(0));
  if (!shape.has_rank() || shape.rank() < 1 || !shape.dim(0).known() || shape.dim(0).size() == 1) return "";
  return absl::StrCat("a batch of ", shape.dim(0).size());
}

std::string EzklSoftmax(const Graph&, const NodeView& node, Facts& facts) {
  if (node.opset() >= 13) return "";
  const Shape& shape = facts.ShapeOf(node.input(0));
  if (!shape.has_rank()) return "";
  const int64_t axis = node.Int("axis", 1);
  return (axis < 0 ? axis + shape.rank() : axis) < shape.rank() - 1 ? "it is over several axes" : "";
}

// ---- data movement ----

std::string EzklDropout(const Graph&, const NodeView& node, Facts&) {
  if (node.num_inputs() > 1) return absl::StrCat(node.num_inputs(), " inputs");
  return node.output(1).valid() ? "the output mask is used" : "";
}

// One that adds axes repeats single elements instead of the whole.
std::string EzklExpand(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = ConstantOperands(graph, node, facts); !why.empty()) return why;
  const Shape& in = facts.ShapeOf(node.input(0));
  const Shape& out = facts.ShapeOf(node.output(0));
  if (!in.has_rank() || !out.has_rank() || out.rank() <= in.rank()) return "";
  const std::optional<Dims> dims = in.AsDims();
  return dims && AllOnes(std::vector<int64_t>(dims->begin(), dims->end())) ? "" : "it adds axes";
}

std::string EzklTile(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = ConstantOperands(graph, node, facts); !why.empty()) return why;
  const Tensor* written = facts.ConstantOf(node.input(1));
  if (written == nullptr) return "";
  const absl::StatusOr<std::vector<int64_t>> repeats = ToInts(*written);
  if (!repeats.ok()) return "its repeats have no numeric value";
  const Shape& in = facts.ShapeOf(node.input(0));
  for (size_t i = 0; i < repeats->size(); ++i) {
    if ((*repeats)[i] == 1) continue;
    if ((*repeats)[i] < 1) return "it leaves no element";
    const int axis = static_cast<int>(i);
    const bool one = in.has_rank() && axis < in.rank() && in.dim(axis).known() && in.dim(axis).size() == 1;
    if (!one) return "it repeats an axis of more than one element";
  }
  return "";
}

std::string EzklPad(const Graph& graph, const NodeView& node, Facts& facts) {
  if (std::string why = ConstantOperands(graph, node, facts); !why.empty()) return why;
  if (node.String("mode", "constant") != "constant") return "mode is not constant";
  if (node.input(3).valid()) return "it names axes";
  std::vector<int64_t> pads = node.Ints("pads");
  if (node.input(1).valid()) {
    const absl::StatusOr<std::vector<int64_t>> read = ToInts(*facts.ConstantOf(node.input(1)));
    if (!read.ok()) return "its pads have no numeric value";
    pads = *read;
  }
  if (std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad < 0; })) return "it drops elements";
  const bool other = node.Float("value", 0) != 0 || (node.input(2).valid() && !AllZero(*facts.ConstantOf(node.input(2))));
  return other ? "it pads with another value than 0" : "";
}

// It repeats each element of an axis as often as the scale says.
std::string EzklResize(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.String("mode", "nearest") != "nearest") return "mode is not nearest";
  if (std::string why = ConstantOperands(graph, node, facts); !why.empty()) return why;
  if (node.input(3).valid()) return "it is given sizes, no scales";
  if (node.HasAttr("axes")) return "it names axes";
  const ValueId written = node.input(node.opset() < 11 ? 1 : 2);
  const Tensor* scales = written.valid() ? facts.ConstantOf(written) : nullptr;
  if (scales == nullptr || scales->num_elements() == 0) return "it has no scales";
  const absl::StatusOr<std::vector<double>> values = ToDoubles(*scales);
  if (!values.ok()) return "its scales have no numeric value";
  for (double scale : *values) {
    if (!(scale >= 1) || scale != std::floor(scale)) return absl::StrCat("scale ", scale, " is no whole number");
    if (RepeatsAlike(node, scale)) continue;
    return absl::StrCat("scale ", scale, " by ", node.String("coordinate_transformation_mode", "half_pixel"), ", ",
                        node.String("nearest_mode", "round_prefer_floor"), " repeats no elements alike");
  }
  return "";
}

constexpr TargetRow kEzkl[] = {
    {"Abs", ""},
    {"Acos", ""},
    {"Acosh", ""},
    {"Add", "constants within 2^21", &HeldConstants},
    {"Asin", ""},
    {"Asinh", ""},
    {"Atan", ""},
    {"Atanh", ""},
    {"AveragePool", "strides written out, dilations 1, no window added, pads counted", &EzklAveragePool},
    {"BatchNormalization", "constant parameters, no training_mode", &EzklBatchNormalization},
    {"Cast", "between float types", &FloatCast},
    {"Clip", "constant bounds within 2^21", &HeldBounds},
    {"Concat", "constants within 2^21", &HeldConstants},
    {"Constant", "a tensor or one number", &OneConstant},
    {"Conv", "dilations 1, strides written out unless pointwise, constant bias", &EzklConv},
    {"ConvTranspose",
     "group 1, dilations 1, strides of at most 2 and pads written out, output_padding within pads, constant bias",
     &EzklConvTranspose},
    {"Cos", ""},
    {"Cosh", ""},
    {"Div", "of floats", &FloatsOnly},
    {"Dropout", "one input, one output", &EzklDropout},
    {"Erf", ""},
    {"Exp", ""},
    {"Expand", "constant shape, of no more axes", &EzklExpand},
    {"Flatten", ""},
    {"Gather", "constant indices", &ConstantOperands},
    {"Gemm", ""},
    {"GlobalAveragePool", ""},
    {"HardSigmoid", ""},
    {"HardSwish", ""},
    {"Identity", ""},
    {"InstanceNormalization", "constant scale and bias, a batch of one", &EzklInstanceNormalization},
    {"LayerNormalization", "constant scale and bias", &ConstantOperands},
    {"LeakyRelu", ""},
    {"Log", ""},
    {"MatMul", "not of two vectors, batches of one size unless a constant is repeated", &EzklMatMul},
    {"Max", "two operands, constants of one element, within 2^21", &TwoAndNoTensor},
    {"MaxPool", "one output, strides written out, dilations 1, no window added, pads only of what is not negative",
     &EzklMaxPool},
    {"Min", "two operands, constants within 2^21", &TwoHeld},
    {"Mul", ""},
    {"Neg", ""},
    {"Pad", "constant pads of at least 0, value 0, no axes named", &EzklPad},
    {"Pow", "constant whole exponent of at most 5, or 0.5", &ExponentUpToFive},
    {"ReduceMean", "constant axes, of floats", &FloatMean},
    {"ReduceSum", "constant axes", &ConstantOperands},
    {"Relu", ""},
    {"Reshape", "constant shape", &ConstantOperands},
    {"Resize", "nearest, constant whole scales that repeat elements alike, no axes named", &EzklResize},
    {"Sigmoid", ""},
    {"Sin", ""},
    {"Sinh", ""},
    {"Slice", "constant bounds", &ConstantOperands},
    {"Softmax", "before opset 13 along the last axis", &EzklSoftmax},
    {"Split", "constant sizes", &ConstantOperands},
    {"Sqrt", ""},
    {"Squeeze", "constant axes", &ConstantOperands},
    {"Sub", "constants within 2^21", &HeldConstants},
    {"Sum", "constants within 2^21", &HeldConstants},
    {"Tan", ""},
    {"Tanh", ""},
    {"Tile", "constant repeats, of axes of one element", &EzklTile},
    {"Transpose", ""},
    {"Unsqueeze", "constant axes", &ConstantOperands},
};

}  // namespace

bool RepeatsAlike(const NodeView& node, double scale) {
  if (scale == 1 || node.opset() < 11) return true;
  const std::string coordinates = node.String("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = node.String("nearest_mode", "round_prefer_floor");
  const bool rounds = rounding == "round_prefer_floor" || rounding == "round_prefer_ceil";
  if (coordinates == "asymmetric") return rounding == "floor" || (rounding == "round_prefer_floor" && scale == 2);
  if (coordinates == "half_pixel") return rounds;
  return coordinates == "align_corners" && rounds && scale == 2;
}

absl::Span<const TargetRow> EzklRows() { return kEzkl; }

}  // namespace dsperse
