#include "fold/passes/fuse_conv_batchnorm.h"

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
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Parameters of a BatchNormalization of two channels.
constexpr char kParams[] =
    "float[2] scale = {1.5, -0.75}, float[2] shift = {0.25, 3}, float[2] mean = {0.5, -1.25}, "
    "float[2] var = {0.8, 1.7}";

// What the formula gives, in double and rounded once; written here a second time on purpose.
float Weight(float w, float scale, float var, float epsilon = 1e-5f) {
  const double s = std::sqrt(static_cast<double>(var) + static_cast<double>(epsilon));
  const double k = static_cast<double>(scale) / s;
  return static_cast<float>(static_cast<double>(w) * k);
}
float Bias(float b, float scale, float shift, float mean, float var, float epsilon = 1e-5f) {
  const double s = std::sqrt(static_cast<double>(var) + static_cast<double>(epsilon));
  const double k = static_cast<double>(scale) / s;
  const double centred = static_cast<double>(b) - static_cast<double>(mean);
  const double scaled = centred * k;
  return static_cast<float>(scaled + static_cast<double>(shift));
}

TEST(FuseConvBatchNorm, ConvAndBatchNormBecomeOneConv) {
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z)
      <float[2, 1, 1, 1] w = {0.3, -0.7}, float[2] b = {0.1, 0.2}, )", kParams, R"(>
    { y = Conv(x, w, b)
      z = BatchNormalization(y, scale, shift, mean, var) })"));
  const PassResult result = RunPass(FuseConvBatchNorm(), graph);
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(Ops(graph), "Conv");
  const NodeId conv = FindOpNode(graph, "Conv");
  EXPECT_EQ(graph.Name(graph.node(conv).output()), "z");
  // The constants that nobody else reads keep their names.
  EXPECT_EQ(graph.Name(graph.node(conv).input(1)), "w");
  EXPECT_EQ(graph.Name(graph.node(conv).input(2)), "b");
  EXPECT_THAT(ConstantNamed(graph, "w"),
              ElementsAre(Weight(0.3f, 1.5f, 0.8f), Weight(-0.7f, -0.75f, 1.7f)));
  EXPECT_THAT(ConstantNamed(graph, "b"), ElementsAre(Bias(0.1f, 1.5f, 0.25f, 0.5f, 0.8f),
                                                     Bias(0.2f, -0.75f, 3, -1.25f, 1.7f)));
  ASSERT_EQ(result.remarks.size(), 1u);
  EXPECT_THAT(result.remarks[0].gains, ElementsAre(1.5 / std::sqrt(0.8f + double{1e-5f}),
                                                   -0.75 / std::sqrt(1.7f + double{1e-5f})));
}

TEST(FuseConvBatchNorm, ConvAloneIsUntouched) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] y)
      <float[2, 1, 1, 1] w = {0.3, -0.7}, float[2] b = {0.1, 0.2}>
    { y = Conv(x, w, b) })");
  EXPECT_FALSE(RunPass(FuseConvBatchNorm(), graph).changed);
}

TEST(FuseConvBatchNorm, TwoPairsInARow) {
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 2, 3, 3] x) => (float[1, 2, 3, 3] out)
      <float[2, 2, 1, 1] w1 = {0.3, -0.7, 1, 2}, float[2, 2, 1, 1] w2 = {4, -0.7, 0.5, 2}, )",
                                        kParams, R"(>
    { a = Conv(x, w1)
      b = BatchNormalization(a, scale, shift, mean, var)
      c = Conv(b, w2)
      out = BatchNormalization(c, scale, shift, mean, var) })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "Conv Conv");
  EXPECT_THAT(ConstantNamed(graph, "w1"),
              ElementsAre(Weight(0.3f, 1.5f, 0.8f), Weight(-0.7f, 1.5f, 0.8f),
                          Weight(1, -0.75f, 1.7f), Weight(2, -0.75f, 1.7f)));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv", 1), 2),
              ElementsAre(Bias(0, 1.5f, 0.25f, 0.5f, 0.8f), Bias(0, -0.75f, 3, -1.25f, 1.7f)));
}


