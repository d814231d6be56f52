#include "fold/lowering/lower_constants.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/precision.h"
#include "fold/ops/views.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

constexpr int64_t kMost = 1 << 20;  // elements of a constant that is read

// Are x's elements those of a constant? Then folding makes a constant of the wire again, and so on without end.
bool IsViewOfConstant(const Graph& graph, ValueId x) {
  while (x.valid() && !IsConstant(graph, x)) {
    const NodeId producer = graph.Producer(x);
    if (!producer.valid()) return false;
    if (!Rearranges(graph.node(producer))) return false;
    x = graph.node(producer).input(0);
  }
  return x.valid();
}

// x's shape, where wires can be drawn from it; a reason where not.
Matched<Dims> SourceOf(const Graph& graph, const NodeView& node, ValueId x, Facts& facts) {
  if (node.opset() < 7) {
    return NoMatch<Dims>(
        absl::StrCat("operands broadcast from opset 7 on, the model has ", node.opset()));
  }
  if (std::string why = WhyNoConvOf(facts.TypeOf(x), node); !why.empty()) return NoMatch<Dims>(why);
  if (IsViewOfConstant(graph, x)) return NoMatch<Dims>("its input is a constant");
  const std::optional<Dims> dims = facts.StaticShape(x);
  if (!dims) return NoMatch<Dims>("the shape of its input is not known");
  const absl::StatusOr<int64_t> elements = NumElements(*dims);
  if (!elements.ok() || *elements < 1) return NoMatch<Dims>("its input has no element, or too many");
  return Match(*dims);
}

// Why a constant is no operand beside `x`, or "". A file may hold any.
std::string WhyNotBeside(ValueId x, const Tensor& constant, Facts& facts) {
  const DType type = facts.TypeOf(x);
  if (constant.dtype() == type) return "";
  return absl::StrCat("its constant is ", DTypeName(constant.dtype()), ", its input ", DTypeName(type));
}

// The constant operand of a binary node and the other one.
struct Operands {
  int data = 0;
  Tensor constant;
};

Matched<Operands> OperandsOf(const Graph& graph, const NodeView& node) {
  if (node.num_inputs() != 2) return NoMatch<Operands>();
  for (int i : {1, 0}) {
    std::optional<Tensor> constant = ConstantOf(graph, node.input(i));
    if (!constant || ConstantOf(graph, node.input(1 - i))) continue;
    if (constant->num_elements() > kMost || constant->num_elements() < 1) {
      return NoMatch<Operands>(
          absl::StrCat("its constant has ", constant->num_elements(), " elements"));
    }
    return Match(Operands{1 - i, *std::move(constant)});
  }
  return NoMatch<Operands>("no operand is constant");
}

absl::StatusOr<Matched<Rewrite>> MatchWire(const Graph& graph, const NodeView& node, Facts& facts) {
  const Matched<Operands> operands = OperandsOf(graph, node);
  if (!operands) return NoMatch<Rewrite>(operands.why_not);
  const int data = operands->data;
  const Matched<Dims> source_shape = SourceOf(graph, node, node.input(data), facts);
  if (!source_shape) return NoMatch<Rewrite>(source_shape.why_not);
  Tensor constant = operands->constant;
  if (std::string why = WhyNotBeside(node.input(data), constant, facts); !why.empty()) return NoMatch<Rewrite>(why);
  // Beside an image, a constant per channel in the wire's own shape needs no Reshape.
  const Shape& shape = facts.ShapeOf(node.input(data));
  if (shape.has_rank() && shape.rank() == 4 && constant.rank() <= 4) {
    Dims padded(static_cast<size_t>(4 - constant.rank()), 1);
    padded.insert(padded.end(), constant.dims().begin(), constant.dims().end());
    DSPERSE_ASSIGN_OR_RETURN(constant, constant.WithDims(padded));
  }
  constexpr char kHow[] = "constant written as the bias of a Conv of zeros";
  return dsperse::Match(Rewrite{kHow, [=, shape_of_x = *source_shape](Rewriter& r) {
    const ValueId x = r.anchor().input(data);
    const ValueId wire = r.Wire(x, shape_of_x, constant, "constant");
    std::vector<ValueId> inputs = {x, wire};
    // The compiler bounds Max and Min by the first operand (lower_extremes.h).
    const bool any_order = r.anchor().Is("Max") || r.anchor().Is("Min");
    if (data == 1 && !any_order) std::swap(inputs[0], inputs[1]);
    r.Replace(std::string(r.anchor().op_type()), std::move(inputs));
  }});
}

