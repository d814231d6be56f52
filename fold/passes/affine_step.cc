#include "fold/passes/affine_step.h"

#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

constexpr float kDefaultEpsilon = 1e-5f;

double At(const std::vector<double>& values, size_t channel) {
  return values.size() == 1 ? values[0] : values[channel];
}

bool IsArithmetic(const NodeView& node) {
  const absl::string_view type = node.op_type();
  return type.size() == 3 && (type == "Mul" || type == "Add" || type == "Sub" || type == "Div") &&
         node.domain().empty();
}

struct BatchNormInput {
  int index;
  const char* name;
};
constexpr BatchNormInput kScale{1, "scale"}, kShift{2, "shift"}, kMean{3, "mean"}, kVar{4, "variance"};

// One parameter as doubles; a reason where it isn't fit.
absl::StatusOr<Matched<std::vector<double>>> ReadParameter(const Graph& graph,
                                                           const NodeView& node,
                                                           BatchNormInput input, int64_t channels) {
  using Result = std::vector<double>;
  std::optional<Tensor> computed;
  const Tensor* const tensor = FindConstant(graph, node.input(input.index), &computed);
  if (tensor == nullptr) {
    return NoMatch<Result>(
        absl::StrCat("its ", input.name, " ", WhyNotConstant(graph, node.input(input.index))));
  }
  if (!IsFloat(tensor->dtype()) || tensor->rank() != 1) {
    return NoMatch<Result>(absl::StrCat("its ", input.name, " is a ", DTypeName(tensor->dtype()),
                                        " tensor of shape ", DimsToString(tensor->dims()),
                                        ", not a float vector"));
  }
  if (tensor->num_elements() != channels) {
    return NoMatch<Result>(absl::StrCat("its ", input.name, " has ", tensor->num_elements(),
                                        " channels, its input ", channels));
  }
  DSPERSE_ASSIGN_OR_RETURN(Result values, ToDoubles(*tensor));
  for (size_t c = 0; c < values.size(); ++c) {
    if (!std::isfinite(values[c])) {
      return NoMatch<Result>(absl::StrCat(ChannelName(c), ": its ", input.name, " is ", values[c]));
    }
  }
  return Match(std::move(values));
}

absl::StatusOr<Matched<AffineStep>> MatchBatchNorm(const Graph& graph, const NodeView& node,
                                                   ValueId data, const ChannelAxis& axis) {
  if (node.input(0) != data) return NoMatch<AffineStep>("its parameters are not constant");
  std::string why = WhyNotInference(node);
  if (!why.empty()) return NoMatch<AffineStep>(std::move(why));
  if (axis.axis != 1) {
    return NoMatch<AffineStep>(
        axis.rank < 0
            ? "the rank of its input is unknown"
            : absl::StrCat("it works on axis 1, the constant before it owns axis ", axis.axis,
                           " of ", axis.rank));
  }
  AffineStep step;
  step.kind = AffineStep::Kind::kBatchNorm;
  step.node = node.id();
  step.data_input = 0;
  std::vector<double> variance;
  for (const auto& [input, target] :
       {std::pair(kScale, &step.scale), std::pair(kShift, &step.shift),
        std::pair(kMean, &step.mean), std::pair(kVar, &variance)}) {
    DSPERSE_ASSIGN_OR_RETURN(Matched<std::vector<double>> values,
                             ReadParameter(graph, node, input, axis.channels));
    if (!values) return NoMatch<AffineStep>(std::move(values.why_not));
    *target = std::move(*values);
  }
  std::optional<Tensor> computed;
  step.type = FindConstant(graph, node.input(kScale.index), &computed)->dtype();
  const double epsilon = static_cast<double>(node.Float("epsilon", kDefaultEpsilon));
  for (size_t c = 0; c < variance.size(); ++c) {
    const double shifted = variance[c] + epsilon;
    if (!(shifted > 0)) {
      return NoMatch<AffineStep>(absl::StrCat(ChannelName(c), ": variance ", variance[c],
                                              " + epsilon ", epsilon, " is not positive"));
    }
    step.scale[c] = step.scale[c] / std::sqrt(shifted);
    if (!std::isfinite(step.scale[c])) {
      return NoMatch<AffineStep>(absl::StrCat(ChannelName(c), ": its factor is ", step.scale[c]));
    }
  }
  return Match(std::move(step));
}

// Where dimension 0 of the constant lies in the data's shape, or −1 if it doesn't fit.
int BroadcastOffset(const NodeView& node, const Tensor& constant, const ChannelAxis& axis) {
  const int aligned = axis.rank - constant.rank();
  if (node.opset() >= 7) return aligned;
  // Before opset 7 the second operand broadcasts, only when asked to, at `axis` or at the end.
  if (node.Int("broadcast", 0) == 0) return constant.rank() == axis.rank ? 0 : -1;
  const int64_t offset = node.Int("axis", aligned);
  return offset >= 0 && offset <= aligned ? static_cast<int>(offset) : -1;
}

