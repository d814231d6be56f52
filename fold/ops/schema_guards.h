// What the ONNX library's shape functions take for granted. A node that breaks it makes them read
// beyond a list, divide by zero or loop for hours, so it is refused before.
#ifndef DSPERSE_FOLD_OPS_SCHEMA_GUARDS_H_
#define DSPERSE_FOLD_OPS_SCHEMA_GUARDS_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace onnx {
class OpSchema;
}

namespace dsperse {

// InvalidArgument: the number of inputs or outputs, an absent input that isn't optional, a missing or
// mistyped attribute, a size that isn't positive, ranks that don't fit. Unimplemented: the function
// would need a rank that is unknown, or could not cope with a dimension that large.
absl::Status CheckForSchema(const onnx::OpSchema& schema, const NodeView& node,
                            absl::Span<const Fact* const> inputs);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_SCHEMA_GUARDS_H_
