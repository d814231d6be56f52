// Max and Min whose first operand is as wide as the second, for a compiler that bounds the result by the first alone.
//
//   lower_max_width   Max(a, b) → Max(a + (b − b), b)      same    opset ≥ 8
//                     Max(c, x) → Max(x, c)                same
//   lower_min_width   Min: likewise
//
// By the compiler's rule |a ± b| ≤ |a| + |b| the bound of a + (b − b) is |a| + 2·|b|; its value is that of a, and sums
// cost a circuit nothing. Max(0.01·x, x), as some exporters write a LeakyRelu, was proven as another function:
// what exceeds the bound comes out as another number, in a proof that verifies.
//
// Applies when the target refuses the node as it is and it has two operands. A constant second one is left to
// lower_max_bound (lower_constants.h). Declines before opset 8, and two computed operands that are no floats.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_EXTREMES_H_
#define DSPERSE_FOLD_LOWERING_LOWER_EXTREMES_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING_FOR("jstprove", LowerMaxWidth, "lower_max_width", "Max", kSame, "The wider operand of Max first");
DSPERSE_NODE_LOWERING_FOR("jstprove", LowerMinWidth, "lower_min_width", "Min", kSame, "The wider operand of Min first");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_EXTREMES_H_
