#include "fold/passes/fold_constants.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ConstantNamed;
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::MissTexts;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(FoldConstants, ShapeChainsBecomeConstants) {
  Graph graph = ParseGraph(R"(
    g (float[2, 3, 4] x) => (float[a, b] y)
      <int64 zero = {0}, int64[1] minus = {-1}, int64[1] axes = {0}>
    { s = Shape(x)
      n = Gather(s, zero)
      u = Unsqueeze(n, axes)
      t = Concat<axis = 0>(u, minus)
      y = Reshape(x, t) })");
  EXPECT_TRUE(RunPass(FoldConstants(), graph).changed);
  EXPECT_EQ(Ops(graph), "Reshape");
  EXPECT_THAT(ConstantNamed(graph, "t"), ElementsAre(2, -1));
}

TEST(FoldConstants, EveryFormOfConstantNodeBecomesAnInitializer) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y, int64[2] z)
    { a = Constant<value = float[2] {1, 2}>()
      b = Constant<value_float = 3.0>()
      c = Constant<value_floats = [4.0, 5.0]>()
      d = Constant<value_int = 6>()
      e = Constant<value_ints = [7, 8]>()
      p = Add(x, a)
      q = Add(p, b)
      y = Add(q, c)
      f = Cast<to = 7>(x)
      g1 = Add(f, d)
      z = Add(g1, e) })");
  EXPECT_TRUE(RunPass(FoldConstants(), graph).changed);
  EXPECT_EQ(Ops(graph), "Add Add Add Cast Add Add");
  EXPECT_THAT(ConstantNamed(graph, "b"), ElementsAre(3));
  EXPECT_THAT(ConstantNamed(graph, "e"), ElementsAre(7, 8));
}

TEST(FoldConstants, SparseConstantsAreSpreadOut) {
  auto model = ::dsperse::testing::ParseModel(R"(
    g (float[4] x) => (float[4] y) { s = Constant<value_float = 1.0>() y = Add(x, s) })");
  onnx::AttributeProto& attribute = *model->mutable_graph()->mutable_node(0)->mutable_attribute(0);
  attribute.Clear();
  attribute.set_name("sparse_value");
  attribute.set_type(onnx::AttributeProto::SPARSE_TENSOR);
  onnx::SparseTensorProto& sparse = *attribute.mutable_sparse_tensor();
  sparse.add_dims(4);
  sparse.mutable_values()->set_data_type(onnx::TensorProto::FLOAT);
  sparse.mutable_values()->add_dims(1);
  sparse.mutable_values()->add_float_data(7);
  sparse.mutable_indices()->set_data_type(onnx::TensorProto::INT64);
  sparse.mutable_indices()->add_dims(1);
  sparse.mutable_indices()->add_int64_data(2);
  absl::StatusOr<Graph> graph = Graph::Import(std::move(model), nullptr, "");
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_TRUE(RunPass(FoldConstants(), *graph).changed);
  EXPECT_THAT(ConstantNamed(*graph, "s"), ElementsAre(0, 0, 7, 0));
}

TEST(FoldConstants, LargeIntegersStayExact) {
  Graph graph = ParseGraph(R"(
    g (int64[1] x) => (int64[1] y)
      <int64[1] a = {9007199254740993}, int64[1] b = {2}>
    { c = Add(a, b) y = Add(x, c) })");
  EXPECT_TRUE(RunPass(FoldConstants(), graph).changed);
  const Tensor* c = graph.ConstantValue(graph.FindValue("c"));
  ASSERT_NE(c, nullptr);
  EXPECT_THAT(*ToInts(*c), ElementsAre(9007199254740995));
}

TEST(FoldConstants, AnOutputThatBecameConstantKeepsANode) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y, float[2] z) <float[2] w = {1, 2}>
    { y = Neg(w) z = Add(x, y) })");
  EXPECT_TRUE(RunPass(FoldConstants(), graph).changed);
  EXPECT_EQ(Ops(graph), "Constant Add");
}

TEST(FoldConstants, InsideBodiesAndFromCapturedConstants) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, bool c) => (float[2] y) <float[2] w = {1, 2}>
    { y = If(c) <then_branch = t () => (float[2] u) { p = Neg(w) u = Add(x, p) },
                 else_branch = e () => (float[2] v) { v = Neg(x) }> })");
  EXPECT_TRUE(RunPass(FoldConstants(), graph).changed);
  EXPECT_EQ(graph.NumNodes(), 3);
}