TEST(FuseConvBatchNorm, AChainOfBatchNormsIsRoundedOnce) {
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] out) <float[2, 1, 1, 1] w = {0.3, -0.7}, )",
                                        kParams, R"(>
    { a = Conv(x, w)
      b = BatchNormalization(a, scale, shift, mean, var)
      out = BatchNormalization(b, scale, shift, mean, var) })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "Conv");
  const double k = 1.5 / std::sqrt(double{0.8f} + double{1e-5f});
  const double t = (0 - 0.5) * k + 0.25;
  EXPECT_EQ(ConstantNamed(graph, "w")[0], static_cast<float>(double{0.3f} * (k * k)));
  EXPECT_EQ(ConstantInput(graph, FindOpNode(graph, "Conv"), 2)[0],
            static_cast<float>((t - 0.5) * k + 0.25));
}

TEST(FuseConvBatchNorm, AnEmptyBiasNameIsZero) {
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z) <float[2, 1, 1, 1] w = {1, 2}, )", kParams, R"(>
    { y = Conv(x, w, )
      z = BatchNormalization(y, scale, shift, mean, var) })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv"), 2),
              ElementsAre(Bias(0, 1.5f, 0.25f, 0.5f, 0.8f), Bias(0, -0.75f, 3, -1.25f, 1.7f)));
}

TEST(FuseConvBatchNorm, ABiasThatIsMissingIsNamedAfterTheWeight) {
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z) <float[2, 1, 1, 1] conv_weight = {1, 2}, )",
                                        kParams, R"(>
    { y = Conv(x, conv_weight)
      z = BatchNormalization(y, scale, shift, mean, var) })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(graph.Name(graph.node(FindOpNode(graph, "Conv")).input(2)), "conv_bias");
}

TEST(FuseConvBatchNorm, ConvOfOneAndThreeDimensionsAndGroups) {
  Graph one = ParseGraph(absl::StrCat(R"(
    g (float[1, 2, 5] x) => (float[1, 2, 4] z) <float[2, 1, 2] w = {1, 2, 3, 4}, )", kParams, R"(>
    { y = Conv<group = 2>(x, w)
      z = BatchNormalization(y, scale, shift, mean, var) })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), one).changed);
  EXPECT_THAT(ConstantNamed(one, "w"),
              ElementsAre(Weight(1, 1.5f, 0.8f), Weight(2, 1.5f, 0.8f), Weight(3, -0.75f, 1.7f),
                          Weight(4, -0.75f, 1.7f)));
  Graph three = ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 2, 2, 2] x) => (float[1, 2, 2, 2, 2] z) <float[2, 1, 1, 1, 1] w = {1, 2}, )",
                                        kParams, R"(>
    { y = Conv(x, w)
      z = BatchNormalization(y, scale, shift, mean, var) })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), three).changed);
}

TEST(FuseConvBatchNorm, ConvTransposeScalesTheBlockOfEachGroup) {
  // Weight [input channels 4, channels a group 2]: group 0 is rows 0 and 1, its channels 0 and 1.
  Graph graph = ParseGraph(R"(
    g (float[1, 4, 2, 2] x) => (float[1, 4, 2, 2] z)
      <float[4, 2, 1, 1] w = {1, 2, 3, 4, 5, 6, 7, 8}, float[4] scale = {1, 2, 4, 8},
       float[4] zero = {0, 0, 0, 0}, float[4] one = {1, 1, 1, 1}>
    { y = ConvTranspose<group = 2>(x, w)
      z = BatchNormalization<epsilon = 0.0>(y, scale, zero, zero, one) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "ConvTranspose");
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(1, 4, 3, 8, 20, 48, 28, 64));
}

