// eliminate_unused_initializers: removes initializers that nobody reads, in all blocks.
//
//   Before                              After
//   initializers w, b; Conv(x, w)       initializer w; Conv(x, w)
//
// Applies when an initializer has no use: no node of any block reads it, no block has it as output.
// Before IR 4 an initializer had to be listed among the inputs; that entry goes with it.
// Declines when a caller may override it (IR 4 and later, listed among the inputs): the interface of the
// model never changes. `--freeze-inputs` lifts that.
// What the file says about a removed value (value_info, quantization_annotation) goes too. Exact.
// O(initializers).
#ifndef DSPERSE_FOLD_PASSES_ELIMINATE_UNUSED_INITIALIZERS_H_
#define DSPERSE_FOLD_PASSES_ELIMINATE_UNUSED_INITIALIZERS_H_

#include "fold/pass.h"

namespace dsperse {

class EliminateUnusedInitializers final : public Pass {
 public:
  absl::string_view name() const override { return "eliminate_unused_initializers"; }
  absl::string_view summary() const override {
    return "Removes initializers that nobody reads";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_ELIMINATE_UNUSED_INITIALIZERS_H_
