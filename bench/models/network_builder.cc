#include "bench/models/network_builder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace dsperse::models {
namespace {

using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

// `layer1.0.conv1` → `/layer1/layer1.0/conv1`: a child of a Sequential is named after it and its
// index.
std::string Scope(absl::string_view path) {
  std::string scope;
  std::string parent;
  if (path.empty()) return scope;
  for (const absl::string_view part : absl::StrSplit(path, '.')) {
    const bool index = std::all_of(part.begin(), part.end(), absl::ascii_isdigit);
    parent = index && !parent.empty() ? absl::StrCat(parent, ".", part) : std::string(part);
    absl::StrAppend(&scope, "/", parent);
  }
  return scope;
}

std::vector<int64_t> Repeat(int64_t value, size_t count) {
  return std::vector<int64_t>(count, value);
}

// The exporter's attributes of a window, in its order.
Attributes WindowAttributes(size_t axes, const PoolOptions& options) {
  return {{"kernel_shape", Repeat(options.kernel, axes)},
          {"pads", Repeat(options.padding, 2 * axes)},
          {"strides", Repeat(options.stride, axes)}};
}

// How many taps of a window meet the axis and not its padding, on average. On a small map, and for
// a depthwise convolution, far fewer than the kernel has.
double MeanTaps(int64_t length, const PoolOptions& window) {
  int64_t taps = 0;
  int64_t positions = 0;
  for (int64_t first = -window.padding; first + window.kernel <= length + window.padding;
       first += window.stride, ++positions) {
    taps += std::min(first + window.kernel, length) - std::max<int64_t>(first, 0);
  }
  return positions == 0 ? 1 : static_cast<double>(taps) / static_cast<double>(positions);
}

std::string RawBytes(const void* data, size_t size) {
  return std::string(static_cast<const char*>(data), size);
}

}  // namespace

NetworkBuilder::NetworkBuilder(absl::string_view name, const NetworkOptions& options)
    : options_(options) {
  model_.name = std::string(name);
  model_.seed = options.seed;
  model_.constant_nodes = options.constant_nodes;
}

int64_t NetworkBuilder::Channels(int64_t published) const {
  const double scaled = std::floor(static_cast<double>(published) * options_.width + 0.5);
  return std::max<int64_t>(1, static_cast<int64_t>(scaled));
}

Value NetworkBuilder::Input(std::vector<int64_t> dims) {
  model_.input = {"input", dims};
  return {"input", std::move(dims)};
}

Value NetworkBuilder::Conv(const Value& x, absl::string_view path, const ConvOptions& options) {
  const size_t axes = x.dims.size() - 2;
  const PoolOptions window = {options.kernel, options.stride, options.padding};
  std::vector<int64_t> weight_dims = {options.channels, x.channels() / options.groups};
  weight_dims.insert(weight_dims.end(), axes, options.kernel);
  double fan_in = static_cast<double>(weight_dims[1]);
  for (size_t axis = 2; axis < x.dims.size(); ++axis) fan_in *= MeanTaps(x.dims[axis], window);

  std::vector<Value> inputs = {
      x, Weight(absl::StrCat(path, ".weight"), std::move(weight_dims), fan_in, options.gain)};
  if (options.bias) {
    inputs.push_back(Uniform(absl::StrCat(path, ".bias"), {options.channels}, -0.25, 0.25, true));
  }
  Attributes attributes = {{"dilations", Repeat(1, axes)}, {"group", options.groups}};
  for (auto& attribute : WindowAttributes(axes, window)) attributes.push_back(std::move(attribute));
  return Apply("Conv", path, inputs, PooledDims(x, options.channels, window, path),
               std::move(attributes));
}

