// Provability: how much of a model a prover proves: nodes, multiply-adds, and what stays and why.
#ifndef DSPERSE_FOLD_OPS_PROVABILITY_H_
#define DSPERSE_FOLD_OPS_PROVABILITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "fold/ops/target.h"

namespace dsperse {

struct UnprovableNode {
  std::string node;  // NodeLabel
  std::string op;
  std::string reason;
};

struct Provability {
  // Nodes of the main graph that compute with data: no constants, no data movement. An If, Loop or
  // Scan is one node.
  int64_t nodes = 0;
  int64_t provable_nodes = 0;
  // Products of these nodes (work.h); at the largest number where they exceed 64 bits.
  uint64_t multiply_adds = 0;
  uint64_t provable_multiply_adds = 0;
  // Nodes whose multiply-adds are not counted, because a shape is not known.
  int64_t uncounted = 0;
  std::vector<UnprovableNode> unprovable;  // in the order of the graph
};

// True for a node that rearranges data, handles shapes or is constant: nothing to prove by itself.
bool ComputesNothing(const Target& target, const NodeView& node, Facts& facts);

// O(nodes).
Provability MeasureProvability(const Graph& graph, Facts& facts, const Target& target);

// Unimplemented, naming the first of the nodes and why, if any is left.
absl::Status RequireProvable(const Provability& provability, absl::string_view target);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_PROVABILITY_H_
