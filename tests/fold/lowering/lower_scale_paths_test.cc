#include "fold/lowering/lower_scale_paths.h"

#include <string>

#include "fold/fold_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ConstantInput;
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// x·Wq and x·Wk as one head, their product divided by `divisor`.
std::string Scores(const char* divisor, const char* also = "", const char* also_output = "") {
  return std::string(R"(
    g (float[2,2] x) => (float[2,2] y)") + also_output + R"()
    <float[2,2] wq = {1, 2, 3, 4}, float[2,2] wk = {4, 3, 2, 1}, float[2] bq = {8, 16}, float[2] bk = {2, 4},
     float c = {)" + divisor + R"(}> {
      q = Gemm(x, wq, bq)
      k = Gemm(x, wk, bk)
      t = Transpose <perm = [1, 0]> (k)
      s = MatMul(q, t)
      d = Div(s, c)
      y = Softmax <axis = 1> (d))" + also + "}";
}

TEST(LowerScalePathsTest, TheDivisorOfScoresGoesIntoTheQueries) {
  Graph graph = ParseGraph(Scores("8"));
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Gemm Gemm Transpose MatMul Softmax");
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm"), 1), ElementsAre(0.125, 0.25, 0.375, 0.5));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm"), 2), ElementsAre(1, 2));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm", 1), 1), ElementsAre(4, 3, 2, 1));
}

TEST(LowerScalePathsTest, TheDivisorOfScoresGoesIntoTheKeysWhereTheQueriesAreShared) {
  Graph graph = ParseGraph(Scores("8", " z = Neg(q)", ", float[2,2] z"));
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Gemm Gemm Transpose MatMul Softmax Neg");
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm"), 1), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm", 1), 1), ElementsAre(0.5, 0.375, 0.25, 0.125));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm", 1), 2), ElementsAre(0.25, 0.5));
}

TEST(LowerScalePathsTest, ADivisorStaysWhereBothMatricesAreShared) {
  Graph graph = ParseGraph(Scores("8", " z = Neg(q)  u = Neg(t)", ", float[2,2] z, float[2,2] u"));
  RunFold(graph, LoweringForJstprove());
  EXPECT_THAT(Ops(graph), HasSubstr("MatMul Div Softmax"));
}

TEST(LowerScalePathsTest, ADivisorStaysWhereItsQuotientIsNotBetweenOneThirtySecondAndOne) {
  for (const char* divisor : {"0.3", "40", "-8"}) {
    Graph graph = ParseGraph(Scores(divisor));
    RunFold(graph, LoweringForJstprove());
    EXPECT_THAT(Ops(graph), HasSubstr("MatMul ")) << divisor;
    EXPECT_EQ(Ops(graph).find("MatMul Softmax"), std::string::npos) << divisor << ": " << Ops(graph);
  }
}

TEST(LowerScalePathsTest, ExactKeepsTheDivisor) {
  Graph graph = ParseGraph(Scores("8"));
  RunFold(graph, LoweringForJstprove(/*exact=*/true));
  EXPECT_THAT(Ops(graph), HasSubstr("MatMul Div Softmax"));
}

TEST(LowerScalePathsTest, AProductWithItselfKeepsItsDivisor) {
  Graph graph = ParseGraph(R"(
    g (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1, 2, 3, 4}, float[2] b = {0, 0}, float c = {2}> {
      q = Gemm(x, w, b)  s = MatMul(q, q)  y = Div(s, c)
    })");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Gemm MatMul Div");
}

// The exact Gelu between two layers, and what follows it.
std::string Gelu(const char* rest, const char* outputs = "float[1,2,1] y") {
  return std::string("g (float[1,2,2] x) => (") + outputs + R"()
    <float[2,2] w = {4, 8, 12, 16}, float[2] b = {4, 2}, float c = {4}, float one = {1},
     float half = {0.5}, float[2,1] v = {3, 5}> {
      m = MatMul(x, w)
      h = Add(m, b)
      d = Div(h, c)
      e = Erf(d)
      p = Add(e, one)
    )" + rest + "}";
}

