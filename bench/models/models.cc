#include "bench/models/models.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/models/network_builder.h"
#include "bench/models/networks.h"
#include "bench/models/parameter_values.h"

namespace dsperse::models {
namespace {

struct Entry {
  absl::string_view name;
  Value (*build)(absl::string_view name, NetworkBuilder& net);
  int64_t size = 224;
  int64_t classes = 1000;  // 0: no classifier
  int64_t blocks = 0;      // 0: a fixed depth
};

constexpr Entry kModels[] = {
    {"resnet18", BuildResNet},
    {"resnet34", BuildResNet},
    {"resnet50", BuildResNet},
    {"resnet101", BuildResNet},
    {"resnet152", BuildResNet},
    {"efficientnet_b0", BuildEfficientNet},
    {"efficientnet_b1", BuildEfficientNet},
    {"efficientnet_b2", BuildEfficientNet},
    {"efficientnet_b3", BuildEfficientNet},
    {"efficientnet_b4", BuildEfficientNet},
    {"efficientnet_b5", BuildEfficientNet},
    {"efficientnet_b6", BuildEfficientNet},
    {"efficientnet_b7", BuildEfficientNet},
    {"mobilenet_v2", BuildMobileNetV2},
    {"vgg16_bn", BuildVgg16Bn},
    {"densenet121", BuildDenseNet121},
    {"conv1d_net", BuildConv1dNet, 1024, 10},
    {"transformer_block", BuildTransformerBlock, 64, 0},
    {"conv_bn_relu_chain", BuildConvBnReluChain, 16, 0, 16},
};

// Levenshtein's distance.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

absl::Status UnknownModel(absl::string_view name) {
  absl::string_view nearest;
  size_t best = 1 + std::max<size_t>(2, name.size() / 3);
  for (const Entry& entry : kModels) {
    const size_t distance = EditDistance(name.substr(0, 64), entry.name);
    if (distance < best) {
      best = distance;
      nearest = entry.name;
    }
  }
  return absl::NotFoundError(absl::StrCat(
      "unknown model '", name, "'",
      nearest.empty() ? "; --list names them" : absl::StrCat("; did you mean '", nearest, "'?")));
}

// The option's value, or the model's own when it isn't given. A model whose own value is 0 has no
// such thing.
absl::StatusOr<int64_t> Resolve(absl::string_view model, absl::string_view option,
                                const std::optional<int64_t>& given, int64_t own, int64_t limit) {
  if (!given.has_value()) return own;
  if (own == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(model, ": ", option, " does not apply to this model"));
  }
  if (*given < 1 || *given > limit) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: %s is %d, must be 1 to %d", model, option, *given, limit));
  }
  return *given;
}

}  // namespace

std::vector<absl::string_view> ModelNames() {
  std::vector<absl::string_view> names;
  for (const Entry& entry : kModels) names.push_back(entry.name);
  return names;
}

absl::StatusOr<ModelSpec> BuildModel(absl::string_view name, const ModelOptions& options) {
  const Entry* entry = std::find_if(std::begin(kModels), std::end(kModels),
                                    [&](const Entry& e) { return e.name == name; });
  if (entry == std::end(kModels)) return UnknownModel(name);
  const int64_t own_size =
      absl::StartsWith(name, "efficientnet") ? EfficientNetSize(name) : entry->size;

  const auto size = Resolve(name, "size", options.size, own_size, 65'536);
  if (!size.ok()) return size.status();
  const auto classes = Resolve(name, "classes", options.classes, entry->classes, 1'000'000);
  if (!classes.ok()) return classes.status();
  const auto blocks = Resolve(name, "blocks", options.blocks, entry->blocks, 1'000'000);
  if (!blocks.ok()) return blocks.status();
  if (!(options.width > 0 && options.width <= 16)) {  // also refuses NaN
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: width is %g, must be above 0 and at most 16", name, options.width));
  }

  NetworkBuilder net(name, {.seed = options.seed,
                            .size = *size,
                            .classes = *classes,
                            .blocks = *blocks,
                            .width = options.width,
                            .constant_nodes = options.constant_nodes});
  const Value output = entry->build(name, net);
  return std::move(net).Finish(output);
}

int64_t CountTrainable(const ModelSpec& model) {
  int64_t count = 0;
  for (const Parameter& parameter : model.parameters) {
    if (parameter.trainable) count += ElementCount(parameter);
  }
  return count;
}

}  // namespace dsperse::models
