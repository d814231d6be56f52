// Operators that ONNX defines by a function: the body as a graph of its own.
#ifndef DSPERSE_FOLD_OPS_FUNCTION_BODY_H_
#define DSPERSE_FOLD_OPS_FUNCTION_BODY_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"

namespace dsperse {

// The function body of `node`'s operator at its opset, with the node's attributes put in. The graph's
// inputs are the node's present inputs in order, of the types and shapes of `inputs` (null where
// absent); its outputs are the node's present outputs. Where the body depends on which inputs are
// there and on their types, so does the graph. Unimplemented, naming the operator and its opset, if
// ONNX defines no function for it.
absl::StatusOr<Graph> ExpandFunction(const NodeView& node,
                                     absl::Span<const Tensor* const> inputs);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_FUNCTION_BODY_H_
