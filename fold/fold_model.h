// FoldModel: the whole fold stage as one call.
//
//   DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, LoadModel("resnet50.onnx"));
//   DSPERSE_ASSIGN_OR_RETURN(FoldReport report, FoldModel(model.graph));
//   DSPERSE_RETURN_IF_ERROR(SaveModel(model.graph, "folded.onnx").status());
//
// The folded model computes the same function: input and output names, order and types stay. Results
// are deterministic but for the times. Folding a folded model changes nothing.
#ifndef DSPERSE_FOLD_FOLD_MODEL_H_
#define DSPERSE_FOLD_FOLD_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/ops/provability.h"
#include "fold/pass.h"
#include "fold/pipeline.h"

namespace dsperse {

struct FoldOptions {
  std::string passes;          // as `--passes` (registry.h); "": the default list
  bool freeze_inputs = false;  // initializers listed as inputs are constants; those inputs go
  bool verify_each = false;    // Graph::Verify after each pass
  PassOptions pass_options;
  const Target* target = nullptr;  // no pass makes an operator that it refuses
  PricerFactory pricer;            // for price-driven rewrites; empty: none run
  // "x=-1,1" (fold/ops/range.h): the model need then only keep its meaning for inputs within these bounds.
  std::vector<std::string> input_ranges;
  bool lower = false;  // then also rewrite into operators that `target` proves (lowering/lowerings.h)
};

// What a model holds. Nodes count those of bodies too.
struct ModelCounts {
  int64_t nodes = 0;
  int64_t constant_nodes = 0;  // of these: Constant and ConstantOfShape
  int64_t batch_norms = 0;
  int64_t initializers = 0;
  int64_t constant_bytes = 0;  // of initializers and Constant payloads
  std::map<std::string, int64_t> by_operator;  // "Conv", "com.microsoft.Gelu"
};

// O(nodes + initializers).
ModelCounts CountModel(const Graph& graph);

struct FoldReport {
  ModelCounts before;
  ModelCounts after;
  bool changed = false;
  int rounds = 0;
  std::vector<PassStats> passes;
  std::vector<Remark> remarks;
  std::vector<std::string> frozen_inputs;
  // With FoldOptions::lower: what the target proves after folding, before and after lowering.
  std::optional<Provability> provable_before;
  std::optional<Provability> provable_after;
  double seconds = 0;
};

// Folds `graph` in place. InvalidArgument: `options.passes` is not a list. Errors of the model's files
// (DataLoss, FailedPrecondition) when weights are read. After an error the graph is not to be used.
absl::StatusOr<FoldReport> FoldModel(Graph& graph, const FoldOptions& options = {});

}  // namespace dsperse

#endif  // DSPERSE_FOLD_FOLD_MODEL_H_
