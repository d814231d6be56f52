// eliminate_dead_nodes: removes nodes whose outputs nobody reads.
//
//   Before                              After
//   y = Relu(x); z = Sqrt(x) (unread)   y = Relu(x)
//
// Applies when every output of the node is absent or without a use: no node of any block reads it, no
// block has it as output. Chains die in one run. A dead If, Loop or Scan goes with its bodies.
// Declines when one output of several is still read: the node stays as it is, with its unread outputs
// (a BatchNormalization that names more outputs computes other values).
// Exact: no value that is left changes. O(nodes + uses).
#ifndef DSPERSE_FOLD_PASSES_ELIMINATE_DEAD_NODES_H_
#define DSPERSE_FOLD_PASSES_ELIMINATE_DEAD_NODES_H_

#include "fold/pass.h"

namespace dsperse {

class EliminateDeadNodes final : public Pass {
 public:
  absl::string_view name() const override { return "eliminate_dead_nodes"; }
  absl::string_view summary() const override {
    return "Removes nodes whose outputs nobody reads";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_ELIMINATE_DEAD_NODES_H_
