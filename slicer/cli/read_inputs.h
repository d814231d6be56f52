// Inputs for a run, read from files.
#ifndef DSPERSE_SLICER_CLI_READ_INPUTS_H_
#define DSPERSE_SLICER_CLI_READ_INPUTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"

namespace dsperse {

// One tensor for each of RequiredInputs(graph), from `path`:
//   a directory   input_0.pb, input_1.pb, … (TensorProto, in the order of the inputs), or <name>.pb
//   FILE.json     {"input_data": …} as DSperse has it, {"<name>": …, …}, or the data alone. The data
//                 are numbers, nested or flat; for several inputs "input_data" lists one for each.
// A flat list takes the input's shape; one unknown dimension follows from the count. InvalidArgument
// names the file and what doesn't fit.
absl::StatusOr<std::vector<Tensor>> ReadInputs(const Graph& graph, const std::string& path);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_READ_INPUTS_H_
