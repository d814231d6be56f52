// The interpreter: runs a Graph on given inputs.
//
// It is what proves that a transformation kept the meaning of a model (`verify`, the tests of every
// pass), so it is written to be obviously right first: one node after the other in the order of the
// block, each by its operator's evaluator in EvalMode::kFast. If, Loop and Scan run their bodies here;
// an operator without an evaluator that ONNX defines by a function body is run as that function. A
// value is freed after its last reader, so the peak is about what the widest point of the graph needs.
// The only recursion is the nesting of bodies and functions, which is bounded.
#ifndef DSPERSE_FOLD_OPS_INTERPRETER_H_
#define DSPERSE_FOLD_OPS_INTERPRETER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/op.h"

namespace dsperse {

struct RunOptions {
  EvalMode mode = EvalMode::kFast;
  // Threads of one operator; 0: one per core of the machine.
  int threads = 0;
  // Largest single value, in bytes.
  int64_t max_output_bytes = int64_t{1} << 33;
  // Of one Loop, whose condition may never turn false, or one Scan, whose sequences may be empty and long.
  int64_t max_iterations = 10'000'000;
  // Called after each node of the main graph.
  std::function<void(int64_t done, int64_t total)> progress;
  // Called for every value as it is computed, in bodies once an iteration. An error ends the run.
  std::function<absl::Status(ValueId value, const Tensor& tensor)> tap;
};

// The inputs a run must be given: those of the main graph that have no initializer, in order.
std::vector<ValueId> RequiredInputs(const Graph& graph);

// Runs `graph` on `inputs`, one tensor for each of RequiredInputs(graph); overridable initializers
// keep their values. Returns one tensor for each output of the main graph, in memory (uniform and
// string tensors as they are). Errors, each naming the node:
//   InvalidArgument: number, element type or shape of the inputs; what an evaluator refuses.
//   Unimplemented: an operator, opset or type that isn't covered; sequences, optionals.
//   ResourceExhausted: max_output_bytes, max_iterations, nesting, memory.
absl::StatusOr<std::vector<Tensor>> RunGraph(const Graph& graph, absl::Span<const Tensor> inputs,
                                             const RunOptions& options = {});

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_INTERPRETER_H_
