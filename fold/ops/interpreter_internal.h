// Shared by the files of the interpreter; not for others.
#ifndef DSPERSE_FOLD_OPS_INTERPRETER_INTERNAL_H_
#define DSPERSE_FOLD_OPS_INTERPRETER_INTERNAL_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/interpreter.h"

namespace dsperse {

// Bodies within bodies and functions within functions.
inline constexpr int kMaxRunDepth = 64;

// One run of one graph. `depth` counts bodies and functions around it.
class Runner {
 public:
  Runner(const Graph& graph, const RunOptions& options, int threads, int depth);

  absl::StatusOr<std::vector<Tensor>> RunMain(absl::Span<const Tensor> inputs);

 private:
  // What a block's nodes are, and which values nobody reads after each of them.
  struct Plan {
    std::vector<NodeId> nodes;
    std::vector<std::vector<ValueId>> free_after;
  };

  void MakePlans();
  absl::Status RunBlock(BlockId block, int depth);
  absl::Status RunNode(const NodeView& node, int depth);
  absl::StatusOr<std::vector<Tensor>> Compute(const NodeView& node, int depth);
  absl::StatusOr<std::vector<Tensor>> RunFunction(const NodeView& node,
                                                  absl::Span<const Tensor* const> inputs, int depth);
  absl::Status Set(ValueId value, Tensor tensor);
  // The value, in memory (string tensors as they are).
  absl::StatusOr<const Tensor*> Get(ValueId value);

  // Runs a body on `inputs` (one for each of its inputs) and returns its outputs.
  absl::StatusOr<std::vector<Tensor>> RunBody(BlockId body, std::vector<Tensor> inputs, int depth);
  // control_flow.cc
  absl::StatusOr<std::vector<Tensor>> RunIf(const NodeView& node, int depth);
  absl::StatusOr<std::vector<Tensor>> RunLoop(const NodeView& node, int depth);
  absl::StatusOr<std::vector<Tensor>> RunScan(const NodeView& node, int depth);
  absl::StatusOr<std::vector<Tensor>> ScanOnce(const NodeView& node, std::vector<Tensor> state,
                                               const std::vector<Tensor>& sequences,
                                               int64_t iterations, int64_t padded, int depth);
  absl::StatusOr<Tensor> EmptyScanOutput(const NodeView& node, BlockId body, int index);

  const Graph& graph_;
  const RunOptions& options_;
  EvalContext context_;
  int depth_;
  std::vector<Plan> plans_;     // by block
  std::vector<Tensor> values_;  // by value
  std::vector<bool> present_;
};

// Pieces of byte arithmetic on tensors in memory, for whole-byte types.
// The slice at `index` of `axis`, that axis dropped.
absl::StatusOr<Tensor> SliceAt(const Tensor& tensor, int axis, int64_t index);
// Stacks equally shaped tensors along a new axis `axis`, `parts` not empty.
absl::StatusOr<Tensor> Stack(absl::Span<const Tensor> parts, int axis);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_INTERPRETER_INTERNAL_H_
