#include "fold/ops/facts.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ShapeOf(const Graph& graph, Facts& facts, absl::string_view name) {
  return facts.ShapeOf(graph.FindValue(name)).ToString();
}

std::vector<int64_t> ValueOf(const Graph& graph, Facts& facts, absl::string_view name) {
  const Tensor* tensor = facts.ConstantOf(graph.FindValue(name));
  if (tensor == nullptr) return {-999};
  return *ToInts(*tensor);
}

TEST(Facts, InfersTypesAndShapesAndKeepsNames) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[N, 3, 8, 8] x, float[4, 3, 3, 3] w) => (float[N, C, H, W] y) {
      c = Conv<pads = [1, 1, 1, 1]>(x, w)
      y = Relu(c)
    })");
  Facts facts(&graph);
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[N, 4, 8, 8]");
  EXPECT_EQ(facts.TypeOf(graph.FindValue("y")), DType::kFloat);
  EXPECT_TRUE(facts.InferAll().ok());
}

TEST(Facts, KnowsTheMaskOfAnOldDropout) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 4, opset_import: ["": 9]>
    g (float[2, 3] x) => (float[a, b] y, float[c, d] mask) {
      y, mask = Dropout(x)
    })");
  Facts facts(&graph);
  EXPECT_EQ(ShapeOf(graph, facts, "mask"), "[2, 3]");
}

TEST(Facts, CarriesShapesThroughArithmeticToAReshape) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[2, 3, 4, 5] x) => (float[a, b] y)
    <int64 zero = {0}, int64 one = {1}, int64[1] axes = {0}> {
      s = Shape(x)
      n = Gather(s, zero)
      c = Gather(s, one)
      m = Mul(n, c)
      mu = Unsqueeze(m, axes)
      rest = Constant<value = int64[1] {-1}>()
      target = Concat<axis = 0>(mu, rest)
      y = Reshape(x, target)
    })");
  Facts facts(&graph);
  EXPECT_THAT(ValueOf(graph, facts, "target"), ElementsAre(6, -1));
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[6, 20]");
}

TEST(Facts, AnUnknownBatchHidesNothingElse) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[N, 3, 4, 5] x) => (float[a, b] y, float[c, d, e] z)
    <int64 zero = {0}, int64[1] axes = {0}> {
      s = Shape(x)
      n = Gather(s, zero)
      nu = Unsqueeze(n, axes)
      rest = Constant<value = int64[1] {-1}>()
      target = Concat<axis = 0>(nu, rest)
      y = Reshape(x, target)
      tail = Constant<value = int64[2] {3, 20}>()
      other = Concat<axis = 0>(nu, tail)
      z = Reshape(x, other)
    })");
  Facts facts(&graph);
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[N, 60]");
  EXPECT_EQ(ShapeOf(graph, facts, "z"), "[N, 3, 20]");
  const Fact& target = facts.Of(graph.FindValue("other"));
  ASSERT_TRUE(target.elements.has_value());
  EXPECT_EQ((*target.elements)[0].name(), "N");
  EXPECT_EQ((*target.elements)[2].size(), 20);
  EXPECT_FALSE(target.value.has_value());
}

TEST(Facts, AnOverridableInitializerHasNoValue) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[2, 2] x, int64[1] shape = {4}) => (float[n] y) {
      y = Reshape(x, shape)
    })");
  Facts facts(&graph);
  EXPECT_EQ(facts.ConstantOf(graph.FindValue("shape")), nullptr);
  EXPECT_EQ(ShapeOf(graph, facts, "shape"), "[1]");
  // Whatever the shape says, the elements are four.
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[4]");
}

TEST(Facts, ADeclarationIsOnlyAHint) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[2, 3] x) => (float[2, 7] y) {
      y = Relu(x)
    })");
  Facts facts(&graph);
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[2, 3]");
  EXPECT_THAT(std::string(facts.Problem(graph.Producer(graph.FindValue("y")))),
              HasSubstr("'y' is declared float [2, 7], inferred float [2, 3]"));
  EXPECT_TRUE(facts.InferAll().ok());
}