TEST(FuseConvBatchNorm, ConvTransposeWithoutGroupsScalesAxisOne) {
  Graph graph = ParseGraph(R"(
    g (float[1, 2, 2, 2] x) => (float[1, 3, 2, 2] z)
      <float[2, 3, 1, 1] w = {1, 2, 3, 4, 5, 6}, float[3] scale = {1, 2, 4},
       float[3] zero = {0, 0, 0}, float[3] one = {1, 1, 1}>
    { y = ConvTranspose(x, w)
      z = BatchNormalization<epsilon = 0.0>(y, scale, zero, zero, one) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(1, 4, 12, 4, 10, 24));
}

TEST(FuseConvBatchNorm, GemmKeepsAlphaAndMultipliesBetaIn) {
  Graph graph = ParseGraph(R"(
    g (float[2, 2] x) => (float[2, 2] z)
      <float[2, 2] w = {1, 2, 3, 4}, float[1, 2] c = {1, 10}, float[2] scale = {2, 4},
       float[2] shift = {1, 2}, float[2] mean = {3, 5}, float[2] one = {1, 1}>
    { y = Gemm<alpha = 0.5, beta = 3.0, transB = 1>(x, w, c)
      z = BatchNormalization<epsilon = 0.0>(y, scale, shift, mean, one) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "Gemm");
  const NodeView gemm = graph.node(FindOpNode(graph, "Gemm"));
  EXPECT_EQ(gemm.Float("alpha", 1), 0.5f);
  EXPECT_EQ(gemm.Float("beta", 0), 1.0f);
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(2, 4, 12, 16));
  // (3·c − mean)·scale + shift.
  EXPECT_THAT(ConstantNamed(graph, "c"), ElementsAre(1, 102));
}

TEST(FuseConvBatchNorm, GemmBroadcastsAScalarBias) {
  Graph graph = ParseGraph(R"(
    g (float[2, 2] x) => (float[2, 2] z)
      <float[2, 2] w = {1, 2, 3, 4}, float[1] c = {1}, float[2] scale = {2, 4},
       float[2] shift = {1, 2}, float[2] zero = {0, 0}, float[2] one = {1, 1}>
    { y = Gemm(x, w, c)
      z = BatchNormalization<epsilon = 0.0>(y, scale, shift, zero, one) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(2, 8, 6, 16));
  EXPECT_THAT(ConstantNamed(graph, "c"), ElementsAre(3, 6));
}

TEST(FuseConvBatchNorm, MatMulWithRightConstantAndRankTwo) {
  Graph graph = ParseGraph(R"(
    g (float[3, 2] x) => (float[3, 2] z)
      <float[2, 2] w = {1, 2, 3, 4}, float[2] scale = {2, 4}, float[2] shift = {1, 2},
       float[2] mean = {3, 5}, float[2] one = {1, 1}>
    { y = MatMul(x, w)
      z = BatchNormalization<epsilon = 0.0>(y, scale, shift, mean, one) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "MatMul Add");
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(2, 8, 6, 16));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Add"), 1), ElementsAre(-5, -18));
}

TEST(FuseConvBatchNorm, MatMulWithLeftConstantAndRankThree) {
  Graph graph = ParseGraph(R"(
    g (float[2, 2, 3] x) => (float[2, 2, 3] z)
      <float[2, 2] w = {1, 2, 3, 4}, float[2] scale = {2, 4}, float[2] shift = {1, 2},
       float[2] mean = {3, 5}, float[2] one = {1, 1}>
    { y = MatMul(w, x)
      z = BatchNormalization<epsilon = 0.0>(y, scale, shift, mean, one) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "MatMul Add");
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(2, 4, 12, 16));
}

TEST(FuseConvBatchNorm, MatMulWhoseConstantDoesNotOwnAxisOneDeclines) {
  Graph graph = ParseGraph(R"(
    g (float[2, 2, 2] x) => (float[2, 2, 2] z)
      <float[2, 2] w = {1, 2, 3, 4}, float[2] p = {2, 4}>
    { y = MatMul(x, w)
      z = BatchNormalization(y, p, p, p, p) })");
  const PassResult result = RunPass(FuseConvBatchNorm(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result),
              ElementsAre("it works on axis 1, the constant before it owns axis 2 of 3"));
}

// ---- inference mode ----

struct ModeCase {
  int opset;
  const char* attributes;
  const char* outputs;
  const char* miss;  // "": fused
};

class InferenceMode : public ::testing::TestWithParam<ModeCase> {};

TEST_P(InferenceMode, FollowsTheOpset) {
  const ModeCase& c = GetParam();
  Graph graph = ParseGraph(absl::StrCat("<ir_version: 8, opset_import: [\"\" : ", c.opset, R"(]>
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z) <float[2, 1, 1, 1] w = {1, 2}, )", kParams,
                                        ">{ y = Conv(x, w) ", c.outputs, " = BatchNormalization<",
                                        c.attributes, ">(y, scale, shift, mean, var) }"));
  // The interpreter has no training mode.
  const PassResult result = RunPass(FuseConvBatchNorm(), graph, {}, {.compare = false});
  EXPECT_EQ(result.changed, c.miss[0] == '\0');
  if (result.changed) {
    EXPECT_EQ(Ops(graph), "Conv");
  } else {
    EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(c.miss)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Opsets, InferenceMode,
    ::testing::Values(
        ModeCase{17, "epsilon = 0.1", "z", ""},
        ModeCase{15, "training_mode = 0", "z", ""},
        ModeCase{15, "training_mode = 1", "z, m, v", "training mode"},
        ModeCase{15, "training_mode = 1", "z", "training mode"},
        ModeCase{13, "momentum = 0.9", "z", ""},
        ModeCase{9, "epsilon = 0.1", "z, m, v, sm, sv", "names 5 outputs"},
        ModeCase{8, "spatial = 1", "z", ""},
        ModeCase{8, "spatial = 0", "z", "spatial = 0"},
        ModeCase{7, "epsilon = 0.1", "z, m", "names 2 outputs"},
        ModeCase{6, "is_test = 1", "z", ""},
        ModeCase{6, "is_test = 0", "z", "training mode"},
        ModeCase{6, "is_test = 1, spatial = 0", "z", "spatial = 0"},
        ModeCase{5, "is_test = 1", "z", "opset 5"}));

// ---- parameters ----

struct ParameterCase {
  const char* params;
  const char* attributes;
  const char* miss;
};

class Parameters : public ::testing::TestWithParam<ParameterCase> {};

TEST_P(Parameters, Decline) {
  const ParameterCase& c = GetParam();
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x, float[2] given) => (float[1, 2, 3, 3] z)
      <float[2, 1, 1, 1] w = {1, 2}, )", c.params, R"(>
    { computed = Relu(given)
      y = Conv(x, w)
      z = BatchNormalization<)", c.attributes, R"(>(y, scale, shift, mean, var) })"));
  const PassResult result = RunPass(FuseConvBatchNorm(), graph, {}, {.compare = false});
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(c.miss)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Parameters,
    ::testing::Values(
        ParameterCase{"float[2] scale = {1, 1}, float[2] shift = {0, 0}, float[2] mean = {0, 0}, "
                      "float[2] var = {1, -0.5}",
                      "epsilon = 0.25", "channel 1: variance -0.5 + epsilon 0.25 is not positive"},
        ParameterCase{"float[2] scale = {1, 1}, float[2] shift = {0, 0}, float[2] mean = {0, 0}, "
                      "float[2] var = {0, 1}",
                      "epsilon = 0.0", "channel 0: variance 0 + epsilon 0 is not positive"},
        ParameterCase{"float[2] scale = {1, inf}, float[2] shift = {0, 0}, float[2] mean = {0, 0}, "
                      "float[2] var = {1, 1}",
                      "epsilon = 0.0", "channel 1: its scale is inf"},
        ParameterCase{"float[2] scale = {1, 1}, float[2] shift = {0, nan}, float[2] mean = {0, 0}, "
                      "float[2] var = {1, 1}",
                      "epsilon = 0.0", "channel 1: its shift is nan"},
        ParameterCase{"float[2] scale = {1, 1}, float[2] shift = {0, 3e38}, float[2] mean = {0, "
                      "-3e38}, float[2] var = {1, 1}",
                      "epsilon = 0.0", "channel 1: the fused bias is not finite in float"},
        ParameterCase{"float[2] scale = {1, 3e38}, float[2] shift = {0, 0}, float[2] mean = {0, 0}, "
                      "float[2] var = {1, 0.01}",
                      "epsilon = 0.0", "channel 1: the fused weight is not finite in float"},
        ParameterCase{"float[3] scale = {1, 1, 1}, float[3] shift = {0, 0, 0}, "
                      "float[3] mean = {0, 0, 0}, float[3] var = {1, 1, 1}",
                      "epsilon = 0.0", "its scale has 3 channels, its input 2"},
        ParameterCase{"float[1, 2] scale = {1, 1}, float[2] shift = {0, 0}, float[2] mean = {0, 0}, "
                      "float[2] var = {1, 1}",
                      "epsilon = 0.0", "its scale is a float tensor of shape [1, 2]"}));

