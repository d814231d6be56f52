// inline_constant_if: an If whose condition is known becomes the branch that it takes.
//
//   Before                                             After
//   y = If(true) <then: u = Relu(x); else: …>          y = Relu(x)
//
// Applies when the condition is constant. The branch's nodes and constants move to the block around it; names
// that are taken there change.
// Declines when the condition is not known (no remark: that is what an If is for).
// Exact. O(size of the branch).
#ifndef DSPERSE_FOLD_PASSES_INLINE_CONSTANT_IF_H_
#define DSPERSE_FOLD_PASSES_INLINE_CONSTANT_IF_H_

#include "fold/pass.h"

namespace dsperse {

class InlineConstantIf final : public Pass {
 public:
  absl::string_view name() const override { return "inline_constant_if"; }
  absl::string_view summary() const override {
    return "Replaces an If whose condition is known by the branch it takes";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_INLINE_CONSTANT_IF_H_
