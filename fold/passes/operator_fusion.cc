#include "fold/passes/operator_fusion.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/lower_layer_norm.h"
#include "fold/lowering/scratch.h"

namespace dsperse {
namespace {

// The fusion as it reads in a copy of its nodes, where ids differ and names don't.
OperatorFusion InCopy(const Graph& graph, const OperatorFusion& fusion, const Graph& copy) {
  OperatorFusion moved = fusion;
  moved.nodes = copy.Nodes(copy.main());
  for (ValueId& input : moved.inputs) {
    if (input.valid()) input = copy.FindValue(graph.Name(input));
  }
  return moved;
}

NodeId Replace(Graph& graph, const OperatorFusion& fusion) {
  const NodeId last = fusion.nodes.back();
  NewNode node;
  node.name = std::string(graph.node(last).name());
  node.op_type = fusion.op_type;
  node.inputs = fusion.inputs;
  node.outputs = {graph.node(last).output(0)};
  node.attributes = fusion.attributes;
  const NodeId made = graph.AddNode(std::move(node), last);
  for (auto it = fusion.nodes.rbegin(); it != fusion.nodes.rend(); ++it) graph.RemoveNode(*it);
  return made;
}

}  // namespace

absl::StatusOr<std::string> WhyNotWorthwhile(const Graph& graph, const OperatorFusion& fusion,
                                             PassContext& context) {
  if (context.target == nullptr) return "";
  if (fusion.re_rounded && context.options().exact) {
    return absl::StrCat("a ", fusion.op_type, " would be rounded otherwise, which --exact forbids");
  }
  Facts& facts = context.facts();
  const bool proven_now = std::all_of(fusion.nodes.begin(), fusion.nodes.end(), [&](NodeId id) {
    return context.target->Proves(graph, graph.node(id), facts);
  });
  if (!context.pricer) return absl::StrCat("nothing tells what a ", fusion.op_type, " costs");
  std::optional<std::string> refusal;
  const auto rewrite = [&](Rewriter& rewriter) {
    Graph& copy = rewriter.graph();
    Replace(copy, InCopy(graph, fusion, copy));
    // An epsilon that the target doesn't take is what a lowering is for.
    PassContext lowering(&copy, context.options());
    lowering.target = context.target;
    const absl::StatusOr<bool> lowered = LowerLayerNorm().Run(copy, lowering);
    if (!lowered.ok()) return;  // the refusal stays unknown
    Facts made_facts(&copy);
    refusal.emplace();
    for (NodeId made : copy.Nodes(copy.main())) {
      if (refusal->empty()) *refusal = context.target->WhyNot(copy, copy.node(made), made_facts);
    }
  };
  const absl::Span<const NodeId> all(fusion.nodes);
  DSPERSE_ASSIGN_OR_RETURN(const std::optional<PriceChange> change,
                           PriceOfRewrite(graph, fusion.nodes.back(), facts, context.pricer, rewrite,
                                          all.subspan(0, all.size() - 1)));
  if (!refusal) return "the shapes that decide about its price are not known";
  if (!refusal->empty()) {
    return absl::StrCat(context.target->name(), " does not prove the ", fusion.op_type, ": ", *refusal);
  }
  if (!proven_now) return "";
  if (!change) return absl::StrCat("nothing tells what a ", fusion.op_type, " costs");
  if (change->after > change->before) {
    return absl::StrCat("a ", fusion.op_type, " is dearer: ", change->before, " → ", change->after, " ",
                        change->unit);
  }
  return "";
}

void ApplyOperatorFusion(Graph& graph, const OperatorFusion& fusion) { Replace(graph, fusion); }

absl::StatusOr<bool> FuseOperators(Graph& graph, PassContext& context, FusionMatcher match) {
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id)) continue;
    DSPERSE_ASSIGN_OR_RETURN(const Matched<OperatorFusion> fusion, match(graph, graph.node(id), context));
    if (!fusion) {
      if (!fusion.why_not.empty()) context.Missed(graph.node(id), fusion.why_not);
      continue;
    }
    DSPERSE_ASSIGN_OR_RETURN(const std::string why_not, WhyNotWorthwhile(graph, *fusion, context));
    if (!why_not.empty()) {
      context.Missed(graph.node(id), why_not);
      continue;
    }
    context.Applied(graph.node(id), absl::StrCat("with ", fusion->nodes.size() - 1,
                                                 fusion->nodes.size() == 2 ? " node" : " nodes",
                                                 " before it fused into ", fusion->op_type));
    ApplyOperatorFusion(graph, *fusion);
    changed = true;
  }
  return changed;
}

std::string WhyKept(const Graph& graph, ValueId value, size_t readers) {
  const std::string name = absl::StrCat("'", graph.Name(value), "' ");
  if (graph.IsBlockOutput(value)) {
    return absl::StrCat(name, graph.IsGraphOutput(value) ? "is a graph output" : "is an output of its body");
  }
  if (graph.IsCaptured(value)) return absl::StrCat(name, "is captured by a body");
  const size_t uses = graph.Uses(value).size();
  return uses == readers ? "" : absl::StrCat(name, "has ", uses, uses == 1 ? " reader" : " readers");
}

}  // namespace dsperse
