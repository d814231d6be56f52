#include "fold/passes/eliminate_identity_ops.h"

#include <string>

#include "fold/passes/constants.h"
#include "fold/passes/match.h"
#include "fold/passes/rewire.h"

namespace dsperse {
namespace {

// The input that a node returns unchanged as its output 0.
struct PassThrough {
  ValueId input;
};

Matched<PassThrough> MatchDropout(const Graph& graph, const NodeView& node) {
  const int64_t opset = node.opset();
  if (opset < 7 && node.Int("is_test", 0) != 1) {
    return NoMatch<PassThrough>("it is in training mode (is_test = 0)");
  }
  if (opset >= 12 && node.input(2).valid()) {
    const Tensor* training = graph.ConstantValue(node.input(2));
    if (training == nullptr) {
      return NoMatch<PassThrough>("training_mode " + WhyNotConstant(graph, node.input(2)));
    }
    char flag = 1;
    if (training->num_bytes() != 1 || !training->Read(0, absl::MakeSpan(&flag, 1)).ok() || flag != 0) {
      return NoMatch<PassThrough>("it is in training mode");
    }
  }
  if (node.output(1).valid() && !graph.Uses(node.output(1)).empty()) {
    return NoMatch<PassThrough>("its mask is read");
  }
  return Match(PassThrough{node.input(0)});
}

Matched<PassThrough> MatchPassThrough(const Graph& graph, const NodeView& node) {
  if (node.Is("Identity")) return Match(PassThrough{node.input(0)});
  if (node.Is("Dropout")) return MatchDropout(graph, node);
  return NoMatch<PassThrough>();
}

}  // namespace

absl::StatusOr<bool> EliminateIdentityOps::Run(Graph& graph, PassContext& context) const {
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id)) continue;
    const NodeView node = graph.node(id);
    Matched<PassThrough> found = MatchPassThrough(graph, node);
    std::string why_not = found.why_not;
    const ValueId result = node.output(0);
    if (found && result.valid() && found->input.valid()) {
      why_not = WhyNotForward(graph, result, found->input);
      if (why_not.empty()) {
        context.Applied(node, "removed: it returns its input");
        ForwardAndRemove(graph, result, found->input);
        changed = true;
        continue;
      }
    }
    if (!why_not.empty()) context.Missed(node, why_not);
  }
  return changed;
}

}  // namespace dsperse
