// Fixing the dimensions that a model leaves open: what the flags `--input-shape` and `--dim` say, and
// the first dimension's default.
#ifndef DSPERSE_FOLD_OPS_INPUT_SHAPES_H_
#define DSPERSE_FOLD_OPS_INPUT_SHAPES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fold/ir/graph.h"

namespace dsperse {

struct InputShapeFlags {
  std::vector<std::string> input_shapes;  // "x=1,3,224,224"; "1,3,224,224" where there is one input
  std::vector<std::string> dims;          // "batch=1"
};

// Declares the inputs as the flags say. A name that gets a number gets it wherever an input has it.
// InvalidArgument, quoting the flag: malformed, no such input or name, a rank or a fixed dimension that
// the model contradicts, two numbers for one name.
absl::Status SetInputShapes(const InputShapeFlags& flags, Graph* graph);

// Sets an unknown first dimension of any input to 1 (a named one wherever an input has the name).
// Returns a notice for each: "input 'x' [N, 3, 8, 8]: N is taken as 1".
std::vector<std::string> DefaultFirstDimensions(Graph* graph);

// Unimplemented, naming both flags, if an input without initializer still has an unknown dimension.
absl::Status RequireStaticInputs(const Graph& graph);

// All three: what `slice`, `estimate`, `report` and `verify` do first. Returns the notices.
absl::StatusOr<std::vector<std::string>> FixInputShapes(const InputShapeFlags& flags, Graph* graph);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_INPUT_SHAPES_H_
