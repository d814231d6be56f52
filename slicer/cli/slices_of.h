// What `estimate` reads of a directory of slices: nothing but where they are.
#ifndef DSPERSE_SLICER_CLI_SLICES_OF_H_
#define DSPERSE_SLICER_CLI_SLICES_OF_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "circuit_estimate/estimate_graph.h"

namespace dsperse {

// Estimates each slice of `directory` (metadata.msgpack there) as a circuit of its own, from its file; where DSperse
// has yet to make the files (`slice --lazy`), as a range of nodes of model.onnx between the slice points, with a note.
// A slice that only moves data counts as 0: no circuit is made for it. The result's totals add the slices up; its nodes are those of all slices. Tiles and splits are not looked at.
// InvalidArgument: no slices directory, or one whose metadata doesn't say where slices are. NotFound: a slice's file is
// missing.
absl::StatusOr<GraphEstimate> EstimateSlices(const std::string& directory, const Backend& backend,
                                             const Parameters& parameters, int64_t max_memory);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_SLICES_OF_H_
