// fold_constants: replaces what can be computed now by its value.
//
//   Before                                   After
//   s = Shape(x)   (x is [2, 3, 4])          initializer t = {2, 12}
//   a = Gather(s, 0); …; t = Concat(a, …)    y = Reshape(x, t)
//   y = Reshape(x, t)
//
// Applies when every value that is read of a node is known: its inputs are constant, or it asks for a
// shape that is known. Constant nodes become initializers in any case, so that nothing depends on which
// form a file uses. A result all of whose elements are equal becomes a ConstantOfShape if it is larger than
// what it frees; a ConstantOfShape stays one. A block's output keeps a node: a Constant.
// Declines when
//   - the operator may not enter a file: random numbers, bodies, quantization, strings, or no evaluator for
//     this operator, opset and type;
//   - the evaluator refuses the values (index out of range, integer division by zero, a float that the
//     integer type of a Cast can't hold);
//   - the result is larger than the constants it frees by more than `--max-constant`.
// Exact: ONNX's integer semantics; floats by fixed-order sums in double and correctly rounded functions, so
// that every machine writes the same bytes. Asks for inference only where there is something to fold.
#ifndef DSPERSE_FOLD_PASSES_FOLD_CONSTANTS_H_
#define DSPERSE_FOLD_PASSES_FOLD_CONSTANTS_H_

#include "fold/pass.h"

namespace dsperse {

class FoldConstants final : public Pass {
 public:
  absl::string_view name() const override { return "fold_constants"; }
  absl::string_view summary() const override {
    return "Replaces what can be computed now by its value";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_FOLD_CONSTANTS_H_