absl::StatusOr<Matched<AffineStep>> MatchArithmetic(const Graph& graph, const NodeView& node,
                                                    ValueId data, const ChannelAxis& axis) {
  if (node.num_inputs() != 2 || axis.rank < 0) return NoMatch<AffineStep>();
  const bool first = node.input(0) == data;
  const std::optional<Tensor> constant = ConstantOf(graph, node.input(first ? 1 : 0));
  if (!constant || node.input(0) == node.input(1) || !IsFloat(constant->dtype())) {
    return NoMatch<AffineStep>();
  }
  if (!first && (node.Is("Div") || node.opset() < 7)) return NoMatch<AffineStep>();
  const int offset = BroadcastOffset(node, *constant, axis);
  bool fits = offset >= 0;
  for (int i = 0; fits && i < constant->rank(); ++i) {
    const int64_t expected = offset + i == axis.axis ? axis.channels : 1;
    fits = constant->dims()[i] == 1 || constant->dims()[i] == expected;
  }
  if (!fits) {
    return NoMatch<AffineStep>(absl::StrCat(
        "its constant of shape ", DimsToString(constant->dims()), " is not one factor for each of the ",
        axis.channels, " channels on axis ", axis.axis, " of ", axis.rank));
  }
  AffineStep step;
  step.node = node.id();
  step.data_input = first ? 0 : 1;
  step.type = constant->dtype();
  DSPERSE_ASSIGN_OR_RETURN(std::vector<double> values, ToDoubles(*constant));
  const bool divides = node.Is("Div");
  for (size_t c = 0; c < values.size(); ++c) {
    if (!std::isfinite(values[c]) || (divides && values[c] == 0)) {
      return NoMatch<AffineStep>(
          absl::StrCat(ChannelName(c), ": its constant is ", values[c]));
    }
  }
  if (node.Is("Mul") || divides) {
    step.kind = divides ? AffineStep::Kind::kDiv : AffineStep::Kind::kMul;
    step.scale = std::move(values);
  } else {
    step.kind = node.Is("Add") ? AffineStep::Kind::kAdd
                : first        ? AffineStep::Kind::kSub
                               : AffineStep::Kind::kReverseSub;
    step.shift = std::move(values);
  }
  return Match(std::move(step));
}

}  // namespace

Affine Affine::Identity(int64_t channels) {
  Affine affine;
  affine.k.assign(static_cast<size_t>(channels), 1.0);
  affine.t.assign(static_cast<size_t>(channels), 0.0);
  return affine;
}

Affine Affine::Bias(std::vector<double> bias) {
  Affine affine;
  affine.k.assign(bias.size(), 1.0);
  affine.t = std::move(bias);
  return affine;
}

void AffineStep::Append(Affine& affine) const {
  for (size_t c = 0; c < affine.k.size(); ++c) {
    double& k = affine.k[c];
    double& t = affine.t[c];
    switch (kind) {
      case Kind::kBatchNorm: {
        const double factor = At(scale, c);
        t = (t - At(mean, c)) * factor + At(shift, c);
        k = k * factor;
        break;
      }
      case Kind::kMul:
        t = t * At(scale, c);
        k = k * At(scale, c);
        break;
      case Kind::kDiv:
        t = t / At(scale, c);
        k = k / At(scale, c);
        break;
      case Kind::kAdd:
        t = t + At(shift, c);
        break;
      case Kind::kSub:
        t = t - At(shift, c);
        break;
      case Kind::kReverseSub:
        t = At(shift, c) - t;
        k = -k;
        break;
    }
  }
  if (kind != Kind::kMul && kind != Kind::kDiv) affine.shifts = true;
}

std::string WhyNotInference(const NodeView& node) {
  const int64_t opset = node.opset();
  if (opset >= 14) {
    if (node.Int("training_mode", 0) != 0) return "it is in training mode";
  } else {
    if (opset < 6) {
      return absl::StrCat("BatchNormalization of opset ", opset,
                          " has no inference mode that can be folded");
    }
    if (opset < 7 && node.Int("is_test", 0) != 1) return "it is in training mode (is_test = 0)";
    if (opset < 9 && node.Int("spatial", 1) != 1) {
      return "its statistics are per element (spatial = 0)";
    }
  }
  int named = 0;
  for (ValueId output : node.outputs()) named += output.valid() ? 1 : 0;
  if (named != 1 || !node.output(0).valid()) {
    return absl::StrCat("it names ", named, " outputs: ",
                        opset >= 14 ? "one is expected" : "before opset 14 that is training mode");
  }
  return "";
}

absl::StatusOr<Matched<AffineStep>> MatchAffineStep(const Graph& graph, NodeId id, ValueId data,
                                                    const ChannelAxis& axis) {
  const NodeView node = graph.node(id);
  if (!node.domain().empty()) return NoMatch<AffineStep>();
  if (node.op_type() == "BatchNormalization") return MatchBatchNorm(graph, node, data, axis);
  if (!IsArithmetic(node)) return NoMatch<AffineStep>();
  return MatchArithmetic(graph, node, data, axis);
}

std::string WhyBroadcastsData(const Graph& graph, const AffineStep& step, const ChannelAxis& axis,
                              PassContext& context) {
  if (step.is_batchnorm()) return "";
  const bool one = step.scale.size() + step.shift.size() == 1;  // an element: only the rank counts
  const ValueId data = graph.node(step.node).input(step.data_input);
  const auto fits = [&](const Shape& shape) {
    if (!shape.has_rank() || shape.rank() != axis.rank) return false;
    const Dim& channels = shape.dim(axis.axis);
    return one || (channels.known() && channels.size() == axis.channels);
  };
  const Shape declared = graph.DeclaredShape(data);
  if (fits(declared)) return "";
  const Shape inferred = context.facts().ShapeOf(data);
  if (fits(inferred)) return "";
  return absl::StrCat("its constant broadcasts its input of shape ", inferred.ToString(),
                      ", or may: the result has ", axis.channels, " channels on axis ", axis.axis, " of ",
                      axis.rank);
}

bool IsAffineCandidate(const Graph& graph, const NodeView& node) {
  if (node.Is("BatchNormalization")) return true;
  if (!IsArithmetic(node) || node.num_inputs() != 2) return false;
  return IsConstant(graph, node.input(0)) || IsConstant(graph, node.input(1));
}

std::string ChannelName(size_t channel) { return absl::StrCat("channel ", channel); }

}  // namespace dsperse