// ---- growth ----

TEST(FoldConstants, AUniformResultIsAConstantOfShape) {
  Graph graph = ParseGraph(R"(
    g (float[1] x) => (float[1000, 1000] y)
      <int64[2] dims = {1000, 1000}, float two = {2}>
    { c = ConstantOfShape<value = float[1] {3}>(dims)
      d = Mul(c, two)
      y = Add(x, d) })");
  EXPECT_TRUE(RunPass(FoldConstants(), graph).changed);
  EXPECT_EQ(Ops(graph), "ConstantOfShape ConstantOfShape Add");
  EXPECT_LT(graph.ConstantBytes(), 100);
}

TEST(FoldConstants, ResultsBeyondTheBudgetAreNotComputed) {
  const char* text = R"(
    g (float[4] x) => (float[100, 4] y) <float[4] w = {1, 2, 3, 4}, int64[2] dims = {100, 4}>
    { e = Expand(w, dims) y = Add(x, e) })";
  Graph graph = ParseGraph(text);
  PassOptions options;
  options.max_constant = 1000;
  const PassResult result = RunPass(FoldConstants(), graph, options);
  EXPECT_FALSE(result.changed);
  // 1600 bytes against 16 of w, 16 of dims and the 1000.
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr("1600 bytes is larger than the 1032")));
  Graph again = ParseGraph(text);
  EXPECT_TRUE(RunPass(FoldConstants(), again).changed);
}

TEST(FoldConstants, ALargeResultThatFreesAsMuchIsComputed) {
  // 600 × 600 floats: more than inference evaluates by itself.
  float* data = nullptr;
  absl::StatusOr<Tensor> weight = Tensor::Make<float>({600, 600}, &data);
  ASSERT_TRUE(weight.ok());
  for (int i = 0; i < 600 * 600; ++i) data[i] = static_cast<float>(i);
  Graph large = ParseGraph(R"(
    g (float[2, 600] x) => (float[2, 600] y) { y = Neg(x) })");
  const NodeId neg = FindOpNode(large, "Neg");
  const ValueId w = large.AddConstant("w", *weight);
  NewNode transpose;
  transpose.op_type = "Transpose";
  transpose.inputs = {w};
  transpose.new_outputs = {"t"};
  const NodeId t = large.AddNode(std::move(transpose), neg);
  NewNode matmul;
  matmul.op_type = "MatMul";
  matmul.inputs = {large.node(neg).input(0), large.node(t).output()};
  matmul.new_outputs = {"m"};
  const NodeId m = large.AddNode(std::move(matmul), neg);
  large.SetInput(neg, 0, large.node(m).output());
  EXPECT_TRUE(RunPass(FoldConstants(), large).changed);
  EXPECT_EQ(Ops(large), "MatMul Neg");
  EXPECT_EQ(ConstantNamed(large, "t")[1], 600);
}

// ---- refusals ----

struct Refusal {
  const char* constants;
  const char* expression;
  const char* miss;
};
class Refusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refusals, LeaveTheNode) {
  Graph graph = ParseGraph(absl::StrCat("g (int64[1] x) => (int64[1] y) <", GetParam().constants,
                                        "> { c = ", GetParam().expression,
                                        " d = Cast<to = 7>(c) y = Add(x, d) }"));
  const PassResult result = RunPass(FoldConstants(), graph, {}, {.compare = false});
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(GetParam().miss)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Refusals,
    ::testing::Values(
        Refusal{"int64[1] a = {1}, int64[1] b = {0}", "Div(a, b)", "zero"},
        Refusal{"int64[2] a = {1, 2}, int64[1] i = {2}", "Gather(a, i)", "2"},
        Refusal{"float[1] a = {1e30}", "Cast<to = 7>(a)", "Cast"},
        Refusal{"int8[1] a = {1}, float s = {0.5}", "DequantizeLinear(a, s)", "DequantizeLinear"},
        Refusal{"float[1] a = {0.5}", "Bernoulli(a)", "Bernoulli"}));

TEST(FoldConstants, WhatTheCallerMayOverrideIsNotConstant) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { n = Neg(w) y = Add(x, n) })");
  EXPECT_FALSE(RunPass(FoldConstants(), graph).changed);
  graph.FreezeInputs();
  EXPECT_TRUE(RunPass(FoldConstants(), graph).changed);
}

}  // namespace
}  // namespace dsperse
