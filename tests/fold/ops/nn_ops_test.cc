// Matrix products, pools, normalization, recurrent operators, Resize: what ONNX's own cases leave open.
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_one.h"

namespace dsperse {
namespace {

using ::dsperse::testing::NamedInput;
using ::dsperse::testing::RandomTensor;
using ::dsperse::testing::RunNodes;
using ::dsperse::testing::RunOne;
using ::testing::ElementsAre;

// ---- MatMul, Gemm, Einsum ----

// Sums in the order of k, in double, rounded once: whatever the number of threads.
TEST(MatMulOps, SumInOrder) {
  constexpr int64_t kM = 7, kK = 300, kN = 130;
  const Tensor a = RandomTensor(1, {kM, kK});
  const Tensor b = RandomTensor(2, {kK, kN});
  std::vector<float> expected;
  for (int64_t i = 0; i < kM; ++i) {
    for (int64_t j = 0; j < kN; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < kK; ++k) {
        sum += static_cast<double>(a.data<float>()[i * kK + k]) *
               static_cast<double>(b.data<float>()[k * kN + j]);
      }
      expected.push_back(static_cast<float>(sum));
    }
  }
  for (const char* node : {"y = MatMul(a, b)", "y = Gemm(a, b)", "y = Einsum<equation = \"ij,jk->ik\">(a, b)"}) {
    for (int threads : {1, 2, 5}) {
      const auto y = RunOne(node, {{"a", a}, {"b", b}}, 21, EvalMode::kExact, threads);
      ASSERT_TRUE(y.ok()) << y.status();
      EXPECT_EQ((*y)[0].data<float>(), absl::MakeConstSpan(expected)) << node << " on " << threads;
    }
    const auto fast = RunOne(node, {{"a", a}, {"b", b}}, 21, EvalMode::kFast, 2);
    ASSERT_TRUE(fast.ok()) << fast.status();
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR((*fast)[0].data<float>()[i], expected[i], 1e-4) << node;
    }
  }
}

TEST(MatMulOps, IntegersWrapInTheirOwnType) {
  constexpr int64_t kTop = int64_t{1} << 62;
  const Tensor a = Tensor::Of<int64_t>({1, 2}, {kTop + 1, 3});
  const Tensor b = Tensor::Of<int64_t>({2, 1}, {5, -7});
  const auto y = RunOne("y = MatMul(a, b)", {{"a", a}, {"b", b}});
  ASSERT_TRUE(y.ok()) << y.status();
  // 5 · 2^62 wraps to 2^62.
  EXPECT_EQ((*y)[0].data<int64_t>()[0], kTop + 5 - 21);
  const auto gemm = RunOne("y = Gemm<alpha = 2.0>(a, b)", {{"a", a}, {"b", b}});
  ASSERT_TRUE(gemm.ok()) << gemm.status();
  // Twice 2^62 − 16 just fits.
  EXPECT_EQ((*gemm)[0].data<int64_t>()[0], std::numeric_limits<int64_t>::max() - 31);
  const auto half = RunOne("y = Gemm<alpha = 0.5>(a, b)", {{"a", a}, {"b", b}});
  EXPECT_TRUE(absl::IsUnimplemented(half.status())) << half.status();
}

TEST(MatMulOps, GemmRoundsOnceAfterAlphaBetaAndC) {
  // In float steps the product would become 1 + 2^-23 first, and three times that is rounded up again.
  const Tensor a = Tensor::Of<float>({1, 2}, {1.0f, 0x1p-23f});
  const Tensor b = Tensor::Of<float>({2, 1}, {1.0f, 0x1.555556p-1f});
  const Tensor c = Tensor::Of<float>({}, {0x1p-60f});
  const auto y = RunOne("y = Gemm<alpha = 3.0, beta = 0.5>(a, b, c)", {{"a", a}, {"b", b}, {"c", c}});
  ASSERT_TRUE(y.ok()) << y.status();
  const double sum = 1.0 + 0x1p-23 * static_cast<double>(0x1.555556p-1f);
  EXPECT_EQ((*y)[0].data<float>()[0], static_cast<float>(3 * sum + 0x1p-61));
}

