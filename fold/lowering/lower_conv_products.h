// lower_conv_products: a Conv of many products as the product of two matrices, which the prover checks by a random vector
// instead of computing it (fold/ops/random_check.h).
//
//   Conv(x, w, b) → Reshape to [C, H·W]; Pad by a column of zeros, if the Conv pads; Gather of each tap's columns;
//                   Reshape to [C·kh·kw, P]; Gemm<transA, transB> with w as [M, C·kh·kw] and b; Transpose; Reshape   same sum
//
// P is the number of positions. All but the Gemm moves data, which costs a circuit nothing; M·P·C·kh·kw products become
// P·C·kh·kw + C·kh·kw·M + P·M. Weights are not read.
//
// Applies, last of all, with a target that checks products, to a Conv that this saves at least 64 products for each element
// of its result: what is checked enters the proof once more (measured with DSperse 3.9.10: some 6.5 bytes and 0.7 µs a gate
// saved or spent), and a position costs a constraint. Declines without a word where that isn't so, where the kernel is not
// constant, shapes are not known, or the Conv has another form than the target proves; with one for a batch of more than
// one image, an opset below 7, an index of more than 2^18 columns (positions times taps; it is held in memory), or a Resize in the network (DSperse refuses every
// Reshape behind one).
#ifndef DSPERSE_FOLD_LOWERING_LOWER_CONV_PRODUCTS_H_
#define DSPERSE_FOLD_LOWERING_LOWER_CONV_PRODUCTS_H_

#include "fold/lowering/node_lowering.h"

namespace dsperse {

class LowerConvProducts final : public NodeLowering {
 public:
  absl::string_view name() const override { return "lower_conv_products"; }
  absl::string_view summary() const override {
    return "Conv of many products as Gemm, which is checked, not computed";
  }
  absl::string_view op_type() const override { return "Conv"; }
  LoweringClass lowering_class() const override { return LoweringClass::kSameSum; }
  // Behind everything that absorbs numbers into a Conv.
  int phase() const override { return 3; }

 protected:
  bool Wanted(const Graph& graph, const NodeView& node, const Target& target) const override;
  std::string WhyNotIn(const Graph& graph) const override;
  absl::StatusOr<Matched<Rewrite>> Match(const Graph& graph, const NodeView& node,
                                         Facts& facts) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_CONV_PRODUCTS_H_
