// eliminate_identity_ops: removes operators that return their input unchanged.
//
//   Before                                  After
//   y = Identity(x); z = Relu(y)            z = Relu(x)
//   x = Conv(a, w); out = Identity(x)       out = Conv(a, w)      (out: a graph output)
//
// Applies when the node is
//   - Identity; Concat, Sum, Mean, Max or Min of one input; Split into one output;
//   - Dropout in inference mode whose mask nobody reads: opset 7 to 11 always, 12 and later with
//     training_mode absent or constant false (or a ratio of constant 0), before 7 with is_test = 1;
//   - Cast or CastLike to the type that the input has;
//   - Reshape, Flatten, Squeeze, Unsqueeze or Expand to the shape that the input has, all dimensions known
//     or named; Slice to it with steps of 1;
//   - Transpose with the identity permutation, Pad by nothing, Tile by ones;
//   - x + 0, x − 0, x · 1, x / 1, x ^ 1 where broadcasting doesn't change the shape (±0 counts as equal: a
//     field has one zero).
// Declines when
//   - a Dropout's mask is read, or it may run in training mode;
//   - the neutral constant of an arithmetic operator may broadcast the shape;
//   - the result is an output of its block and the input is no result of a node of that block (an input
//     is never short-circuited to an output, a constant output keeps a node), or is an output itself
//     (two outputs of one value keep an Identity).
// Exact: values are passed on bit for bit, but for −0 + 0. O(nodes + uses).
#ifndef DSPERSE_FOLD_PASSES_ELIMINATE_IDENTITY_OPS_H_
#define DSPERSE_FOLD_PASSES_ELIMINATE_IDENTITY_OPS_H_

#include "fold/pass.h"

namespace dsperse {

class EliminateIdentityOps final : public Pass {
 public:
  absl::string_view name() const override { return "eliminate_identity_ops"; }
  absl::string_view summary() const override {
    return "Removes operators that return their input unchanged";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_ELIMINATE_IDENTITY_OPS_H_
