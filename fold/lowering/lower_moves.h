// Data movement that DSperse's JSTprove refuses, in forms that it takes. None costs a constraint.
//
//   lower_concat  Concat along an inner axis → Transpose, Concat along one in front, Transpose   same
//
// What a Concat makes along an axis with more than one element in front of it lies scattered in the compiler's
// memory, and MatMul, Transpose, Gather, Split and ReduceMean refuse that.
//
// Applies when the target refuses the node as it is. Declines when its shape is not known.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_MOVES_H_
#define DSPERSE_FOLD_LOWERING_LOWER_MOVES_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING_FOR("jstprove", LowerConcat, "lower_concat", "Concat", kSame,
                          "Concat along an inner axis as one in front, between Transposes");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_MOVES_H_
