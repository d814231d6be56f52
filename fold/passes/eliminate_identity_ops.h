// eliminate_identity_ops: removes operators that return their input unchanged.
//
//   Before                                  After
//   y = Identity(x); z = Relu(y)            z = Relu(x)
//   x = Conv(a, w); out = Identity(x)       out = Conv(a, w)      (out: a graph output)
//
// Applies when the node is
//   - Identity;
//   - Dropout in inference mode whose mask nobody reads: opset 7 to 11 always, 12 and later with
//     training_mode absent or constant false, before 7 with is_test = 1.
// Declines when
//   - a Dropout's mask is read, or it may run in training mode;
//   - the result is an output of its block and the input is no result of a node of that block (an input
//     is never short-circuited to an output, a constant output keeps a node), is an output itself
//     (two outputs of one value keep an Identity).
// Exact: values are passed on bit for bit. O(nodes + uses).
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
