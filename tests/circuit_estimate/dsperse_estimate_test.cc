// The check values of DSperse's own formula.
#include "circuit_estimate/estimate_graph.h"
#include "gtest/gtest.h"
#include "tests/support/filled.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using testing::Filled;
using testing::ParseGraph;

uint64_t Constraints(const std::string& text) {
  const Graph graph = ParseGraph(text);
  Facts facts(&graph);
  const Backend* backend = FindBackend("dsperse_estimate");
  const absl::StatusOr<GraphEstimate> estimate =
      EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
  EXPECT_TRUE(estimate.ok()) << estimate.status();
  return estimate.ok() ? estimate->TotalOf("constraints") : 0;
}

TEST(DsperseEstimateTest, CheckValues) {
  EXPECT_EQ(Constraints("g (float[1,64] x, float[1,64] z) => (y) { y = Add(x, z) }"), 64u);
  EXPECT_EQ(Constraints("g (float[1,3,32,32] x) => (y) <" + Filled("w", {16, 3, 3, 3}, 0.5) +
                        "> { y = Conv(x, w) }"),
            878400u);
  EXPECT_EQ(Constraints("g (float[4,8] x) => (y) <" + Filled("w", {8, 16}, 0.5) +
                        "> { y = MatMul(x, w) }"),
            944u);
}

TEST(DsperseEstimateTest, PricesPerElement) {
  EXPECT_EQ(Constraints("g (float[10] x) => (y) { y = Relu(x) }"), 70u);
  EXPECT_EQ(Constraints("g (float[10] x) => (y) { y = Softmax(x) }"), 220u);
  EXPECT_EQ(Constraints("g (float[2,5] x) => (y) { y = Transpose(x) }"), 0u);
  EXPECT_EQ(Constraints("g (float[1,2,4,4] x) => (y) { y = GlobalAveragePool(x) }"), 2u * 16 + 16);
}

}  // namespace
}  // namespace dsperse