TEST(MatMulOps, RefuseWhatDoesNotFit) {
  const Tensor a = RandomTensor(1, {2, 3});
  const Tensor c = RandomTensor(1, {3, 4, 5});
  for (const char* node : {
           "y = MatMul(a, a)", "y = MatMul(a, s)", "y = MatMul(c, c)", "y = Gemm(a, a)", "y = Gemm(a, c)",
           "y = Gemm<transB = 1>(a, a, a)", "y = Einsum<equation = \"ij,jk\">(a, a)",
           "y = Einsum<equation = \"ij\">(a, a)", "y = Einsum<equation = \"ijk\">(a)",
           "y = Einsum<equation = \"ij->k\">(a)", "y = Einsum<equation = \"ij->ii\">(a)",
           "y = Einsum<equation = \"i.j\">(a)", "y = Einsum<equation = \"\">(a)"}) {
    const auto y = RunOne(node, {{"a", a}, {"c", c}, {"s", RandomTensor(3, {})}});
    EXPECT_TRUE(absl::IsInvalidArgument(y.status())) << node << ": " << y.status();
  }
}

// ---- pools ----

struct PoolCase {
  int64_t in, kernel, stride, dilation, begin, end;
  bool ceil_mode;
};

// Positions as ONNX defines them, one axis.
int64_t Positions(const PoolCase& p) {
  const int64_t room = p.in + p.begin + p.end - (p.kernel - 1) * p.dilation - 1;
  int64_t count = (p.ceil_mode ? (room + p.stride - 1) / p.stride : room / p.stride) + 1;
  if (p.ceil_mode && (count - 1) * p.stride >= p.in + p.begin) --count;
  return count;
}

TEST(PoolOps, AreTheirDefinitions) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    PoolCase p;
    p.kernel = 1 + random() % 4;
    p.dilation = 1 + random() % 2;
    p.stride = 1 + random() % 3;
    p.in = (p.kernel - 1) * p.dilation + 1 + random() % 6;
    p.begin = random() % p.kernel;
    p.end = random() % p.kernel;
    p.ceil_mode = random() % 2 == 1;
    const Tensor x = RandomTensor(static_cast<uint32_t>(round), {2, 1, p.in});
    const std::string attributes =
        absl::StrCat("kernel_shape = [", p.kernel, "], strides = [", p.stride, "], dilations = [",
                     p.dilation, "], pads = [", p.begin, ", ", p.end, "], ceil_mode = ", p.ceil_mode);
    SCOPED_TRACE(attributes);
    std::vector<float> largest, average, with_padding;
    std::vector<int64_t> where;
    bool empty = false;
    for (int64_t n = 0; n < 2; ++n) {
      const float* row = x.data<float>().data() + n * p.in;
      for (int64_t o = 0; o < Positions(p); ++o) {
        double sum = 0;
        int64_t inside = 0, padded = 0, best = -1;
        for (int64_t k = 0; k < p.kernel; ++k) {
          const int64_t at = o * p.stride + k * p.dilation - p.begin;
          if (at < p.in + p.end) ++padded;
          if (at < 0 || at >= p.in) continue;
          ++inside;
          sum += static_cast<double>(row[at]);
          if (best < 0 || row[at] > row[best]) best = at;
        }
        empty |= inside == 0;
        largest.push_back(best < 0 ? 0 : row[best]);
        where.push_back(n * p.in + best);
        average.push_back(static_cast<float>(sum / static_cast<double>(inside)));
        with_padding.push_back(static_cast<float>(sum / static_cast<double>(padded)));
      }
    }
    const auto max = RunOne(absl::StrCat("y, i = MaxPool<", attributes, ">(x)"), {{"x", x}});
    const auto mean = RunOne(absl::StrCat("y = AveragePool<", attributes, ">(x)"), {{"x", x}});
    const auto padded =
        RunOne(absl::StrCat("y = AveragePool<count_include_pad = 1, ", attributes, ">(x)"), {{"x", x}});
    ASSERT_TRUE(padded.ok()) << padded.status();
    EXPECT_EQ((*padded)[0].data<float>(), absl::MakeConstSpan(with_padding));
    if (empty) {
      EXPECT_TRUE(absl::IsUnimplemented(max.status())) << max.status();
      EXPECT_TRUE(absl::IsUnimplemented(mean.status())) << mean.status();
      continue;
    }
    ASSERT_TRUE(max.ok()) << max.status();
    ASSERT_TRUE(mean.ok()) << mean.status();
    EXPECT_EQ((*max)[0].data<float>(), absl::MakeConstSpan(largest));
    EXPECT_EQ((*max)[1].data<int64_t>(), absl::MakeConstSpan(where));
    EXPECT_EQ((*mean)[0].data<float>(), absl::MakeConstSpan(average));
  }
}

