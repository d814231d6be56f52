#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/models/networks.h"

namespace dsperse::models {
namespace {

struct Stage {
  int64_t expansion;
  int64_t output;
  int layers;
  int64_t stride;  // of the first layer
};

constexpr Stage kStages[] = {
    {1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2},  {6, 64, 4, 2},
    {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
};

Value ConvBnRelu6(NetworkBuilder& net, const Value& x, const std::string& path,
                  const ConvOptions& options) {
  Value y = net.Conv(x, path + ".0", options);
  y = net.BatchNorm(y, path + ".1");
  return net.Clip(y, path + ".2", 0, 6);
}

// Channel numbers are published ones.
Value InvertedResidual(NetworkBuilder& net, const Value& x, const std::string& path,
                       const Stage& stage, int64_t stride, int64_t input) {
  const int64_t expanded = net.Channels(input * stage.expansion);
  const bool residual = stride == 1 && input == stage.output;
  int index = 0;
  const auto next = [&] { return absl::StrCat(path, ".conv.", index++); };
  Value y = x;
  if (stage.expansion != 1) y = ConvBnRelu6(net, y, next(), {.channels = expanded, .gain = 1});
  y = ConvBnRelu6(
      net, y, next(),
      {.channels = expanded, .kernel = 3, .stride = stride, .padding = 1, .groups = expanded});
  y = net.Conv(y, next(),
               {.channels = net.Channels(stage.output), .gain = residual ? 2.0 / stage.layers : 2});
  y = net.BatchNorm(y, next());
  return residual ? net.Add(x, y, path) : y;
}

}  // namespace

Value BuildMobileNetV2(absl::string_view, NetworkBuilder& net) {
  const int64_t size = net.options().size;
  Value x = net.Input({1, 3, size, size});
  int64_t published = 32;
  x = ConvBnRelu6(
      net, x, "features.0",
      {.channels = net.Channels(published), .kernel = 3, .stride = 2, .padding = 1, .gain = 1});
  int feature = 1;
  for (const Stage& stage : kStages) {
    for (int i = 0; i < stage.layers; ++i) {
      x = InvertedResidual(net, x, absl::StrCat("features.", feature++), stage,
                           i == 0 ? stage.stride : 1, published);
      published = stage.output;
    }
  }
  x = ConvBnRelu6(net, x, absl::StrCat("features.", feature),
                  {.channels = net.Channels(1280), .gain = 1});
  x = net.Flatten(net.GlobalAveragePool(x, ""), "");
  return net.Linear(x, "classifier.1", net.options().classes);
}

}  // namespace dsperse::models
