// Two estimates compared, and prices that depend on what is constant.
#include <string>

#include "circuit_estimate/report.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using testing::ParseGraph;

GraphEstimate Estimate(const std::string& model, absl::string_view backend, const char* assignment = nullptr) {
  const Graph graph = ParseGraph(model);
  const Backend* found = FindBackend(backend);
  Parameters parameters(found->parameters());
  if (assignment != nullptr) {
    const absl::Status set = parameters.Set(assignment);
    EXPECT_TRUE(set.ok()) << set;
  }
  Facts facts(&graph);
  absl::StatusOr<GraphEstimate> estimate = EstimateGraph(graph, facts, *found, parameters);
  EXPECT_TRUE(estimate.ok()) << estimate.status();
  return *std::move(estimate);
}

TEST(ChangesTest, FromNothingToSomethingIsNoPercentage) {
  const GraphEstimate before = Estimate("g (float[4,4] x) => (float[4,4] y) { y = Relu(x) }", "ezkl_halo2");
  const GraphEstimate after =
      Estimate("g (float[4,4] x, float[4,4] z) => (float[4,4] y) { y = MatMul(x, z) }", "ezkl_halo2");
  const nlohmann::ordered_json change = ComparisonJson(before, after, EstimateRows::kTotal)["change"];
  EXPECT_EQ(change["total_einsum_col_size"]["before"], 0);
  EXPECT_GT(change["total_einsum_col_size"]["after"], 0);
  EXPECT_TRUE(change["total_einsum_col_size"]["percent"].is_null());
  EXPECT_EQ(change["num_shuffles"]["percent"], 0);  // none before, none after
  EXPECT_GT(change["total_assignments"]["percent"], 0);
}

// Of constants nothing is left but sums; of what is computed each product is a constraint.
TEST(CircomTest, ComputedWeightsAreSignals) {
  const char* const constant =
      "g (float[1,1,4,4] x) => (float[1,1,4,4] y) <float[1,1,1,1] w = {0.5}> { y = Conv<kernel_shape=[1,1]>(x, w) }";
  const char* const computed =
      "g (float[1,1,4,4] x, float[1,1,1,1] w) => (float[1,1,4,4] y) { y = Conv<kernel_shape=[1,1]>(x, w) }";
  EXPECT_EQ(Estimate(constant, "r1cs_circom", "weights=constant").TotalOf("constraints"), 0u);
  EXPECT_EQ(Estimate(computed, "r1cs_circom", "weights=constant").TotalOf("constraints"), 16u);
  EXPECT_EQ(Estimate(computed, "r1cs_circom").TotalOf("constraints"), 16u);
  const GraphEstimate gathers =
      Estimate("g (float[4] x, int64[2] i) => (float[2] y) { y = Gather(x, i) }", "r1cs_circom");
  ASSERT_EQ(gathers.unsupported.size(), 1u);
  EXPECT_EQ(gathers.unsupported[0].reason, "no template for computed indices");
}

}  // namespace
}  // namespace dsperse
