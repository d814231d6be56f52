// What people are shown of a node.
#ifndef DSPERSE_FOLD_OPS_NODE_LABEL_H_
#define DSPERSE_FOLD_OPS_NODE_LABEL_H_

#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"

namespace dsperse {

// A node's name, or that of its first output where it has none; "" where it has neither. Valid until the graph is edited.
absl::string_view NodeLabel(const Graph& graph, NodeId node);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_NODE_LABEL_H_
