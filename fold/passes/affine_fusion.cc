#include "fold/passes/affine_fusion.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

// A weight that is scaled by no more than this isn't read to see whether the products are finite: float,
// bfloat16 and double weights would have to be within 2^20 of their largest number. The saver refuses to
// write such a product (PassOptions::check_weights).
constexpr double kSafeFactor = 1 << 20;

// WhyLosesDigits.
constexpr double kDigits = 512;
constexpr double kFewTaps = 16;

class Matcher {
 public:
  Matcher(const Graph& graph, NodeId node, const ChainRules& rules, PassContext& context,
          Refusals& refusals)
      : graph_(graph), node_(node), rules_(rules), context_(context), refusals_(refusals) {}

  absl::StatusOr<std::optional<AffineFusion>> Match() {
    const NodeView node = graph_.node(node_);
    if (rules_.skip_lone_batchnorm && HasLoneBatchNorm(node)) return std::nullopt;
    const std::vector<NodeId> neighbours = AffineNeighbours(node);
    if (neighbours.empty()) return std::nullopt;
    Matched<LinearOwner> owner = MatchLinearOwner(graph_, node_, context_);
    if (!owner) {
      RefuseAll(neighbours, owner.why_not);
      return std::nullopt;
    }
    fusion_.owner = std::move(*owner);
    DSPERSE_RETURN_IF_ERROR(WalkForward());
    if (rules_.before) DSPERSE_RETURN_IF_ERROR(WalkBackward());
    DSPERSE_ASSIGN_OR_RETURN(std::string why_not, Compose());
    if (!why_not.empty()) {
      RefuseAll(neighbours, why_not);
      return std::nullopt;
    }
    if (!WorthIt()) return std::nullopt;
    return std::move(fusion_);
  }

 private:
  bool Takes(const NodeView& node) const {
    return rules_.batchnorm_only ? node.Is("BatchNormalization") : IsAffineCandidate(graph_, node);
  }

  // Is the chain one BatchNormalization behind the owner? No constant is read to see it.
  bool HasLoneBatchNorm(const NodeView& node) const {
    const ValueId value = node.output(0);
    if (!value.valid() || !graph_.HasSingleNodeUse(value)) return false;
    const NodeView user = graph_.node(graph_.Uses(value)[0].node);
    if (!user.Is("BatchNormalization") || user.input(0) != value || !user.output(0).valid()) return false;
    for (const Use& use : graph_.Uses(user.output(0))) {
      if (!use.is_block_output() && Takes(graph_.node(use.node))) return false;
    }
    for (ValueId input : node.inputs()) {
      const NodeId producer = input.valid() ? graph_.Producer(input) : NodeId();
      if (producer.valid() && Takes(graph_.node(producer))) return false;
    }
    return true;
  }

  // Nodes next to the owner that might be steps.
  std::vector<NodeId> AffineNeighbours(const NodeView& node) const {
    std::vector<NodeId> found;
    for (const Use& use : graph_.Uses(node.output(0))) {
      if (!use.is_block_output() && Takes(graph_.node(use.node))) found.push_back(use.node);
    }
    if (!rules_.before) return found;
    for (ValueId input : node.inputs()) {
      const NodeId producer = input.valid() ? graph_.Producer(input) : NodeId();
      if (producer.valid() && Takes(graph_.node(producer))) found.push_back(producer);
    }
    return found;
  }

  void Refuse(NodeId step, absl::string_view why) {
    if (!why.empty()) refusals_.emplace(step, why);
  }
  void RefuseAll(const std::vector<NodeId>& steps, absl::string_view why) {
    if (why.empty()) return;
    for (NodeId step : steps) {
      Refuse(step, absl::StrCat(Describe(graph_, node_), ": ", why));
    }
  }

