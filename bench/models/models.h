// Generated models by name: the networks that benchmarks, tests and the demonstration run on. None
// is trained; weights are seeded, structure and parameter counts are those of the published
// networks.

#ifndef DSPERSE_BENCH_MODELS_MODELS_H_
#define DSPERSE_BENCH_MODELS_MODELS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/models/model_spec.h"

namespace dsperse::models {

struct ModelOptions {
  uint64_t seed = 1;
  // Side of the square input (tokens of transformer_block, samples of conv1d_net). 1 … 65,536.
  std::optional<int64_t> size = std::nullopt;
  // Width of the classifier's result. 1 … 1,000,000.
  std::optional<int64_t> classes = std::nullopt;
  // conv_bn_relu_chain only. 1 … 1,000,000.
  std::optional<int64_t> blocks = std::nullopt;
  // Every published channel number c becomes max(1, round(c * width)). Above 0, at most 16.
  double width = 1;
  // Every parameter and every other constant becomes a Constant node, right before its first
  // reader, instead of an initializer.
  bool constant_nodes = false;
};

// All names, related ones side by side.
std::vector<absl::string_view> ModelNames();

// The model: input `input` with batch 1 and static shape, output `output`, no value_info. Takes
// time and memory by the number of nodes, not of weights. NotFound: no such model, with the nearest
// name. InvalidArgument: an option is out of its range, doesn't apply to this model, or the size is
// so small that an axis would vanish.
absl::StatusOr<ModelSpec> BuildModel(absl::string_view name, const ModelOptions& options);

// Number of trainable parameters: weights and biases, without running statistics and constants.
int64_t CountTrainable(const ModelSpec& model);

}  // namespace dsperse::models

#endif  // DSPERSE_BENCH_MODELS_MODELS_H_
