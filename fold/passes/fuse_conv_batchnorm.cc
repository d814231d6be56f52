#include "fold/passes/fuse_conv_batchnorm.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/passes/affine_fusion.h"
#include "fold/passes/linear_owner.h"

namespace dsperse {
namespace {

// "goes to Relu 'r'", "is a graph output", "has 3 readers".
std::string WhereTo(const Graph& graph, ValueId result) {
  const std::string kept = WhyStillNeeded(graph, result);
  if (!kept.empty()) return kept;
  return absl::StrCat("goes to ", Describe(graph, graph.Uses(result)[0].node));
}

// Why a BatchNormalization that no matcher looked at stays: what stands on either side of it.
std::string WhyNothingToJoin(const Graph& graph, const NodeView& node) {
  std::string why = WhyNotInference(node);
  if (!why.empty()) return why;
  const ValueId data = node.input(0);
  if (!data.valid()) return "its input is absent";
  const NodeId producer = graph.Producer(data);
  std::string text = producer.valid()
                         ? absl::StrCat("its input comes from ", Describe(graph, producer))
                         : absl::StrCat("its input '", graph.Name(data), "' is ",
                                        graph.IsInitializer(data) ? "an initializer" : "an input");
  absl::StrAppend(&text, " and its result ", WhereTo(graph, node.output(0)), ": ");
  for (const Use& use : graph.Uses(node.output(0))) {
    if (use.is_block_output() || !IsLinearOp(graph.node(use.node))) continue;
    return absl::StrCat(text, "nothing before it takes it in, and what comes behind is fuse_affine's");
  }
  return absl::StrCat(text, "no Conv, ConvTranspose, Gemm or MatMul to join");
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
