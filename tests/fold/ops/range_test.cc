// Bounds of values: the rules' own numbers, and that no run of a random net ever leaves them.
#include "fold/ops/range.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fold/ops/interpreter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ParseGraph;
using ::testing::HasSubstr;

Interval RangeOf(const std::string& text, const std::vector<std::string>& flags) {
  const Graph graph = ParseGraph(text);
  const absl::StatusOr<InputRanges> inputs = ParseInputRanges(flags, graph);
  EXPECT_TRUE(inputs.ok()) << inputs.status();
  Facts facts(&graph);
  Ranges ranges(&graph, &facts, &*inputs);
  return ranges.Of(graph.Outputs(graph.main())[0]);
}

void ExpectNear(Interval range, double low, double high) {
  ASSERT_TRUE(range.bounded());
  EXPECT_LE(range.low, low);
  EXPECT_GE(range.high, high);
  EXPECT_NEAR(range.low, low, 1e-4 * (1 + std::fabs(low)));
  EXPECT_NEAR(range.high, high, 1e-4 * (1 + std::fabs(high)));
}

TEST(RangeTest, ChannelsOfAConvAddTheirWorstCases) {
  const std::string conv =
      "g (float[1,2,1,1] x) => (y) <float[2,2,1,1] w = {1.0, -2.0, 3.0, 0.5}, float[2] b = {10.0, 0.0}> "
      "{ y = Conv(x, w, b) }";
  // Channel 0: 10 − 2·2 + 1·(−1) … 10 + 2 + 2·1; channel 1: −3.5 … 7; a bias is hulled over channels.
  ExpectNear(RangeOf(conv, {"x=-1,2"}), -5, 17);
  EXPECT_FALSE(RangeOf(conv, {}).bounded());
}

TEST(RangeTest, PaddingIsZero) {
  const std::string conv =
      "g (float[1,1,3,3] x) => (y) <float[1,1,3,3] w = {1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0}> ";
  ExpectNear(RangeOf(conv + "{ y = Conv(x, w) }", {"2,3"}), 18, 27);
  ExpectNear(RangeOf(conv + "{ y = Conv<pads=[1,1,1,1]>(x, w) }", {"2,3"}), 0, 27);
}

TEST(RangeTest, ComparisonsAreExact) {
  EXPECT_EQ(RangeOf("g (float[4] x) => (y) { y = Relu(x) }", {"-1,2"}).low, 0);
  EXPECT_EQ(RangeOf("g (float[4] x) => (y) { y = Relu(x) }", {"-1,2"}).high, 2);
  const Interval clipped = RangeOf(
      "g (float[4] x) => (y) <float a = {0.0}, float b = {6.0}> { y = Clip(x, a, b) }", {"-9,9"});
  EXPECT_EQ(clipped.low, 0);
  EXPECT_EQ(clipped.high, 6);
  // Sums and means of what isn't negative are not either.
  EXPECT_EQ(RangeOf("g (float[1,1,2,2] x) => (y) { a = Relu(x) b = Add(a, a) c = GlobalAveragePool(b) "
                    "y = Mul(c, c) }",
                    {"-1,1"})
                .low,
            0);
}

TEST(RangeTest, WhatIsNotKnownIsUnbounded) {
  EXPECT_FALSE(RangeOf("g (float[4] x) => (y) { y = Det(x) }", {"-1,1"}).bounded());
  EXPECT_FALSE(RangeOf("g (float16[4] x) => (y) { y = Add(x, x) }", {"-1,1"}).bounded());
  EXPECT_FALSE(RangeOf("g (float[4] x, float[4] z) => (y) { y = Add(x, z) }", {"x=-1,1"}).bounded());
  EXPECT_FALSE(RangeOf("g (float[4] x) => (y) { y = Reciprocal(x) }", {"-1,1"}).bounded());
  EXPECT_FALSE(RangeOf("g (float[4] x) => (y) { y = Exp(x) }", {"0,1000"}).bounded());
  EXPECT_FALSE(RangeOf("g (float[4] x) => (y) { y = Mul(x, x) }", {"0,1e30"}).bounded());
}