TEST(FuseConvBatchNorm, NegativeVarianceIsFineWhereEpsilonMakesUpForIt) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 1, 1] x) => (float[1, 1, 1, 1] z)
      <float[1, 1, 1, 1] w = {3}, float[1] one = {1}, float[1] zero = {0}, float[1] var = {-0.75}>
    { y = Conv(x, w)
      z = BatchNormalization<epsilon = 1.0>(y, one, zero, zero, var) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(6));
}

TEST(FuseConvBatchNorm, ParametersThatAreNotConstantDecline) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 3, 3] x, float[2] scale) => (float[1, 2, 3, 3] z)
      <float[2, 1, 1, 1] w = {1, 2}, float[2] p = {1, 1}>
    { y = Conv(x, w)
      z = BatchNormalization(y, scale, p, p, p) })");
  const PassResult result = RunPass(FuseConvBatchNorm(), graph);
  EXPECT_THAT(MissTexts(result), ElementsAre("its scale 'scale' is not constant"));
}

TEST(FuseConvBatchNorm, SharedParametersStayForTheirOtherReaders) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z, float[2] p, float[2] q)
      <float[2, 1, 1, 1] w = {1, 2}, float[2] p = {0.5, 2}>
    { y = Conv(x, w)
      z = BatchNormalization(y, p, p, p, p)
      q = Relu(p) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "Conv Relu");
  EXPECT_THAT(ConstantNamed(graph, "p"), ElementsAre(0.5, 2));
}