TEST(PoolOps, ANanIsTheMaximum) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::Of<float>({1, 1, 4}, {1, nan, 3, 2});
  const auto y = RunOne("y = MaxPool<kernel_shape = [2]>(x)", {{"x", x}});
  ASSERT_TRUE(y.ok()) << y.status();
  const auto data = (*y)[0].data<float>();
  EXPECT_TRUE(std::isnan(data[0]) && std::isnan(data[1]));
  EXPECT_EQ(data[2], 3);
}

// ---- normalization ----

TEST(NormalizationOps, BatchNormalizationIsTheFormulaOfTheFold) {
  const Tensor x = RandomTensor(1, {2, 3, 5});
  const Tensor scale = RandomTensor(2, {3}), bias = RandomTensor(3, {3}), mean = RandomTensor(4, {3});
  const Tensor variance = Tensor::Of<float>({3}, {0.25f, 1.5f, 1e-9f});
  const std::vector<NamedInput> inputs = {
      {"x", x}, {"s", scale}, {"b", bias}, {"m", mean}, {"v", variance}};
  const auto y = RunOne("y = BatchNormalization(x, s, b, m, v)", inputs);
  ASSERT_TRUE(y.ok()) << y.status();
  for (size_t i = 0; i < 30; ++i) {
    const size_t c = i / 5 % 3;
    const auto at = [&](const Tensor& t) { return static_cast<double>(t.data<float>()[c]); };
    const double k = at(scale) / std::sqrt(at(variance) + static_cast<double>(1e-5f));
    const double expected = (static_cast<double>(x.data<float>()[i]) - at(mean)) * k + at(bias);
    EXPECT_EQ((*y)[0].data<float>()[i], static_cast<float>(expected));
  }
}

// What makes a node inference mode has changed from opset to opset.
TEST(NormalizationOps, BatchNormalizationInTrainingIsNotEvaluated) {
  const std::vector<NamedInput> inputs = {{"x", RandomTensor(1, {2, 3})},
                                          {"s", RandomTensor(2, {3})},
                                          {"b", RandomTensor(3, {3})},
                                          {"m", RandomTensor(4, {3})},
                                          {"v", Tensor::Of<float>({3}, {1, 1, 1})}};
  const struct {
    const char* node;
    int64_t opset;
    bool evaluated;
  } cases[] = {
      {"y = BatchNormalization<is_test = 1>(x, s, b, m, v)", 6, true},
      {"y = BatchNormalization(x, s, b, m, v)", 6, false},
      {"y = BatchNormalization(x, s, b, m, v)", 7, true},
      {"y = BatchNormalization<spatial = 0>(x, s, b, m, v)", 7, false},
      {"y, p, q = BatchNormalization(x, s, b, m, v)", 9, false},
      {"y = BatchNormalization(x, s, b, m, v)", 9, true},
      {"y, p, q = BatchNormalization<training_mode = 1>(x, s, b, m, v)", 15, true},
  };
  for (const auto& test : cases) {
    const auto y = RunNodes(test.node, {"y"}, inputs, test.opset);
    EXPECT_EQ(y.ok(), test.evaluated) << test.node << " at " << test.opset << ": " << y.status();
    if (!y.ok()) {
      EXPECT_TRUE(absl::IsUnimplemented(y.status())) << y.status();
    }
  }
}

