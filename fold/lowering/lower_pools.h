// Pools in forms that a target proves, or proves for less.
//
//   lower_average_pool         windows that tile the image: of up to 16 taps a sum of Slices and Div, of more
//                              Reshape, ReduceSum, Div; one window: ReduceSum, Div; others: a depthwise Conv
//                              with weights 1/K                                           re-rounded
//   lower_global_average_pool  ReduceSum and Div, where the price falls                   re-rounded
//   lower_reduce_mean          ReduceSum and Div: JSTprove's own mean is wrong below zero re-rounded
//   lower_reduce_sum           one ReduceSum an axis, from the last one on, where the compiler's bound of a
//                              sum (the last axis' size) is too small for all of them  same sum
//   lower_global_max_pool      MaxPool with the image as its window                       same
//   lower_pool_order           MaxPool(f(x)) → f(MaxPool(x)) for f a Relu, a Clip or a Max with a
//                              scalar constant, where the price falls                     same
//
// Declines when
//   - shapes are not known, or hold a 0 where a window or a channel must be; AveragePool: ceil_mode, dilations, or pads
//     that count_include_pad = 0 leaves out of the mean (a border would be divided by another number);
//   - the number of elements of a mean is not surely a number of the type (2^24; 2^8 in bfloat16), the type is
//     float16, of which a sum may be infinite where the mean is not, or Div doesn't broadcast (below opset 7);
//   - lower_reduce_sum: an axis is longer than the last one that is left when its turn comes;
//   - lower_pool_order: f's result has another reader, another shape or is an output, or Indices are read; for EZKL, which
//     pads with zeros, where the pool pads.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_POOLS_H_
#define DSPERSE_FOLD_LOWERING_LOWER_POOLS_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING(LowerAveragePool, "lower_average_pool", "AveragePool", kReRounded,
                      "AveragePool as a sum and Div, or as a depthwise Conv");
DSPERSE_NODE_LOWERING(LowerReduceMean, "lower_reduce_mean", "ReduceMean", kReRounded,
                      "ReduceMean as ReduceSum and Div");
DSPERSE_NODE_LOWERING_FOR("jstprove", LowerReduceSum, "lower_reduce_sum", "ReduceSum", kSameSum,
                      "ReduceSum over several axes as one an axis");
DSPERSE_NODE_LOWERING(LowerGlobalMaxPool, "lower_global_max_pool", "GlobalMaxPool", kSame,
                      "GlobalMaxPool as MaxPool");

class LowerGlobalAveragePool final : public NodeLowering {
 public:
  absl::string_view name() const override { return "lower_global_average_pool"; }
  absl::string_view summary() const override {
    return "GlobalAveragePool as ReduceSum and Div, where that costs less";
  }
  absl::string_view op_type() const override { return "GlobalAveragePool"; }
  LoweringClass lowering_class() const override { return LoweringClass::kReRounded; }

 protected:
  bool price_driven() const override { return true; }
  absl::StatusOr<Matched<Rewrite>> Match(const Graph& graph, const NodeView& node,
                                         Facts& facts) const override;
};

class LowerPoolOrder final : public Pass {
 public:
  absl::string_view name() const override { return "lower_pool_order"; }
  absl::string_view summary() const override {
    return "MaxPool before the activation instead of after it, where that costs less";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_POOLS_H_
