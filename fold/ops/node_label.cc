#include "fold/ops/node_label.h"

namespace dsperse {

absl::string_view NodeLabel(const Graph& graph, NodeId id) {
  const NodeView node = graph.node(id);
  if (!node.name().empty()) return node.name();
  for (ValueId output : node.outputs()) {
    if (output.valid()) return graph.Name(output);
  }
  return "";
}

}  // namespace dsperse
