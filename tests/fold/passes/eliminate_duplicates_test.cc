#include "absl/strings/str_cat.h"
#include "fold/passes/eliminate_common_subexpressions.h"
#include "fold/passes/eliminate_duplicate_constants.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::MissTexts;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::RunFold;
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- constants ----

TEST(EliminateDuplicateConstants, OneOfSeveralStays) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y)
      <float[2] a = {1, 2}, float[2] b = {1, 2}, float[1, 2] c = {1, 2}, int64[2] d = {1, 2}>
    { p = Add(x, a) q = Mul(p, b) r = Add(q, c) s = Cast<to = 1>(d) t = Add(r, s)
      y = ReduceSum<keepdims = 0>(t) })");
  EXPECT_TRUE(RunPass(EliminateDuplicateConstants(), graph).changed);
  EXPECT_FALSE(graph.FindValue("b").valid());
  EXPECT_TRUE(graph.FindValue("c").valid());
  EXPECT_TRUE(graph.FindValue("d").valid());
  EXPECT_EQ(graph.Name(graph.node(FindOpNode(graph, "Mul")).input(1)), "a");
}

TEST(EliminateDuplicateConstants, BitsDecide) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y) <float[1] a = {0.0}, float[1] b = {-0.0}>
    { p = Add(x, a) y = Mul(p, b) })");
  EXPECT_FALSE(RunPass(EliminateDuplicateConstants(), graph).changed);
}

TEST(EliminateDuplicateConstants, OneThatNobodyReadsTakesNoReaders) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y) <float[2] unread = {1, 2}, float[2] b = {1, 2}, float[2] c = {1, 2}>
    { p = Add(x, b) y = Mul(p, c) })");
  EXPECT_TRUE(RunPass(EliminateDuplicateConstants(), graph).changed);
  EXPECT_TRUE(graph.FindValue("unread").valid());
  EXPECT_FALSE(graph.FindValue("c").valid());
  EXPECT_EQ(graph.Name(graph.node(FindOpNode(graph, "Mul")).input(1)), "b");
}

TEST(EliminateDuplicateConstants, LargeOnesThatDifferBetweenTheSamples) {
  const auto with = [](float middle) {
    std::vector<float> values(1000, 1.0f);
    values[300] = middle;
    return Tensor::Of<float>({1000}, absl::MakeConstSpan(values));
  };
  Graph graph = ParseGraph("g (float[1000] x) => (float[1000] y) { a = Neg(x) b = Neg(a) y = Neg(b) }");
  for (int i = 0; i < 3; ++i) {
    const NodeId neg = FindOpNode(graph, "Neg");
    NewNode add;
    add.op_type = "Add";
    add.inputs = {graph.node(neg).input(0), graph.AddConstant(absl::StrCat("w", i), with(i == 1))};
    add.new_outputs = {absl::StrCat("s", i)};
    const NodeId made = graph.AddNode(std::move(add), neg);
    graph.SetInput(neg, 0, graph.node(made).output());
  }
  EXPECT_TRUE(RunPass(EliminateDuplicateConstants(), graph).changed);
  EXPECT_TRUE(graph.FindValue("w0").valid());
  EXPECT_TRUE(graph.FindValue("w1").valid());
  EXPECT_FALSE(graph.FindValue("w2").valid());
}

TEST(EliminateDuplicateConstants, BodiesShareWithTheMainGraphOnly) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, bool c) => (float[2] y) <float[2] a = {1, 2}>
    { z = Add(x, a)
      y = If(c) <then_branch = t () => (float[2] u) <float[2] b = {1, 2}, float[2] d = {3, 4}>
                   { p = Add(z, b) u = Add(p, d) },
                 else_branch = e () => (float[2] v) <float[2] f = {3, 4}> { v = Add(z, f) }> })");
  EXPECT_TRUE(RunPass(EliminateDuplicateConstants(), graph).changed);
  EXPECT_EQ(graph.Initializers(graph.Blocks()[1]).size(), 1u);
  EXPECT_EQ(graph.Initializers(graph.Blocks()[2]).size(), 1u);
}

