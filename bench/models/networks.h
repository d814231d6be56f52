// The families of networks. Each function writes one member of its family and returns its last
// value; the names are those of models.h, which checks them, and the structures those of
// torchvision (layers, order, channel rounding, epsilon), as its exporter writes them.

#ifndef DSPERSE_BENCH_MODELS_NETWORKS_H_
#define DSPERSE_BENCH_MODELS_NETWORKS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "bench/models/network_builder.h"

namespace dsperse::models {

// resnet18, 34 (basic blocks); 50, 101, 152 (bottlenecks, stride in the 3×3 convolution).
Value BuildResNet(absl::string_view name, NetworkBuilder& net);

// efficientnet_b0 … efficientnet_b7.
Value BuildEfficientNet(absl::string_view name, NetworkBuilder& net);
// The side of the image that the variant was published for: 224 … 600.
int64_t EfficientNetSize(absl::string_view name);

Value BuildMobileNetV2(absl::string_view name, NetworkBuilder& net);

// Sizes that are no multiple of 224 have no pooling to 7×7 before the classifier.
Value BuildVgg16Bn(absl::string_view name, NetworkBuilder& net);

// BatchNormalization comes before the convolutions, after a Concat: most of them have no Conv to go
// to.
Value BuildDenseNet121(absl::string_view name, NetworkBuilder& net);

// Four blocks Conv-BatchNormalization-Relu on a signal of one channel and `size` samples
// (convolutions with bias, as PyTorch makes them by default), pooling, a linear classifier.
Value BuildConv1dNet(absl::string_view name, NetworkBuilder& net);

// One pre-norm encoder block on `size` tokens: LayerNormalization, attention of 4 heads, MLP with
// Gelu spelt out by Erf.
Value BuildTransformerBlock(absl::string_view name, NetworkBuilder& net);

// `blocks` times Conv-BatchNormalization-Relu, 3×3, on 8 channels: for measurements of scaling.
Value BuildConvBnReluChain(absl::string_view name, NetworkBuilder& net);

}  // namespace dsperse::models

#endif  // DSPERSE_BENCH_MODELS_NETWORKS_H_
