// lower_scale_order: a positive factor per channel behind the activation instead of before it, where the
// weights of the next operator take it.
//
//   Conv(Max(Add(Mul(x, k), t), 0), W)   →   Conv(Max(Add(x, t/k), 0), W·k)        k > 0, per channel
//
// (The Add may be missing; Relu as well as Max with zero; Gemm and MatMul as well as Conv.) What is left of
// a BatchNormalization that no operator before it could absorb, as in a DenseNet, is then one Add of a
// constant per channel, written as a wire (lower_constants.h): 3·C constraints instead of 3 an element.
//
// Class: re-rounded. Price-driven. Declines when
//   - a factor is not positive (the activation would turn over) or, in float16, so small that weights lose digits, or t/k
//     or a weight is not finite;
//   - a value between has another reader, or the weight is not constant;
//   - constants are not one for each channel of axis 1;
//   - the price doesn't fall.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_SCALE_ORDER_H_
#define DSPERSE_FOLD_LOWERING_LOWER_SCALE_ORDER_H_

#include "fold/pass.h"

namespace dsperse {

class LowerScaleOrder final : public Pass {
 public:
  absl::string_view name() const override { return "lower_scale_order"; }
  absl::string_view summary() const override {
    return "A positive factor per channel through an activation into the next weights, where that costs less";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_SCALE_ORDER_H_
