#include "fold/passes/fuse_affine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "fold/ir/status_macros.h"
#include "fold/passes/affine_fusion.h"
#include "fold/passes/affine_join.h"

namespace dsperse {
namespace {

// fuse_conv_batchnorm's business?
bool OnlyBatchNormsBehind(const AffineFusion& fusion) {
  return fusion.before.empty() &&
         std::all_of(fusion.after.begin(), fusion.after.end(),
                     [](const AffineStep& step) { return step.is_batchnorm(); });
}

}  // namespace

absl::StatusOr<bool> FuseAffine::Run(Graph& graph, PassContext& context) const {
  // A lone BatchNormalization is the sibling's, which also says why it stays, if it does.
  const ChainRules rules{.batchnorm_only = false, .before = true, .skip_lone_batchnorm = true};
  bool changed = false;
  Refusals refusals;
  const std::vector<NodeId> nodes = graph.AllNodes();
  for (NodeId id : nodes) {
    while (graph.IsLive(id)) {
      DSPERSE_ASSIGN_OR_RETURN(std::optional<AffineFusion> fusion,
                               MatchAffineFusion(graph, id, rules, context, refusals));
      if (!fusion || OnlyBatchNormsBehind(*fusion)) break;
      ApplyAffineFusion(graph, *std::move(fusion), context);
      changed = true;
    }
  }
  for (NodeId id : nodes) {
    if (!graph.IsLive(id) || !graph.node(id).Is("BatchNormalization")) continue;
    DSPERSE_ASSIGN_OR_RETURN(std::optional<AffineJoin> join,
                             MatchAffineJoin(graph, id, context, refusals));
    if (!join) continue;
    ApplyAffineJoin(graph, *std::move(join), context);
    changed = true;
  }
  for (NodeId id : nodes) {
    if (!graph.IsLive(id)) continue;
    const auto refusal = refusals.find(id);
    if (refusal != refusals.end()) context.Missed(graph.node(id), refusal->second);
  }
  return changed;
}

}  // namespace dsperse
