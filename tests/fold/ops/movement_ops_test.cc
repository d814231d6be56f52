// Operators that move elements: that nothing is converted on the way, and what they refuse. What they
// compute is the matter of ONNX's own cases (onnx_node_test.cc).
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/ops/eval_node.h"
#include "tests/support/run_one.h"

namespace dsperse {
namespace {

using ::dsperse::testing::NamedInput;
using ::dsperse::testing::RunNodes;
using ::dsperse::testing::RunOne;
using ::testing::ElementsAre;

Tensor Ints(std::vector<int64_t> values) {
  return Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values);
}

// Bytes 0, 1, 2, …: among them are NaNs with payloads in every float type.
Tensor Pattern(DType type, Dims dims) {
  const int64_t count = *NumElements(dims) * BitWidth(type) / 8;
  std::string bytes(static_cast<size_t>(count), '\0');
  for (int64_t i = 0; i < count; ++i) {
    bytes[i] = static_cast<char>(type == DType::kBool ? i % 2 : i * 37 + 255);
  }
  return *Tensor::FromBytes(type, std::move(dims), std::move(bytes));
}

struct Move {
  const char* nodes;
  std::vector<NamedInput> more;
};

// Each restores x of shape [2, 3, 4].
const std::vector<Move>& RoundTrips() {
  static const auto* moves = new std::vector<Move>{
      {"a = Transpose<perm = [2, 0, 1]>(x) y = Transpose<perm = [1, 2, 0]>(a)", {}},
      {"a, b = Split<axis = 2>(x, s) y = Concat<axis = 2>(a, b)", {{"s", Ints({1, 3})}}},
      {"a = Slice(x, s, e, k, t) y = Slice(a, s, e, k, t)",
       {{"s", Ints({-1, -1})}, {"e", Ints({-9, -9})}, {"k", Ints({1, 2})}, {"t", Ints({-1, -1})}}},
      {"a = Pad(x, p) y = Pad(a, q)",
       {{"p", Ints({1, 0, 2, 0, 1, 0})}, {"q", Ints({-1, 0, -2, 0, -1, 0})}}},
      {"a = Pad<mode = \"reflect\">(x, p) y = Slice(a, s, e)",
       {{"p", Ints({1, 2, 3, 0, 0, 0})}, {"s", Ints({1, 2, 3})}, {"e", Ints({9, 9, 9})}}},
      {"a = Gather<axis = 1>(x, i) y = Gather<axis = 1>(a, i)", {{"i", Ints({2, 1, 0})}}},
      {"a = Tile(x, r) y, b = Split<axis = 0, num_outputs = 2>(a)", {{"r", Ints({2, 1, 1})}}},
      {"a = Unsqueeze(x, k) b = Expand(a, e) c = Gather<axis = 0>(b, i) y = Squeeze(c, k)",
       {{"k", Ints({0})}, {"e", Ints({3, 1, 1, 1})}, {"i", Ints({1})}}},
      {"a = Flatten<axis = 2>(x) y = Reshape(a, r)", {{"r", Ints({2, -1, 4})}}},
      {"a = ScatterND(x, i, x) y = Identity(a)",
       {{"i", Tensor::Of<int64_t>({2, 1}, {0, 1})}}},
  };
  return *moves;
}

TEST(MovementOps, KeepEveryBitOfEveryType) {
  for (DType type : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBfloat16, DType::kBool,
                     DType::kInt64, DType::kUint8, DType::kUint32}) {
    const Tensor x = Pattern(type, {2, 3, 4});
    for (const Move& move : RoundTrips()) {
      SCOPED_TRACE(std::string(DTypeName(type)) + ": " + move.nodes);
      std::vector<NamedInput> inputs = {{"x", x}};
      inputs.insert(inputs.end(), move.more.begin(), move.more.end());
      const auto outputs = RunNodes(move.nodes, {"y"}, inputs);
      ASSERT_TRUE(outputs.ok()) << outputs.status();
      EXPECT_EQ((*outputs)[0].dims(), x.dims());
      EXPECT_EQ((*outputs)[0].raw(), x.raw());
    }
  }
}