  absl::Status WalkForward() {
    ValueId value = graph_.node(node_).output(0);
    while (value.valid()) {
      NodeId next;
      if (!graph_.HasSingleNodeUse(value)) {
        const bool first = fusion_.after.empty();
        next = first && context_.options().duplicate_shared ? OnlyBatchNormHere(value) : NodeId();
        if (!next.valid()) {
          RefuseReaders(value);
          return absl::OkStatus();
        }
        fusion_.duplicate = true;
      } else {
        next = graph_.Uses(value)[0].node;
      }
      const NodeView user = graph_.node(next);
      if (!Takes(user)) return absl::OkStatus();
      DSPERSE_ASSIGN_OR_RETURN(Matched<AffineStep> step,
                               MatchAffineStep(graph_, next, value, fusion_.owner.out));
      if (!step) {
        Refuse(next, step.why_not);
        if (fusion_.after.empty()) fusion_.duplicate = false;
        return absl::OkStatus();
      }
      fusion_.after.push_back(std::move(*step));
      value = user.output(0);
    }
    return absl::OkStatus();
  }

  // With --duplicate-shared: the first BatchNormalization of the value's own block that reads it.
  NodeId OnlyBatchNormHere(ValueId value) const {
    for (const Use& use : graph_.Uses(value)) {
      if (use.is_block_output() || use.block != graph_.BlockOf(value)) continue;
      const NodeView user = graph_.node(use.node);
      if (user.Is("BatchNormalization") && user.input(0) == value) return use.node;
    }
    return NodeId();
  }

  void RefuseReaders(ValueId value) {
    const std::string why =
        absl::StrCat("the result of ", Describe(graph_, graph_.Producer(value)), " ",
                     WhyStillNeeded(graph_, value));
    for (const Use& use : graph_.Uses(value)) {
      if (!use.is_block_output() && Takes(graph_.node(use.node))) Refuse(use.node, why);
    }
  }

  absl::Status WalkBackward() {
    if (!fusion_.owner.in.valid() || fusion_.duplicate) return absl::OkStatus();
    ValueId value = graph_.node(node_).input(fusion_.owner.data_input);
    while (value.valid() && graph_.Producer(value).valid()) {
      const NodeView producer = graph_.node(graph_.Producer(value));
      if (!Takes(producer) || producer.block() != graph_.node(node_).block()) break;
      if (!graph_.HasSingleNodeUse(value)) {
        Refuse(producer.id(), absl::StrCat("its result ", WhyStillNeeded(graph_, value)));
        break;
      }
      DSPERSE_ASSIGN_OR_RETURN(Matched<AffineStep> step, MatchEitherInput(producer));
      if (!step) {
        Refuse(producer.id(), step.why_not);
        break;
      }
      if (const std::string why = WhyBroadcastsData(graph_, *step, fusion_.owner.in, context_); !why.empty()) {
        Refuse(producer.id(), why);
        break;
      }
      value = producer.input(step->data_input);
      fusion_.before.push_back(std::move(*step));
    }
    std::reverse(fusion_.before.begin(), fusion_.before.end());
    return absl::OkStatus();
  }

  // A step before the owner has its data on whichever side isn't constant.
  absl::StatusOr<Matched<AffineStep>> MatchEitherInput(const NodeView& node) const {
    DSPERSE_ASSIGN_OR_RETURN(
        Matched<AffineStep> step,
        MatchAffineStep(graph_, node.id(), node.input(0), fusion_.owner.in));
    if (step || node.Is("BatchNormalization") || !node.input(1).valid()) return step;
    DSPERSE_ASSIGN_OR_RETURN(
        Matched<AffineStep> other,
        MatchAffineStep(graph_, node.id(), node.input(1), fusion_.owner.in));
    return other || !other.why_not.empty() ? std::move(other) : std::move(step);
  }

  // A MatMul with one Add behind it is as short as it gets; otherwise fewer nodes must be left, or fewer
  // BatchNormalizations.
  bool WorthIt() const {
    const auto is_batchnorm = [](const AffineStep& step) { return step.is_batchnorm(); };
    const size_t steps = fusion_.before.size() + fusion_.after.size();
    const size_t left = fusion_.bias.has_value() && !fusion_.owner.has_bias_input() ? 1 : 0;
    return steps > left ||
           std::any_of(fusion_.before.begin(), fusion_.before.end(), is_batchnorm) ||
           std::any_of(fusion_.after.begin(), fusion_.after.end(), is_batchnorm);
  }