TEST(NormalizationOps, GroupNormalizationScalesGroupsThenChannels) {
  const Tensor x = RandomTensor(1, {2, 4, 3});
  // One group a channel: an InstanceNormalization, whichever way scales are counted.
  const std::vector<NamedInput> inputs = {
      {"x", x}, {"s", RandomTensor(2, {4})}, {"b", RandomTensor(3, {4})}};
  const auto instance = RunOne("y = InstanceNormalization(x, s, b)", inputs);
  ASSERT_TRUE(instance.ok()) << instance.status();
  for (int64_t opset : {18, 21}) {
    const auto group = RunOne("y = GroupNormalization<num_groups = 4>(x, s, b)", inputs, opset);
    ASSERT_TRUE(group.ok()) << group.status();
    EXPECT_EQ((*group)[0].raw(), (*instance)[0].raw()) << opset;
  }
  const auto two = RunOne("y = GroupNormalization<num_groups = 2>(x, s, b)", inputs, 18);
  EXPECT_TRUE(absl::IsInvalidArgument(two.status())) << two.status();
  EXPECT_TRUE(RunOne("y = GroupNormalization<num_groups = 2>(x, s, b)", inputs, 21).ok());
}

TEST(NormalizationOps, RefuseWhatDoesNotFit) {
  const Tensor x = RandomTensor(1, {2, 4, 3});
  const Tensor p = RandomTensor(2, {4});
  for (const char* node : {
           "y = GroupNormalization<num_groups = 3>(x, p, p)",
           "y = GroupNormalization<num_groups = 0>(x, p, p)",
           "y = InstanceNormalization(x, x, p)",
           "y = BatchNormalization(x, p, p, p, x)",
           "y = LayerNormalization<axis = 3>(x, p)",
           "y = LpNormalization<p = 3>(x)",
           "y = LRN<size = 0>(x)",
           "y = LRN<size = -1>(x)",
           "y = MeanVarianceNormalization<axes = [5]>(x)",
       }) {
    const auto y = RunOne(node, {{"x", x}, {"p", p}});
    EXPECT_TRUE(absl::IsInvalidArgument(y.status())) << node << ": " << y.status();
  }
}

// ---- recurrent operators ----

// The two directions of a bidirectional node are a forward and a reverse node.
TEST(RecurrentOps, BidirectionalIsBothDirections) {
  constexpr int64_t kSteps = 4, kBatch = 2, kInput = 3, kHidden = 5;
  const Tensor x = RandomTensor(1, {kSteps, kBatch, kInput});
  const Tensor lengths = Tensor::Of<int32_t>({kBatch}, {4, 2});
  const struct {
    const char* op;
    int64_t gates;
  } cells[] = {{"RNN", 1}, {"GRU", 3}, {"LSTM", 4}};
  for (const auto& cell : cells) {
    const Tensor w = RandomTensor(2, {2, cell.gates * kHidden, kInput});
    const Tensor r = RandomTensor(3, {2, cell.gates * kHidden, kHidden});
    const Tensor b = RandomTensor(4, {2, 2 * cell.gates * kHidden});
    const std::string tail = absl::StrCat(
        " h = Identity(h0) y1, h1 = ", cell.op, "<hidden_size = 5>(x, w0, r0, b0, l)",
        " y2, h2 = ", cell.op, "<hidden_size = 5, direction = \"reverse\">(x, w1, r1, b1, l)",
        " separate = Concat<axis = 1>(y1, y2) states = Concat<axis = 0>(h1, h2)");
    const std::string nodes = absl::StrCat(
        "w0, w1 = Split<axis = 0, num_outputs = 2>(w) r0, r1 = Split<axis = 0, num_outputs = 2>(r) "
        "b0, b1 = Split<axis = 0, num_outputs = 2>(b) both, h0 = ",
        cell.op, "<hidden_size = 5, direction = \"bidirectional\">(x, w, r, b, l)", tail);
    const auto outputs = RunNodes(nodes, {"both", "separate", "h", "states"},
                                  {{"x", x}, {"w", w}, {"r", r}, {"b", b}, {"l", lengths}});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    EXPECT_EQ((*outputs)[0].raw(), (*outputs)[1].raw()) << cell.op;
    EXPECT_EQ((*outputs)[2].raw(), (*outputs)[3].raw()) << cell.op;
    // Steps beyond a sequence's length are zero.
    EXPECT_EQ((*outputs)[0].data<float>()[(3 * 2 * kBatch + 1) * kHidden], 0) << cell.op;
  }
}