TEST(MovementOps, RefuseWhatDoesNotFit) {
  const Tensor x = Pattern(DType::kFloat, {2, 3, 4});
  constexpr int64_t kHuge = INT64_MAX;
  constexpr int64_t kLow = INT64_MIN;
  const struct {
    const char* node;
    std::vector<NamedInput> more;
  } cases[] = {
      {"y = Transpose<perm = [0, 1]>(x)", {}},
      {"y = Transpose<perm = [0, 1, 1]>(x)", {}},
      {"y = Transpose<perm = [0, 1, 3]>(x)", {}},
      {"y = Concat<axis = 3>(x, x)", {}},
      {"y = Concat<axis = 0>(x, i)", {{"i", x.WithDims({3, 2, 4}).value()}}},
      {"a, b = Split<axis = 0>(x, s)", {{"s", Ints({3, -1})}}},
      {"a, b = Split<axis = 0>(x, s)", {{"s", Ints({kHuge, kHuge})}}},
      {"a, b, c = Split<axis = 0, num_outputs = 2>(x)", {}},
      {"y = Slice(x, s, e, a, t)",
       {{"s", Ints({0})}, {"e", Ints({1})}, {"a", Ints({0})}, {"t", Ints({0})}}},
      {"y = Slice(x, s, e, a)", {{"s", Ints({0, 0})}, {"e", Ints({1, 1})}, {"a", Ints({0, -3})}}},
      {"y = Gather(x, i)", {{"i", Ints({2})}}},
      {"y = Gather(x, i)", {{"i", Ints({kLow})}}},
      {"y = GatherElements(x, i)", {{"i", Tensor::Of<int64_t>({1, 1, 1}, {-3})}}},
      {"y = GatherElements(x, i)", {{"i", Tensor::Of<int64_t>({1, 1, 5}, {0, 0, 0, 0, 0})}}},
      {"y = GatherND(x, i)", {{"i", Tensor::Of<int64_t>({1, 4}, {0, 0, 0, 0})}}},
      {"y = GatherND<batch_dims = 3>(x, i)", {{"i", Tensor::Of<int64_t>({1, 1}, {0})}}},
      {"y = ScatterND(x, i, x)", {{"i", Tensor::Of<int64_t>({2, 1}, {0, 2})}}},
      {"y = ScatterND(x, i, i)", {{"i", Tensor::Of<int64_t>({2, 1}, {0, 1})}}},
      {"y = ScatterElements<axis = 9>(x, i, x)", {{"i", Tensor::Of<int64_t>({1, 1, 1}, {0})}}},
      {"y = Reshape(x, r)", {{"r", Ints({-1, -1})}}},
      {"y = Reshape(x, r)", {{"r", Ints({5, -1})}}},
      {"y = Reshape(x, r)", {{"r", Ints({kHuge, kHuge, 2})}}},
      {"y = Reshape(x, r)", {{"r", Ints({2, 3, 4, 0})}}},
      {"y = Reshape(x, r)", {{"r", Ints({0, -1, 0, -2})}}},
      {"y = Squeeze(x, a)", {{"a", Ints({0})}}},
      {"y = Unsqueeze(x, a)", {{"a", Ints({0, 0})}}},
      {"y = Unsqueeze(x, a)", {{"a", Ints({kHuge})}}},
      {"y = Flatten<axis = 4>(x)", {}},
      {"y = Expand(x, e)", {{"e", Ints({2, 3, 5})}}},
      {"y = Expand(x, e)", {{"e", Ints({-1, 1, 1})}}},
      {"y = Tile(x, r)", {{"r", Ints({1, 1})}}},
      {"y = Tile(x, r)", {{"r", Ints({1, 1, -1})}}},
      {"y = Tile(x, r)", {{"r", Ints({1, 1, kHuge})}}},
      {"y = Pad(x, p)", {{"p", Ints({1, 1})}}},
      {"y = Pad(x, p)", {{"p", Ints({-3, 0, 0, 0, 0, 0})}}},
      {"y = Pad(x, p)", {{"p", Ints({kHuge, 0, 0, kHuge, 0, 0})}}},
      {"y = Pad(x, p)", {{"p", Ints({kLow, 0, 0, 0, 0, 0})}}},
      {"y = Pad(x, p)", {{"p", Ints({kLow, 0, 0, -9, 0, 0})}}},
      {"y = Pad<mode = \"mirror\">(x, p)", {{"p", Ints({0, 0, 0, 0, 0, 0})}}},
      {"y = DepthToSpace<blocksize = 0>(x)", {}},
      {"y = SpaceToDepth<blocksize = -1>(z)", {{"z", x.WithDims({1, 2, 3, 4}).value()}}},
      {"y = SpaceToDepth<blocksize = 2>(z)", {{"z", x.WithDims({1, 2, 3, 4}).value()}}},
      {"y = Compress<axis = 1>(x, c)", {{"c", Tensor::Of<bool>({4}, {false, false, false, true})}}},
      {"y, i = TopK(x, k)", {{"k", Ints({5})}}},
      {"y, i = TopK(x, k)", {{"k", Ints({-1})}}},
      {"y = ReverseSequence<batch_axis = 1, time_axis = 1>(x, l)", {{"l", Ints({1, 1, 1})}}},
      {"y = ReverseSequence<batch_axis = 0, time_axis = 1>(x, l)", {{"l", Ints({1, 4})}}},
      {"y = CenterCropPad<axes = [0]>(x, s)", {{"s", Ints({-1})}}},
  };
  for (const auto& test : cases) {
    std::vector<NamedInput> inputs = {{"x", x}};
    inputs.insert(inputs.end(), test.more.begin(), test.more.end());
    const auto outputs = RunOne(test.node, inputs);
    EXPECT_TRUE(absl::IsInvalidArgument(outputs.status())) << test.node << ": " << outputs.status();
  }
}

