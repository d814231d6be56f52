// lower_gemm: a Gemm in the one form that a target compiles.
//
//   Gemm(a, b)              → Gemm(a, b, zeros)                                    same sum
//   Gemm<alpha, beta>(a, b, c) → Gemm(a, alpha·b, beta·c) with constant b and c    re-rounded
//
// Applies when the target refuses the Gemm. Declines when b is not constant, when c is not constant
// and beta is not 1, or when a product is not finite. (transA and transB stay.)
#ifndef DSPERSE_FOLD_LOWERING_LOWER_GEMM_H_
#define DSPERSE_FOLD_LOWERING_LOWER_GEMM_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING(LowerGemmBias, "lower_gemm_bias", "Gemm", kSameSum, "Gemm with a C of zeros");
DSPERSE_NODE_LOWERING(LowerGemmFactors, "lower_gemm_factors", "Gemm", kReRounded,
                      "Gemm with alpha and beta multiplied into its constants");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_GEMM_H_
