// Convolutions in the one form that a target compiles: two spatial axes, one group, no dilation,
// attributes written out.
//
//   lower_conv_attributes  kernel_shape, strides, dilations and pads (auto_pad) written out     same
//   lower_conv1d           Conv over one axis → Unsqueeze, Conv over two, Squeeze               same sum
//   lower_dilated_conv     dilations d: a kernel spread with zeros, (k − 1)·d + 1 wide          same sum
//   lower_grouped_conv     group g: Split, one Conv a group, Concat                             same sum
//   lower_grouped_conv_transpose  likewise for ConvTranspose                                    same sum
//
// Applies when the target refuses the Conv and it has the property named; in this order, so that what
// one leaves the next takes on. Declines when the kernel is not constant or its shape not known, the
// input's spatial shape is not known (auto_pad), the spread kernel would exceed 1 GiB, channels don't
// divide by group, or there are more groups than channels or than 4,096. Time is linear in the number of
// groups.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_CONV_H_
#define DSPERSE_FOLD_LOWERING_LOWER_CONV_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING(LowerConvAttributes, "lower_conv_attributes", "Conv", kSame,
                      "Conv with its attributes written out");
DSPERSE_NODE_LOWERING_FOR("jstprove", LowerConv1d, "lower_conv1d", "Conv", kSameSum,
                      "Conv over one axis as one over two");
DSPERSE_NODE_LOWERING(LowerDilatedConv, "lower_dilated_conv", "Conv", kSameSum,
                      "Dilated Conv with a kernel spread by zeros");
DSPERSE_NODE_LOWERING(LowerGroupedConv, "lower_grouped_conv", "Conv", kSameSum,
                      "Grouped or depthwise Conv as one Conv a group");
DSPERSE_NODE_LOWERING(LowerGroupedConvTranspose, "lower_grouped_conv_transpose", "ConvTranspose", kSameSum,
                      "Grouped ConvTranspose as one a group");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_CONV_H_
