// The spelt-out forms that fuse_activations knows, each matched at its last node.
#ifndef DSPERSE_FOLD_PASSES_ACTIVATION_PATTERNS_H_
#define DSPERSE_FOLD_PASSES_ACTIVATION_PATTERNS_H_

#include <string>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/pass.h"
#include "fold/passes/match.h"
#include "fold/passes/operator_fusion.h"

namespace dsperse {

// No match with a reason: the form is there, but something about it isn't as it has to be.
absl::StatusOr<Matched<OperatorFusion>> MatchHardSwish(const Graph& graph, const NodeView& last, PassContext& context);
absl::StatusOr<Matched<OperatorFusion>> MatchGelu(const Graph& graph, const NodeView& last, PassContext& context);
absl::StatusOr<Matched<OperatorFusion>> MatchLayerNormalization(const Graph& graph, const NodeView& last,
                                                                PassContext& context);

// Is `value` a constant of one element that is `number` rounded to the value's type? A rank above `rank`
// would change the shape of what it is combined with: no.
absl::StatusOr<bool> IsNumber(const Graph& graph, ValueId value, double number, int rank);

// The node of that operator (default domain) that makes `value`, or none.
NodeId ProducerOf(const Graph& graph, ValueId value, absl::string_view op_type);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_ACTIVATION_PATTERNS_H_
