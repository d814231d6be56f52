// lower_batchnorm: a BatchNormalization that joined no neighbour, as one Mul and one Add per channel.
//
//   y = BatchNormalization(x, scale, shift, mean, var)   →   y = Add(Mul(x, k), t)
//
// k = scale / sqrt(var + epsilon), t = shift − mean·k, in double, rounded once to x's type; shape
// [C, 1, …, 1]. Class: re-rounded. Applies when the target refuses the node, it is in inference mode and
// its parameters are constant. Declines otherwise, below opset 7, and where a constant would not be finite.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_BATCHNORM_H_
#define DSPERSE_FOLD_LOWERING_LOWER_BATCHNORM_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING(LowerBatchNorm, "lower_batchnorm", "BatchNormalization", kReRounded,
                      "BatchNormalization as Mul and Add per channel");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_BATCHNORM_H_
