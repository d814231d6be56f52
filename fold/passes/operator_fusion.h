// OperatorFusion: several nodes replaced by one operator that computes the same, and the question whether the
// prover gains by it.
#ifndef DSPERSE_FOLD_PASSES_OPERATOR_FUSION_H_
#define DSPERSE_FOLD_PASSES_OPERATOR_FUSION_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/pass.h"
#include "fold/passes/match.h"

namespace dsperse {

struct OperatorFusion {
  // What is replaced, producers first; the last one's output 0 is the result. No other value of theirs has a
  // reader outside.
  std::vector<NodeId> nodes;
  std::string op_type;  // of the default domain
  std::vector<ValueId> inputs;
  std::vector<std::pair<std::string, AttributeValue>> attributes;
  // Computes the same real function, but rounds elsewhere.
  bool re_rounded = false;
};

// Why the fusion should not be done for the prover that the context names: the prover doesn't prove the result
// or finds it dearer than the nodes it replaces, or `--exact` forbids it. "" without a prover, and where
// the nodes as they are can't be proven but the result can. Errors: those of reading constants.
absl::StatusOr<std::string> WhyNotWorthwhile(const Graph& graph, const OperatorFusion& fusion,
                                             PassContext& context);

// Does it. The result keeps its name, the operator gets the last node's.
void ApplyOperatorFusion(Graph& graph, const OperatorFusion& fusion);

// Matches and fuses at every node that `match` accepts, in one pass over the nodes, with remarks.
using FusionMatcher = absl::StatusOr<Matched<OperatorFusion>> (*)(const Graph&, const NodeView&, PassContext&);
absl::StatusOr<bool> FuseOperators(Graph& graph, PassContext& context, FusionMatcher match);

// Why `value`, to be computed inside the fused operator, must stay for the sake of its `readers` other than
// one: "'y' has 2 readers"; "" if it has exactly `readers` uses by nodes of its own block and is no output.
std::string WhyKept(const Graph& graph, ValueId value, size_t readers = 1);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_OPERATOR_FUSION_H_
