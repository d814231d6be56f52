#include "fold/passes/fuse_affine.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ConstantInput;
using ::dsperse::testing::ConstantNamed;
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::MissTexts;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::PrintGraph;
using ::dsperse::testing::RunFold;
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- behind a linear operator ----

struct StepCase {
  const char* constant;    // "float[2, 1, 1] c = {2, 4}"
  const char* expression;  // of the Conv's result y
  std::vector<double> weight, bias;
};

class StepsBehind : public ::testing::TestWithParam<StepCase> {};

TEST_P(StepsBehind, GoIntoTheConv) {
  const StepCase& c = GetParam();
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 2, 2] x) => (float[1, 2, 2, 2] z)
      <float[2, 1, 1, 1] w = {1, 3}, float[2] b = {8, 16}, )", c.constant, R"(>
    { y = Conv(x, w, b)
      z = )", c.expression, "}"));
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "Conv");
  EXPECT_EQ(ConstantNamed(graph, "w"), c.weight);
  EXPECT_EQ(ConstantNamed(graph, "b"), c.bias);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, StepsBehind,
    ::testing::Values(
        StepCase{"float[2, 1, 1] c = {2, 4}", "Mul(y, c)", {2, 12}, {16, 64}},
        StepCase{"float[1, 2, 1, 1] c = {2, 4}", "Mul(c, y)", {2, 12}, {16, 64}},
        StepCase{"float c = {2}", "Mul(y, c)", {2, 6}, {16, 32}},
        StepCase{"float[1] c = {2}", "Div(y, c)", {0.5, 1.5}, {4, 8}},
        StepCase{"float[2, 1, 1] c = {2, 4}", "Add(y, c)", {1, 3}, {10, 20}},
        StepCase{"float[2, 1, 1] c = {2, 4}", "Sub(y, c)", {1, 3}, {6, 12}},
        StepCase{"float[2, 1, 1] c = {2, 4}", "Sub(c, y)", {-1, -3}, {-6, -12}}));

TEST(FuseAffine, AWholeChainIsRoundedOnce) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] z)
      <float[1, 1, 1, 1] w = {0.3}, float[1] k = {0.7}, float[1] t = {0.1}, float[1] scale = {1.3},
       float[1] shift = {0.9}, float[1] mean = {0.2}, float[1] var = {0.6}>
    { a = Conv(x, w)
      b = Mul(a, k)
      c = Add(b, t)
      z = BatchNormalization(c, scale, shift, mean, var) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "Conv");
  const double factor = double{1.3f} / std::sqrt(double{0.6f} + double{1e-5f});
  EXPECT_EQ(ConstantNamed(graph, "w")[0],
            static_cast<float>(double{0.3f} * (double{0.7f} * factor)));
  EXPECT_EQ(ConstantInput(graph, FindOpNode(graph, "Conv"), 2)[0],
            static_cast<float>((double{0.1f} - double{0.2f}) * factor + double{0.9f}));
}

TEST(FuseAffine, MulAloneWritesNoBias) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 2, 2] x) => (float[1, 2, 2, 2] z) <float[2, 1, 1, 1] w = {1, 3}, float c = {2}>
    { y = Conv(x, w) z = Mul(y, c) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(graph.node(FindOpNode(graph, "Conv")).num_inputs(), 2);
}

TEST(FuseAffine, MatMulOnTheLastAxis) {
  Graph graph = ParseGraph(R"(
    g (float[2, 3, 2] x) => (float[2, 3, 2] z)
      <float[2, 2] w = {1, 2, 3, 4}, float[2] t = {1, 2}, float[2] k = {2, 4}>
    { a = MatMul(x, w) b = Add(a, t) z = Mul(b, k) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "MatMul Add");
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(2, 8, 6, 16));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Add"), 1), ElementsAre(2, 8));
}

TEST(FuseAffine, AMatMulWithItsBiasIsLeftAlone) {
  Graph graph = ParseGraph(R"(
    g (float[3, 2] x) => (float[3, 2] z) <float[2, 2] w = {1, 2, 3, 4}, float[2] t = {1, 2}>
    { a = MatMul(x, w) z = Add(a, t) })");
  EXPECT_FALSE(RunPass(FuseAffine(), graph).changed);
}

// ---- before a linear operator ----

