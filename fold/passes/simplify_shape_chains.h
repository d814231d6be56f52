// simplify_shape_chains: what a Reshape gets from a chain of shape arithmetic becomes a constant.
//
//   Before                                           After
//   s = Shape(x); n = Gather(s, 0)                   y = Reshape(x, {0, 12})
//   t = Concat(n, {12}); y = Reshape(x, t)
//
// Applies to a Reshape whose shape isn't constant when each dimension of it is known, or is that of the
// input in the same place (0), with at most one that is neither (−1, the rest follows). Chains that are known
// altogether are fold_constants'.
// Declines when two or more dimensions are neither known nor the input's, or one is 0.
// Exact: the same dimensions. O(nodes); inference is asked for Reshapes with a computed shape only.
#ifndef DSPERSE_FOLD_PASSES_SIMPLIFY_SHAPE_CHAINS_H_
#define DSPERSE_FOLD_PASSES_SIMPLIFY_SHAPE_CHAINS_H_

#include "fold/pass.h"

namespace dsperse {

class SimplifyShapeChains final : public Pass {
 public:
  absl::string_view name() const override { return "simplify_shape_chains"; }
  absl::string_view summary() const override {
    return "Makes the computed shape of a Reshape constant where only one dimension is unknown";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_SIMPLIFY_SHAPE_CHAINS_H_
