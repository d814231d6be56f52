#include "fold/passes/fuse_conv_batchnorm.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/passes/affine_fusion.h"

namespace dsperse {
namespace {

// Why a BatchNormalization that no matcher looked at stays: what comes before it.
std::string WhyNothingToJoin(const Graph& graph, const NodeView& node) {
  constexpr absl::string_view kOwners = "no Conv, ConvTranspose, Gemm or MatMul to join";
  std::string why = WhyNotInference(node);
  if (!why.empty()) return why;
  const ValueId data = node.input(0);
  if (!data.valid()) return "its input is absent";
  const NodeId producer = graph.Producer(data);
  if (!producer.valid()) {
    return absl::StrCat("its input '", graph.Name(data), "' is ",
                        graph.IsInitializer(data) ? "an initializer" : "an input", ": ", kOwners);
  }
  return absl::StrCat("its input comes from ", Describe(graph, producer), ": ", kOwners);
}

}  // namespace

absl::StatusOr<bool> FuseConvBatchNorm::Run(Graph& graph, PassContext& context) const {
  const ChainRules rules{.batchnorm_only = true, .before = false};
  bool changed = false;
  Refusals refusals;
  const std::vector<NodeId> nodes = graph.AllNodes();
  for (NodeId id : nodes) {
    while (graph.IsLive(id)) {
      DSPERSE_ASSIGN_OR_RETURN(std::optional<AffineFusion> fusion,
                               MatchAffineFusion(graph, id, rules, context, refusals));
      if (!fusion) break;
      ApplyAffineFusion(graph, *std::move(fusion), context);
      changed = true;
    }
  }
  for (NodeId id : nodes) {
    if (!graph.IsLive(id) || !graph.node(id).Is("BatchNormalization")) continue;
    const auto refusal = refusals.find(id);
    context.Missed(graph.node(id), refusal != refusals.end()
                                       ? refusal->second
                                       : WhyNothingToJoin(graph, graph.node(id)));
  }
  return changed;
}

}  // namespace dsperse
