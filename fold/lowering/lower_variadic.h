// Max, Min and Sum of other than two operands as a chain of two: Max(a, b, c) → Max(Max(a, b), c).
//
// Applies when the target refuses the node as it is and it has three operands or more (Sum: two or
// more, as Add). Class: Max and Min same; Sum re-rounded beyond two. Declines before opset 8 (no
// broadcasting; equal shapes there are not told apart).
#ifndef DSPERSE_FOLD_LOWERING_LOWER_VARIADIC_H_
#define DSPERSE_FOLD_LOWERING_LOWER_VARIADIC_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING(LowerMax, "lower_max", "Max", kSame, "Max of many as a chain of two");
DSPERSE_NODE_LOWERING(LowerMin, "lower_min", "Min", kSame, "Min of many as a chain of two");
DSPERSE_NODE_LOWERING_FOR("jstprove", LowerSum, "lower_sum", "Sum", kReRounded, "Sum as a chain of Add");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_VARIADIC_H_
