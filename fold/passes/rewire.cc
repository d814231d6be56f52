#include "fold/passes/rewire.h"

#include "absl/strings/str_cat.h"

namespace dsperse {

std::string WhyNotForward(const Graph& graph, ValueId from, ValueId to) {
  if (!graph.IsBlockOutput(from)) return "";
  const auto because = [&](absl::string_view what) {
    return absl::StrCat("its result '", graph.Name(from), "' is an output and its input '",
                        graph.Name(to), "' ", what);
  };
  if (!graph.Producer(to).valid()) {
    return because(graph.IsInitializer(to) ? "is an initializer: an output needs a node"
                                           : "is an input: an input is never passed straight through");
  }
  if (graph.BlockOf(to) != graph.BlockOf(from)) return because("is a value of an outer graph");
  if (graph.IsBlockOutput(to)) return because("is an output too");
  return "";
}

void ForwardAndRemove(Graph& graph, ValueId from, ValueId to) {
  const NodeId node = graph.Producer(from);
  if (!graph.IsBlockOutput(from)) {
    graph.ReplaceUses(from, to);
    graph.RemoveNode(node);
    return;
  }
  // `from` keeps its name and place: it becomes the output of the node that made `to`.
  for (int i = 0; i < graph.node(node).num_inputs(); ++i) graph.SetInput(node, i, ValueId());
  const NodeId producer = graph.Producer(to);
  const int index = graph.OutputIndex(to);
  graph.ReplaceUses(to, from);
  graph.TakeOutput(producer, index, from);
  graph.RemoveNode(node);
}

}  // namespace dsperse
