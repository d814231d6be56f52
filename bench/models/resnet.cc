#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/models/networks.h"

namespace dsperse::models {
namespace {

struct Variant {
  absl::string_view name;
  bool bottleneck;
  std::array<int, 4> depths;  // blocks in layer1 … layer4
};

constexpr Variant kVariants[] = {
    {"resnet18", false, {2, 2, 2, 2}},  {"resnet34", false, {3, 4, 6, 3}},
    {"resnet50", true, {3, 4, 6, 3}},   {"resnet101", true, {3, 4, 23, 3}},
    {"resnet152", true, {3, 8, 36, 3}},
};

struct Block {
  int64_t width = 0;   // channels inside
  int64_t output = 0;  // channels of the result
  int64_t stride = 1;
  bool project = false;  // the shortcut changes shape
  double residual_gain = 1;
};

Value ConvBn(NetworkBuilder& net, const Value& x, absl::string_view path, absl::string_view index,
             const ConvOptions& options) {
  const Value y = net.Conv(x, absl::StrCat(path, ".conv", index), options);
  return net.BatchNorm(y, absl::StrCat(path, ".bn", index));
}

Value BuildBlock(NetworkBuilder& net, const Value& x, const std::string& path, const Block& block,
                 bool bottleneck) {
  Value y = x;
  if (bottleneck) {
    y = ConvBn(net, y, path, "1", {.channels = block.width});
    y = net.Relu(y, path + ".relu");
    y = ConvBn(net, y, path, "2",
               {.channels = block.width, .kernel = 3, .stride = block.stride, .padding = 1});
    y = net.Relu(y, path + ".relu_1");
    y = ConvBn(net, y, path, "3", {.channels = block.output, .gain = block.residual_gain});
  } else {
    y = ConvBn(net, y, path, "1",
               {.channels = block.width, .kernel = 3, .stride = block.stride, .padding = 1});
    y = net.Relu(y, path + ".relu");
    y = ConvBn(net, y, path, "2",
               {.channels = block.output, .kernel = 3, .padding = 1, .gain = block.residual_gain});
  }
  Value shortcut = x;
  if (block.project) {
    shortcut = net.Conv(x, path + ".downsample.0",
                        {.channels = block.output, .stride = block.stride, .gain = 1});
    shortcut = net.BatchNorm(shortcut, path + ".downsample.1");
  }
  return net.Relu(net.Add(y, shortcut, path), path + (bottleneck ? ".relu_2" : ".relu_1"));
}

}  // namespace

Value BuildResNet(absl::string_view name, NetworkBuilder& net) {
  const Variant* variant = kVariants;
  while (variant->name != name) ++variant;
  int total = 0;
  for (const int depth : variant->depths) total += depth;

  const int64_t size = net.options().size;
  Value x = net.Input({1, 3, size, size});
  x = net.Conv(x, "conv1",
               {.channels = net.Channels(64), .kernel = 7, .stride = 2, .padding = 3, .gain = 1});
  x = net.Relu(net.BatchNorm(x, "bn1"), "relu");
  x = net.Pool("MaxPool", x, "maxpool", {.kernel = 3, .stride = 2, .padding = 1});

  const int64_t expansion = variant->bottleneck ? 4 : 1;
  int64_t published = 64;
  for (size_t stage = 0; stage < variant->depths.size(); ++stage, published *= 2) {
    for (int i = 0; i < variant->depths[stage]; ++i) {
      Block block;
      block.width = net.Channels(published);
      block.output = net.Channels(published * expansion);
      block.stride = stage > 0 && i == 0 ? 2 : 1;
      block.project = i == 0 && (stage > 0 || variant->bottleneck);
      // Each block adds its branch to the sum; this keeps the sum of all of them in bounds.
      block.residual_gain = 2.0 / total;
      x = BuildBlock(net, x, absl::StrCat("layer", stage + 1, ".", i), block, variant->bottleneck);
    }
  }
  x = net.Flatten(net.GlobalAveragePool(x, "avgpool"), "");
  return net.Linear(x, "fc", net.options().classes);
}

}  // namespace dsperse::models
