// Do two models compute the same? By running both on the same inputs.
#ifndef DSPERSE_FOLD_OPS_VERIFY_MODELS_H_
#define DSPERSE_FOLD_OPS_VERIFY_MODELS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/compare.h"
#include "fold/ops/interpreter.h"

namespace dsperse {

struct VerifyOptions {
  double tolerance = 1e-4;  // of CompareTensors
  RunOptions run;
  // Called as the runs go on: "sample 1 of 3, first model: 12 of 175 nodes".
  std::function<void(absl::string_view)> progress;
  // Values of the first model kept for the search of the first difference, bytes; what doesn't fit is
  // not looked at.
  int64_t max_kept_bytes = int64_t{1} << 32;
};

struct OutputDifference {
  std::string name;
  Difference worst;  // over all samples: the first that disagrees, else the largest
  int sample = 0;    // where that was, from 0
};

struct VerifyResult {
  bool same = true;
  std::vector<OutputDifference> outputs;
  // If not: the first value of the same name in both, in the second model's order, that disagrees.
  std::string first_value;
  std::string first_node;    // the node of the second model that makes it
  std::string first_reason;
};

// Why the models can't stand for each other, one line each: inputs (without initializer) and outputs
// must have the same names, order, element types and, where both know them, dimensions.
std::vector<std::string> CompareInterfaces(const Graph& a, const Graph& b);

// How the second model is run: by default as a graph. The slicer runs a chain of files.
using RunFn = std::function<absl::StatusOr<std::vector<Tensor>>(absl::Span<const Tensor> inputs)>;

// Runs both on every sample (one tensor for each required input) and compares the outputs. The
// interfaces must be the same. Errors are those of the runs, told apart as "first model: …".
absl::StatusOr<VerifyResult> VerifyModels(const Graph& a, const Graph& b,
                                          absl::Span<const std::vector<Tensor>> samples,
                                          const VerifyOptions& options = {});
// The same against anything that computes outputs; no search for the first differing value.
absl::StatusOr<VerifyResult> VerifyAgainst(const Graph& a, const RunFn& b,
                                           absl::Span<const std::vector<Tensor>> samples,
                                           const VerifyOptions& options = {});

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_VERIFY_MODELS_H_
