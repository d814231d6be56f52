// The lowerings in the order in which they run.
#ifndef DSPERSE_FOLD_LOWERING_LOWERINGS_H_
#define DSPERSE_FOLD_LOWERING_LOWERINGS_H_

#include <vector>

#include "fold/lowering/node_lowering.h"
#include "fold/ops/target.h"
#include "fold/pass.h"

namespace dsperse {

// All of them; each looks at the context's target and does nothing without one. They live forever.
const std::vector<const Pass*>& Lowerings();

struct LoweringInfo {
  const Pass* pass;
  LoweringClass lowering_class;
};

// Those that may apply for `target`, in the order in which they run.
std::vector<LoweringInfo> LoweringsFor(const Target& target);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWERINGS_H_