  // Decides weight and bias; a reason where that can't be done. Steps before the owner that can't be
  // joined are given up, then the rest is tried alone.
  absl::StatusOr<std::string> Compose() {
    if (!fusion_.before.empty()) {
      DSPERSE_ASSIGN_OR_RETURN(std::string why_not, ComposeAll());
      if (why_not.empty()) return why_not;
      Refuse(fusion_.before.back().node,
             absl::StrCat(Describe(graph_, node_), ": ", why_not));
      fusion_.before.clear();
    }
    if (fusion_.after.empty()) return std::string();
    return ComposeAll();
  }

  absl::StatusOr<std::string> ComposeAll() {
    const LinearOwner& owner = fusion_.owner;
    Affine input = Affine::Identity(fusion_.before.empty() ? 0 : owner.in.channels);
    for (const AffineStep& step : fusion_.before) step.Append(input);
    for (size_t c = 0; c < input.k.size(); ++c) {
      if (!std::isfinite(input.k[c]) || !std::isfinite(input.t[c])) return NotFinite(c, "factor");
    }
    const int64_t results = std::max<int64_t>(owner.out.channels, 1);
    if (std::string why_not = WhyLosesDigits(input.k, owner.weight.num_elements() / results, context_);
        !why_not.empty()) {
      return why_not;
    }
    const bool shifts_input =
        std::any_of(input.t.begin(), input.t.end(), [](double t) { return t != 0; });

    // The bias takes part when something shifts, or when there is one to be scaled.
    const bool has_bias = owner.has_bias_input() &&
                          graph_.node(node_).input(owner.bias_input()).valid();
    Affine result = Affine::Identity(owner.out.channels);
    if (has_bias && (!fusion_.after.empty() || shifts_input)) {
      DSPERSE_ASSIGN_OR_RETURN(Matched<std::vector<double>> bias, ReadBias(graph_, owner));
      if (!bias) return bias.why_not;
      result = Affine::Bias(std::move(*bias));
    }
    if (shifts_input) {
      std::string why_not = WhyNotShiftInput(graph_, owner);
      if (!why_not.empty()) return why_not;
      DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> shift, ShiftThrough(graph_, owner, input.t));
      for (size_t c = 0; c < shift.size(); ++c) result.t[c] = result.t[c] + shift[c];
    }
    for (const AffineStep& step : fusion_.after) step.Append(result);
    const bool writes_bias = result.shifts || shifts_input || (has_bias && !fusion_.after.empty());
    return Decide(input, result, writes_bias);
  }

  absl::StatusOr<std::string> Decide(const Affine& input, const Affine& result, bool writes_bias) {
    const LinearOwner& owner = fusion_.owner;
    const DType type = owner.weight.dtype();
    double largest = 0;
    for (const std::vector<double>* factors : {&input.k, &result.k}) {
      double here = 1;
      for (size_t c = 0; c < factors->size(); ++c) {
        if (!std::isfinite((*factors)[c])) return NotFinite(c, "factor");
        here = std::max(here, std::abs((*factors)[c]));
      }
      largest = std::max(1.0, largest) * here;
    }
    fusion_.bias.reset();
    if (writes_bias) {
      for (size_t c = 0; c < result.t.size(); ++c) {
        if (!IsFiniteAs(type, result.t[c])) return NotFinite(c, "bias");
      }
      DSPERSE_ASSIGN_OR_RETURN(fusion_.bias, RoundTo(type, {owner.out.channels}, result.t));
    }
    const auto scales = [](const std::vector<double>& k) {
      return std::any_of(k.begin(), k.end(), [](double v) { return v != 1; });
    };
    const bool scales_out = scales(result.k), scales_in = scales(input.k);
    fusion_.weight_changes = scales_out || scales_in;
    fusion_.weight = owner.weight;
    if (fusion_.weight_changes) {
      DSPERSE_ASSIGN_OR_RETURN(fusion_.weight,
                               ScaleWeight(owner, scales_out ? result.k : std::vector<double>(),
                                           scales_in ? input.k : std::vector<double>()));
      if (MustRead(largest)) {
        DSPERSE_ASSIGN_OR_RETURN(const int64_t bad, FirstNonFinite(fusion_.weight));
        if (bad >= 0) return NotFinite(static_cast<size_t>(ResultChannel(owner, bad)), "weight");
      }
    }
    fusion_.gains = fusion_.after.empty() ? input.k : result.k;
    return std::string();
  }

  // Must the products be looked at before anything is decided?
  bool MustRead(double largest_factor) const {
    const Tensor& weight = fusion_.owner.weight;
    return context_.options().check_weights || weight.dtype() == DType::kFloat16 ||
           weight.in_memory() || weight.is_uniform() || !(largest_factor <= kSafeFactor);
  }

  std::string NotFinite(size_t channel, absl::string_view what) const {
    return absl::StrCat(ChannelName(channel), ": the fused ", what, " is not finite in ",
                        DTypeName(fusion_.owner.weight.dtype()));
  }

  const Graph& graph_;
  NodeId node_;
  const ChainRules& rules_;
  PassContext& context_;
  Refusals& refusals_;
  AffineFusion fusion_;
};