TEST(RangeTest, RefusesWrongFlags) {
  const Graph graph = ParseGraph("g (float[4] x, float[4] z) => (y) { y = Add(x, z) }");
  const auto error = [&](const std::vector<std::string>& flags) {
    const absl::StatusOr<InputRanges> ranges = ParseInputRanges(flags, graph);
    EXPECT_EQ(ranges.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(ranges.status().message());
  };
  EXPECT_THAT(error({"-1,1"}), HasSubstr("has 2 inputs"));
  EXPECT_THAT(error({"w=-1,1"}), HasSubstr("no input 'w'"));
  EXPECT_THAT(error({"x=1,-1"}), HasSubstr("the lower first"));
  EXPECT_THAT(error({"x=1"}), HasSubstr("the lower first"));
  EXPECT_THAT(error({"x=0,inf"}), HasSubstr("the lower first"));
  EXPECT_THAT(error({"x=0,nan"}), HasSubstr("the lower first"));
  EXPECT_THAT(error({"x=0,1", "x=0,2"}), HasSubstr("already"));
}

// ---- random nets ----

class RandomNet {
 public:
  explicit RandomNet(uint32_t seed) : random_(seed) {}

  // Nodes on values [1,4,5,5], with a few that leave the shape at the end.
  std::string Text(int nodes) {
    std::vector<std::string> body;
    std::vector<std::string> planes{"x"};
    for (int i = 0; i < nodes; ++i) {
      const std::string out = absl::StrCat("v", i);
      body.push_back(absl::StrCat(out, " = ", Node(planes)));
      planes.push_back(out);
    }
    const std::string last = planes.back();
    static const char* const kEnds[] = {
        "y = GlobalAveragePool(%s)",
        "y = GlobalMaxPool(%s)",
        "y = ReduceSum<keepdims=0>(%s)",
        "y = ReduceMean<axes=[1,3]>(%s)",
        "y = ReduceL2<axes=[2,3]>(%s)",
        "y = AveragePool<kernel_shape=[2,2], strides=[2,2]>(%s)",
        "f = Flatten(%s) y = Gemm<alpha=0.5, beta=-2.0>(f, m, mb)",
        "f = Flatten(%s) y = Gemm<transB=1>(f, mt)",
        "f = Flatten(%s) y = MatMul(f, m)",
        "t = Transpose<perm=[0,1,3,2]>(%s) y = MatMul(%s, t)",
        "y = ConvTranspose<strides=[2,2]>(%s, ct)",
        "y = Concat<axis=1>(%s, x)",
    };
    std::string end = kEnds[random_() % std::size(kEnds)];
    for (size_t at; (at = end.find("%s")) != std::string::npos;) end.replace(at, 2, last);
    return absl::StrCat("g (float[1,4,5,5] x) => (y, ", last == "x" ? "v0" : last, ") <", Constant("w3", {4, 4, 3, 3}),
                        ", ", Constant("w1", {4, 4, 1, 1}), ", ", Constant("dw", {4, 1, 3, 3}), ", ",
                        Constant("b", {4}), ", ", Constant("c", {1, 4, 1, 1}), ", ",
                        Constant("m", {100, 3}), ", ", Constant("mt", {3, 100}), ", ",
                        Constant("mb", {3}), ", ", Constant("ct", {4, 2, 2, 2}), ", ",
                        Constant("left", {5, 5}), ", ", Constant("ln", {5}), ", ",
                        Constant("gamma", {4}), ", float[4] var = {0.5, 0.01, 2.0, 1.0}, "
                        "float zero = {0.0}, float six = {6.0}, float three = {3.0}, float half = {0.5}> { ",
                        absl::StrJoin(body, " "), " ", end, " }");
  }

  double Uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  uint32_t Next() { return static_cast<uint32_t>(random_()); }

 private:
  std::string Node(const std::vector<std::string>& planes) {
    static const char* const kNodes[] = {
        "Conv<pads=[1,1,1,1]>(%s, w3, b)",
        "Conv(%s, w1)",
        "Conv<group=4, pads=[1,1,1,1]>(%s, dw)",
        "Relu(%s)",
        "Clip(%s, zero, six)",
        "Clip(%s, , six)",
        "Max(%s, zero)",
        "Min(%s, %s, three)",
        "Add(%s, %s)",
        "Sub(%s, %s)",
        "Mul(%s, %s)",
        "Mul(%s, c)",
        "Div(%s, three)",
        "Sum(%s, %s, %s)",
        "Mean(%s, %s, %s)",
        "Neg(%s)",
        "Abs(%s)",
        "LeakyRelu<alpha=0.1>(%s)",
        "PRelu(%s, c)",
        "Sigmoid(%s)",
        "Tanh(%s)",
        "Erf(%s)",
        "HardSigmoid(%s)",
        "HardSwish(%s)",
        "Elu(%s)",
        "Softplus(%s)",
        "Softmax<axis=1>(%s)",
        "Pow(%s, three)",
        "MaxPool<kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1]>(%s)",
        "AveragePool<kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1]>(%s)",
        "AveragePool<kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1], count_include_pad=1>(%s)",
        "BatchNormalization(%s, gamma, b, b, var)",
        "LayerNormalization(%s, ln, ln)",
        "InstanceNormalization(%s, gamma, b)",
        "MatMul(%s, left)",
        "MatMul(left, %s)",
        "Transpose<perm=[0,1,3,2]>(%s)",
        "Identity(%s)",
        "Dropout(%s)",
        "Sin(%s)",
        "Floor(%s)",
    };
    std::string node = kNodes[random_() % std::size(kNodes)];
    for (size_t at; (at = node.find("%s")) != std::string::npos;) {
      node.replace(at, 2, planes[random_() % planes.size()]);
    }
    return node;
  }

  std::string Constant(const std::string& name, const std::vector<int64_t>& dims) {
    int64_t count = 1;
    for (int64_t size : dims) count *= size;
    std::vector<std::string> elements;
    for (int64_t i = 0; i < count; ++i) {
      elements.push_back(absl::StrCat(static_cast<int>(random_() % 2001) - 1000, "e-3"));
    }
    return absl::StrCat("float[", absl::StrJoin(dims, ","), "] ", name, " = {",
                        absl::StrJoin(elements, ","), "}");
  }

  std::mt19937 random_;
};

// Inputs at random within the range, some of them at its ends.
Tensor InputOf(RandomNet& net, double low, double high) {
  std::vector<float> values(100);
  const uint32_t kind = net.Next() % 4;
  for (float& value : values) {
    value = static_cast<float>(kind == 0   ? (net.Next() % 2 == 0 ? low : high)
                               : kind == 1 ? high
                                           : net.Uniform(low, high));
    if (value < low) value = static_cast<float>(low);
    if (value > high) value = static_cast<float>(high);
  }
  return Tensor::Of<float>({1, 4, 5, 5}, absl::MakeConstSpan(values));
}

TEST(RangeTest, NoRunLeavesItsBounds) {
  constexpr int kNets = 400;
  constexpr int kRuns = 20;
  int64_t bounded = 0;
  int64_t values = 0;
  for (uint32_t seed = 0; seed < kNets; ++seed) {
    RandomNet net(seed);
    const std::string text = net.Text(1 + static_cast<int>(seed % 9));
    SCOPED_TRACE(absl::StrCat("seed ", seed, ": ", text.substr(text.rfind("> {"))));
    const Graph graph = ParseGraph(text);
    const double low = seed % 3 == 0 ? 0 : seed % 3 == 1 ? -1 : -4;
    const double high = seed % 2 == 0 ? 1 : 2.5;
    const InputRanges inputs{{"x", {low, high}}};
    Facts facts(&graph);
    Ranges ranges(&graph, &facts, &inputs);
    for (int run = 0; run < kRuns; ++run) {
      RunOptions options;
      options.threads = 1;
      options.tap = [&](ValueId value, const Tensor& tensor) {
        if (tensor.dtype() != DType::kFloat) return absl::OkStatus();
        const Interval range = ranges.Of(value);
        ++values;
        bounded += range.bounded() ? 1 : 0;
        const absl::StatusOr<std::vector<double>> elements = ToDoubles(tensor);
        if (!elements.ok()) return elements.status();
        for (double element : *elements) {
          if (range.Contains(element)) continue;
          return absl::InternalError(absl::StrCat(graph.Name(value), ": ", element,
                                                  " is outside of ", range.low, " … ", range.high));
        }
        return absl::OkStatus();
      };
      const absl::StatusOr<std::vector<Tensor>> out =
          RunGraph(graph, {InputOf(net, low, high)}, options);
      ASSERT_TRUE(out.ok()) << out.status();
    }
  }
  // It says something about nearly all of them.
  EXPECT_GT(bounded, values * 8 / 10);
}

}  // namespace
}  // namespace dsperse
