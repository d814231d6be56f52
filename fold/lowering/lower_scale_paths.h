// lower_scale_paths: one number that values are multiplied or divided by, moved into constant weights that
// lie further back, where fuse_affine, which looks at neighbours, doesn't see them.
//
//   softmax((x·Wq)·(x·Wk)ᵀ / c)        →   softmax((x·(Wq/c))·(x·Wk)ᵀ)
//   h = x·W + b,  h·(1 + erf(h / c))·V  →   z = x·(W/c) + b/c,  z·(1 + erf(z))·(V·c)
//
// Back from the number the way leads through views (Reshape, Transpose, …), Adds of a constant and one
// operand of a product of two computed matrices, to a linear operator. In the second form, a Gelu between
// two layers, the value has one more reader, a Mul: what it then lacks is made up for in that Mul's own
// constant, or in a number or weight that the product meets next, through views, or in a number that its
// other factor was multiplied by. Nothing is added: a rescale of every element goes.
//
// Class: re-rounded. Declines when
//   - the factor doesn't lie between 1/32 and 1: larger weights would widen a prover's numbers, smaller
//     ones lose fixed-point digits;
//   - a value on the way has another reader, or a weight or bias is not constant;
//   - nothing takes what the other reader then lacks: a number would not be finite, or lose digits.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_SCALE_PATHS_H_
#define DSPERSE_FOLD_LOWERING_LOWER_SCALE_PATHS_H_

#include "fold/pass.h"

namespace dsperse {

class LowerScalePaths final : public Pass {
 public:
  absl::string_view name() const override { return "lower_scale_paths"; }
  absl::string_view summary() const override {
    return "A number that values are divided by, through views and matrix products into constant weights";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_SCALE_PATHS_H_