TEST(EliminateDuplicateConstants, WhatMayBeOverriddenStays) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, float[2] a = {1, 2}) => (float[2] y) <float[2] b = {1, 2}>
    { p = Add(x, a) y = Mul(p, b) })");
  EXPECT_FALSE(RunPass(EliminateDuplicateConstants(), graph).changed);
}

TEST(EliminateDuplicateConstants, AnOutputKeepsItsName) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y, float[2] b) <float[2] a = {1, 2}, float[2] b = {1, 2}>
    { y = Add(x, a) })");
  EXPECT_FALSE(RunPass(EliminateDuplicateConstants(), graph).changed);
}

// ---- nodes ----

TEST(EliminateCommonSubexpressions, EqualNodesMergeDownAChain) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y)
    { a = Relu(x) b = Relu(x) c = Exp(a) d = Exp(b) y = Add(c, d) })");
  EXPECT_TRUE(RunPass(EliminateCommonSubexpressions(), graph).changed);
  EXPECT_EQ(Ops(graph), "Relu Exp Add");
}

TEST(EliminateCommonSubexpressions, AttributesAndDomainsCount) {
  Graph graph = ParseGraph(R"(
    <ir_version: 8, opset_import: ["" : 17, "other" : 1]>
    g (float[2, 2] x) => (float[2, 2] y, float[2, 2] z)
    { a = LeakyRelu<alpha = 0.1>(x) b = LeakyRelu<alpha = 0.2>(x) y = Add(a, b)
      c = other.Thing(x) d = other.Thing(x) z = Add(c, d) })");
  EXPECT_FALSE(RunPass(EliminateCommonSubexpressions(), graph, {}, {.compare = false}).changed);
}

TEST(EliminateCommonSubexpressions, RandomNodesStay) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y)
    { a = RandomNormalLike(x) b = RandomNormalLike(x) y = Sub(a, b) })");
  EXPECT_FALSE(
      RunPass(EliminateCommonSubexpressions(), graph, {}, {.compare = false}).changed);
}

TEST(EliminateCommonSubexpressions, AnOutputTakesThePlaceOfItsTwin) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y, float[2] z) { a = Relu(x) z = Exp(a) y = Relu(x) })");
  EXPECT_TRUE(RunPass(EliminateCommonSubexpressions(), graph).changed);
  EXPECT_EQ(Ops(graph), "Relu Exp");
  EXPECT_EQ(graph.Name(graph.node(FindOpNode(graph, "Exp")).input(0)), "y");
}

TEST(EliminateCommonSubexpressions, TwoOutputsKeepTwoNodes) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y, float[2] z) { y = Relu(x) z = Relu(x) })");
  const PassResult result = RunPass(EliminateCommonSubexpressions(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr("is an output too")));
}

TEST(EliminateCommonSubexpressions, ABodyUsesWhatWasComputedBeforeIt) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, bool c) => (float[2] y)
    { a = Relu(x)
      y = If(c) <then_branch = t () => (float[2] u) { p = Relu(x) u = Add(a, p) },
                 else_branch = e () => (float[2] v) { q = Exp(x) v = Neg(q) }>
      b = Exp(x) })");
  EXPECT_TRUE(RunPass(EliminateCommonSubexpressions(), graph).changed);
  EXPECT_EQ(graph.NumNodes(), 6);
}

TEST(EliminateCommonSubexpressions, ComesAfterFusion) {
  // Merged first, the Conv would be shared and the second BatchNormalization could not go in.
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y, float[1, 1, 2, 2] z)
      <float[1, 1, 1, 1] w = {2}, float[1] p = {3}, float[1] q = {4}>
    { a = Conv(x, w) y = BatchNormalization(a, p, q, p, q)
      b = Conv(x, w) z = BatchNormalization(b, q, p, q, p) })");
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Conv Conv");
}

}  // namespace
}  // namespace dsperse