TEST(LowerScalePathsTest, TheDivisorOfAGeluGoesIntoTheLayersAroundIt) {
  Graph graph = ParseGraph(Gelu("f = Mul(h, p)  y = MatMul(f, v)"));
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph),
            "Reshape Gemm Reshape Erf Reshape Slice Conv Reshape Add Mul MatMul");
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm"), 1), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm"), 2), ElementsAre(1, 0.5));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "MatMul"), 1), ElementsAre(12, 20));
}

TEST(LowerScalePathsTest, TheDivisorOfAGeluGoesIntoANumberBehindIt) {
  Graph graph = ParseGraph(Gelu("f = Mul(h, p)  y = Mul(f, half)", "float[1,2,2] y"));
  RunFold(graph, LoweringForJstprove());
  // 0.5 · 4 is an Add.
  EXPECT_EQ(Ops(graph), "Reshape Gemm Reshape Erf Reshape Slice Conv Reshape Add Mul Add");
}

TEST(LowerScalePathsTest, TheDivisorOfAGeluGoesIntoTheNumberOfItsOtherReader) {
  Graph graph = ParseGraph(Gelu("k = Mul(h, half)  y = Mul(k, p)", "float[1,2,2] y"));
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Reshape Gemm Reshape Erf Reshape Slice Conv Reshape Add Add Mul");
}

TEST(LowerScalePathsTest, TheDivisorOfAGeluGoesIntoANumberOfItsOtherFactor) {
  Graph graph = ParseGraph(Gelu("k = Mul(p, half)  f = Mul(h, k)  y = Neg(f)", "float[1,2,2] y"));
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Reshape Gemm Reshape Erf Reshape Slice Conv Reshape Add Add Mul Neg");
}

TEST(LowerScalePathsTest, TheDivisorOfAGeluStaysWhereNothingMakesUpForIt) {
  for (const char* rest : {"f = Mul(h, p)  y = Neg(f)", "f = Add(h, p)  y = Neg(f)", "f = Mul(h, h)  y = Mul(f, p)"}) {
    Graph graph = ParseGraph(Gelu(rest, "float[1,2,2] y"));
    RunFold(graph, LoweringForJstprove());
    EXPECT_EQ(Ops(graph).substr(0, 22), "Reshape Gemm Reshape D") << rest << ": " << Ops(graph);
  }
}

TEST(LowerScalePathsTest, TheDivisorOfAGeluStaysWhereTheLayerHasAThirdReader) {
  Graph graph = ParseGraph(Gelu("f = Mul(h, p)  y = MatMul(f, v)  z = Neg(h)", "float[1,2,1] y, float[1,2,2] z"));
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph).substr(0, 22), "Reshape Gemm Reshape D") << Ops(graph);
}

TEST(LowerScalePathsTest, TheDivisorOfAGeluStaysWhereTheLayerIsAnOutput) {
  Graph graph = ParseGraph(Gelu("f = Mul(h, p)  y = MatMul(f, v)", "float[1,2,1] y, float[1,2,2] h"));
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph).substr(0, 22), "Reshape Gemm Reshape D") << Ops(graph);
}

TEST(LowerScalePathsTest, TheDivisorStaysWhereTheBiasIsComputed) {
  Graph graph = ParseGraph(R"(
    g (float[2,2] x, float[2] b) => (float[1,4] y) <float[2,2] w = {1, 2, 3, 4}, int64[2] s = {1, 4}, float c = {8}> {
      a = Gemm(x, w, b)  r = Reshape(a, s)  y = Div(r, c)
    })");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Gemm Reshape Div");
}

TEST(LowerScalePathsTest, AConstantThatOthersReadIsLeftAlone) {
  Graph graph = ParseGraph(R"(
    g (float[2,2] x) => (float[1,4] y, float[2,2] z)
    <float[2,2] w = {8, 16, 24, 32}, float[2] b = {8, 16}, int64[2] s = {1, 4}, float c = {8}> {
      a = Gemm(x, w, b)  r = Reshape(a, s)  y = Div(r, c)  z = Gemm(x, w, b)
    })");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Gemm Reshape Gemm");
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm"), 1), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Gemm", 1), 1), ElementsAre(8, 16, 24, 32));
}

}  // namespace
}  // namespace dsperse
