// Constant nodes as initializers: what planning and extraction expect.
#ifndef DSPERSE_SLICER_CONSTANTS_H_
#define DSPERSE_SLICER_CONSTANTS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

// Turns every Constant node, and every ConstantOfShape whose shape is constant, of the main graph into
// an initializer (a slice could only be fed with it otherwise), and drops the nodes. One that is a model
// output stays. Returns how many were turned. ResourceExhausted when one would be larger than
// `max_bytes`. Linear.
absl::StatusOr<int> ConstantsToInitializers(Graph& graph, Facts& facts, int64_t max_bytes);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CONSTANTS_H_
