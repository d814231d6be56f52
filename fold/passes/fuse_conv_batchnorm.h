// fuse_conv_batchnorm: an inference BatchNormalization disappears into the weights before it.
//
//   Before                                     After
//   y = Conv(x, W, b)                          z = Conv(x, W', b')
//   z = BatchNormalization(y, scale, shift, mean, var)
//
//   k = scale / sqrt(var + epsilon),  W' = W·k for each result channel,  b' = (b − mean)·k + shift
//
// Applies when a Conv, ConvTranspose, Gemm or MatMul with a constant weight that owns axis 1 of the
// result is followed by one or more BatchNormalizations in inference mode, with constant finite parameters
// and var + epsilon > 0. A missing bias counts as zero and is written. Gemm keeps alpha; beta is multiplied
// into the bias and becomes 1. A MatMul gets an Add behind it. Shared weights and parameters are not edited:
// the fused ones are new constants. Works inside bodies as well.
// Declines when (each with a remark on the BatchNormalization)
//   - it isn't in inference mode by the rules of its opset, or names further outputs;
//   - its parameters aren't constant, finite vectors of its input's channels, or var + epsilon ≤ 0;
//   - no such operator comes before it, or the operator's weight or bias isn't constant, or the constant
//     doesn't own axis 1 (a MatMul of rank 3 with the constant on the right);
//   - the operator's result has another reader, is a graph output or is captured by a body
//     (--duplicate-shared fuses into a copy);
//   - a fused weight or bias would not be finite in the weight's type: the channel is named.
// Exact: each operation in double, one rounding to the weight's type, for a chain of several
// BatchNormalizations too; weights are not read but scaled when they are saved. O(nodes + uses).
#ifndef DSPERSE_FOLD_PASSES_FUSE_CONV_BATCHNORM_H_
#define DSPERSE_FOLD_PASSES_FUSE_CONV_BATCHNORM_H_

#include "fold/pass.h"

namespace dsperse {

class FuseConvBatchNorm final : public Pass {
 public:
  absl::string_view name() const override { return "fuse_conv_batchnorm"; }
  absl::string_view summary() const override {
    return "Folds BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul before it";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_FUSE_CONV_BATCHNORM_H_
