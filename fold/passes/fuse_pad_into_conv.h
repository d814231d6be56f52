// fuse_pad_into_conv: zero padding before a Conv or a pool becomes the operator's own.
//
//   Before                                       After
//   y = Pad(x, pads); z = Conv<pads = p>(y, W)   z = Conv<pads = p + pads>(x, W)
//
// Applies when the Pad has mode constant, pads that are constant, not negative and on spatial axes only (as
// attribute, input, or by the axes input of opset 18), the Pad's result has no other reader, the operator's
// auto_pad is NOTSET or VALID, and the padded value is what the operator pads with:
//   Conv           0
//   MaxPool        −infinity (what can't win); not where indices are read, nor with dilations (a window could
//                  lie in the padding alone)
//   AveragePool    0, with count_include_pad = 1 or without pads of its own (then count_include_pad becomes
//                  1), and where ceil_mode doesn't let windows reach beyond the padding
// Declines otherwise (each with a remark on the Pad): mode, value, negative pads, another axis, another reader,
// auto_pad SAME, ceil_mode, dilations, a pool padded by its kernel or more, a ConvTranspose that doesn't crop.
// Exact: the operator computes on the same padded tensor.
#ifndef DSPERSE_FOLD_PASSES_FUSE_PAD_INTO_CONV_H_
#define DSPERSE_FOLD_PASSES_FUSE_PAD_INTO_CONV_H_

#include "fold/pass.h"

namespace dsperse {

class FusePadIntoConv final : public Pass {
 public:
  absl::string_view name() const override { return "fuse_pad_into_conv"; }
  absl::string_view summary() const override {
    return "Makes padding before a Conv or a pool the operator's own";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_FUSE_PAD_INTO_CONV_H_
