#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/models/networks.h"

namespace dsperse::models {
namespace {

// y = x · W + b over the last axis, as the exporter writes a linear layer of a 3-D tensor.
Value Project(NetworkBuilder& net, const Value& x, const std::string& path, int64_t features,
              double gain) {
  const int64_t inputs = x.dims.back();
  std::vector<int64_t> dims = x.dims;
  dims.back() = features;
  const Value weight =
      net.Weight(path + ".weight", {inputs, features}, static_cast<double>(inputs), gain);
  const Value bias = net.Uniform(path + ".bias", {features}, -0.25, 0.25, true);
  return net.Add(bias, net.Apply("MatMul", path, {x, weight}, dims), path);
}

Value LayerNorm(NetworkBuilder& net, const Value& x, const std::string& path) {
  const std::vector<int64_t> dims = {x.dims.back()};
  const Value scale = net.Uniform(path + ".weight", dims, 0.75, 1.25, true);
  const Value shift = net.Uniform(path + ".bias", dims, -0.5, 0.5, true);
  return net.Apply("LayerNormalization", path, {x, scale, shift}, x.dims,
                   {{"axis", int64_t{-1}}, {"epsilon", 1e-5f}});
}

Value Transpose(NetworkBuilder& net, const Value& x, const std::string& path,
                const std::vector<int64_t>& order) {
  std::vector<int64_t> dims;
  for (const int64_t axis : order) dims.push_back(x.dims[static_cast<size_t>(axis)]);
  return net.Apply("Transpose", path, {x}, dims, {{"perm", order}});
}

// x · (1 + erf(x / √2)) / 2, as the exporter spells it.
Value ErfGelu(NetworkBuilder& net, const Value& x, const std::string& path) {
  const Value scaled =
      net.Elementwise("Div", path, {x, net.Scalar(path + ".sqrt2", std::sqrt(2.0f))});
  const Value erf = net.Elementwise("Erf", path, {scaled});
  const Value sum = net.Add(erf, net.Scalar(path + ".one", 1), path);
  const Value product = net.Mul(x, sum, path);
  return net.Mul(product, net.Scalar(path + ".half", 0.5f), path);
}

constexpr int64_t kHeads = 4;

Value Attention(NetworkBuilder& net, const Value& x, const std::string& path, int64_t head_dim) {
  const int64_t tokens = x.dims[1];
  const int64_t width = x.dims[2];
  const Value split = net.Int64s(path + ".split", {1, tokens, kHeads, head_dim});
  const auto heads = [&](const std::string& name, const std::vector<int64_t>& order) {
    const Value y = Project(net, x, absl::StrCat(path, ".", name), width, 1);
    const Value folded = net.Apply("Reshape", path, {y, split}, {1, tokens, kHeads, head_dim});
    return Transpose(net, folded, path, order);
  };
  const Value query = heads("q_proj", {0, 2, 1, 3});
  const Value key = heads("k_proj", {0, 2, 3, 1});
  const Value value = heads("v_proj", {0, 2, 1, 3});

  const std::vector<int64_t> score_dims = {1, kHeads, tokens, tokens};
  Value scores = net.Apply("MatMul", path, {query, key}, score_dims);
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  scores = net.Mul(scores, net.Scalar(path + ".scale", scale), path);
  scores = net.Apply("Softmax", path, {scores}, score_dims, {{"axis", int64_t{-1}}});

  Value y = net.Apply("MatMul", path, {scores, value}, {1, kHeads, tokens, head_dim});
  y = Transpose(net, y, path, {0, 2, 1, 3});
  const Value join = net.Int64s(path + ".join", {1, tokens, width});
  y = net.Apply("Reshape", path, {y, join}, {1, tokens, width});
  return Project(net, y, path + ".out_proj", width, 1);
}

}  // namespace

Value BuildConv1dNet(absl::string_view, NetworkBuilder& net) {
  struct Layer {
    int64_t channels;
    int64_t kernel;
    int64_t stride;
  };
  constexpr Layer kLayers[] = {{32, 7, 2}, {64, 5, 2}, {128, 3, 2}, {128, 3, 1}};

  Value x = net.Input({1, 1, net.options().size});
  int index = 0;
  for (const Layer& layer : kLayers) {
    const std::string path = absl::StrCat("blocks.", index++);
    x = net.Conv(x, path + ".conv",
                 {.channels = net.Channels(layer.channels),
                  .kernel = layer.kernel,
                  .stride = layer.stride,
                  .padding = layer.kernel / 2,
                  .bias = true,
                  .gain = index == 1 ? 1.0 : 2.0});
    x = net.Relu(net.BatchNorm(x, path + ".bn"), path + ".relu");
  }
  x = net.Flatten(net.GlobalAveragePool(x, "pool"), "flatten");
  return net.Linear(x, "fc", net.options().classes);
}

Value BuildTransformerBlock(absl::string_view, NetworkBuilder& net) {
  const int64_t head_dim = net.Channels(32);
  const int64_t width = kHeads * head_dim;
  const Value x = net.Input({1, net.options().size, width});
  const Value attended = Attention(net, LayerNorm(net, x, "norm1"), "attn", head_dim);
  const Value middle = net.Add(x, attended, "");
  Value y = LayerNorm(net, middle, "norm2");
  y = Project(net, y, "mlp.0", 4 * width, 1);
  y = ErfGelu(net, y, "mlp.1");
  y = Project(net, y, "mlp.2", width, 2);
  return net.Add(middle, y, "");
}

Value BuildConvBnReluChain(absl::string_view, NetworkBuilder& net) {
  const int64_t size = net.options().size;
  Value x = net.Input({1, 3, size, size});
  for (int64_t i = 0; i < net.options().blocks; ++i) {
    // A gain below 2 shrinks what comes in; the shifts of the BatchNormalizations keep the values
    // alive, at the same magnitude behind ten blocks and ten thousand.
    x = net.Conv(x, absl::StrCat("conv", i),
                 {.channels = net.Channels(8), .kernel = 3, .padding = 1, .gain = 1.5});
    x = net.BatchNorm(x, absl::StrCat("bn", i));
    x = net.Relu(x, absl::StrCat("relu", i));
  }
  return x;
}

}  // namespace dsperse::models
