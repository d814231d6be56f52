#include "fold/passes/affine_join.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

constexpr int kScale = 1, kShift = 2, kMean = 3;

class Joiner {
 public:
  Joiner(const Graph& graph, NodeId id, PassContext& context, Refusals& refusals)
      : graph_(graph), node_(graph.node(id)), context_(context), refusals_(refusals) {
    join_.batch_norm = id;
  }

  absl::StatusOr<std::optional<AffineJoin>> Match() {
    const NodeId previous = SingleProducer();
    const NodeId next = SingleReader(node_.output(0));
    const bool before = previous.valid() && IsArithmetic(previous);
    const bool after = next.valid() && IsAffineCandidate(graph_, graph_.node(next));
    if (!before && !after) return std::nullopt;
    const std::optional<Tensor> scale = ConstantOf(graph_, node_.input(kScale));
    if (!scale || scale->rank() != 1) return std::nullopt;
    axis_ = {-1, 1, scale->num_elements()};
    DSPERSE_ASSIGN_OR_RETURN(Matched<AffineStep> self,
                             MatchAffineStep(graph_, node_.id(), node_.input(0), axis_));
    if (!self) return std::nullopt;  // fuse_conv_batchnorm says why
    // Arithmetic needs the rank to see where its constant lies.
    axis_.rank = RankOf(node_.input(0));
    DSPERSE_RETURN_IF_ERROR(WalkBackward(previous));
    DSPERSE_RETURN_IF_ERROR(WalkForward());
    if (join_.before.empty() && join_.after.empty()) return std::nullopt;
    DSPERSE_ASSIGN_OR_RETURN(const std::string why_not, Compose(*self, scale->dtype()));
    if (why_not.empty()) return std::move(join_);
    for (const std::vector<AffineStep>* steps : {&join_.before, &join_.after}) {
      for (const AffineStep& step : *steps) refusals_.emplace(step.node, why_not);
    }
    return std::nullopt;
  }

 private:
  bool IsArithmetic(NodeId id) const {
    return !graph_.node(id).Is("BatchNormalization") && IsAffineCandidate(graph_, graph_.node(id));
  }

  int RankOf(ValueId value) const {
    Shape shape = graph_.DeclaredShape(value);
    if (!shape.has_rank()) shape = context_.facts().ShapeOf(value);
    return shape.has_rank() ? shape.rank() : -1;
  }

  // The one node of the same block that reads `value`, if nobody else does.
  NodeId SingleReader(ValueId value) const {
    return graph_.HasSingleNodeUse(value) ? graph_.Uses(value)[0].node : NodeId();
  }
  // The producer of the input, if nobody else reads it.
  NodeId SingleProducer() const {
    const ValueId data = node_.input(0);
    return data.valid() && graph_.HasSingleNodeUse(data) ? graph_.Producer(data) : NodeId();
  }

  absl::Status WalkBackward(NodeId previous) {
    while (previous.valid() && IsArithmetic(previous)) {
      const NodeView node = graph_.node(previous);
      DSPERSE_ASSIGN_OR_RETURN(Matched<AffineStep> step,
                               MatchAffineStep(graph_, previous, node.input(0), axis_));
      if (!step) {
        DSPERSE_ASSIGN_OR_RETURN(Matched<AffineStep> other,
                                 MatchAffineStep(graph_, previous, node.input(1), axis_));
        if (other || step.why_not.empty()) step = std::move(other);
      }
      if (!step) {
        if (!step.why_not.empty()) refusals_.emplace(previous, step.why_not);
        break;
      }
      if (std::string why = WhyBroadcastsData(graph_, *step, axis_, context_); !why.empty()) {
        refusals_.emplace(previous, std::move(why));
        break;
      }
      const ValueId data = node.input(step->data_input);
      join_.before.push_back(*std::move(step));
      previous = graph_.HasSingleNodeUse(data) ? graph_.Producer(data) : NodeId();
    }
    std::reverse(join_.before.begin(), join_.before.end());
    return absl::OkStatus();
  }