TEST(RecurrentOps, RefuseWhatDoesNotFit) {
  const std::vector<NamedInput> inputs = {{"x", RandomTensor(1, {4, 2, 3})},
                                          {"w", RandomTensor(2, {1, 5, 3})},
                                          {"r", RandomTensor(3, {1, 5, 5})},
                                          {"l", Tensor::Of<int32_t>({2}, {4, 5})},
                                          {"n", Tensor::Of<int32_t>({2}, {4, -1})}};
  for (const char* node : {"y, h = GRU(x, w, r)", "y, h = RNN(x, r, w)", "y, h = RNN(x, w, r, x)",
                           "y, h = RNN<hidden_size = 4>(x, w, r)", "y, h = RNN(x, w, r, , l)",
                           "y, h = RNN(x, w, r, , n)", "y, h = RNN<direction = \"sideways\">(x, w, r)",
                           "y, h = RNN<activations = [\"Tanh\", \"Tanh\"]>(x, w, r)",
                           "y, h = RNN<activations = [\"Cosh\"]>(x, w, r)"}) {
    const auto y = RunOne(node, inputs);
    EXPECT_TRUE(absl::IsInvalidArgument(y.status())) << node << ": " << y.status();
  }
}

// ---- Resize ----

TEST(ResizeOps, KeepEveryElementAtScaleOne) {
  const Tensor x = RandomTensor(1, {1, 2, 3, 4});
  const Tensor scales = Tensor::Of<float>({4}, {1, 1, 1, 1});
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    for (const char* coordinates : {"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"}) {
      const auto y = RunOne(absl::StrCat("y = Resize<mode = \"", mode,
                                         "\", coordinate_transformation_mode = \"", coordinates,
                                         "\">(x, , s)"),
                            {{"x", x}, {"s", scales}});
      ASSERT_TRUE(y.ok()) << y.status();
      EXPECT_EQ((*y)[0].raw(), x.raw()) << mode << ", " << coordinates;
    }
  }
}

TEST(ResizeOps, NearestMovesAnyType) {
  const Tensor x = Tensor::Of<int64_t>({1, 1, 2}, {(int64_t{1} << 53) + 1, 7});
  const auto y = RunOne("y = Resize<coordinate_transformation_mode = \"asymmetric\", "
                        "nearest_mode = \"floor\">(x, , s)",
                        {{"x", x}, {"s", Tensor::Of<float>({3}, {1, 1, 2})}});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_THAT((*y)[0].data<int64_t>(),
              ElementsAre((int64_t{1} << 53) + 1, (int64_t{1} << 53) + 1, 7, 7));
}

TEST(ResizeOps, RefuseWhatDoesNotFit) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<NamedInput> inputs = {
      {"x", RandomTensor(1, {1, 1, 4})},
      {"zero", Tensor::Of<float>({3}, {1, 1, 0})},
      {"negative", Tensor::Of<float>({3}, {1, 1, -2})},
      {"inf", Tensor::Of<float>({3}, {1, 1, inf})},
      {"nan", Tensor::Of<float>({3}, {1, 1, std::nanf("")})},
      {"two", Tensor::Of<float>({2}, {1, 2})},
      {"one", Tensor::Of<float>({3}, {1, 1, 1})},
      {"sizes", Tensor::Of<int64_t>({3}, {1, 1, -4})},
      {"huge", Tensor::Of<int64_t>({3}, {1, 1, INT64_MAX})}};
  for (const char* node : {
           "y = Resize(x, , zero)", "y = Resize(x, , negative)", "y = Resize(x, , inf)",
           "y = Resize(x, , nan)", "y = Resize(x, , two)", "y = Resize(x, , , sizes)",
           "y = Resize(x, , , huge)", "y = Resize(x)", "y = Resize<mode = \"area\">(x, , one)",
           "y = Resize<axes = [2, 2]>(x, , two)", "y = Resize<axes = [3]>(x, , two)",
           "y = Resize<coordinate_transformation_mode = \"tf_crop_and_resize\">(x, two, one)",
           "y = Resize<antialias = 1>(x, , one)"}) {
    const auto y = RunOne(node, inputs);
    EXPECT_TRUE(absl::IsInvalidArgument(y.status())) << node << ": " << y.status();
  }
}

}  // namespace
}  // namespace dsperse
