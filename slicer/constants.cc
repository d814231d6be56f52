#include "slicer/constants.h"

#include "absl/strings/str_cat.h"

namespace dsperse {

absl::StatusOr<int> ConstantsToInitializers(Graph& graph, Facts& facts, int64_t max_bytes) {
  int turned = 0;
  for (NodeId n : graph.Nodes(graph.main())) {
    const NodeView node = graph.node(n);
    if (!node.Is("Constant") && !node.Is("ConstantOfShape")) continue;
    const ValueId value = node.output();
    if (!value.valid() || graph.IsBlockOutput(value)) continue;
    const Tensor* constant = facts.ConstantOf(value);
    if (constant == nullptr || constant->dtype() == DType::kString) continue;
    if (constant->num_bytes() > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the constant '", graph.Name(value), "' of shape ",
                       DimsToString(constant->dims()), " takes ", constant->num_bytes(),
                       " bytes as an initializer, more than the ", max_bytes, " allowed"));
    }
    const Tensor tensor = *constant;  // the node goes, and its value with it
    const ValueId initializer = graph.AddConstant(graph.Name(value), tensor);
    graph.ReplaceUses(value, initializer);
    graph.RemoveNode(n);
    ++turned;
  }
  return turned;
}

}  // namespace dsperse
