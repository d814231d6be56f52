// eliminate_redundant_transposes: Transposes that undo each other go.
//
//   Before                                        After
//   Transpose(Transpose(x, p), q)                 Transpose(x, p∘q), or x
//   Transpose(Add(Relu(Transpose(x, p)), c), q)   Add(Relu(x), c)          (q undoes p)
//
// Applies when
//   - a Transpose reads a Transpose: the permutations are composed, and nothing is left of the identity;
//   - a Transpose undoes those at all leaves of a tree of elementwise operators whose values nobody else
//     reads; other leaves may be constants, of one element or transposed with it.
// Declines when
//   - a value in the tree has another reader or is an output, or an operator in it isn't elementwise;
//   - a leaf is neither a Transpose by the inverse permutation nor a constant, or is a constant larger than
//     `--max-constant`.
// Exact: elementwise operators don't look at places. O(nodes + uses).
#ifndef DSPERSE_FOLD_PASSES_ELIMINATE_REDUNDANT_TRANSPOSES_H_
#define DSPERSE_FOLD_PASSES_ELIMINATE_REDUNDANT_TRANSPOSES_H_

#include "fold/pass.h"

namespace dsperse {

class EliminateRedundantTransposes final : public Pass {
 public:
  absl::string_view name() const override { return "eliminate_redundant_transposes"; }
  absl::string_view summary() const override {
    return "Composes and cancels Transposes, through elementwise operators too";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_ELIMINATE_REDUNDANT_TRANSPOSES_H_
