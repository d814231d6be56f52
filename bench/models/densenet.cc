#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/models/networks.h"

namespace dsperse::models {
namespace {

constexpr int kDepths[] = {6, 12, 24, 16};
constexpr int64_t kGrowth = 32;
constexpr int64_t kBottleneck = 4 * kGrowth;

Value NormRelu(NetworkBuilder& net, const Value& x, const std::string& path,
               absl::string_view index) {
  const Value y = net.BatchNorm(x, absl::StrCat(path, ".norm", index));
  return net.Relu(y, absl::StrCat(path, ".relu", index));
}

}  // namespace

Value BuildDenseNet121(absl::string_view, NetworkBuilder& net) {
  const int64_t size = net.options().size;
  Value x = net.Input({1, 3, size, size});
  int64_t published = 64;
  x = net.Conv(
      x, "features.conv0",
      {.channels = net.Channels(published), .kernel = 7, .stride = 2, .padding = 3, .gain = 1});
  x = NormRelu(net, x, "features", "0");
  x = net.Pool("MaxPool", x, "features.pool0", {.kernel = 3, .stride = 2, .padding = 1});

  size_t block = 0;
  for (const int depth : kDepths) {
    const std::string block_path = absl::StrCat("features.denseblock", ++block);
    std::vector<Value> features = {x};
    for (int layer = 1; layer <= depth; ++layer) {
      const std::string path = absl::StrCat(block_path, ".denselayer", layer);
      // The first layer concatenates one value: that is how the module is written.
      Value y = NormRelu(net, net.Concat(features, path), path, "1");
      y = net.Conv(y, path + ".conv1", {.channels = net.Channels(kBottleneck)});
      y = NormRelu(net, y, path, "2");
      y = net.Conv(y, path + ".conv2",
                   {.channels = net.Channels(kGrowth), .kernel = 3, .padding = 1});
      features.push_back(y);
    }
    x = net.Concat(features, block_path);
    published += depth * kGrowth;
    if (block == std::size(kDepths)) break;
    published /= 2;
    const std::string path = absl::StrCat("features.transition", block);
    x = NormRelu(net, x, path, "");
    x = net.Conv(x, path + ".conv", {.channels = net.Channels(published)});
    x = net.Pool("AveragePool", x, path + ".pool", {.kernel = 2, .stride = 2});
  }
  x = net.Relu(net.BatchNorm(x, "features.norm5"), "");
  x = net.Flatten(net.GlobalAveragePool(x, ""), "");
  return net.Linear(x, "classifier", net.options().classes);
}

}  // namespace dsperse::models
