#include "fold/passes/eliminate_dead_nodes.h"

#include <vector>

namespace dsperse {
namespace {

bool IsDead(const Graph& graph, const NodeView& node) {
  for (ValueId output : node.outputs()) {
    if (output.valid() && !graph.Uses(output).empty()) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<bool> EliminateDeadNodes::Run(Graph& graph, PassContext& context) const {
  bool changed = false;
  // Backwards: a node comes after all readers of its outputs, those in the bodies of later nodes too.
  const std::vector<NodeId> nodes = graph.AllNodes();
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    if (!graph.IsLive(*it) || !IsDead(graph, graph.node(*it))) continue;
    context.Applied(graph.node(*it), "removed: nobody reads its outputs");
    graph.RemoveNode(*it);
    changed = true;
  }
  return changed;
}

}  // namespace dsperse