TEST(FuseAffine, BatchNormBeforeAConvWithoutPadding) {
  Graph graph = ParseGraph(R"(
    g (float[1, 2, 3, 3] x) => (float[1, 2, 2, 2] z)
      <float[2, 2, 2, 2] w = {1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1}, float[2] b = {1, 2},
       float[2] scale = {2, 3}, float[2] shift = {1, 2}, float[2] mean = {1, -1},
       float[2] one = {1, 1}>
    { y = BatchNormalization<epsilon = 0.0>(x, scale, shift, mean, one) z = Conv(y, w, b) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "Conv");
  EXPECT_THAT(ConstantNamed(graph, "w"),
              ElementsAre(2, 4, 6, 8, 15, 18, 21, 24, 16, 14, 12, 10, 12, 9, 6, 3));
  // The shifts are (0 − 1)·2 + 1 = −1 and (0 + 1)·3 + 2 = 5.
  EXPECT_THAT(ConstantNamed(graph, "b"), ElementsAre(1 - 10 + 5 * 26, 2 - 26 + 5 * 10));
}

TEST(FuseAffine, AScaleGoesThroughPadding) {
  Graph graph = ParseGraph(R"(
    g (float[1, 2, 3, 3] x) => (float[1, 1, 5, 5] z)
      <float[1, 2, 1, 1] w = {1, 2}, float[2, 1, 1] c = {2, 4}>
    { y = Mul(x, c) z = Conv<pads = [1, 1, 1, 1]>(y, w) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(2, 8));
}

TEST(FuseAffine, GroupsTakeTheirOwnInputChannels) {
  Graph graph = ParseGraph(R"(
    g (float[1, 4, 2, 2] x) => (float[1, 2, 2, 2] z)
      <float[2, 2, 1, 1] w = {1, 2, 3, 4}, float[4, 1, 1] c = {1, 2, 4, 8}, float[4, 1, 1] t = {1, 1, 1, 1}>
    { m = Mul(x, c) y = Add(m, t) z = Conv<group = 2>(y, w) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(1, 4, 12, 32));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv"), 2), ElementsAre(3, 7));
}

TEST(FuseAffine, BothSidesAtOnce) {
  Graph graph = ParseGraph(R"(
    g (float[1, 2] x) => (float[1, 2] z)
      <float[2, 2] w = {0.1, 0.2, 0.3, 0.4}, float[2] k = {0.7, 0.9}, float[2] m = {1.1, 1.3}>
    { a = Mul(x, k) b = Gemm(a, w) z = Mul(b, m) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "Gemm");
  EXPECT_EQ(ConstantNamed(graph, "w")[1],
            static_cast<float>(double{0.2f} * double{0.7f} * double{1.3f}));
}

TEST(FuseAffine, GemmAlphaScalesTheShiftToo) {
  Graph graph = ParseGraph(R"(
    g (float[1, 2] x) => (float[1, 2] z)
      <float[2, 2] w = {1, 2, 3, 4}, float[2] c = {10, 20}, float[2] t = {1, 2}>
    { a = Add(x, t) z = Gemm<alpha = 2.0, beta = 3.0>(a, w, c) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "Gemm");
  EXPECT_THAT(ConstantNamed(graph, "c"), ElementsAre(30 + 2 * 7, 60 + 2 * 10));
}

TEST(FuseAffine, BatchNormBeforeMatMulLeavesAnAdd) {
  Graph graph = ParseGraph(R"(
    g (float[3, 2] x) => (float[3, 2] z)
      <float[2, 2] w = {1, 2, 3, 4}, float[2] scale = {2, 3}, float[2] shift = {1, 2},
       float[2] zero = {0, 0}, float[2] one = {1, 1}>
    { y = BatchNormalization<epsilon = 0.0>(x, scale, shift, zero, one) z = MatMul(y, w) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "MatMul Add");
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(2, 4, 9, 12));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Add"), 1), ElementsAre(7, 10));
}

TEST(FuseAffine, ConvTransposeTakesAShiftOnlyThroughAPoint) {
  Graph graph = ParseGraph(R"(
    g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] z)
      <float[2, 2, 1, 1] w = {1, 2, 3, 4}, float[2, 1, 1] t = {1, 10}>
    { y = Add(x, t) z = ConvTranspose(y, w) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "ConvTranspose"), 2), ElementsAre(31, 42));
}

// ---- beside a BatchNormalization ----

TEST(FuseAffine, StepsBehindABatchNormKeepItsMean) {
  Graph graph = ParseGraph(R"(
    g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] z)
      <float[2] scale = {2, 3}, float[2] shift = {1, 2}, float[2] mean = {3, 4}, float[2] var = {5, 6},
       float[2, 1, 1] k = {2, 4}, float[2, 1, 1] t = {1, 1}>
    { a = Relu(x)
      b = BatchNormalization(a, scale, shift, mean, var)
      c = Mul(b, k)
      z = Add(c, t) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "Relu BatchNormalization");
  EXPECT_THAT(ConstantNamed(graph, "scale"), ElementsAre(4, 12));
  EXPECT_THAT(ConstantNamed(graph, "shift"), ElementsAre(3, 9));
  EXPECT_THAT(ConstantNamed(graph, "mean"), ElementsAre(3, 4));
}

TEST(FuseAffine, StepsBeforeABatchNormClearItsMean) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] z)
      <float[1] scale = {2}, float[1] shift = {1}, float[1] mean = {3}, float[1] var = {4},
       float k = {4}, float t = {5}>
    { a = Relu(x)
      b = Mul(a, k)
      c = Add(t, b)
      z = BatchNormalization<epsilon = 0.0>(c, scale, shift, mean, var) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "Relu BatchNormalization");
  EXPECT_THAT(ConstantNamed(graph, "scale"), ElementsAre(8));
  EXPECT_THAT(ConstantNamed(graph, "mean"), ElementsAre(0));
  EXPECT_THAT(ConstantNamed(graph, "shift"), ElementsAre(3));  // (5 − 3)·1 + 1
}

