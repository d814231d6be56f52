// fuse_affine: constant per-channel arithmetic disappears into weights or into a BatchNormalization.
//
//   Before                                          After
//   y = Conv(x, W, b); z = Add(Mul(y, k), t)        z = Conv(x, W', b')
//   y = BatchNormalization(x, …); z = Conv(y, W)    z = Conv(x, W', b')
//   z = BatchNormalization(Div(x, c), …)            z = BatchNormalization(x, scale', …)
//   z = BatchNormalization(BatchNormalization(x))   z = BatchNormalization(x, scale', …)
//
// Applies to chains of Mul, Div, Add, Sub with a constant that lies along exactly the channel axis (or has
// one element) and inference BatchNormalizations, on either side of a Conv, ConvTranspose, Gemm or MatMul
// with a constant weight; without one, to those beside a BatchNormalization. A whole chain is matched at
// once. Chains of nothing but BatchNormalizations behind an operator are fuse_conv_batchnorm's.
// Declines when (each with a remark on the node)
//   - the constant has another shape: checked on shapes, never by squeezing;
//   - a constant before the operator broadcasts its data, or the data's channels aren't known;
//   - the value between them has another reader, is an output, or is captured by a body;
//   - weight, bias or parameters are not constant, or a result is not finite;
//   - a shift before a Conv would have to reach its padding (auto_pad SAME counts as padding), or before a
//     ConvTranspose is not constant per channel (anything but kernel 1, stride 1, no padding);
//   - channels differ.
// Exact: composed in double from producer to consumer, one rounding. A shift through weights reads them; the
// sums run in the order of the weight's elements. O(nodes + uses) without that.
#ifndef DSPERSE_FOLD_PASSES_FUSE_AFFINE_H_
#define DSPERSE_FOLD_PASSES_FUSE_AFFINE_H_

#include "fold/pass.h"

namespace dsperse {

class FuseAffine final : public Pass {
 public:
  absl::string_view name() const override { return "fuse_affine"; }
  absl::string_view summary() const override {
    return "Folds constant per-channel arithmetic into the weights or the BatchNormalization beside it";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_FUSE_AFFINE_H_
