// Seeded inputs for runs that compare two models.
#ifndef DSPERSE_FOLD_OPS_SAMPLE_INPUTS_H_
#define DSPERSE_FOLD_OPS_SAMPLE_INPUTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"

namespace dsperse {

// One tensor for each of RequiredInputs(graph), the same on every machine for the same seed. Floats are
// about normal (mean 0, variance 1); integers are 0 or 1, so that they are good as indices; bools are
// even. Unknown dimensions count as 1 (fix them before: input_shapes.h).
// Unimplemented: an input of another type, or of unknown rank. ResourceExhausted: one of more than 8 GiB, or memory.
absl::StatusOr<std::vector<Tensor>> SampleInputs(const Graph& graph, uint64_t seed);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_SAMPLE_INPUTS_H_