TEST(Facts, ReportsTheFirstContradictionAndGoesOn) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[2, 3] x, float[4, 5] w) => (float[a, b] y, float[c, d] z) {
      [bad] y = MatMul(x, w)
      z = Relu(x)
    })");
  Facts facts(&graph);
  const absl::Status status = facts.InferAll();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("node 'bad' (MatMul): "));
  EXPECT_EQ(ShapeOf(graph, facts, "z"), "[2, 3]");
}

TEST(Facts, UniformTensorsCostNothing) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[1, 25088] x) => (float[1, 4096] y) {
      shape = Constant<value = int64[2] {4096, 25088}>()
      w = ConstantOfShape<value = float[1] {0.5}>(shape)
      n = Neg(w)
      t = Transpose(n)
      y = MatMul(x, t)
    })");
  Facts facts(&graph);
  const Tensor* t = facts.ConstantOf(graph.FindValue("t"));
  ASSERT_NE(t, nullptr);
  EXPECT_TRUE(t->is_uniform());
  EXPECT_THAT(t->dims(), ElementsAre(25088, 4096));
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[1, 4096]");
}

TEST(Facts, AxesNeedNotAscend) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 12]>
    g (float[1, 2, 5, 1, 1] x, float[2, N] z) => (float[a, b] y, float[c, d, e, f] w, float[h, i] v) {
      y = Squeeze<axes = [4, 0, 3]>(x)
      w = Unsqueeze<axes = [3, 0]>(z)
      v = Squeeze<axes = [-1, 0, 3]>(x)
    })");
  Facts facts(&graph);
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[2, 5]");
  EXPECT_EQ(ShapeOf(graph, facts, "w"), "[1, 2, N, 1]");
  EXPECT_EQ(ShapeOf(graph, facts, "v"), "[2, 5]");
  EXPECT_TRUE(facts.InferAll().ok());
}

TEST(Facts, ASqueezedAxisMustBeOne) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 12]>
    g (float[1, 2, 5] x) => (float[a] y) { y = Squeeze<axes = [1, 0]>(x) })");
  Facts facts(&graph);
  EXPECT_TRUE(absl::IsInvalidArgument(facts.InferAll()));
}

TEST(Facts, ProductsOfSizesDoNotOverflow) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 12]>
    g (float[1, 12] x) => (float[a, b] y)
    <int64[3] shape = {7957695015157985132, 1, 12}> { y = Reshape(x, shape) })");
  Facts facts(&graph);
  const absl::Status status = facts.InferAll();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("7957695015157985132"));
}

TEST(Facts, ProductsWithACopiedSizeDoNotOverflow) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 12]>
    g (float[1, 4] x) => (float[a, b] y)
    <int64[2] shape = {3458764513820540976, 0}> { y = Reshape(x, shape) })");
  Facts facts(&graph);
  const absl::Status status = facts.InferAll();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("3458764513820540976"));
}

TEST(Facts, SumsOfAxesDoNotOverflow) {
  for (const char* node : {"GatherND<batch_dims = 9223372036854775807>(x, i)", "GatherND<batch_dims = 4294967295>(x, i)",
                           "GatherND<batch_dims = 3>(x, j)"}) {
    const Graph graph = testing::ParseGraph(absl::StrCat(R"(
      <ir_version: 8, opset_import: ["": 12]>
      g (float[2, 3] x, int64[2, 1] i, int64[0, 9223372036854775806] j) => (float[a] y) { y = )", node, " }"));
    Facts facts(&graph);
    EXPECT_TRUE(absl::IsInvalidArgument(facts.InferAll())) << node;
  }
}

TEST(Facts, AConstantConditionPicksItsBranch) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[2, 3] x, bool d) => (float[a, b] y, float[p, q] z) {
      c = Constant<value = bool {1}>()
      y = If (c) <then_branch = t () => (float[i, j] a) { a = Relu(x) },
                  else_branch = e () => (float[k, l] b) { b = Transpose(x) }>
      z = If (d) <then_branch = t2 () => (float[i2, j2] a2) { a2 = Relu(x) },
                  else_branch = e2 () => (float[k2, l2] b2) { b2 = Concat<axis = 0>(x, x) }>
    })");
  Facts facts(&graph);
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[2, 3]");
  // The declared names tell nothing of what differs between the branches.
  EXPECT_EQ(facts.ShapeOf(graph.FindValue("z")).dim(1).size(), 3);
  EXPECT_FALSE(facts.ShapeOf(graph.FindValue("z")).dim(0).known());
}

