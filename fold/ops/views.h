// Operators that only rearrange the elements of their first input, and views, which keep their order.
#ifndef DSPERSE_FOLD_OPS_VIEWS_H_
#define DSPERSE_FOLD_OPS_VIEWS_H_

#include "fold/ir/graph.h"

namespace dsperse {

// The elements stay as they are and in their order; only the dimensions differ. Not Identity, which keeps those too.
inline bool IsView(const NodeView& node) {
  return node.Is("Reshape") || node.Is("Flatten") || node.Is("Squeeze") || node.Is("Unsqueeze");
}

// Each element of the output is one of the first input, each once; order and dimensions may differ.
inline bool Rearranges(const NodeView& node) { return IsView(node) || node.Is("Transpose") || node.Is("Identity"); }

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_VIEWS_H_
