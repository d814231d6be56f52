#include "fold/ops/provability.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ParseGraph;
using ::testing::HasSubstr;

Provability Measure(const std::string& text) {
  const Graph graph = ParseGraph(text);
  Facts facts(&graph);
  return MeasureProvability(graph, facts, *Target::Find("jstprove"));
}

TEST(ProvabilityTest, CountsWhatComputesAndItsMultiplyAdds) {
  // Conv: 2·9 outputs of 3 products each, not provable without written-out attributes; Gemm: 2 of 18.
  const Provability p = Measure(R"(
    g (float[1,3,3,3] x) => (float[1,2] y)
      <float[2,3,1,1] w = {1,2,3,4,5,6}, float[18,2] m = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,
                                                          1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9},
       float[2] b = {1,2}, float[2] c = {1,2}, float[2] d = {1,2}>
    { [conv] a = Conv(x, w)
      [flat] f = Flatten(a)
      [gemm] g1 = Gemm(f, m, b)
      [sum] s = Add(c, d)
      y = Add(g1, g1) })");
  EXPECT_EQ(p.nodes, 3);  // Conv, Gemm, Add: the Flatten moves data, the sum of constants is one
  EXPECT_EQ(p.multiply_adds, 2u * 9 * 3 + 2 * 18);
  EXPECT_EQ(p.provable_nodes, 2);
  EXPECT_EQ(p.provable_multiply_adds, 2u * 18);
  ASSERT_EQ(p.unprovable.size(), 1u);
  EXPECT_EQ(p.unprovable[0].node, "conv");
  EXPECT_EQ(p.unprovable[0].op, "Conv");
  EXPECT_EQ(p.uncounted, 0);
}

TEST(ProvabilityTest, UnknownShapesAreSaid) {
  const Provability p =
      Measure("g (float[N,4] x) => (y) <float[4,1] m = {1,2,3,4}> { y = MatMul(x, m) }");
  EXPECT_EQ(p.nodes, 1);
  EXPECT_EQ(p.uncounted, 1);
}

TEST(ProvabilityTest, TheRequirementNamesTheFirstOfWhatIsLeft) {
  Provability p;
  p.nodes = 9;
  EXPECT_TRUE(RequireProvable(p, "jstprove").ok());
  for (int i = 0; i < 7; ++i) p.unprovable.push_back({"n" + std::to_string(i), "Det", "unknown"});
  const absl::Status status = RequireProvable(p, "jstprove");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("jstprove can't prove 7 of 9 nodes: Det 'n0': unknown; "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("and 2 more"));
}

}  // namespace
}  // namespace dsperse
