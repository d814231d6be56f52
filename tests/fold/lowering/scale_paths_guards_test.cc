// Numbers that lower_scale_paths leaves where they are, and what it must not lose on the way.
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
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::Guarded;
using ::dsperse::testing::GuardedName;
using ::dsperse::testing::LoweringGuards;
using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;
using ::testing::ElementsAre;

INSTANTIATE_TEST_SUITE_P(
    ScalePathsNumber, LoweringGuards,
    ::testing::Values(
        Guarded{"OfOne", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {1}>"
                " { h = Gemm(x, w, b) y = Div(h, c) }"},
        Guarded{"ThatEnlarges", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {2}>"
                " { h = Gemm(x, w, b) y = Mul(h, c) }"},
        Guarded{"TooSmall", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {0.03}>"
                " { h = Gemm(x, w, b) y = Mul(h, c) }"},
        Guarded{"ForEachElement", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float[2] c = {8, 4}>"
                " { h = Gemm(x, w, b) y = Div(h, c) }"},
        Guarded{"ThatIsDivided", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {8}>"
                " { h = Gemm(x, w, b) y = Div(c, h) }"},
        Guarded{"ThatIsAdded", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {0.5}>"
                " { h = Gemm(x, w, b) y = Add(h, c) }"},
        Guarded{"ThatRaisesTheRank", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 1, 2] y)"
                " <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float[1, 1, 1] c = {8}>"
                " { h = Gemm(x, w, b) y = Div(h, c) }"},
        Guarded{"OnAnUnknownShape", "lower_scale_paths",
                "g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {8}>"
                " { h = Gemm(x, w, b) y = Div(h, c) }"},
        Guarded{"OnIntegers", "lower_scale_paths",
                "g (int32[1, 2] x) => (int32[1, 2] y) <int32[2, 2] w = {1, 2, 3, 4}, int32 c = {8}>"
                " { h = MatMul(x, w) y = Div(h, c) }"},
        Guarded{"OfText", "lower_scale_paths",
                R"(g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, string c = {"8"}>
                { h = Gemm(x, w, b) y = Div(h, c) })"},
        Guarded{"OnAConstant", "lower_scale_paths",
                "g () => (float[1, 2] y) <float[1, 2] w = {1, 2}, float c = {8}> { y = Div(w, c) }"},
        Guarded{"BeforeDivBroadcasts", "lower_scale_paths",
                R"(<ir_version: 3, opset_import: ["" : 6]> g (float[1, 2] x) => (float[1, 2] y)
                <float[2, 2] w = {1, 2, 3, 4}, float[1] c = {8}> { h = MatMul(x, w) y = Div<broadcast = 1>(h, c) })"},
        Guarded{"OnWhatAnotherOutputIs", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y, float[1, 2] h)"
                " <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {8}> { h = Gemm(x, w, b) y = Div(h, c) }"},
        Guarded{"InABodyOnWhatIsOutside", "lower_scale_paths",
                R"(g (bool p, float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>
                { h = MatMul(x, w) y = If(p) <then_branch = t () => (float[1, 2] a) { a = Div(h, c) },
                                              else_branch = e () => (float[1, 2] d) { d = Neg(x) }> })"},
        Guarded{"InABodyBehindAViewOfWhatIsOutside", "lower_scale_paths",
                R"(g (bool p, float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>
                { h = MatMul(x, w) y = If(p) <then_branch = t () => (float[1, 2] a) { v = Identity(h) a = Div(v, c) },
                                              else_branch = e () => (float[1, 2] d) { d = Neg(x) }> })"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ScalePathsWay, LoweringGuards,
    ::testing::Values(
        Guarded{"FromAnInput", "lower_scale_paths",
                "g (float[2] x) => (float[2] y) <float c = {8}> { y = Div(x, c) }"},
        Guarded{"ThroughAnotherOperator", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>"
                " { h = MatMul(x, w) r = Sigmoid(h) y = Div(r, c) }"},
        Guarded{"ThroughAnotherDomain", "lower_scale_paths",
                R"(<ir_version: 8, opset_import: ["" : 17, "custom" : 1]> g (float[1, 2] x) => (float[1, 2] y)
                <float[2, 2] w = {1, 2, 3, 4}, float c = {8}> { h = custom.MatMul(x, w) r = Sigmoid(h) y = Div(h, c) })"},
        Guarded{"ThroughAViewThatOthersRead", "lower_scale_paths",
                "g (float[1, 2] x) => (float[2, 1] y, float[1, 2] z) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>"
                " { h = MatMul(x, w) r = Transpose(h) y = Div(r, c) z = Neg(h) }"},
        Guarded{"ThroughAViewOfAnOutput", "lower_scale_paths",
                "g (float[1, 2] x) => (float[2, 1] y, float[1, 2] h) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>"
                " { h = MatMul(x, w) r = Transpose(h) y = Div(r, c) }"},
        Guarded{"ThroughAnAddOfComputedValues", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>"
                " { h = MatMul(x, w) a = Add(h, x) y = Div(a, c) }"},
        Guarded{"ThroughAnAddOfText", "lower_scale_paths",
                R"(g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}, string t = {"1"}>
                { h = MatMul(x, w) a = Add(h, t) y = Div(a, c) })"},
        Guarded{"ThroughAnAddBehindAnInput", "lower_scale_paths",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2] b = {1, 2}, float c = {8}> { a = Add(x, b) y = Div(a, c) }"},
        Guarded{"ToAComputedWeight", "lower_scale_paths",
                "g (float[1, 2] x, float[1, 1, 1] w) => (float[1, 1, 2] y) <float c = {8}>"
                " { u = Unsqueeze(x, o) h = Conv(u, w) y = Div(h, c) o = Constant<value = int64[1] {1}>() }"},
        Guarded{"ToAComputedBias", "lower_scale_paths",
                "g (float[1, 2] x, float[2] b) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>"
                " { h = Gemm(x, w, b) y = Div(h, c) }"},
        Guarded{"ToAComputedBiasAndThroughTheData", "lower_scale_paths",
                "g (float[1, 2] x, float[2] b) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>"
                " { q = MatMul(x, w) h = Gemm(q, w, b) y = Div(h, c) }"},
        Guarded{"ToTwoInputs", "lower_scale_paths",
                "g (float[1, 2] x, float[2, 2] z) => (float[1, 2] y) <float c = {8}> { h = MatMul(x, z) y = Div(h, c) }"},
        // One product of computed matrices may lie on the way, and it is taken.
        Guarded{"ThroughTwoProducts", "lower_scale_paths",
                "g (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>"
                " { q = MatMul(x, w) h = MatMul(q, x) i = MatMul(h, x) y = Div(i, c) }"},
        Guarded{"ThroughASquare", "lower_scale_paths",
                "g (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}>"
                " { q = MatMul(x, w) h = MatMul(q, q) y = Div(h, c) }"},
        Guarded{"ThroughAnAddToAProductThatLeadsNowhere", "lower_scale_paths",
                "g (float[2, 2] x, float[2, 2] z) => (float[2, 2] y) <float[2, 2] m = {1, 2, 3, 4}, float c = {8}>"
                " { h = MatMul(x, z) a = Add(h, m) y = Div(a, c) }"}),
    GuardedName);