Value NetworkBuilder::BatchNorm(const Value& x, absl::string_view path,
                                const BatchNormOptions& options) {
  // A state as training leaves it: with the initial one (scale 1, shift 0, mean 0, variance 1)
  // every fusion looks right. Mean and shift are small enough for the input to show in the output.
  const std::vector<int64_t> dims = {x.channels()};
  const std::vector<Value> inputs = {
      x,
      Uniform(absl::StrCat(path, ".weight"), dims, 0.75, 1.25, true),
      Uniform(absl::StrCat(path, ".bias"), dims, -0.25, 0.25, true),
      Uniform(absl::StrCat(path, ".running_mean"), dims, -0.25, 0.25, false),
      Uniform(absl::StrCat(path, ".running_var"), dims, 0.5, 2, false),
  };
  return Apply("BatchNormalization", path, inputs, x.dims,
               {{"epsilon", options.epsilon},
                {"momentum", options.momentum},
                {"training_mode", int64_t{0}}});
}

Value NetworkBuilder::Linear(const Value& x, absl::string_view path, int64_t features,
                             double gain) {
  const int64_t inputs = x.dims[1];
  return Apply(
      "Gemm", path,
      {x,
       Weight(absl::StrCat(path, ".weight"), {features, inputs}, static_cast<double>(inputs), gain),
       Uniform(absl::StrCat(path, ".bias"), {features}, -0.25, 0.25, true)},
      {x.dims[0], features}, {{"alpha", 1.0f}, {"beta", 1.0f}, {"transB", int64_t{1}}});
}

Value NetworkBuilder::Pool(absl::string_view op, const Value& x, absl::string_view path,
                           const PoolOptions& options) {
  Attributes attributes = WindowAttributes(x.dims.size() - 2, options);
  attributes.insert(attributes.begin(), {"ceil_mode", int64_t{0}});
  return Apply(op, path, {x}, PooledDims(x, x.channels(), options, path), std::move(attributes));
}

Value NetworkBuilder::GlobalAveragePool(const Value& x, absl::string_view path) {
  std::vector<int64_t> dims = x.dims;
  std::fill(dims.begin() + 2, dims.end(), 1);
  return Apply("GlobalAveragePool", path, {x}, std::move(dims));
}

Value NetworkBuilder::Flatten(const Value& x, absl::string_view path) {
  int64_t features = 1;
  for (size_t axis = 1; axis < x.dims.size(); ++axis) features *= x.dims[axis];
  return Apply("Flatten", path, {x}, {x.dims[0], features}, {{"axis", int64_t{1}}});
}

Value NetworkBuilder::Concat(absl::Span<const Value> xs, absl::string_view path) {
  std::vector<int64_t> dims = xs[0].dims;
  for (const Value& x : xs.subspan(1)) dims[1] += x.channels();
  return Apply("Concat", path, {xs.begin(), xs.end()}, std::move(dims), {{"axis", int64_t{1}}});
}

Value NetworkBuilder::Swish(const Value& x, absl::string_view path) {
  return Mul(x, Sigmoid(x, path), path);
}

Value NetworkBuilder::Clip(const Value& x, absl::string_view path, float low, float high) {
  return Apply(
      "Clip", path,
      {x, Scalar(absl::StrCat(path, ".min"), low), Scalar(absl::StrCat(path, ".max"), high)},
      x.dims);
}

Value NetworkBuilder::Elementwise(absl::string_view op, absl::string_view path,
                                  const std::vector<Value>& xs) {
  std::vector<int64_t> dims;
  for (const Value& x : xs) {
    if (x.dims.size() > dims.size()) dims.insert(dims.begin(), x.dims.size() - dims.size(), 1);
    const size_t skip = dims.size() - x.dims.size();
    for (size_t axis = 0; axis < x.dims.size(); ++axis) {
      dims[skip + axis] = std::max(dims[skip + axis], x.dims[axis]);
    }
  }
  return Apply(op, path, xs, std::move(dims));
}