TEST(FuseAffine, TwoBatchNormsBecomeOne) {
  Graph graph = ParseGraph(R"(
    g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] z)
      <float[2] p = {2, 3}, float[2] q = {1, 2}>
    { a = Relu(x)
      b = BatchNormalization(a, p, q, p, p)
      z = BatchNormalization(b, q, p, q, p) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "Relu BatchNormalization");
}

TEST(FuseAffine, OldBroadcastingByAttribute) {
  Graph graph = ParseGraph(R"(<ir_version: 3, opset_import: ["" : 6]>
    g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] z)
      <float[2, 2, 1, 1] w = {1, 2, 3, 4}, float[2] c = {2, 4}>
    { y = Conv(x, w) z = Mul<axis = 1, broadcast = 1>(y, c) })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph, {}, {.compare = false}).changed);
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(2, 4, 12, 16));
}

// ---- refusals ----

struct Refusal {
  const char* constants;
  const char* nodes;
  const char* miss;
};
class AffineRefusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(AffineRefusals, HaveARemark) {
  Graph graph = ParseGraph(absl::StrCat("g (float[1, 2, 4, 4] x) => (float[a, b, c, d] z) <",
                                        "float[2, 2, 1, 1] w = {1, 2, 3, 4}, ",
                                        GetParam().constants, "> {", GetParam().nodes, "}"));
  const PassResult result = RunPass(FuseAffine(), graph, {}, {.compare = false});
  EXPECT_FALSE(result.changed) << PrintGraph(graph);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(GetParam().miss)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, AffineRefusals,
    ::testing::Values(
        Refusal{"float[4] c = {1, 2, 3, 4}", "y = Conv(x, w) z = Mul(y, c)",
                "its constant of shape [4] is not one factor for each of the 2 channels on axis 1"},
        Refusal{"float[1, 1, 1, 1, 1] c = {2}", "y = Conv(x, w) z = Mul(y, c)",
                "its constant of shape [1, 1, 1, 1, 1] is not one factor"},
        Refusal{"float c = {2}", "y = Conv(x, w) r = Relu(y) m = Mul(y, c) z = Add(m, r)",
                "the result of Conv 'y' has 2 readers"},
        Refusal{"float c = {0}", "y = Conv(x, w) z = Div(y, c)", "channel 0: its constant is 0"},
        Refusal{"float c = {1e30}, float[2] b = {1e30, 1}", "y = Conv(x, w, b) z = Mul(y, c)",
                "channel 0: the fused bias is not finite in float"},
        Refusal{"float c = {1}", "y = Add(x, c) z = Conv<pads = [1, 1, 1, 1]>(y, w)",
                "it pads its input, and a shift would have to reach the padding"},
        Refusal{"float c = {1}", "y = Add(x, c) z = Conv<auto_pad = \"SAME_UPPER\">(y, w)",
                "its auto_pad is SAME_UPPER"},
        Refusal{"float c = {1}, float[2, 1, 2, 2] v = {1, 2, 3, 4, 5, 6, 7, 8}",
                "y = Add(x, c) z = ConvTranspose(y, v)", "constant only with kernel 1, stride 1"},
        Refusal{"float c = {2}", "y = Mul(x, c) r = Conv(y, w) z = Add(r, y)",
                "its result has 2 readers"},
        Refusal{"float[3] p = {1, 2, 3}", "y = BatchNormalization(x, p, p, p, p) z = Conv(y, w)",
                "its scale has 3 channels, its input 2"},
        Refusal{"float[2] p = {1, 2}, float[4, 4] c = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}",
                "r = Relu(x) y = BatchNormalization(r, p, p, p, p) z = Mul(y, c)",
                "its constant of shape [4, 4] is not one factor"},
        Refusal{"float[2] p = {1e30, 2}, float c = {1e30}",
                "r = Relu(x) y = BatchNormalization(r, p, p, p, p) z = Mul(y, c)",
                "joined with BatchNormalization 'y' it is not finite in float"}));