// h = x·w + b has another reader than the division: what that then lacks must be made up for.
#define TWO_READERS(nodes)                                                                                          \
  "g (float[2, 2] x, float[2, 2] z) => (float[2, 2] y)"                                                             \
  " <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {8}, float half = {0.5}, float[2] d = {0.5, 2}>" \
  " { h = Gemm(x, w, b) q = Div(h, c) e = Sigmoid(q) " nodes " }"

INSTANTIATE_TEST_SUITE_P(
    ScalePathsOtherReader, LoweringGuards,
    ::testing::Values(
        // The number that goes can't take anything.
        Guarded{"ThatMultipliesByTheQuotient", "lower_scale_paths",
                "g (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {8}>"
                " { h = Gemm(x, w, b) q = Div(h, c) y = Mul(h, q) }"},
        Guarded{"ThatIsNoProduct", "lower_scale_paths", TWO_READERS("a = Sub(h, e) y = Mul(a, half)")},
        Guarded{"ThatIsAProductWithItself", "lower_scale_paths",
                TWO_READERS("a = Mul(h, h) i = Mul(a, half) y = Add(e, i)")},
        Guarded{"ThatIsAnActivation", "lower_scale_paths", TWO_READERS("a = Relu(h) y = Add(e, a)")},
        Guarded{"BesideAThirdReader", "lower_scale_paths", TWO_READERS("a = Mul(h, e) i = Neg(h) j = Mul(a, half) y = Add(i, j)")},
        Guarded{"WithNothingBehindIt", "lower_scale_paths", TWO_READERS("y = Mul(h, e)")},
        Guarded{"WithASumBehindIt", "lower_scale_paths", TWO_READERS("a = Mul(h, e) y = Add(a, half)")},
        Guarded{"WithManyNumbersBehindIt", "lower_scale_paths", TWO_READERS("a = Mul(h, e) y = Mul(a, d)")},
        Guarded{"WithAComputedWeightBehindIt", "lower_scale_paths", TWO_READERS("a = Mul(h, e) y = MatMul(a, z)")},
        // There it is not the data that the weight multiplies.
        Guarded{"ThatIsABiasBehindIt", "lower_scale_paths", TWO_READERS("a = Mul(h, e) y = Gemm(z, w, a)")},
        Guarded{"WithTwoReadersBehindIt", "lower_scale_paths",
                TWO_READERS("a = Mul(h, e) i = Mul(a, half) j = Neg(a) y = Add(i, j)")},
        Guarded{"WhoseOtherFactorIsRead", "lower_scale_paths",
                TWO_READERS("k = Mul(e, half) a = Mul(h, k) y = Add(a, k)")},
        Guarded{"WhoseOtherFactorIsAnInput", "lower_scale_paths", TWO_READERS("a = Mul(h, z) y = Add(a, e)")},
        Guarded{"WhoseOtherFactorIsNoMultiple", "lower_scale_paths",
                TWO_READERS("k = Add(e, half) a = Mul(h, k) y = Neg(a)")}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ScalePathsLimits, LoweringGuards,
    ::testing::Values(
        // 8 times it is infinite.
        Guarded{"OfANumberBehind", "lower_scale_paths",
                "g (float[2, 2] x) => (float[2, 2] y)"
                " <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {8}, float k = {3e38}>"
                " { h = Gemm(x, w, b) q = Div(h, c) e = Sigmoid(q) a = Mul(h, e) y = Mul(a, k) }"},
        Guarded{"OfAWeightBehind", "lower_scale_paths",
                "g (float[2, 2] x) => (float[2, 2] y)"
                " <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {8}, float[2, 2] v = {1, 2, 3e38, 4}>"
                " { h = Gemm(x, w, b) q = Div(h, c) e = Sigmoid(q) a = Mul(h, e) y = MatMul(a, v) }"},
        // 2^-24, the smallest float16, divided by 8 would be a division by 0.
        Guarded{"OfADivisorBehind", "lower_scale_paths",
                "g (float16[2, 2] x) => (float16[2, 2] y)"
                " <float16[2, 2] w = {15360, 15360, 15360, 15360}, float16[2] b = {0, 0}, float16 c = {18432}, float16 k = {1}>"
                " { h = Gemm(x, w, b) q = Div(h, c) e = Sigmoid(q) a = Mul(h, e) y = Div(a, k) }"},
        Guarded{"OfWhatIsAddedOnTheWay", "lower_scale_paths",
                "g (float[2, 2] x) => (float[a, b] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8},"
                " int64[4] s = {1048576, 1048576, 1, 1}>"
                " { h = MatMul(x, w) t = ConstantOfShape(s) a = Add(h, t) y = Div(a, c) }"}),
    GuardedName);

// (q·k + m) / 8: the addend is divided too.
TEST(ScalePathsGuardsTest, WhatIsAddedToAProductIsDividedWithIt) {
  Graph graph = ParseGraph(R"(
    g (float[2,2] x) => (float[2,2] y)
    <float[2,2] wq = {1, 2, 3, 4}, float[2,2] wk = {4, 3, 2, 1}, float[2] bq = {8, 16}, float[2] bk = {2, 4},
     float[2,2] m = {8, 16, 24, 32}, float c = {8}> {
      q = Gemm(x, wq, bq)  k = Gemm(x, wk, bk)  s = MatMul(q, k)  a = Add(s, m)  d = Div(a, c)  y = Softmax(d)
    })");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Gemm Gemm MatMul Reshape Slice Conv Reshape Add Softmax");
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv"), 2), ElementsAre(1, 2, 3, 4));
}