// The Conv of one channel behind `value` (a Reshape of it that nobody else reads), or none.
NodeId RowConv(const Graph& graph, ValueId value) {
  const NodeId reshape = graph.Producer(value);
  if (!reshape.valid() || !graph.node(reshape).Is("Reshape") || !graph.HasSingleNodeUse(value)) return {};
  const ValueId row = graph.node(reshape).input(0);
  const NodeId conv = graph.Producer(row);
  if (!conv.valid() || !graph.node(conv).Is("Conv") || !graph.HasSingleNodeUse(row)) return {};
  const std::optional<Tensor> weight = ConstantOf(graph, graph.node(conv).input(1));
  if (!weight || weight->num_elements() != 1 || graph.node(conv).input(2).valid()) return {};
  return conv;
}

// An Add or a Sub of one number behind a Conv of one channel: that Conv's bias.
absl::StatusOr<Matched<Rewrite>> MatchRowBias(const Graph& graph, const NodeView& node, Facts& facts) {
  const Matched<Operands> operands = OperandsOf(graph, node);
  if (!operands || operands->constant.num_elements() != 1) return NoMatch<Rewrite>();
  const bool subtracts = node.Is("Sub");
  if (subtracts && operands->data == 1) return NoMatch<Rewrite>();
  const ValueId x = node.input(operands->data);
  const NodeId conv = RowConv(graph, x);
  const Shape& shape = facts.ShapeOf(x);
  if (!conv.valid() || !shape.has_rank() || shape != facts.ShapeOf(node.output(0))) return NoMatch<Rewrite>();
  if (!WhyNotBeside(x, operands->constant, facts).empty()) return NoMatch<Rewrite>();
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> values, ToDoubles(operands->constant));
  DSPERSE_ASSIGN_OR_RETURN(
      const Tensor bias,
      RoundTo(operands->constant.dtype(), {1}, {subtracts ? -values[0] : values[0]}));
  const NodeId reshape = graph.Producer(x);
  return dsperse::Match(Rewrite{"joined to the Conv of one channel before it", [=](Rewriter& r) {
    Graph& g = r.graph();
    g.SetInput(conv, 2, r.Constant(bias, "bias"));
    const ValueId result = r.anchor().output(0);
    const NodeId anchor = r.anchor().id();
    g.SetInput(anchor, r.anchor().input(0) == g.node(reshape).output(0) ? 0 : 1, ValueId());
    g.TakeOutput(reshape, 0, result);
    g.RemoveNode(anchor);
  }});
}

absl::StatusOr<Matched<Rewrite>> MatchOffset(const Graph& graph, const NodeView& node, Facts& facts) {
  DSPERSE_ASSIGN_OR_RETURN(Matched<Rewrite> joined, MatchRowBias(graph, node, facts));
  if (joined) return joined;
  return MatchWire(graph, node, facts);
}

// All elements the same?
std::optional<double> OneValue(const std::vector<double>& values) {
  if (values.empty() || !std::all_of(values.begin(), values.end(),
                                     [&](double v) { return v == values[0]; })) {
    return std::nullopt;
  }
  return values[0];
}