// ---- the whole pipeline ----

TEST(FuseAffine, LeavesPureBatchNormChainsToItsSibling) {
  const char* text = R"(
    g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] z)
      <float[2, 2, 1, 1] w = {1, 2, 3, 4}, float[2] p = {2, 3}>
    { y = Conv(x, w) z = BatchNormalization(y, p, p, p, p) })";
  Graph graph = ParseGraph(text);
  EXPECT_FALSE(RunPass(FuseAffine(), graph).changed);
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Conv");
}

TEST(FuseAffine, IdentityBetweenIsRemovedFirst) {
  Graph graph = ParseGraph(R"(
    g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] z)
      <float[2, 2, 1, 1] w = {1, 2, 3, 4}, float[2] p = {2, 3}>
    { a = Conv(x, w) b = Identity(a) c = Dropout(b) d = Cast<to = 1>(c)
      z = BatchNormalization(d, p, p, p, p) })");
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Conv");
}

// ---- with a target ----

FoldOptions For(const char* target) {
  FoldOptions options;
  options.target = Target::Find(target);
  return options;
}

// A mean of `taps` numbers goes into the weights only while they keep their digits in fixed point.
std::string MeanBefore(int taps) {
  return absl::StrCat(R"(
    g (float[1, 1, 1, 1] x) => (float[1, 1, 1, 1] z) <float n = {)", taps, R"(}, float[1, 1, 1, 1] w = {0.5},
      float[1] b = {8}>
    { m = Div(x, n)
      z = Conv <kernel_shape = [1, 1]> (m, w, b) })");
}

TEST(FuseAffineTest, AMeanOfManyStaysBeforeWeightsOfAFixedPointProver) {
  Graph graph = ParseGraph(MeanBefore(256));
  std::string missed;
  for (const Remark& remark : RunFold(graph, For("jstprove")).remarks) missed += remark.text;
  EXPECT_THAT(missed, HasSubstr("lose digits"));
  EXPECT_EQ(Ops(graph), "Div Conv");
  EXPECT_EQ(ConstantNamed(graph, "w"), std::vector<double>{0.5});
}

TEST(FuseAffineTest, AMeanOfFewGoesIntoTheWeightsOfAFixedPointProver) {
  Graph graph = ParseGraph(MeanBefore(128));
  RunFold(graph, For("jstprove"));
  EXPECT_EQ(Ops(graph), "Conv");
  EXPECT_EQ(ConstantNamed(graph, "w"), std::vector<double>{1.0 / 256});
}

TEST(FuseAffineTest, AMeanOfManyGoesIntoTheWeightsWithoutATarget) {
  Graph graph = ParseGraph(MeanBefore(256));
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Conv");
}

TEST(FuseAffineTest, AMeanOfManyStaysBeforeABatchNormalizationOfAFixedPointProver) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 1, 1] x) => (float[1, 1, 1, 1] z) <float n = {256}, float[1] one = {1}, float[1] zero = {0}>
    { m = Div(x, n)
      z = BatchNormalization(m, one, zero, zero, one) })");
  PassContext context(&graph, {});
  context.target = Target::Find("jstprove");
  EXPECT_FALSE(*FuseAffine().Run(graph, context));
  EXPECT_EQ(Ops(graph), "Div BatchNormalization");
}

}  // namespace
}  // namespace dsperse
