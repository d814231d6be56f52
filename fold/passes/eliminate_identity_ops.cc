#include "fold/passes/eliminate_identity_ops.h"

#include <string>

#include "fold/passes/no_ops.h"
#include "fold/passes/rewire.h"

namespace dsperse {

absl::StatusOr<bool> EliminateIdentityOps::Run(Graph& graph, PassContext& context) const {
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id)) continue;
    const NodeView node = graph.node(id);
    const Matched<NoOp> found = MatchNoOp(graph, node, context);
    std::string why_not = found.why_not;
    if (found) {
      why_not = WhyNotForward(graph, node.output(0), found->input);
      if (why_not.empty()) {
        context.Applied(node, "removed: it returns its input");
        ForwardAndRemove(graph, node.output(0), found->input);
        changed = true;
        continue;
      }
    }
    if (!why_not.empty()) context.Missed(node, why_not);
  }
  return changed;
}

}  // namespace dsperse
