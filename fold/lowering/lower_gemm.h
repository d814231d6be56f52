// lower_gemm: a Gemm in the one form that a target compiles.
//
//   Gemm(a, b)              → Gemm(a, b, zeros)                                    same sum
//   Gemm(a, b, c) with c of shape [], [1, 1] or [1, N] → the same with c as [1] or [N]   same sum
//   Gemm<alpha, beta>(a, b, c) → Gemm(a, alpha·b, beta·c) with constant b and c    re-rounded
//   MatMul(a, b) of a constant b [K, N], with an Add of a constant [N] behind it or where the target
//   refuses it → Gemm(a, b, c), between two Reshapes where a's rank isn't 2         re-rounded
//
// Applies when the target refuses the Gemm (a constant Add it proves as another number, a C it doesn't).
// MatMul declines when shapes are not known or hold a 0, and below opset 7, where C doesn't broadcast. Declines when b
// is not constant, when c is not constant and beta is not 1, when a product is not finite or, in float16, would lose
// digits (a factor below 2^-6), or when a C would have more than 2^24 elements. (transA and transB stay.)
#ifndef DSPERSE_FOLD_LOWERING_LOWER_GEMM_H_
#define DSPERSE_FOLD_LOWERING_LOWER_GEMM_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING(LowerGemmBias, "lower_gemm_bias", "Gemm", kSameSum, "Gemm with a C, a vector");
DSPERSE_NODE_LOWERING(LowerGemmFactors, "lower_gemm_factors", "Gemm", kReRounded,
                      "Gemm with alpha and beta multiplied into its constants");

class LowerMatMul final : public NodeLowering {
 public:
  absl::string_view name() const override { return "lower_matmul"; }
  absl::string_view summary() const override { return "MatMul by a constant, and Add, as Gemm"; }
  absl::string_view op_type() const override { return "MatMul"; }
  LoweringClass lowering_class() const override { return LoweringClass::kReRounded; }

 protected:
  bool Wanted(const Graph& graph, const NodeView& node, const Target& target) const override;
  bool may_be_wanted() const override { return true; }
  absl::StatusOr<Matched<Rewrite>> Match(const Graph& graph, const NodeView& node,
                                         Facts& facts) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_GEMM_H_
