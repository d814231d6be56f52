// Attributes that a target reads but does not know the defaults of, written out.
//
//   lower_conv_transpose_attributes  kernel_shape, strides, dilations, and pads of auto_pad and output_shape   same
//   lower_max_pool_strides           strides, for EZKL                                                         same
//   lower_average_pool_strides       likewise                                                                  same
//
// Applies when the target refuses the node as it is. Declines when the kernel's shape is not known; where pads are to be
// found, when the image's is not, a pad would be negative, or a number is out of range (1 to 2^31).
#ifndef DSPERSE_FOLD_LOWERING_LOWER_ATTRIBUTES_H_
#define DSPERSE_FOLD_LOWERING_LOWER_ATTRIBUTES_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING(LowerConvTransposeAttributes, "lower_conv_transpose_attributes", "ConvTranspose", kSame,
                      "ConvTranspose with its attributes written out");
DSPERSE_NODE_LOWERING_FOR("ezkl", LowerMaxPoolStrides, "lower_max_pool_strides", "MaxPool", kSame,
                          "MaxPool with its strides written out");
DSPERSE_NODE_LOWERING_FOR("ezkl", LowerAveragePoolStrides, "lower_average_pool_strides", "AveragePool", kSame,
                          "AveragePool with its strides written out");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_ATTRIBUTES_H_
