// Writes a network layer by layer, the way its published PyTorch module is written: one call a
// layer, named by its path in the module (`layer1.0.conv1`). Parameters get the state_dict's names
// (`layer1.0.conv1.weight`), nodes those of PyTorch's exporter (`/layer1/layer1.0/conv1/Conv`).
//
// Shapes are carried along, so that a network that does not fit its input is found here, and so
// that the spread of each weight follows its fan-in. The first error is kept and returned by
// Finish(); until then the calls go on with an axis of length 1.

#ifndef DSPERSE_BENCH_MODELS_NETWORK_BUILDER_H_
#define DSPERSE_BENCH_MODELS_NETWORK_BUILDER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "bench/models/model_spec.h"

namespace dsperse::models {

// What is asked of a network; models.h has checked the ranges and filled in the defaults.
struct NetworkOptions {
  uint64_t seed = 1;
  int64_t size = 0;
  int64_t classes = 0;
  int64_t blocks = 0;
  double width = 1;
  bool constant_nodes = false;
};

// A float tensor in the making.
struct Value {
  std::string name;
  std::vector<int64_t> dims;
  int64_t channels() const { return dims[1]; }
};

// Kernel, stride and padding hold for every spatial axis.
struct ConvOptions {
  int64_t channels = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t groups = 1;
  bool bias = false;
  // The weights' variance times the fan-in: 2 keeps the second moment of an input that went through
  // a Relu. Taps that meet padding don't count as fan-in.
  double gain = 2;
};

struct PoolOptions {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = 0;
};

struct BatchNormOptions {
  float epsilon = 1e-5f;
  float momentum = 0.9f;  // ONNX's meaning: weight of the old statistics
};

class NetworkBuilder {
 public:
  NetworkBuilder(absl::string_view name, const NetworkOptions& options);

  const NetworkOptions& options() const { return options_; }
  // A published number of channels at this network's width: max(1, round(published * width)).
  int64_t Channels(int64_t published) const;

  // The model's input, named `input`.
  Value Input(std::vector<int64_t> dims);

  Value Conv(const Value& x, absl::string_view path, const ConvOptions& options);
  Value BatchNorm(const Value& x, absl::string_view path, const BatchNormOptions& options = {});
  // y = x · Wᵀ + b on a matrix.
  Value Linear(const Value& x, absl::string_view path, int64_t features, double gain = 1);
  // MaxPool or AveragePool.
  Value Pool(absl::string_view op, const Value& x, absl::string_view path,
             const PoolOptions& options);
  Value GlobalAveragePool(const Value& x, absl::string_view path);
  Value Flatten(const Value& x, absl::string_view path);
  Value Concat(absl::Span<const Value> xs, absl::string_view path);

  Value Relu(const Value& x, absl::string_view path) { return Elementwise("Relu", path, {x}); }
  Value Sigmoid(const Value& x, absl::string_view path) {
    return Elementwise("Sigmoid", path, {x});
  }
  Value Add(const Value& a, const Value& b, absl::string_view path) {
    return Elementwise("Add", path, {a, b});
  }
  Value Mul(const Value& a, const Value& b, absl::string_view path) {
    return Elementwise("Mul", path, {a, b});
  }
  // x · Sigmoid(x), as two nodes.
  Value Swish(const Value& x, absl::string_view path);
  // Clip to [low, high].
  Value Clip(const Value& x, absl::string_view path, float low, float high);
  // An operator whose result has the shape that its operands broadcast to.
  Value Elementwise(absl::string_view op, absl::string_view path, const std::vector<Value>& xs);

  // A node with the given result shape.
  Value Apply(absl::string_view op, absl::string_view path, const std::vector<Value>& inputs,
              std::vector<int64_t> dims,
              std::vector<std::pair<std::string, AttributeValue>> attributes = {});

  // Parameters by themselves. Weights have variance gain / fan_in and are uniform around 0.
  Value Weight(absl::string_view name, std::vector<int64_t> dims, double fan_in, double gain);
  // Uniform in [low, high), on a grid of 2^-16.
  Value Uniform(absl::string_view name, std::vector<int64_t> dims, double low, double high,
                bool trainable);
  // Constants: a float scalar; a vector of int64.
  Value Scalar(absl::string_view name, float value);
  Value Int64s(absl::string_view name, absl::Span<const int64_t> values);

  // Makes `output` the model's output, named `output`; it must be the last value that was made.
  // InvalidArgument: an axis vanished on the way.
  absl::StatusOr<ModelSpec> Finish(const Value& output) &&;

 private:
  int64_t PooledLength(int64_t length, const PoolOptions& options, absl::string_view path);
  std::vector<int64_t> PooledDims(const Value& x, int64_t channels, const PoolOptions& options,
                                  absl::string_view path);
  Value AddParameter(Parameter parameter);

  NetworkOptions options_;
  ModelSpec model_;
  absl::flat_hash_map<std::string, int> node_names_;
  absl::Status status_;
};

}  // namespace dsperse::models

#endif  // DSPERSE_BENCH_MODELS_NETWORK_BUILDER_H_
