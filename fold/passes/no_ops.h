// Recognises operators that return one of their inputs unchanged.
#ifndef DSPERSE_FOLD_PASSES_NO_OPS_H_
#define DSPERSE_FOLD_PASSES_NO_OPS_H_

#include "fold/ir/graph.h"
#include "fold/pass.h"
#include "fold/passes/match.h"

namespace dsperse {

struct NoOp {
  ValueId input;  // what output 0 equals
};

// No match with a reason: it looks like one but isn't (a Dropout whose mask is read). Inference is asked
// only where types, or shapes that aren't in the file, decide.
Matched<NoOp> MatchNoOp(const Graph& graph, const NodeView& node, PassContext& context);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_NO_OPS_H_
