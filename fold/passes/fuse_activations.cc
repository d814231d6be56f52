#include "fold/passes/fuse_activations.h"

#include "fold/ir/status_macros.h"
#include "fold/passes/activation_patterns.h"
#include "fold/passes/operator_fusion.h"

namespace dsperse {
namespace {

// The last node tells which forms are worth a look.
absl::StatusOr<Matched<OperatorFusion>> MatchAny(const Graph& graph, const NodeView& last, PassContext& context) {
  if (!last.Is("Mul") && !last.Is("Add")) return NoMatch<OperatorFusion>();
  for (const FusionMatcher match : {MatchHardSwish, MatchGelu, MatchLayerNormalization}) {
    DSPERSE_ASSIGN_OR_RETURN(Matched<OperatorFusion> fusion, match(graph, last, context));
    if (fusion || !fusion.why_not.empty()) return fusion;
  }
  return NoMatch<OperatorFusion>();
}

}  // namespace

absl::StatusOr<bool> FuseActivations::Run(Graph& graph, PassContext& context) const {
  return FuseOperators(graph, context, MatchAny);
}

}  // namespace dsperse
