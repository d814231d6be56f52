#include "fold/passes/inline_constant_if.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace dsperse {
namespace {

// The branch that is taken, or none where that isn't known.
BlockId BranchTaken(const Graph& graph, const NodeView& node, PassContext& context) {
  if (!node.Is("If") || !node.input(0).valid()) return BlockId();
  const Tensor* condition = graph.ConstantValue(node.input(0));
  if (condition == nullptr) condition = context.facts().ConstantOf(node.input(0));
  if (condition == nullptr || condition->dtype() != DType::kBool ||
      condition->num_elements() != 1) {
    return BlockId();
  }
  char flag = 0;
  if (!condition->Read(0, absl::MakeSpan(&flag, 1)).ok()) return BlockId();
  const BlockId branch = node.body(flag != 0 ? "then_branch" : "else_branch");
  return branch.valid() && graph.Outputs(branch).size() >= node.outputs().size() ? branch : BlockId();
}

void Inline(Graph& graph, NodeId id, BlockId branch) {
  const std::vector<ValueId> results(graph.Outputs(branch).begin(), graph.Outputs(branch).end());
  graph.InlineBody(branch, id);
  const std::vector<ValueId> outputs(graph.node(id).outputs().begin(),
                                     graph.node(id).outputs().end());
  for (size_t i = 0; i < outputs.size() && i < results.size(); ++i) {
    if (!outputs[i].valid()) continue;
    // eliminate_identity_ops decides whether the value can take the output's place.
    NewNode identity;
    identity.op_type = "Identity";
    identity.inputs = {results[i]};
    identity.outputs = {outputs[i]};
    graph.AddNode(std::move(identity), id);
  }
  graph.RemoveNode(id);
}

}  // namespace

absl::StatusOr<bool> InlineConstantIf::Run(Graph& graph, PassContext& context) const {
  bool changed = false;
  // An inner If comes before the one that holds it, and moves out with the rest of its branch.
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id)) continue;
    const NodeView node = graph.node(id);
    const BlockId branch = BranchTaken(graph, node, context);
    if (!branch.valid()) continue;
    context.Applied(node, "replaced by the branch that it takes");
    Inline(graph, id, branch);
    changed = true;
  }
  return changed;
}

}  // namespace dsperse