  absl::Status WalkForward() {
    ValueId value = node_.output(0);
    for (NodeId next = SingleReader(value); next.valid(); next = SingleReader(value)) {
      const NodeView node = graph_.node(next);
      if (!IsAffineCandidate(graph_, node)) break;
      DSPERSE_ASSIGN_OR_RETURN(Matched<AffineStep> step,
                               MatchAffineStep(graph_, next, value, axis_));
      if (!step) {
        if (!step.why_not.empty()) refusals_.emplace(next, step.why_not);
        break;
      }
      join_.after.push_back(*std::move(step));
      value = node.output(0);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Compose(const AffineStep& self, DType type) {
    DSPERSE_ASSIGN_OR_RETURN(std::vector<double> scale,
                             ToDoubles(*ConstantOf(graph_, node_.input(kScale))));
    const int64_t channels = axis_.channels;
    Affine before = Affine::Identity(channels);
    for (const AffineStep& step : join_.before) step.Append(before);
    if (std::string why_not = WhyLosesDigits(before.k, 1, context_); !why_not.empty()) return why_not;
    Affine shift = Affine::Identity(channels);
    if (join_.before.empty()) {
      shift.t = self.shift;
    } else {
      shift.t = before.t;
      self.Append(shift);
      const std::vector<double> zeros(static_cast<size_t>(channels), 0.0);
      DSPERSE_ASSIGN_OR_RETURN(
          join_.mean, RoundTo(ConstantOf(graph_, node_.input(kMean))->dtype(), {channels}, zeros));
    }
    Affine after = Affine::Identity(channels);
    for (const AffineStep& step : join_.after) {
      step.Append(after);
      step.Append(shift);
    }
    join_.gains.resize(scale.size());
    for (size_t c = 0; c < scale.size(); ++c) {
      join_.gains[c] = before.k[c] * after.k[c];
      scale[c] = scale[c] * join_.gains[c];
      for (double value : {scale[c], shift.t[c]}) {
        if (!IsFiniteAs(type, value)) {
          return absl::StrCat(ChannelName(c), ": joined with ", Describe(graph_, node_.id()),
                              " it is not finite in ", DTypeName(type));
        }
      }
    }
    DSPERSE_ASSIGN_OR_RETURN(join_.scale, RoundTo(type, {channels}, scale));
    DSPERSE_ASSIGN_OR_RETURN(join_.shift, RoundTo(type, {channels}, shift.t));
    return std::string();
  }

  const Graph& graph_;
  NodeView node_;
  PassContext& context_;
  Refusals& refusals_;
  ChannelAxis axis_;
  AffineJoin join_;
};

}  // namespace

absl::StatusOr<std::optional<AffineJoin>> MatchAffineJoin(const Graph& graph, NodeId batch_norm,
                                                          PassContext& context,
                                                          Refusals& refusals) {
  return Joiner(graph, batch_norm, context, refusals).Match();
}

void ApplyAffineJoin(Graph& graph, AffineJoin join, PassContext& context) {
  const NodeId node = join.batch_norm;
  const std::string text = absl::StrCat("joined with ", Describe(graph, node));
  for (const std::vector<AffineStep>* steps : {&join.before, &join.after}) {
    for (const AffineStep& step : *steps) {
      const bool last = &step == &(join.after.empty() ? join.before : join.after).back();
      context.Applied(graph.node(step.node), text, last ? join.gains : std::vector<double>());
    }
  }
  if (!join.before.empty()) {
    const AffineStep& first = join.before.front();
    graph.SetInput(node, 0, graph.node(first.node).input(first.data_input));
    for (auto it = join.before.rbegin(); it != join.before.rend(); ++it) graph.RemoveNode(it->node);
  }
  if (!join.after.empty()) {
    const AffineStep& first = join.after.front();
    const ValueId result = graph.node(join.after.back().node).output(0);
    graph.SetInput(first.node, first.data_input, ValueId());
    graph.TakeOutput(node, 0, result);
    for (auto it = join.after.rbegin(); it != join.after.rend(); ++it) graph.RemoveNode(it->node);
  }
  ReplaceConstantInput(graph, node, kScale, std::move(join.scale), "scale");
  ReplaceConstantInput(graph, node, kShift, std::move(join.shift), "shift");
  if (join.mean) ReplaceConstantInput(graph, node, kMean, *std::move(join.mean), "mean");
}

}  // namespace dsperse