// The whole n with 1/n = `factor` in type `type`, or 0.
double WholeReciprocal(DType type, double factor) {
  if (!(factor > 0 && factor < 1)) return 0;
  const double n = std::nearbyint(1 / factor);
  if (n > 16777216.0) return 0;  // whole numbers up to 2^24 are floats
  const absl::StatusOr<Tensor> back = RoundTo(type, {}, {1 / n});
  const absl::StatusOr<Tensor> itself = RoundTo(type, {}, {n});
  if (!back.ok() || !itself.ok()) return 0;
  const absl::StatusOr<std::vector<double>> value = ToDoubles(*back), whole = ToDoubles(*itself);
  return value.ok() && whole.ok() && (*value)[0] == factor && (*whole)[0] == n ? n : 0;
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerClip::Match(const Graph& graph, const NodeView& node,
                                                  Facts& facts) const {
  if (node.opset() < 8) return NoMatch<Rewrite>("Max and Min broadcast from opset 8 on");
  const DType type = facts.TypeOf(node.input(0));
  if (!IsFloat(type)) return NoMatch<Rewrite>("its element type is no float");
  std::optional<double> bounds[2];
  for (int i = 0; i < 2; ++i) {
    if (node.opset() < 11) {
      const char* name = i == 0 ? "min" : "max";
      if (node.HasAttr(name)) bounds[i] = node.Float(name, 0);
      // These attributes stand for no bound by their defaults.
      if (bounds[i] && std::abs(*bounds[i]) >= 3.4e38) bounds[i].reset();
      continue;
    }
    if (!node.input(i + 1).valid()) continue;
    const std::optional<Tensor> bound = ConstantOf(graph, node.input(i + 1));
    if (!bound || bound->num_elements() != 1) return NoMatch<Rewrite>("its bounds are not constant");
    if (!IsFloat(bound->dtype())) return NoMatch<Rewrite>("its bounds are no floats");
    DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> values, ToDoubles(*bound));
    const double outwards = i == 0 ? -values[0] : values[0];
    const double most = type == DType::kDouble ? std::numeric_limits<double>::max() : 3.4e38;
    // Beyond every number: no bound. So far within that nothing is left, or no number: no Clip that a file needs.
    if (!(outwards > -most)) return NoMatch<Rewrite>("a bound is not finite");
    if (outwards < most) bounds[i] = values[0];
  }
  if (!bounds[0] && !bounds[1]) return NoMatch<Rewrite>("it has no finite bound");
  const std::optional<double> low = bounds[0], high = bounds[1];
  return dsperse::Match(Rewrite{"written as Max and Min", [=](Rewriter& r) {
    ValueId x = r.anchor().input(0);
    if (low && high) x = r.Emit("Max", {x, r.Scalar(type, *low, "low")}, "above");
    if (high) {
      r.Replace("Min", {x, r.Scalar(type, *high, "high")});
    } else {
      r.Replace("Max", {x, r.Scalar(type, *low, "low")});
    }
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerFactor::Match(const Graph& graph, const NodeView& node,
                                                    Facts& facts) const {
  const Matched<Operands> operands = OperandsOf(graph, node);
  if (!operands) return NoMatch<Rewrite>(operands.why_not);
  const int data = operands->data;
  const ValueId x = node.input(data);
  const Matched<Dims> source_shape = SourceOf(graph, node, x, facts);
  if (!source_shape) return NoMatch<Rewrite>(source_shape.why_not);
  const Dims* const dims = &*source_shape;
  const Tensor& constant = operands->constant;
  if (std::string why = WhyNotBeside(x, constant, facts); !why.empty()) return NoMatch<Rewrite>(why);
  const DType type = constant.dtype();
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> values, ToDoubles(constant));
  for (double v : values) {
    if (!std::isfinite(v)) return NoMatch<Rewrite>("its constant is not finite");
  }
  if (const std::optional<double> factor = OneValue(values);
      factor && facts.ShapeOf(x) == facts.ShapeOf(node.output(0))) {
    if (*factor == -1) {
      return dsperse::Match(Rewrite{"written as Neg", [=](Rewriter& r) {
        r.Replace("Neg", {r.anchor().input(data)});
      }});
    }
    if (*factor == 2) {
      return dsperse::Match(Rewrite{"written as x + x", [=](Rewriter& r) {
        r.Replace("Add", {r.anchor().input(data), r.anchor().input(data)});
      }});
    }
    if (const double n = WholeReciprocal(type, *factor); n != 0) {
      return dsperse::Match(Rewrite{absl::StrCat("written as Div by ", n), [=](Rewriter& r) {
        r.Replace("Div", {r.anchor().input(data), r.Scalar(type, n, "divisor")});
      }});
    }
    DSPERSE_ASSIGN_OR_RETURN(const Tensor weight, RoundTo(type, {1, 1, 1, 1}, {*factor}));
    // An image is not reshaped (Rewriter::Wire says why).
    if (dims->size() == 4) return MatchWire(graph, node, facts);
    const int64_t n = *facts.ShapeOf(x).NumElements();
    const Dims shape = *dims;
    return dsperse::Match(Rewrite{"written as a Conv of one channel", [=](Rewriter& r) {
      const ValueId row = r.Emit(
          "Reshape", {r.anchor().input(data), r.Ints({1, 1, 1, n}, "row_shape")}, "row");
      const ValueId scaled = r.Emit("Conv", {row, r.Constant(weight, "factor")}, "scaled", r.Pointwise(2));
      r.Replace("Reshape", {scaled, r.Ints(shape, "shape")});
    }});
  }
  // One factor for each channel of an image or a sequence.
  const int rank = static_cast<int>(dims->size()), offset = rank - constant.rank();
  const bool along_channels = (rank == 3 || rank == 4) && offset >= 0 && offset <= 1 &&
                              constant.dims()[static_cast<size_t>(1 - offset)] == (*dims)[1] &&
                              constant.num_elements() == (*dims)[1];
  if (along_channels) {
    Dims kernel(static_cast<size_t>(rank), 1);
    kernel[0] = (*dims)[1];
    DSPERSE_ASSIGN_OR_RETURN(const Tensor weight, constant.WithDims(kernel));
    return dsperse::Match(Rewrite{"written as a depthwise 1x1 Conv", [=](Rewriter& r) {
      Attributes attributes = r.Pointwise(rank - 2);
      attributes.push_back({"group", kernel[0]});
      r.Replace("Conv", {r.anchor().input(data), r.Constant(weight, "factors")}, std::move(attributes));
    }});
  }
  return MatchWire(graph, node, facts);
}

absl::StatusOr<Matched<Rewrite>> LowerOffset::Match(const Graph& graph, const NodeView& node,
                                                    Facts& facts) const {
  return MatchOffset(graph, node, facts);
}
absl::StatusOr<Matched<Rewrite>> LowerOffsetSub::Match(const Graph& graph, const NodeView& node,
                                                       Facts& facts) const {
  return MatchOffset(graph, node, facts);
}
absl::StatusOr<Matched<Rewrite>> LowerMaxBound::Match(const Graph& graph, const NodeView& node,
                                                      Facts& facts) const {
  return MatchWire(graph, node, facts);
}
absl::StatusOr<Matched<Rewrite>> LowerMinBound::Match(const Graph& graph, const NodeView& node,
                                                      Facts& facts) const {
  return MatchWire(graph, node, facts);
}

absl::StatusOr<Matched<Rewrite>> LowerJoin::Match(const Graph& graph, const NodeView& node,
                                                  Facts& facts) const {
  std::vector<std::optional<Tensor>> parts;
  int source = -1;
  for (int i = 0; i < node.num_inputs(); ++i) {
    parts.push_back(ConstantOf(graph, node.input(i)));
    if (!parts.back()) {
      if (source < 0) source = i;
    } else if (parts.back()->num_elements() > kMost || parts.back()->num_elements() < 1) {
      return NoMatch<Rewrite>(
          absl::StrCat("its input ", i, " has ", parts.back()->num_elements(), " elements"));
    }
  }
  if (source < 0) return NoMatch<Rewrite>("all its inputs are constant");
  // Refused for another reason, which this does not cure.
  if (std::none_of(parts.begin(), parts.end(), [](const auto& part) { return part.has_value(); })) {
    return NoMatch<Rewrite>("none of its inputs is constant");
  }
  const Matched<Dims> source_shape = SourceOf(graph, node, node.input(source), facts);
  if (!source_shape) return NoMatch<Rewrite>(source_shape.why_not);
  for (const std::optional<Tensor>& part : parts) {
    if (!part) continue;
    if (std::string why = WhyNotBeside(node.input(source), *part, facts); !why.empty()) return NoMatch<Rewrite>(why);
  }
  constexpr char kHow[] = "constants written as biases of Convs of zeros";
  return dsperse::Match(Rewrite{kHow, [=, shape = *source_shape](Rewriter& r) {
    std::vector<ValueId> inputs(r.anchor().inputs().begin(), r.anchor().inputs().end());
    const ValueId x = inputs[static_cast<size_t>(source)];
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i]) inputs[i] = r.Wire(x, shape, *parts[i], absl::StrCat("constant_", i));
    }
    r.Replace("Concat", std::move(inputs), {}, /*like_anchor=*/true);
  }});
}

}  // namespace dsperse