// ---- the producer ----

TEST(FuseConvBatchNorm, SharedWeightsAreNotEdited) {
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 2, 3, 3] x) => (float[1, 2, 3, 3] z, float[1, 2, 3, 3] u)
      <float[2, 2, 1, 1] w = {1, 2, 3, 4}, float[2] b = {1, 2}, )", kParams, R"(>
    { y = Conv(x, w, b)
      z = BatchNormalization(y, scale, shift, mean, var)
      u = Conv(x, w, b) })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ConstantNamed(graph, "b"), ElementsAre(1, 2));
  EXPECT_EQ(graph.Name(graph.node(FindOpNode(graph, "Conv")).input(1)), "w_1");
  EXPECT_EQ(ConstantNamed(graph, "w_1")[0], Weight(1, 1.5f, 0.8f));
}

struct SharedCase {
  const char* outputs;
  const char* nodes;
  const char* miss;
};

class SharedResult : public ::testing::TestWithParam<SharedCase> {
 protected:
  Graph Make() const {
    return ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x, bool c) => ()", GetParam().outputs, R"()
      <float[2, 1, 1, 1] w = {1, 2}, )", kParams, R"(>
    { y = Conv(x, w)
      z = BatchNormalization(y, scale, shift, mean, var) )", GetParam().nodes, "}"));
  }
};

TEST_P(SharedResult, Declines) {
  Graph graph = Make();
  const PassResult result = RunPass(FuseConvBatchNorm(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(GetParam().miss)));
}

TEST_P(SharedResult, IsFusedIntoACopyWhenAsked) {
  Graph graph = Make();
  PassOptions options;
  options.duplicate_shared = true;
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph, options).changed);
  EXPECT_THAT(Ops(graph), ::testing::StartsWith("Conv Conv"));
  EXPECT_EQ(ConstantNamed(graph, "w")[0], 1);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, SharedResult,
    ::testing::Values(
        SharedCase{"float[1, 2, 3, 3] z, float[1, 2, 3, 3] y", "", "is a graph output"},
        SharedCase{"float[1, 2, 3, 3] z, float[1, 2, 3, 3] r", "r = Relu(y)", "has 2 readers"},
        SharedCase{"float[1, 2, 3, 3] z, float[1, 2, 3, 3] r",
                   "r = If(c) <then_branch = t () => (float[1, 2, 3, 3] a) { a = Relu(y) }, "
                   "else_branch = e () => (float[1, 2, 3, 3] b) { b = Neg(y) }>",
                   "is captured by a body"}));

