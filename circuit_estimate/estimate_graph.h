// EstimateGraph: what a graph costs in one backend's metrics: per node, per operator, per slice, in all.
//
// A price is a vector, one entry for each of Backend::metrics(), which name their units; price_metric() is the one that
// plans and comparisons go by. Formulas and how far they hold: docs/cost_models.md.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_ESTIMATE_GRAPH_H_
#define DSPERSE_CIRCUIT_ESTIMATE_ESTIMATE_GRAPH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "circuit_estimate/backend.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

struct NodeEstimate {
  NodeId node;
  std::string name;  // as in the model; "node_3" (its position) where it has none
  std::string op;
  Counts counts;
  int bits = 0;  // width of its largest value by the backend's bound; 0: the backend bounds none
};

// A node that the prover refuses. Its counts are 0, or (with too many bits) as if a slice began before it; every total
// that it belongs to is approximate.
struct Unsupported {
  std::string node;
  std::string op;
  std::string reason;
};

// A group of nodes: an operator type, or a slice.
struct GroupEstimate {
  std::string name;  // "Conv", "slice_3"
  int64_t nodes = 0;
  Counts counts;  // of a slice: with boundary and fixed price
  int bits = 0;   // the largest of its nodes
  std::string note;  // of a slice: what the backend chose, "chunk_bits 12"
};

// total = nodes + inputs + outputs + fixed, but for metrics that are steps over sums (rows, powers of two).
struct GraphEstimate {
  const Backend* backend = nullptr;
  Parameters parameters{{}};
  std::vector<NodeEstimate> nodes;       // in the order of the graph
  std::vector<GroupEstimate> operators;  // by falling price, then name
  std::vector<GroupEstimate> slices;     // as asked for
  Counts inputs;                         // for values that enter the circuit
  Counts outputs;                        // for those that leave it
  Counts fixed;                          // once, whatever is in it
  Counts total;
  int bits = 0;
  std::string note;  // what the backend chose: "chunk_bits 12"
  std::vector<Unsupported> unsupported;

  // Value and exactness of a total by name; nullptr semantics: 0 and false for unknown names.
  uint64_t TotalOf(absl::string_view metric) const;
  bool IsExact(absl::string_view metric) const;
};

struct NodeRange {
  int64_t begin = 0;  // positions among the nodes of the main graph (constants included)
  int64_t end = 0;
};

// Estimates `graph` as it is. With `slices`, each range is also counted as a circuit of its own.
// Errors: InvalidArgument for parameters or ranges that don't fit; ResourceExhausted when a count
// leaves 64 bits, naming the node. O(nodes) apart from reading weights once.
absl::StatusOr<GraphEstimate> EstimateGraph(const Graph& graph, Facts& facts,
                                            const Backend& backend, const Parameters& parameters,
                                            absl::Span<const NodeRange> slices = {});

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_ESTIMATE_GRAPH_H_