// The second operand is tried where the first leads nowhere, and what was scaled on the way to that is taken back.
TEST(ScalePathsGuardsTest, NothingStaysOfAWayThatEnds) {
  Graph graph = ParseGraph(R"(
    g (float[2,2] x) => (float[2,2] y)
    <float[2] b = {8, 16}, float[2,2] w = {8, 16, 24, 32}, float[2,2] m = {8, 16, 24, 32}, float c = {8}> {
      q = Sigmoid(x)  p = Add(q, b)  k = MatMul(x, w)  s = MatMul(p, k)  a = Add(s, m)  d = Div(a, c)  y = Softmax(d)
    })");
  RunFold(graph, LoweringForJstprove());
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "MatMul"), 1), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv"), 2), ElementsAre(8, 16));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv", 1), 2), ElementsAre(1, 2, 3, 4));
}

// What makes up for it may lie behind a view.
TEST(ScalePathsGuardsTest, TheWeightThatMakesUpMayLieBehindAView) {
  Graph graph = ParseGraph(R"(
    g (float[2,2] x) => (float[1,1] y)
    <float[2,2] w = {8, 16, 24, 32}, float[2] b = {8, 16}, float c = {8}, int64[2] s = {1, 4},
     float[4,1] v = {1, 2, 3, 4}, float[1] n = {5}> {
      h = Gemm(x, w, b)  q = Div(h, c)  e = Sigmoid(q)  a = Mul(h, e)  r = Reshape(a, s)  y = Gemm(r, v, n)
    })");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Gemm Sigmoid Mul Reshape Gemm");
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm", 1), 1), ElementsAre(8, 16, 24, 32));
}

