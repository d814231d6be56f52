// Evaluation of nodes whose inputs are all constant, for Facts.
#ifndef DSPERSE_FOLD_OPS_CONSTANT_VALUES_H_
#define DSPERSE_FOLD_OPS_CONSTANT_VALUES_H_

#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

// Evaluates `node` in EvalMode::kExact if every present input has a value and its operator may enter
// a file, and fills value, type and shape of `outputs`. Results of more than `max_bytes` are left out,
// but for those that take no memory of their own (uniform ones, and those that are an input with other
// dimensions). What the evaluator refuses has no value.
void EvaluateConstants(const NodeView& node, absl::Span<const Fact* const> inputs,
                       int64_t max_bytes, absl::Span<Fact> outputs);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_CONSTANT_VALUES_H_
