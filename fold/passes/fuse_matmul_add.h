// fuse_matmul_add: a product of matrices with an addition behind it becomes a Gemm.
//
//   Before                            After
//   y = MatMul(a, b); z = Add(y, c)   z = Gemm(a, b, c)
//
// Not in the default list: which of the two is cheaper is the prover's to say. Runs when named, and with a
// target that proves the Gemm and finds it no dearer than the two.
// Applies from opset 7 on when both operands are matrices, the product has no other reader, and c broadcasts
// to the product's shape without changing it. Float types only.
// Declines when (each with a remark on the Add)
//   - the product has another reader, is an output or is captured by a body;
//   - an operand's rank isn't 2, or isn't known;
//   - the type is no float (a Gemm of integers is not proven anywhere);
//   - c could change the product's shape;
//   - with a target: it doesn't prove the Gemm, finds it dearer, or shapes that decide about the price are
//     not known.
// Exact up to the order of the additions: the same products and sum. O(nodes) without a target.
#ifndef DSPERSE_FOLD_PASSES_FUSE_MATMUL_ADD_H_
#define DSPERSE_FOLD_PASSES_FUSE_MATMUL_ADD_H_

#include "fold/pass.h"

namespace dsperse {

class FuseMatMulAdd final : public Pass {
 public:
  absl::string_view name() const override { return "fuse_matmul_add"; }
  absl::string_view summary() const override {
    return "Makes a Gemm of a MatMul of two matrices and an Add";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_FUSE_MATMUL_ADD_H_
