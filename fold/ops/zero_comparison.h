// Max(x, 0), which is how Relu is written where a prover has none.
#ifndef DSPERSE_FOLD_OPS_ZERO_COMPARISON_H_
#define DSPERSE_FOLD_OPS_ZERO_COMPARISON_H_

#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

// x where `node` is a Max of x and a constant of zeros, in either order, that leaves x's shape (known in full) and
// type, floats, as they are; no value otherwise. Reads the constant
// (of up to 2^20 elements: AllZero).
ValueId ComparedWithZero(Facts& facts, const NodeView& node);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_ZERO_COMPARISON_H_