struct WeightCase {
  const char* header;
  const char* inputs;
  const char* initializers;
  const char* nodes;
  const char* miss;
};

class Weights : public ::testing::TestWithParam<WeightCase> {};

TEST_P(Weights, Decline) {
  const WeightCase& c = GetParam();
  Graph graph = ParseGraph(absl::StrCat(c.header, "g (float[1, 1, 3, 3] x", c.inputs,
                                        ") => (float[1, 2, 3, 3] z) <", c.initializers, kParams, ">{",
                                        c.nodes,
                                        "z = BatchNormalization(y, scale, shift, mean, var) }"));
  const PassResult result = RunPass(FuseConvBatchNorm(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(c.miss)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Weights,
    ::testing::Values(
        WeightCase{"", ", float[2, 1, 1, 1] w", "", "y = Conv(x, w)",
                   "its weight 'w' is not constant"},
        WeightCase{"", ", float[2] b", "float[2, 1, 1, 1] w = {1, 2},", "y = Conv(x, w, b)",
                   "its bias 'b' is not constant"},
        WeightCase{"", ", float[2, 1, 1, 1] w = {1, 2}", "", "y = Conv(x, w)",
                   "its weight 'w' may be overridden by the caller"},
        WeightCase{"", "", "int8[2, 1, 1, 1] q = {1, 2}, float s = {0.5}, int8 o = {0},",
                   "w = DequantizeLinear(q, s, o) y = Conv(x, w)",
                   "its weight 'w' is computed by DequantizeLinear"},
        WeightCase{"", "", "float[2, 1, 1, 1] w = {1, 2},", "c = Conv(x, w) y = Relu(c)",
                   "no Conv, ConvTranspose, Gemm or MatMul to join"}));

TEST(FuseConvBatchNorm, BeforeIrFourAListedInitializerIsConstant) {
  Graph graph = ParseGraph(absl::StrCat(R"(<ir_version: 3, opset_import: ["" : 9]>
    g (float[1, 1, 3, 3] x, float[2, 1, 1, 1] w = {1, 2}) => (float[1, 2, 3, 3] z) <)", kParams, R"(>
    { y = Conv(x, w)
      z = BatchNormalization(y, scale, shift, mean, var) })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(graph.Inputs(graph.main()).size(), 1u);
}

TEST(FuseConvBatchNorm, ConstantNodesCountAsConstants) {
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z) <)", kParams, R"(>
    { w = Constant<value = float[2, 1, 1, 1] {1, 2}>()
      b = Constant<value_floats = [1.0, 2.0]>()
      y = Conv(x, w, b)
      z = BatchNormalization(y, scale, shift, mean, var) })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "Conv");
  EXPECT_EQ(ConstantNamed(graph, "w")[0], Weight(1, 1.5f, 0.8f));
}

// ---- element types (the text syntax takes half precision by its bits) ----

TEST(FuseConvBatchNorm, MixedHalfAndFloatRoundsOnceToTheWeightsType) {
  Graph graph = ParseGraph(R"(
    g (float16[1, 1, 2, 2] x) => (float16[1, 1, 2, 2] z)
      <float16[1, 1, 1, 1] w = {13652}, float[1] scale = {0.777}, float[1] shift = {0.1},
       float[1] mean = {0.2}, float[1] var = {0.9}>
    { y = Conv(x, w)
      z = BatchNormalization(y, scale, shift, mean, var) })");
  const double w = ConstantNamed(graph, "w")[0];
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph, {}, {.tolerance = 1e-2}).changed);
  const double k = double{0.777f} / std::sqrt(double{0.9f} + double{1e-5f});
  EXPECT_EQ(ConstantNamed(graph, "w")[0], double{Float16(w * k)});
  EXPECT_EQ(ConstantInput(graph, FindOpNode(graph, "Conv"), 2)[0],
            double{Float16((0 - double{0.2f}) * k + double{0.1f})});
}

