#include "slicer/reads.h"

#include "absl/container/flat_hash_set.h"

namespace dsperse {

std::vector<ValueId> ReadsOf(const Graph& graph, NodeId node) {
  std::vector<ValueId> out;
  absl::flat_hash_set<ValueId> seen;
  auto add = [&](ValueId v) {
    if (v.valid() && graph.BlockOf(v) == graph.main() && seen.insert(v).second) out.push_back(v);
  };
  for (ValueId v : graph.node(node).inputs()) add(v);
  std::vector<BlockId> bodies = graph.node(node).bodies();
  for (size_t i = 0; i < bodies.size(); ++i) {
    for (NodeId inner : graph.Nodes(bodies[i])) {
      for (ValueId v : graph.node(inner).inputs()) add(v);
      for (BlockId body : graph.node(inner).bodies()) bodies.push_back(body);
    }
    for (ValueId v : graph.Outputs(bodies[i])) add(v);
  }
  return out;
}

}  // namespace dsperse