TEST(Facts, WhatALoopCarriesMustHoldInEveryIteration) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[2, 3] x) => (float[2, 3] same, float[n, m] grown, float[k, l, o] scans) {
      trips = Constant<value = int64 {4}>()
      cond = Constant<value = bool {1}>()
      same, grown, scans = Loop (trips, cond, x, x) <body =
        b (int64 i, bool c, float[r1, r2] s, float[r3, r4] g) =>
          (bool c_out, float[t1, t2] s_out, float[t3, t4] g_out, float[t5, t6] scan) {
          c_out = Identity(c)
          s_out = Relu(s)
          g_out = Concat<axis = 0>(g, x)
          scan = Neg(s)
        }>
    })");
  Facts facts(&graph);
  EXPECT_EQ(ShapeOf(graph, facts, "same"), "[2, 3]");
  EXPECT_FALSE(facts.ShapeOf(graph.FindValue("grown")).dim(0).known());
  EXPECT_EQ(facts.ShapeOf(graph.FindValue("grown")).dim(1).size(), 3);
  EXPECT_EQ(ShapeOf(graph, facts, "scans"), "[4, 2, 3]");
  EXPECT_TRUE(facts.InferAll().ok());
}

TEST(Facts, FollowsEdits) {
  Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[2, 3] x) => (float[a, b] y) {
      t = Transpose(x)
      y = Relu(t)
    })");
  Facts facts(&graph);
  const ValueId t = graph.FindValue("t");
  const ValueId y = graph.FindValue("y");
  EXPECT_EQ(facts.ShapeOf(y).ToString(), "[3, 2]");
  graph.SetAttribute(graph.Producer(t), "perm", std::vector<int64_t>{0, 1});
  facts.Forget(t);
  EXPECT_EQ(facts.ShapeOf(y).ToString(), "[2, 3]");
  NewNode spec;
  spec.op_type = "Concat";
  spec.inputs = {t, t};
  spec.new_outputs = {"twice"};
  spec.attributes = {{"axis", int64_t{0}}};
  const NodeId added = graph.AddNode(spec, graph.Producer(y));
  EXPECT_EQ(facts.ShapeOf(graph.node(added).output()).ToString(), "[4, 3]");
}

TEST(Facts, ADeepGraphNeedsNoStack) {
  std::string text = R"(<ir_version: 8, opset_import: ["": 17]> g (float[2] x) => (float[n] y) {
      v0 = Neg(x)
  )";
  constexpr int kNodes = 20000;
  for (int i = 1; i < kNodes; ++i) absl::StrAppend(&text, "v", i, " = Neg(v", i - 1, ")\n");
  absl::StrAppend(&text, "y = Neg(v", kNodes - 1, ") }");
  const Graph graph = testing::ParseGraph(text);
  Facts facts(&graph);
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[2]");
}

TEST(Facts, AnUnknownHeightHidesNoWidth) {
  const Graph graph = testing::ParseGraph(R"(
    g (float[1, 1, H, 5] x) => (float[1, 1, a, b] y) { y = MaxPool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x) })");
  Facts facts(&graph);
  EXPECT_EQ(ShapeOf(graph, facts, "y"), "[1, 1, ?, 3]");
  EXPECT_TRUE(facts.InferAll().ok());
}

TEST(Facts, AScanOfANegativeNumberOfInputsIsWrong) {
  for (const char* count : {"-2147483648", "-9223372036854775808", "4294967297", "2"}) {
    const Graph graph =
        testing::ParseGraph(absl::StrCat("g (float[2] x) => (float[2] y) { y = Scan<num_scan_inputs = ", count,
                                         ", body = b (float i) => (float o) { o = Identity(i) }>(x) }"));
    Facts facts(&graph);
    EXPECT_TRUE(absl::IsInvalidArgument(facts.InferAll())) << count;
  }
}

}  // namespace
}  // namespace dsperse
