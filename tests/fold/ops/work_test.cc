#include "fold/ops/work.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/filled.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using testing::Filled;
using testing::FindOpNode;
using testing::ParseGraph;

absl::StatusOr<Work> WorkOf(absl::string_view op, const std::string& text) {
  const Graph graph = ParseGraph(text);
  Facts facts(&graph);
  const WorkFn work = WorkFunctionFor(op, "");
  if (work == nullptr) return absl::NotFoundError("no work");
  return work(graph, graph.node(FindOpNode(graph, op)), facts);
}

TEST(WorkTest, ConvCountsProductsSumsAndRescales) {
  const absl::StatusOr<Work> work =
      WorkOf("Conv", "g (float[1,3,8,8] x) => (y) <" + Filled("w", {4, 3, 3, 3}, 0.5) + ", " +
                         Filled("b", {4}, 0.5) +
                         "> {"
                         "  y = Conv<pads=[1,1,1,1]>(x, w, b) }");
  ASSERT_TRUE(work.ok()) << work.status();
  EXPECT_EQ(work->constant_products, 256u * 27);
  EXPECT_EQ(work->variable_products, 0u);
  EXPECT_EQ(work->additions, 256u * 27);
  EXPECT_EQ(work->rescales, 256u);
  EXPECT_EQ(work->committed, 108u + 4);
}

TEST(WorkTest, AnUnbiasedSumHasOneAdditionLessThanTerms) {
  const absl::StatusOr<Work> work =
      WorkOf("MatMul",
             "g (float[2,16] x) => (y) <" + Filled("w", {16, 8}, 0.5) + "> { y = MatMul(x, w) }");
  ASSERT_TRUE(work.ok()) << work.status();
  EXPECT_EQ(work->constant_products, 2u * 8 * 16);
  EXPECT_EQ(work->additions, 2u * 8 * 15);
}

TEST(WorkTest, ProductsOfTwoVariablesAreTold) {
  const absl::StatusOr<Work> matrix =
      WorkOf("MatMul", "g (float[2,3] x, float[3,4] z) => (y) { y = MatMul(x, z) }");
  ASSERT_TRUE(matrix.ok());
  EXPECT_EQ(matrix->variable_products, 24u);
  EXPECT_EQ(matrix->constant_products, 0u);
  const absl::StatusOr<Work> mul =
      WorkOf("Mul", "g (float[5] x, float[5] z) => (y) { y = Mul(x, z) }");
  ASSERT_TRUE(mul.ok());
  EXPECT_EQ(mul->variable_products, 5u);
}

TEST(WorkTest, TransposedOperandsKeepTheLengthOfTheSum) {
  const absl::StatusOr<Work> work =
      WorkOf("Gemm", "g (float[16,2] x) => (y) <" + Filled("w", {8, 16}, 0.5) +
                         "> { y = Gemm<transA=1, transB=1>(x, w) }");
  ASSERT_TRUE(work.ok()) << work.status();
  EXPECT_EQ(work->constant_products, 2u * 8 * 16);
}

TEST(WorkTest, PoolsCompareOrAdd) {
  const absl::StatusOr<Work> largest =
      WorkOf("MaxPool",
             "g (float[1,2,4,4] x) => (y) { y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x) }");
  ASSERT_TRUE(largest.ok());
  EXPECT_EQ(largest->comparisons, 8u * 3);
  const absl::StatusOr<Work> mean =
      WorkOf("GlobalAveragePool", "g (float[1,2,4,4] x) => (y) { y = GlobalAveragePool(x) }");
  ASSERT_TRUE(mean.ok());
  EXPECT_EQ(mean->additions, 2u * 15);
  EXPECT_EQ(mean->rescales, 2u);
}

TEST(WorkTest, ClipComparesOncePerBound) {
  const absl::StatusOr<Work> one =
      WorkOf("Clip", "g (float[5] x) => (y) <float lo = {0.0}> { y = Clip(x, lo) }");
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->comparisons, 5u);
  const absl::StatusOr<Work> two = WorkOf(
      "Clip", "g (float[5] x) => (y) <float lo = {0.0}, float hi = {6.0}> { y = Clip(x, lo, hi) }");
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(two->comparisons, 10u);
}

TEST(WorkTest, DataMovementHasNone) {
  for (absl::string_view op :
       {"Reshape", "Transpose", "Concat", "Shape", "Constant", "NoSuchOperator"}) {
    EXPECT_EQ(WorkFunctionFor(op, ""), nullptr) << op;
  }
  EXPECT_EQ(WorkFunctionFor("Add", "com.example"), nullptr);
}

TEST(WorkTest, AnOpenShapeIsAnError) {
  const absl::StatusOr<Work> work = WorkOf("Relu", "g (float[N,4] x) => (y) { y = Relu(x) }");
  EXPECT_EQ(work.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(WorkTest, RowsOfTheTableCarryTheirFunction) {
  const OpDef* abs = FindOp("", "Abs", 13);
  ASSERT_NE(abs, nullptr);
  EXPECT_EQ(abs->work, WorkFunctionFor("Abs", ""));
}

}  // namespace
}  // namespace dsperse
