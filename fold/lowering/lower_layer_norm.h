// LayerNormalization with the one epsilon of the target's circuits, 1e-5, by way of its input.
//
//   LayerNormalization<ε>(x) → LayerNormalization<c²·ε>(c·x), c = √(1e-5/ε) as a whole number      re-rounded
//                            → LayerNormalization<ε/q²>(x/q), q = √(ε/1e-5) as a whole number
//
// (c·x − c·μ) / √(c²·σ² + c²·ε) = (x − μ) / √(σ² + ε): the same function. c·x is written as sums, which cost a circuit
// nothing (ε = 1e-6: 3·x, ε = 1e-12: 3162·x), x/q as Div. JSTprove doesn't read the attribute, so a node with
// another was proven as one with 1e-5.
//
// Applies when the target refuses the node for its epsilon. Declines where no whole number takes ε near enough to 1e-5
// (IsCircuitEpsilon), or where c above 4,096 or q above 16 would be needed; where the type is float16, whose numbers c·x
// may exceed, or no float; and for what the target refuses otherwise.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_LAYER_NORM_H_
#define DSPERSE_FOLD_LOWERING_LOWER_LAYER_NORM_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING_FOR("jstprove", LowerLayerNorm, "lower_layer_norm", "LayerNormalization", kReRounded,
                          "LayerNormalization with the epsilon of circuits");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_LAYER_NORM_H_
