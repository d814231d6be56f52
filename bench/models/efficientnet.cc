#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/models/networks.h"

namespace dsperse::models {
namespace {

struct Variant {
  absl::string_view name;
  double width;
  double depth;
  int64_t size;
  BatchNormOptions norm;
};

constexpr BatchNormOptions kLargeNorm = {.epsilon = 1e-3f, .momentum = 0.99f};

constexpr Variant kVariants[] = {
    {"efficientnet_b0", 1.0, 1.0, 224, {}},         {"efficientnet_b1", 1.0, 1.1, 240, {}},
    {"efficientnet_b2", 1.1, 1.2, 260, {}},         {"efficientnet_b3", 1.2, 1.4, 300, {}},
    {"efficientnet_b4", 1.4, 1.8, 380, {}},         {"efficientnet_b5", 1.6, 2.2, 456, kLargeNorm},
    {"efficientnet_b6", 1.8, 2.6, 528, kLargeNorm}, {"efficientnet_b7", 2.0, 3.1, 600, kLargeNorm},
};

// The stages of B0.
struct Stage {
  int64_t expansion;
  int64_t kernel;
  int64_t stride;  // of the first block
  int64_t output;
  int layers;
};

constexpr Stage kStages[] = {
    {1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2},  {6, 3, 2, 80, 3},
    {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1},
};

// Swish keeps between a third and a half of the second moment, a gate near its middle a quarter.
// The lower figure for both would amplify: gates open as values grow.
constexpr double kAfterSwish = 2.5;
constexpr double kAfterGate = 8;
constexpr double kGate = 0.25;

const Variant& Find(absl::string_view name) {
  const Variant* variant = kVariants;
  while (variant->name != name) ++variant;
  return *variant;
}

// To the nearest multiple of 8, but by no more than a tenth down.
int64_t RoundChannels(double channels) {
  int64_t rounded = std::max<int64_t>(8, static_cast<int64_t>(channels + 4) / 8 * 8);
  if (static_cast<double>(rounded) < 0.9 * channels) rounded += 8;
  return rounded;
}

class Writer {
 public:
  Writer(NetworkBuilder& net, const Variant& variant) : net_(net), variant_(variant) {}

  Value ConvBn(const Value& x, const std::string& path, const ConvOptions& options) {
    return net_.BatchNorm(net_.Conv(x, path + ".0", options), path + ".1", variant_.norm);
  }

  Value ConvBnSwish(const Value& x, const std::string& path, const ConvOptions& options) {
    return net_.Swish(ConvBn(x, path, options), path + ".2");
  }

  Value SqueezeExcitation(const Value& x, const std::string& path, int64_t squeezed) {
    Value gate = net_.GlobalAveragePool(x, path + ".avgpool");
    gate = net_.Conv(gate, path + ".fc1", {.channels = squeezed, .bias = true, .gain = kGate});
    gate = net_.Swish(gate, path + ".activation");
    gate = net_.Conv(gate, path + ".fc2", {.channels = x.channels(), .bias = true, .gain = kGate});
    return net_.Mul(net_.Sigmoid(gate, path + ".scale_activation"), x, path);
  }

  // Channel numbers here are published ones. `residual_gain` is a factor on the branch of a block
  // that adds its input.
  Value MbConv(const Value& x, const std::string& path, const Stage& stage, int64_t stride,
               int64_t input, int64_t output, double residual_gain) {
    const int64_t expanded = RoundChannels(static_cast<double>(input * stage.expansion));
    const bool residual = stride == 1 && input == output;
    int index = 0;
    const auto next = [&] { return absl::StrCat(path, ".block.", index++); };
    Value y = x;
    if (expanded != input) {
      y = ConvBnSwish(y, next(), {.channels = net_.Channels(expanded), .gain = 1});
    }
    y = ConvBnSwish(y, next(),
                    {.channels = net_.Channels(expanded),
                     .kernel = stage.kernel,
                     .stride = stride,
                     .padding = stage.kernel / 2,
                     .groups = net_.Channels(expanded),
                     .gain = kAfterSwish});
    y = SqueezeExcitation(y, next(), net_.Channels(std::max<int64_t>(1, input / 4)));
    y = ConvBn(y, next(),
               {.channels = net_.Channels(output),
                .gain = residual ? kAfterGate * residual_gain : kAfterGate});
    return residual ? net_.Add(y, x, path) : y;
  }

 private:
  NetworkBuilder& net_;
  const Variant& variant_;
};

}  // namespace

int64_t EfficientNetSize(absl::string_view name) { return Find(name).size; }

Value BuildEfficientNet(absl::string_view name, NetworkBuilder& net) {
  const Variant& variant = Find(name);
  Writer writer(net, variant);
  const auto channels = [&](int64_t base) {
    return RoundChannels(static_cast<double>(base) * variant.width);
  };

  const int64_t size = net.options().size;
  Value x = net.Input({1, 3, size, size});
  int64_t published = channels(32);
  x = writer.ConvBnSwish(
      x, "features.0",
      {.channels = net.Channels(published), .kernel = 3, .stride = 2, .padding = 1, .gain = 1});
  int feature = 1;
  for (const Stage& stage : kStages) {
    const int layers = static_cast<int>(std::ceil(stage.layers * variant.depth));
    for (int i = 0; i < layers; ++i) {
      x = writer.MbConv(x, absl::StrCat("features.", feature, ".", i), stage,
                        i == 0 ? stage.stride : 1, published, channels(stage.output), 0.5 / layers);
      published = channels(stage.output);
    }
    ++feature;
  }
  x = writer.ConvBnSwish(x, absl::StrCat("features.", feature),
                         {.channels = net.Channels(4 * published), .gain = 1});
  x = net.Flatten(net.GlobalAveragePool(x, "avgpool"), "");
  return net.Linear(x, "classifier.1", net.options().classes, kAfterSwish);
}

}  // namespace dsperse::models
