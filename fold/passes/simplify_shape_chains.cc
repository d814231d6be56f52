#include "fold/passes/simplify_shape_chains.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/passes/constants.h"
#include "fold/passes/reshape_target.h"

namespace dsperse {

absl::StatusOr<bool> SimplifyShapeChains::Run(Graph& graph, PassContext& context) const {
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    const NodeView node = graph.node(id);
    if (!node.Is("Reshape") || node.opset() < 5 || !node.input(1).valid()) continue;
    if (ConstantOf(graph, node.input(1)) || node.Int("allowzero", 0) != 0) continue;
    // The elements of the shape input; where they aren't known, what inference says of the result.
    Facts& facts = context.facts();
    const Fact& shape = facts.Of(node.input(1));
    if (shape.value) continue;  // fold_constants makes it an initializer
    const Shape from = facts.ShapeOf(node.input(0));
    Matched<std::vector<int64_t>> target = NoMatch<std::vector<int64_t>>("the rank of its result is unknown");
    if (shape.elements) target = ReshapeTarget(from, *shape.elements);
    if (!target) {
      // Only asked for now: with a constant shape, more may be known of the result.
      const Shape& to = facts.ShapeOf(node.output(0));
      if (to.has_rank()) target = ReshapeTarget(from, to.dims());
    }
    if (!target) {
      context.Missed(node, absl::StrCat(target.why_not, ": ", facts.ShapeOf(node.output(0)).ToString()));
      continue;
    }
    context.Applied(node, "its shape became a constant");
    const ValueId constant = graph.AddConstant(
        absl::StrCat(graph.Name(node.output(0)), "_shape"),
        Tensor::Of<int64_t>({static_cast<int64_t>(target->size())}, absl::MakeConstSpan(*target)),
        node.block());
    graph.SetInput(id, 1, constant);
    changed = true;
  }
  return changed;
}

}  // namespace dsperse
