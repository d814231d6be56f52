// Moving a chain of affine steps into the constant of a linear operator, rounded once.
//
//   Conv(x, W, b) → step → step → …      becomes   Conv(x, W·k, b')
//   step → step → … → Conv(x, W, b)      becomes   Conv(x, W·k, b + W·t)
//
// The one matcher behind fuse_conv_batchnorm and fuse_affine: a whole chain, on both sides of the linear
// operator, is composed in double from producer to consumer and rounded once to the weight's type.
//   result:  k = k1·k2·…,  t = ((b − mean1)·k1 + shift1 …): each step applied to the bias in turn
//   input:   the bias first grows by the sum of weight times the chain's shift (ShiftThrough)
// With a target no factor on the input is taken that is so small that the weights lose digits
// (WhyLosesDigits): the mean of a large image stays a Div.
// MatMul has no bias: its shift becomes an Add behind it.
#ifndef DSPERSE_FOLD_PASSES_AFFINE_FUSION_H_
#define DSPERSE_FOLD_PASSES_AFFINE_FUSION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/pass.h"
#include "fold/passes/affine_step.h"
#include "fold/passes/linear_owner.h"
#include "fold/passes/match.h"

namespace dsperse {

// Which steps a pass takes.
struct ChainRules {
  bool batchnorm_only = false;  // stop at the first step that is no BatchNormalization
  bool before = false;          // also steps before the linear operator
  bool skip_lone_batchnorm = false;  // one BatchNormalization behind it and no other step is left alone
};

struct AffineFusion {
  LinearOwner owner;
  std::vector<AffineStep> before;  // from the chain's input to the owner
  std::vector<AffineStep> after;   // from the owner to the chain's result
  Tensor weight;
  bool weight_changes = false;
  std::optional<Tensor> bias;  // of shape [channels]; none: stays as it is
  std::vector<double> gains;
  bool duplicate = false;  // the owner's own result is still needed: fuse into a copy
};

// Why steps next to a linear operator could not be fused, by the step's node.
using Refusals = absl::flat_hash_map<NodeId, std::string>;

// The fusion of all that can be joined with `node`; none if there is nothing to do. Refusals are added
// for the steps adjacent to it. Reads weights only where a shift goes through them or a product could
// exceed their type. Errors: those of reading.
absl::StatusOr<std::optional<AffineFusion>> MatchAffineFusion(const Graph& graph, NodeId node,
                                                              const ChainRules& rules,
                                                              PassContext& context,
                                                              Refusals& refusals);

// Applies it. The last value of the chain keeps its name.
void ApplyAffineFusion(Graph& graph, AffineFusion fusion, PassContext& context);

// Provers compute in fixed point, JSTprove with weights rounded to 2^-18. Weights that take a factor k from the
// data they meet leave data 1/k as large, so their rounding, of up to 2^-19, weighs 1/k as much: summed over
// `taps` products some √taps · 2^-19 / k of what the data was. Why that is too much, or "": k, the largest
// factor of all channels, is below max(4, √taps) / 512, so that the error could exceed 1/2000.
std::string WhyLosesDigits(const std::vector<double>& factors, int64_t taps, const PassContext& context);

// Why `value`, read by one node that would absorb it, must stay: "is a graph output", "is captured by a
// body", "has 2 readers"; "" if only that node reads it.
std::string WhyStillNeeded(const Graph& graph, ValueId value);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_AFFINE_FUSION_H_
