// Operators that EZKL takes in fewer forms than ONNX has, in forms that it takes.
//
//   lower_max_tensor    Max(x, c), c of several elements → −Min(−x, −c); of one number → Max(x, number)       same
//   lower_pool_edges    MaxPool with windows that reach beyond the image (pads, ceil_mode) → MaxPool of the
//                       image with its edges repeated in front and behind                                     same
//   lower_uncounted_pads AveragePool that counts no pads → one that does, and Mul by taps / taps in the image   re-rounded
//   lower_softmax_axes  Softmax over several axes (before opset 13) → Flatten, Softmax, Reshape               same
//   lower_tile          Tile → Concat of copies, along one axis after the other                               same
//   lower_expand_axes   Expand that adds axes → Unsqueeze, Expand                                             same
//   lower_resize_scales Resize that repeats each element alike → one by scales of all axes, rounded down      same
//
// EZKL 23.0.5 refuses a Max with such a constant, pads a MaxPool by zeros (above what is negative) and adds no windows to it, counts the pads of an AveragePool, refuses a Tile of
// axes longer than 1, repeats single elements in an Expand that adds axes, and reads of Resize but scales.
//
// Applies when the target refuses the node as it is. Declines where shapes, bounds and repeats are not known; MaxPool:
// where its windows are dilated, or no wider than its pads; Resize: where ONNX takes elements otherwise; above 2^20 elements of a constant, or 256 copies.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_REPEATS_H_
#define DSPERSE_FOLD_LOWERING_LOWER_REPEATS_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING_FOR("ezkl", LowerMaxTensor, "lower_max_tensor", "Max", kSame,
                          "Max with a constant of several elements by Min");
DSPERSE_NODE_LOWERING_FOR("ezkl", LowerPoolEdges, "lower_pool_edges", "MaxPool", kSame,
                          "Padded MaxPool as one of an image with repeated edges");
DSPERSE_NODE_LOWERING_FOR("ezkl", LowerUncountedPads, "lower_uncounted_pads", "AveragePool", kReRounded,
                          "AveragePool that counts no pads as one that does, and Mul");
DSPERSE_NODE_LOWERING_FOR("ezkl", LowerSoftmaxAxes, "lower_softmax_axes", "Softmax", kSame,
                          "Softmax over several axes between Flatten and Reshape");
DSPERSE_NODE_LOWERING_FOR("ezkl", LowerTile, "lower_tile", "Tile", kSame, "Tile as Concat of copies");
DSPERSE_NODE_LOWERING_FOR("ezkl", LowerExpandAxes, "lower_expand_axes", "Expand", kSame,
                          "Expand that adds axes as Unsqueeze and Expand");
DSPERSE_NODE_LOWERING_FOR("ezkl", LowerResizeScales, "lower_resize_scales", "Resize", kSame,
                          "Resize by whole scales of all axes");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_REPEATS_H_