Value NetworkBuilder::Apply(absl::string_view op, absl::string_view path,
                            const std::vector<Value>& inputs, std::vector<int64_t> dims,
                            Attributes attributes) {
  Node node;
  node.op_type = std::string(op);
  node.name = absl::StrCat(Scope(path), "/", op);
  const int count = node_names_[node.name]++;
  if (count > 0) absl::StrAppend(&node.name, "_", count);
  for (const Value& input : inputs) node.inputs.push_back(input.name);
  node.outputs = {absl::StrCat(node.name, "_output_0")};
  node.attributes = std::move(attributes);
  model_.nodes.push_back(std::move(node));
  return {model_.nodes.back().outputs[0], std::move(dims)};
}

Value NetworkBuilder::Weight(absl::string_view name, std::vector<int64_t> dims, double fan_in,
                             double gain) {
  // A uniform distribution on [-b, b) has variance b² / 3.
  const double bound = std::sqrt(3 * gain / fan_in);
  constexpr int64_t kHalf = int64_t{1} << 23;
  return AddParameter({.name = std::string(name),
                       .dims = std::move(dims),
                       .type = ElementType::kFloat,
                       .trainable = true,
                       .values = UniformGrid{bound / kHalf, -kHalf, uint64_t{2} * kHalf}});
}

Value NetworkBuilder::Uniform(absl::string_view name, std::vector<int64_t> dims, double low,
                              double high, bool trainable) {
  constexpr double kGrid = 65536;
  return AddParameter({.name = std::string(name),
                       .dims = std::move(dims),
                       .type = ElementType::kFloat,
                       .trainable = trainable,
                       .values = UniformGrid{1 / kGrid, static_cast<int64_t>(low * kGrid),
                                             static_cast<uint64_t>((high - low) * kGrid)}});
}

Value NetworkBuilder::Scalar(absl::string_view name, float value) {
  return AddParameter({.name = std::string(name),
                       .dims = {},
                       .type = ElementType::kFloat,
                       .trainable = false,
                       .values = RawBytes(&value, sizeof value)});
}

Value NetworkBuilder::Int64s(absl::string_view name, absl::Span<const int64_t> values) {
  return AddParameter({.name = std::string(name),
                       .dims = {static_cast<int64_t>(values.size())},
                       .type = ElementType::kInt64,
                       .trainable = false,
                       .values = RawBytes(values.data(), values.size() * sizeof(int64_t))});
}

absl::StatusOr<ModelSpec> NetworkBuilder::Finish(const Value& output) && {
  if (!status_.ok()) return status_;
  if (model_.nodes.empty() || model_.nodes.back().outputs[0] != output.name) {
    return absl::InternalError(
        absl::StrFormat("%s: %s is not the last value made", model_.name, output.name));
  }
  model_.nodes.back().outputs[0] = "output";
  model_.output = {"output", output.dims};
  return std::move(model_);
}

int64_t NetworkBuilder::PooledLength(int64_t length, const PoolOptions& options,
                                     absl::string_view path) {
  const int64_t room = length + 2 * options.padding - options.kernel;
  if (room >= 0) return room / options.stride + 1;
  if (status_.ok()) {
    status_ = absl::InvalidArgumentError(
        absl::StrFormat("%s: size %d is too small: at %s a window of %d meets an axis of %d "
                        "padded by %d on each side",
                        model_.name, options_.size, path, options.kernel, length, options.padding));
  }
  return 1;
}

std::vector<int64_t> NetworkBuilder::PooledDims(const Value& x, int64_t channels,
                                                const PoolOptions& options,
                                                absl::string_view path) {
  std::vector<int64_t> dims = {x.dims[0], channels};
  for (size_t axis = 2; axis < x.dims.size(); ++axis) {
    dims.push_back(PooledLength(x.dims[axis], options, path));
  }
  return dims;
}

Value NetworkBuilder::AddParameter(Parameter parameter) {
  Value value = {parameter.name, parameter.dims};
  model_.parameters.push_back(std::move(parameter));
  return value;
}

}  // namespace dsperse::models
