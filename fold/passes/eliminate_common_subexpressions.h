// eliminate_common_subexpressions: computes once what is computed twice.
//
//   Before                                   After
//   a = Relu(x); b = Relu(x); y = Add(a, b)  a = Relu(x); y = Add(a, a)
//
// Applies to nodes of the default domain and of ai.onnx.ml with the same operator, inputs, attributes (each
// one, tensors by their bits) and named outputs, the first in the same block or in one around it. Runs after
// the fusions: a shared Conv can't take a BatchNormalization in.
// Declines when
//   - the operator is random, may run in training mode (Dropout, BatchNormalization), or holds bodies;
//   - both results are outputs of the block: both names are needed.
// Exact. O(nodes + attributes).
#ifndef DSPERSE_FOLD_PASSES_ELIMINATE_COMMON_SUBEXPRESSIONS_H_
#define DSPERSE_FOLD_PASSES_ELIMINATE_COMMON_SUBEXPRESSIONS_H_

#include "fold/pass.h"

namespace dsperse {

class EliminateCommonSubexpressions final : public Pass {
 public:
  absl::string_view name() const override { return "eliminate_common_subexpressions"; }
  absl::string_view summary() const override { return "Computes once what is computed twice"; }
  int phase() const override { return 1; }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_ELIMINATE_COMMON_SUBEXPRESSIONS_H_