// Weights that others read, that are outputs, or that bodies read, stay what they are; results are compared.
TEST(ScalePathsGuardsTest, AWeightThatIsReadElsewhereStaysThere) {
  for (const char* text : {
           "g (float[2,2] x) => (float[1,4] y, float[2,2] w) <float[2,2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float c = {8},"
           " int64[2] s = {1, 4}> { h = Gemm(x, w, b) r = Reshape(h, s) y = Div(r, c) }",
           "g (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1, 2, 3, 4}, float c = {8}>"
           " { h = Gemm(x, w, w) y = Div(h, c) }",
           "g (float[2,2] x) => (float[2,2] y) <float[1] n = {0.5}, float[2,2] w = {1, 2, 3, 4}>"
           " { h = Gemm(x, w, n) y = Mul(h, n) }",
           "g (bool p, float[2,2] x) => (float[1,4] y, float[2,2] q) <float[2,2] w = {1, 2, 3, 4}, float[2] b = {1, 2},"
           " float c = {8}, int64[2] s = {1, 4}> { h = Gemm(x, w, b) r = Reshape(h, s) y = Div(r, c)"
           " q = If (p) <then_branch = t () => (float[2,2] a) { a = MatMul(x, w) },"
           "             else_branch = e () => (float[2,2] z) { z = Neg(w) }> }",
       }) {
    SCOPED_TRACE(text);
    Graph graph = ParseGraph(text);
    const FoldReport report = RunFold(graph, LoweringForJstprove());
    EXPECT_TRUE(report.changed);
    EXPECT_EQ(Ops(graph).find("Div"), std::string::npos) << Ops(graph);
  }
}

}  // namespace
}  // namespace dsperse