// A name for a bias that wasn't there: "conv1.weight" → "conv1.bias".
std::string BiasName(const Graph& graph, const NodeView& owner, int weight_input) {
  const absl::string_view weight = graph.Name(owner.input(weight_input));
  if (absl::EndsWith(weight, "weight")) {
    return absl::StrCat(weight.substr(0, weight.size() - 6), "bias");
  }
  return absl::StrCat(graph.Name(owner.output(0)), "_bias");
}

void Report(const Graph& graph, const AffineFusion& fusion, PassContext& context) {
  const std::string owner = Describe(graph, fusion.owner.node);
  const auto [low, high] =
      std::minmax_element(fusion.gains.begin(), fusion.gains.end(),
                          [](double a, double b) { return std::abs(a) < std::abs(b); });
  std::string gain;
  if (low != fusion.gains.end()) {
    gain = absl::StrCat(", |gain| ", std::abs(*low), " to ", std::abs(*high));
  }
  std::string text = absl::StrCat("fused into ", fusion.duplicate ? "a copy of " : "", owner, gain);
  for (const std::vector<AffineStep>* steps : {&fusion.before, &fusion.after}) {
    for (const AffineStep& step : *steps) {
      // The factors are said once, at the last step of the chain.
      const bool last = &step == &(fusion.after.empty() ? fusion.before : fusion.after).back();
      context.Applied(graph.node(step.node), text,
                      last ? fusion.gains : std::vector<double>());
    }
  }
}

// The same operator on the same inputs, with a result of its own.
NodeId Copy(Graph& graph, NodeId node, NodeId before) {
  NewNode copy;
  copy.name = std::string(graph.node(node).name());
  copy.op_type = std::string(graph.node(node).op_type());
  copy.inputs.assign(graph.node(node).inputs().begin(), graph.node(node).inputs().end());
  copy.new_outputs = {std::string(graph.Name(graph.node(node).output(0)))};
  copy.like = node;
  return graph.AddNode(std::move(copy), before);
}

// The shift of a MatMul: an Add behind it, whose constant lies along the owner's channel axis.
void AddShift(Graph& graph, const LinearOwner& owner, NodeId node, Tensor bias, ValueId result,
              NodeId before, const std::string& name) {
  NewNode add;
  add.op_type = "Add";
  if (graph.node(node).opset() < 7) {
    add.attributes = {{"broadcast", int64_t{1}}, {"axis", int64_t{owner.out.axis}}};
  } else if (owner.out.axis == owner.out.rank - 2) {
    bias = *bias.WithDims({owner.out.channels, 1});
  }
  add.inputs = {graph.node(node).output(0),
                graph.AddConstant(name, std::move(bias), graph.node(node).block())};
  add.outputs = {result};
  graph.AddNode(std::move(add), before);
}

}  // namespace

