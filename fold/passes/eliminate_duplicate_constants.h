// eliminate_duplicate_constants: of several equal initializers one stays.
//
//   Before                                       After
//   initializers a = {1, 2}, b = {1, 2}          initializer a = {1, 2}
//   y = Add(x, a); z = Mul(y, b)                 y = Add(x, a); z = Mul(y, a)
//
// Applies to initializers of the same element type, dimensions and bits (−0.0 differs from +0.0), of one
// block or of a body and the main graph. Runs after the fusions: they make new constants of shared ones.
// Declines when one may be overridden by the caller, or is an output of its block (its name is needed), or where a
// target takes the two at different scales (Target::ScalePower) and they are not zeros. One that
// nobody reads is eliminate_unused_initializers' business.
// Exact. Large payloads are read only where a few samples of them agree. O(initializers + bytes read).
#ifndef DSPERSE_FOLD_PASSES_ELIMINATE_DUPLICATE_CONSTANTS_H_
#define DSPERSE_FOLD_PASSES_ELIMINATE_DUPLICATE_CONSTANTS_H_

#include "fold/pass.h"

namespace dsperse {

class EliminateDuplicateConstants final : public Pass {
 public:
  absl::string_view name() const override { return "eliminate_duplicate_constants"; }
  absl::string_view summary() const override { return "Keeps one of several equal initializers"; }
  int phase() const override { return 1; }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_ELIMINATE_DUPLICATE_CONSTANTS_H_