TEST(MovementOps, RefuseResultsBeyondTheLimit) {
  const Tensor x = Pattern(DType::kFloat, {2, 3, 4});
  constexpr int64_t kMany = int64_t{1} << 40;
  const struct {
    const char* node;
    std::vector<NamedInput> more;
  } cases[] = {
      {"y = Tile(x, r)", {{"r", Ints({kMany, 1, 1})}}},
      {"y = Expand(x, e)", {{"e", Ints({kMany, 1, 1, 1})}}},
      {"y = Pad(x, p)", {{"p", Ints({kMany, 0, 0, 0, 0, 0})}}},
      {"y = CenterCropPad<axes = [0]>(x, s)", {{"s", Ints({kMany})}}},
  };
  for (const auto& test : cases) {
    std::vector<NamedInput> inputs = {{"x", x}};
    inputs.insert(inputs.end(), test.more.begin(), test.more.end());
    const auto outputs = RunOne(test.node, inputs);
    EXPECT_TRUE(absl::IsResourceExhausted(outputs.status())) << test.node << ": " << outputs.status();
  }
}

TEST(MovementOps, SliceTakesBoundsOfAnySize) {
  const Tensor x = Tensor::Of<int64_t>({4}, {10, 11, 12, (int64_t{1} << 53) + 1});
  const auto slice = [&](int64_t start, int64_t end, int64_t step) {
    const auto outputs = RunOne(
        "y = Slice(x, s, e, a, t)",
        {{"x", x}, {"s", Ints({start})}, {"e", Ints({end})}, {"a", Ints({0})}, {"t", Ints({step})}});
    EXPECT_TRUE(outputs.ok()) << outputs.status();
    const auto data = (*outputs)[0].data<int64_t>();
    return std::vector<int64_t>(data.begin(), data.end());
  };
  EXPECT_THAT(slice(INT64_MIN, INT64_MAX, INT64_MAX), ElementsAre(10));
  EXPECT_THAT(slice(INT64_MAX, INT64_MIN, INT64_MIN), ElementsAre((int64_t{1} << 53) + 1));
  EXPECT_THAT(slice(INT64_MAX, INT64_MIN, -2), ElementsAre((int64_t{1} << 53) + 1, 11));
  EXPECT_THAT(slice(3, 1, 1), ElementsAre());
}

// The old forms: lists as attributes.
TEST(MovementOps, TakeAttributesOfOlderOpsets) {
  const Tensor x = Tensor::Of<float>({1, 3}, {1, 2, 3});
  const struct {
    const char* node;
    int64_t opset;
    std::vector<float> expected;
  } cases[] = {
      {"y = Slice<starts = [1], ends = [3], axes = [1]>(x)", 6, {2, 3}},
      {"y = Pad<pads = [0, 1, 0, 0], value = 9.0>(x)", 6, {9, 1, 2, 3}},
      {"y = Squeeze<axes = [0]>(x)", 6, {1, 2, 3}},
      {"y = Unsqueeze<axes = [0]>(x)", 6, {1, 2, 3}},
      {"y, z = TopK<k = 2>(x)", 6, {3, 2}},
      {"y, z = Split<axis = 1, split = [2, 1]>(x)", 6, {1, 2}},
      {"y = Upsample<scales = [1.0, 2.0]>(x)", 7, {1, 1, 2, 2, 3, 3}},
  };
  for (const auto& test : cases) {
    const auto outputs = RunOne(test.node, {{"x", x}}, test.opset);
    ASSERT_TRUE(outputs.ok()) << test.node << ": " << outputs.status();
    EXPECT_EQ((*outputs)[0].data<float>(), absl::MakeConstSpan(test.expected)) << test.node;
  }
}

// A uniform tensor costs nothing, and its rearrangements stay so.
TEST(MovementOps, LeaveUniformTensorsUniform) {
  const Tensor one = Tensor::Scalar<float>(1);
  const Tensor x = *Tensor::Uniform(DType::kFloat, {1 << 10, 1 << 10, 1 << 4}, one.raw());
  for (const char* node : {"y = Transpose(a)", "y = Flatten(a)", "y = Slice(a, b, c)"}) {
    const auto outputs = testing::EvalNode(17, node, {x, Ints({1}), Ints({100})});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    EXPECT_TRUE((*outputs)[0].is_uniform()) << node;
  }
}

}  // namespace
}  // namespace dsperse
