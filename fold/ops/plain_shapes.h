// Shapes of plain nodes, told without the ONNX library.
//
// A node is plain where nothing about it is left to find out or to object to: an operator that most networks are made of,
// inputs whose types and shapes are known, attributes as the specification has them, results that fit. Everything else is
// for the library's own functions (schema_bridge.h), whose first look-up takes 10 ms and 6 MB: more than all else that
// happens to a small network.
#ifndef DSPERSE_FOLD_OPS_PLAIN_SHAPES_H_
#define DSPERSE_FOLD_OPS_PLAIN_SHAPES_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

// `inputs` and `outputs` as for InferBySchema. True: `outputs` hold type and shape, just as the library tells them.
// False: `node` isn't plain, and nothing was written. O(rank) a node, and the elements of axes and sizes it reads.
bool InferPlain(const NodeView& node, absl::Span<const Fact* const> inputs, absl::Span<Fact> outputs);

// So where `node` is plain, and by InferBySchema, with its errors, where not.
absl::Status InferShapes(const NodeView& node, absl::Span<const Fact* const> inputs, absl::Span<Fact> outputs);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_PLAIN_SHAPES_H_
