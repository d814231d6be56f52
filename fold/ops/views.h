// Views: operators whose output is their first input with other dimensions.
#ifndef DSPERSE_FOLD_OPS_VIEWS_H_
#define DSPERSE_FOLD_OPS_VIEWS_H_

#include "fold/ir/graph.h"

namespace dsperse {

// The elements stay as they are and in their order; only the dimensions differ. Not Identity, which keeps those too.
inline bool IsView(const NodeView& node) {
  return node.Is("Reshape") || node.Is("Flatten") || node.Is("Squeeze") || node.Is("Unsqueeze");
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_VIEWS_H_