TEST(FuseConvBatchNorm, DoubleAndBfloat16) {
  struct Case {
    const char *type, *three, *one, *four;
  };
  for (const auto& [type, three, one, four] :
       {Case{"double", "3", "1", "4"}, Case{"bfloat16", "16448", "16256", "16512"}}) {
    Graph graph = ParseGraph(absl::StrCat("g (", type, "[1, 1, 2, 2] x) => (", type,
                                          "[1, 1, 2, 2] z) <", type, "[1, 1, 1, 1] w = {", three,
                                          "}, ", type, "[1] p = {", one, "}, ", type, "[1] q = {",
                                          four, R"(}>
    { y = Conv(x, w)
      z = BatchNormalization<epsilon = 0.0>(y, p, p, p, q) })"));
    EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph, {}, {.tolerance = 1e-2}).changed) << type;
    EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(1.5)) << type;
    EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv"), 2), ElementsAre(0.5)) << type;
  }
}

TEST(FuseConvBatchNorm, HalfOverflowDeclinesWithTheChannel) {
  Graph graph = ParseGraph(R"(
    g (float16[1, 1, 2, 2] x) => (float16[1, 2, 2, 2] z)
      <float16[2, 1, 1, 1] w = {15360, 24752}, float[2] scale = {200, 200}, float[2] zero = {0, 0},
       float[2] one = {1, 1}>
    { y = Conv(x, w)
      z = BatchNormalization(y, scale, zero, zero, one) })");
  const PassResult result = RunPass(FuseConvBatchNorm(), graph, {}, {.compare = false});
  EXPECT_THAT(MissTexts(result),
              ElementsAre(HasSubstr("channel 1: the fused weight is not finite in float16")));
}

// ---- uniform weights ----

TEST(FuseConvBatchNorm, UniformWeightStaysAConstantOfShape) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z)
      <int64[4] dims = {2, 1, 1, 1}, float[2] two = {2, 2}, float[2] zero = {0, 0},
       float[2] one = {1, 1}>
    { w = ConstantOfShape<value = float[1] {3}>(dims)
      y = Conv(x, w)
      z = BatchNormalization<epsilon = 0.0>(y, two, zero, zero, one) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "ConstantOfShape Conv");
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(6, 6));
}

TEST(FuseConvBatchNorm, UniformWeightUnderDifferentFactorsBecomesAnInitializer) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z)
      <int64[4] dims = {2, 1, 1, 1}, float[2] scale = {2, 4}, float[2] zero = {0, 0},
       float[2] one = {1, 1}>
    { w = ConstantOfShape<value = float[1] {3}>(dims)
      y = Conv(x, w)
      z = BatchNormalization<epsilon = 0.0>(y, scale, zero, zero, one) })");
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  EXPECT_EQ(Ops(graph), "Conv");
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(6, 12));
}

// ---- bodies ----

TEST(FuseConvBatchNorm, WorksInsideABranchWithCapturedParameters) {
  Graph graph = ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x, bool c) => (float[1, 2, 3, 3] out) <float[2, 1, 1, 1] w = {1, 2}, )",
                                        kParams, R"(>
    { out = If(c) <
        then_branch = t () => (float[1, 2, 3, 3] z) <float[2] b = {1, 2}>
          { y = Conv(x, w, b) z = BatchNormalization(y, scale, shift, mean, var) },
        else_branch = e () => (float[1, 2, 3, 3] n) { m = Conv(x, w) n = Relu(m) }> })"));
  EXPECT_TRUE(RunPass(FuseConvBatchNorm(), graph).changed);
  const BlockId branch = graph.node(FindOpNode(graph, "If")).body("then_branch");
  ASSERT_EQ(graph.Nodes(branch).size(), 1u);
  EXPECT_THAT(ConstantInput(graph, graph.FirstNode(branch), 1),
              ElementsAre(Weight(1, 1.5f, 0.8f), Weight(2, -0.75f, 1.7f)));
  // The other branch reads the weight as it was.
  EXPECT_THAT(ConstantNamed(graph, "w"), ElementsAre(1, 2));
}

}  // namespace
}  // namespace dsperse