absl::StatusOr<std::optional<AffineFusion>> MatchAffineFusion(const Graph& graph, NodeId node,
                                                              const ChainRules& rules,
                                                              PassContext& context,
                                                              Refusals& refusals) {
  if (!IsLinearOp(graph.node(node))) return std::nullopt;
  return Matcher(graph, node, rules, context, refusals).Match();
}

void ApplyAffineFusion(Graph& graph, AffineFusion fusion, PassContext& context) {
  Report(graph, fusion, context);
  const LinearOwner& owner = fusion.owner;
  NodeId node = owner.node;
  const std::string bias_name = BiasName(graph, graph.node(node), owner.weight_input);
  const bool adds = fusion.bias.has_value() && !owner.has_bias_input();

  // `last` produces `result`, the value that the fused node is to produce.
  const NodeId last = fusion.after.empty() ? node : fusion.after.back().node;
  const ValueId result = graph.node(last).output(0);
  if (fusion.duplicate) {
    node = Copy(graph, node, fusion.after.front().node);
  } else if (adds && fusion.after.empty()) {
    node = Copy(graph, node, node);  // its result goes to the Add: it needs another
  }

  if (!fusion.before.empty()) {
    const AffineStep& first = fusion.before.front();
    const ValueId data = graph.node(first.node).input(first.data_input);
    graph.SetInput(node, owner.data_input, data);
    graph.SetInput(owner.node, owner.data_input, data);
    for (auto it = fusion.before.rbegin(); it != fusion.before.rend(); ++it) {
      graph.RemoveNode(it->node);
    }
  }
  if (!fusion.after.empty()) {
    const AffineStep& first = fusion.after.front();
    graph.SetInput(first.node, first.data_input, ValueId());  // cuts the chain loose
  }
  if (adds) {
    AddShift(graph, owner, node, *std::move(fusion.bias), result, last, bias_name);
  } else if (!fusion.after.empty()) {
    graph.TakeOutput(node, 0, result);
  }
  for (auto it = fusion.after.rbegin(); it != fusion.after.rend(); ++it) graph.RemoveNode(it->node);
  if (node != owner.node && !fusion.duplicate) graph.RemoveNode(owner.node);

  if (fusion.weight_changes) {
    ReplaceConstantInput(graph, node, owner.weight_input, std::move(fusion.weight), "");
  }
  if (fusion.bias.has_value() && !adds) {
    ReplaceConstantInput(graph, node, owner.bias_input(), *std::move(fusion.bias), bias_name);
    if (owner.kind == LinearOwner::Kind::kGemm) {
      if (graph.node(node).HasAttr("beta")) graph.SetAttribute(node, "beta", 1.0f);
      if (graph.node(node).opset() < 7) graph.SetAttribute(node, "broadcast", int64_t{1});
    }
  }
}

std::string WhyLosesDigits(const std::vector<double>& factors, int64_t taps, const PassContext& context) {
  if (context.target == nullptr || factors.empty()) return "";
  double largest = 0;
  for (double factor : factors) largest = std::max(largest, std::abs(factor));
  if (largest * kDigits >= std::sqrt(std::max(kFewTaps, static_cast<double>(taps)))) return "";
  return absl::StrCat("weights smaller by ", largest, " would lose digits in the prover's fixed point");
}

std::string WhyStillNeeded(const Graph& graph, ValueId value) {
  if (graph.IsBlockOutput(value)) {
    return graph.IsGraphOutput(value) ? "is a graph output" : "is an output of its body";
  }
  if (graph.IsCaptured(value)) return "is captured by a body";
  const size_t readers = graph.Uses(value).size();
  return readers == 1 ? "" : absl::StrCat("has ", readers, " readers");
}

}  // namespace dsperse
