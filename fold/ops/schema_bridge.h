// The one file that talks to the ONNX library's operator schemas: types and shapes of a node's outputs
// by the schema's own inference function, fed with what our Facts know.
//
// The first look-up of a schema builds the library's registry: 8 to 10 ms and 6 MB. Nothing here is
// called for a model whose passes ask for no shapes, or whose nodes are all plain (plain_shapes.h).
#ifndef DSPERSE_FOLD_OPS_SCHEMA_BRIDGE_H_
#define DSPERSE_FOLD_OPS_SCHEMA_BRIDGE_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

// Infers element type and shape of `node`'s outputs; `inputs` has one Fact per input place (null:
// absent), `outputs` one per output place, empty before. Values and partly known elements of inputs
// are handed to the schema function when it asks for them; of constants only small ones (kMaxBridged
// elements), so no weight is ever read. What can't be told stays unknown. Errors:
//   InvalidArgument: the schema function finds the node contradictory (its text).
//   Unimplemented: no such operator in the ONNX library at this opset, or an input of unknown type.
// For operators with bodies use body facts (facts.cc), not this.
absl::Status InferBySchema(const NodeView& node, absl::Span<const Fact* const> inputs,
                           absl::Span<Fact> outputs);

inline constexpr int64_t kMaxBridged = 4096;

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_SCHEMA_BRIDGE_H_
