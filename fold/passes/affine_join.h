// Joining affine steps with a BatchNormalization that has no linear operator to go into.
//
//   Mul/Add by constants → BatchNormalization → Mul/Add by constants, BatchNormalization
//     becomes one BatchNormalization
//
// With a target no factor before it is taken that is too small for fixed point (WhyLosesDigits).
// The first BatchNormalization of the chain stays, with its epsilon and variance:
//   scale' = scale·k1·k2     k1, k2: the factors before and after it
//   nothing before it:  mean stays,  shift' = the steps after it applied to shift
//   else:               mean' = 0,   shift' = the steps after it applied to (t1 − mean)·k + shift
#ifndef DSPERSE_FOLD_PASSES_AFFINE_JOIN_H_
#define DSPERSE_FOLD_PASSES_AFFINE_JOIN_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/pass.h"
#include "fold/passes/affine_fusion.h"
#include "fold/passes/affine_step.h"

namespace dsperse {

struct AffineJoin {
  NodeId batch_norm;
  std::vector<AffineStep> before, after;
  Tensor scale, shift;
  std::optional<Tensor> mean;  // none: stays
  std::vector<double> gains;   // k1·k2
};

// All that joins `batch_norm`, a BatchNormalization; none if nothing does. Refusals are added for its
// neighbours. Errors: those of reading.
absl::StatusOr<std::optional<AffineJoin>> MatchAffineJoin(const Graph& graph, NodeId batch_norm,
                                                          PassContext& context,
                                                          Refusals& refusals);

void ApplyAffineJoin(Graph& graph, AffineJoin join, PassContext& context);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_AFFINE_JOIN_H_
