// Forms of one operator that its lowering tells apart: neighbours of what it must leave alone (*_guards_test.cc). Results
// are compared.
#include <string>

#include "fold/fold_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ConstantInput;
using ::dsperse::testing::FallingPrices;
using ::dsperse::testing::FindLowering;
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;
using ::testing::ElementsAre;

struct Form {
  const char* name;
  const char* model;
  const char* ops;

  friend void PrintTo(const Form& c, std::ostream* out) { *out << c.model; }
};

class LoweringForms : public ::testing::TestWithParam<Form> {};

TEST_P(LoweringForms, BecomeTheirOwn) {
  Graph graph = ParseGraph(GetParam().model);
  RunFold(graph, LoweringForJstprove(), {.tolerance = 1e-2});  // some are of half precision
  EXPECT_EQ(Ops(graph), GetParam().ops);
}

std::string FormName(const ::testing::TestParamInfo<Form>& tested) { return tested.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Activations, LoweringForms,
    ::testing::Values(
        Form{"PowOfAnUnknownRankByANumber", "g (float[] x) => (float[] y) <float n = {3}> { y = Pow(x, n) }", "Mul Mul"},
        Form{"PowByAVectorOfOne", "g (float[2] x) => (float[2] y) <float[1] n = {3}> { y = Pow(x, n) }", "Mul Mul"},
        Form{"PowOfAnyLength", "g (float[N] x) => (float[N] y) <float[1] n = {3}> { y = Pow(x, n) }", "Mul Mul"},
        Form{"ClipFromBelow", "g (float[2] x) => (float[2] y) <float a = {0.5}> { y = Clip(x, a) }",
             "Reshape Slice Conv Reshape Sub Add Max"},
        Form{"ClipFromAbove", "g (float[2] x) => (float[2] y) <float b = {0.5}> { y = Clip(x, , b) }",
             "Reshape Slice Conv Reshape Sub Add Min"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    ConvTranspose, LoweringForms,
    ::testing::Values(
        Form{"ToTheLower",
             "g (float[1,1,3,3] x) => (float[1,1,6,6] y) <float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}> "
             "{ y = ConvTranspose<strides = [2, 2], auto_pad = \"SAME_LOWER\">(x, w) }",
             "ConvTranspose"},
        Form{"InGroups",
             "g (float[1,4,2,2] x) => (float[1,2,3,3] y) <float[4,1,2,2] w = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}> "
             "{ y = ConvTranspose<group = 2>(x, w) }",
             "Split ConvTranspose ConvTranspose Concat"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    Constants, LoweringForms,
    ::testing::Values(
        Form{"Bfloat16WhereConvTakesIt",
             R"(<ir_version: 10, opset_import: ["" : 22]>
             g (bfloat16[2] x) => (bfloat16[2] y) <bfloat16[2] c = {16256, 16384}> { y = Add(x, c) })",
             "Reshape Slice Conv Reshape Add"},
        Form{"AHigherRankBesideAnImage",
             "g (float[1, 2, 2, 2] x) => (float[1, 1, 2, 2, 2] y) <float[1, 1, 1, 1, 1] c = {0.3}> { y = Add(x, c) }",
             "Slice Conv Reshape Expand Add"},
        Form{"FactorsOfColumns", "g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] y) <float[2] c = {0.3, 0.7}> { y = Mul(x, c) }",
             "Slice Conv Reshape Mul"},
        Form{"FactorsOfAsManyColumns",
             "g (float[1, 2, 1, 2] x) => (float[1, 2, 1, 2] y) <float[1, 1, 2] c = {0.3, 0.7}> { y = Mul(x, c) }",
             "Slice Conv Reshape Mul"},
        Form{"FactorsOfElements",
             "g (float[1, 2, 2, 1] x) => (float[1, 2, 2, 1] y) <float[2, 2, 1] c = {0.3, 0.7, 2, 3}> { y = Mul(x, c) }",
             "Slice Conv Reshape Mul"},
        Form{"FactorsThatRaiseTheRank",
             "g (float[2, 3, 1] x) => (float[1, 2, 3, 1] y) <float[1, 1, 3, 1] c = {0.3, 0.7, 2}> { y = Mul(x, c) }",
             "Reshape Slice Conv Reshape Expand Mul"},
        Form{"FactorsOfChannelsOfASequence",
             "g (float[1, 3, 2] x) => (float[1, 3, 2] y) <float[3, 1] c = {0.3, 0.7, 2}> { y = Mul(x, c) }",
             "Unsqueeze Split Conv Conv Conv Concat Squeeze"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    Gemms, LoweringForms,
    ::testing::Values(
        Form{"MatMulOfOneColumnAndANumber",
             "g (float[2, 2] x) => (float[2, 1] y) <float[2, 1] w = {1, 2}, float c = {3}> { m = MatMul(x, w) y = Add(m, c) }",
             "MatMul Reshape Slice Conv Reshape Add"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    Pools, LoweringForms,
    ::testing::Values(
        Form{"AverageOfAutoPadValid",
             R"(g (float[1, 1, 3, 3] x) => (float[1, 1, 2, 2] y) { y = AveragePool<kernel_shape = [2, 2], auto_pad = "VALID">(x) })",
             "Conv"},
        Form{"AverageWithPadsThatCount",
             "g (float[1, 1, 3, 3] x) => (float[1, 1, 4, 4] y)"
             " { y = AveragePool<kernel_shape = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1>(x) }",
             "Conv"},
        Form{"AverageOfAWindowAsLargeAsTheImageWithPads",
             "g (float[1, 1, 2, 2] x) => (float[1, 1, 3, 3] y)"
             " { y = AveragePool<kernel_shape = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1>(x) }",
             "Conv"},
        Form{"AverageOfTilesWithPads",
             "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y)"
             " { y = AveragePool<kernel_shape = [2, 2], strides = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1>(x) }",
             "Conv"},
        Form{"AverageOfTilesThatLeaveARest",
             "g (float[1, 1, 5, 5] x) => (float[1, 1, 2, 2] y) { y = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(x) }",
             "Conv"},
        Form{"AverageThatOverlapsBeforeOpset7",
             R"(<ir_version: 3, opset_import: ["" : 6]>
             g (float[1, 1, 3, 3] x) => (float[1, 1, 2, 2] y) { y = AveragePool<kernel_shape = [2, 2]>(x) })",
             "Conv"},
        Form{"AverageOfTilesBeforeSliceHasSteps",
             R"(<ir_version: 3, opset_import: ["" : 9]> g (float[1, 1, 4, 4] x) => (float[1, 1, 2, 2] y)
             { y = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(x) })",
             "Reshape ReduceSum ReduceSum Div"},
        Form{"AverageOfAnImageInStrides",
             "g (float[1, 1, 2, 4] x) => (float[1, 1, 1, 2] y) { y = AveragePool<kernel_shape = [2, 2], strides = [1, 2]>(x) }",
             "Slice Slice Add Slice Add Slice Add Div"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    ScalePaths, LoweringForms,
    ::testing::Values(
        Form{"ANumberThatMultiplies",
             "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {0.25}>"
             " { h = Gemm(x, w, b) y = Mul(h, c) }",
             "Gemm"},
        Form{"ANumberInFront",
             "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {0.25}>"
             " { h = Gemm(x, w, b) y = Mul(c, h) }",
             "Gemm"}),
    FormName);

// A Mul and what lower_scale_order may meet in its chain.
TEST(LoweringFormsTest, AFactorMovesBehindTheActivationWhateverItsConstantsAre) {
  for (const char* text : {
           // An addend that a node holds, on either side.
           "g (float[1, 2, 2, 2] x) => (float[1, 1, 2, 2] y) <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
           " { t = Constant<value = float[2, 1, 1] {1, 2}>() n = Mul(x, k) s = Add(n, t) r = Relu(s) y = Conv(r, w) }",
           "g (float[1, 2, 2, 2] x) => (float[1, 1, 2, 2] y) <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
           " { t = Constant<value = float[2, 1, 1] {1, 2}>() n = Mul(x, k) s = Add(t, n) r = Relu(s) y = Conv(r, w) }",
           // A type that Conv takes by now.
           R"(<ir_version: 10, opset_import: ["" : 22]> g (bfloat16[1, 2] x) => (bfloat16[1, 1] y)
           <bfloat16[2, 1] w = {16256, 16384}, bfloat16[2] k = {16384, 16512}, bfloat16[2] t = {16256, 16384}>
           { n = Mul(x, k) s = Add(n, t) r = Relu(s) y = MatMul(r, w) })",
           // A uniform weight.
           "g (float[1, 2, 2, 2] x) => (float[1, 1, 2, 2] y) <int64[4] d = {1, 2, 1, 1}, float[2, 1, 1] k = {2, 4}>"
           " { n = Mul(x, k) r = Relu(n) w = ConstantOfShape<value = float[1] {3}>(d) y = Conv(r, w) }",
       }) {
    SCOPED_TRACE(text);
    Graph graph = ParseGraph(text);
    FoldOptions options = LoweringForJstprove();
    options.pricer = FallingPrices();
    const FoldReport report = RunFold(graph, options, {.tolerance = 2e-2});
    bool moved = false;
    for (const Remark& r : report.remarks) moved |= r.kind == Remark::Kind::kApplied && r.pass == "lower_scale_order";
    EXPECT_TRUE(moved);
  }
}

// One operator each, which the target proves then: no attribute is missing, and none is left that it refuses.
TEST(LoweringFormsTest, AttributesAreThoseThatTheTargetProves) {
  for (const char* text : {
           "g (float[1, 1, 3, 3] x) => (float[1, 1, 2, 2] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
           " { y = Conv<strides = [1, 1], dilations = [1, 1]>(x, w) }",
           "g (float[1, 1, 3, 3] x) => (float[1, 1, 2, 2] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
           " { y = Conv<kernel_shape = [2, 2], dilations = [1, 1]>(x, w) }",
           "g (float[1, 1, 3, 3] x) => (float[1, 1, 2, 2] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
           " { y = Conv<kernel_shape = [2, 2], strides = [1, 1]>(x, w) }",
           R"(g (float[1, 1, 4, 4] x) => (float[1, 1, 2, 2] y) <float[1, 1, 3, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
           { y = Conv<kernel_shape = [3, 3], strides = [2, 2], dilations = [1, 1], auto_pad = "SAME_LOWER">(x, w) })",
           "g (float[2, 2] x) => (float[2, 1] y) <float[2, 1] w = {1, 2}> { y = Gemm<alpha = 2.0, beta = 3.0>(x, w) }",
           "g (float[2, 2] x) => (float[2, 1] y) <int64[2] s = {2, 1}, float[1] c = {3}>"
           " { w = ConstantOfShape<value = float[1] {3}>(s) y = Gemm<alpha = 2.0>(x, w, c) }",
       }) {
    SCOPED_TRACE(text);
    Graph graph = ParseGraph(text);
    RunFold(graph, LoweringForJstprove());
    Facts facts(&graph);
    const NodeId last = graph.Producer(graph.FindValue("y"));
    EXPECT_EQ(Target::Find("jstprove")->WhyNot(graph, graph.node(last), facts), "");
  }
}

TEST(LoweringFormsTest, AlphaGoesIntoBBesideAComputedC) {
  Graph graph = ParseGraph(
      "g (float[2, 2] x, float[1] c) => (float[2, 1] y) <float[2, 1] w = {1, 2}> { y = Gemm<alpha = 2.0>(x, w, c) }");
  RunFold(graph, LoweringForJstprove());
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm"), 1), ElementsAre(2, 4));
}

TEST(LoweringFormsTest, AMaxPoolMovesBeforeAClipWithOneBound) {
  Graph graph = ParseGraph(
      "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) <float b = {0}>"
      " { a = Clip(x, , b) y = MaxPool<kernel_shape = [2, 2], strides = [1, 1]>(a) }");
  FoldOptions options = LoweringForJstprove();
  options.pricer = FallingPrices();
  RunFold(graph, options);
  EXPECT_EQ(Ops(graph), "MaxPool Clip");
}

// A slope that no number is: the model stays one that nothing runs, and nothing ends.
TEST(LoweringFormsTest, ASlopeOfTextEndsNothing) {
  Graph graph = ParseGraph(R"(g (float[1] x) => (float[1] y) <string[1] s = {"a"}> { y = PRelu(x, s) })");
  PassContext context(&graph, {});
  context.target = Target::Find("jstprove");
  EXPECT_TRUE(FindLowering("lower_prelu")->Run(graph, context).ok());
}

}  // namespace
}  // namespace dsperse
