#include "fold/passes/eliminate_dead_nodes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunPass;

TEST(EliminateDeadNodes, ChainsDieInOneRun) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y) { a = Neg(x) b = Sqrt(a) c = Exp(b) y = Relu(x) })");
  EXPECT_TRUE(RunPass(EliminateDeadNodes(), graph).changed);
  EXPECT_EQ(Ops(graph), "Relu");
}

TEST(EliminateDeadNodes, ANodeOneOfWhoseOutputsIsReadStaysAsItIs) {
  Graph graph = ParseGraph(R"(
    g (float[1, 1, 4, 4] x) => (float[1, 1, 2, 2] y)
    { y, i = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) })");
  EXPECT_FALSE(RunPass(EliminateDeadNodes(), graph).changed);
}

TEST(EliminateDeadNodes, WhatABodyReadsLives) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, bool c) => (float[2] y)
    { a = Neg(x) b = Exp(x)
      y = If(c) <then_branch = t () => (float[2] u) { d = Abs(b) u = Relu(a) },
                 else_branch = e () => (float[2] v) { v = Neg(x) }> })");
  EXPECT_TRUE(RunPass(EliminateDeadNodes(), graph).changed);
  // Abs in the branch dies first, and with it the last reader of Exp.
  EXPECT_EQ(Ops(graph), "Neg If");
  EXPECT_EQ(graph.NumNodes(), 4);
}

TEST(EliminateDeadNodes, ADeadIfGoesWithItsBodies) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, bool c) => (float[2] y)
    { a = Neg(x)
      z = If(c) <then_branch = t () => (float[2] u) { u = Relu(a) },
                 else_branch = e () => (float[2] v) { v = Neg(x) }>
      y = Abs(x) })");
  EXPECT_TRUE(RunPass(EliminateDeadNodes(), graph).changed);
  EXPECT_EQ(graph.NumNodes(), 1);
}

}  // namespace
}  // namespace dsperse
