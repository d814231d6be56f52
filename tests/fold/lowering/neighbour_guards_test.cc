// Numbers, axes and opsets beside those at which a lowering does something else: what it writes computes the same, and
// can be proven.
#include <ostream>
#include <string>

#include "fold/fold_model.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;

struct Neighbour {
  const char* name;
  const char* model;
  const char* ops;

  friend void PrintTo(const Neighbour& c, std::ostream* out) { *out << c.model; }
};

class LoweringNeighbours : public ::testing::TestWithParam<Neighbour> {};

TEST_P(LoweringNeighbours, ComputeTheSame) {
  Graph graph = ParseGraph(GetParam().model);
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), GetParam().ops);
  Facts facts(&graph);
  for (NodeId n : graph.AllNodes()) {
    EXPECT_EQ(Target::Find("jstprove")->WhyNot(graph, graph.node(n), facts), "") << graph.node(n).op_type();
  }
}

std::string NeighbourName(const ::testing::TestParamInfo<Neighbour>& tested) { return tested.param.name; }

#define AT_OPSET(opset) "<ir_version: 4, opset_import: [\"\" : " opset "]> "
#define HARD_SIGMOID "g (float[1, 1, 2, 4] x) => (float[1, 1, 2, 4] y) { y = HardSigmoid<alpha = 2.0>(x) }"
#define CLIPPED "Add Slice Conv Add Max Slice Conv Sub Add Min"

INSTANTIATE_TEST_SUITE_P(
    Opsets, LoweringNeighbours,
    ::testing::Values(Neighbour{"BoundsOfClipAsAttributes", AT_OPSET("10") HARD_SIGMOID, CLIPPED},
                      Neighbour{"BoundsOfClipAsInputs", AT_OPSET("11") HARD_SIGMOID, CLIPPED}),
    NeighbourName);

INSTANTIATE_TEST_SUITE_P(
    Constants, LoweringNeighbours,
    ::testing::Values(
        Neighbour{"ANumberBeforeWhatIsScaled",
                  "g (float[1, 2] x) => (float[1, 2] y) <float c = {0.3}, float d = {0.4}>"
                  " { a = Mul(x, c) y = Add(d, a) }",
                  "Reshape Conv Reshape"}),
    NeighbourName);

INSTANTIATE_TEST_SUITE_P(
    Convs, LoweringNeighbours,
    ::testing::Values(
        Neighbour{"PaddedAlikeWithoutStrides",
                  "g (float[1, 1, 4, 4] x) => (float[1, 1, 4, 4] y) <float[1, 1, 3, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>"
                  " { y = Conv<auto_pad = \"SAME_UPPER\">(x, w) }",
                  "Conv"},
        Neighbour{"DilatedAlongOneAxis",
                  "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 2] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
                  " { y = Conv<dilations = [1, 2]>(x, w) }",
                  "Conv"}),
    NeighbourName);

#define NORM(epsilon)                                                                                   \
  "<ir_version: 8, opset_import: [\"\" : 17]> g (float[2, 2] x) => (float[2, 2] y) <float[2] s = {1, 2}>" \
  " { y = LayerNormalization<epsilon = " epsilon ">(x, s) }"

// x is doubled as often as its factor has digits behind the first.
INSTANTIATE_TEST_SUITE_P(
    Epsilons, LoweringNeighbours,
    ::testing::Values(Neighbour{"OfTwoTimes", NORM("0.0000025"), "Add LayerNormalization"},
                      Neighbour{"OfFourTimes", NORM("0.000000625"), "Add Add LayerNormalization"},
                      Neighbour{"OfASixteenth", NORM("0.00256"), "Div LayerNormalization"}),
    NeighbourName);

INSTANTIATE_TEST_SUITE_P(
    Gemms, LoweringNeighbours,
    ::testing::Values(Neighbour{"WithAnAddOfOpset7",
                                AT_OPSET("7") "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4},"
                                              " float[2] c = {5, 6}> { a = MatMul(x, w) y = Add(a, c) }",
                                "Gemm"}),
    NeighbourName);

INSTANTIATE_TEST_SUITE_P(
    Pools, LoweringNeighbours,
    ::testing::Values(
        // As many as side by side would be, but a step apart.
        Neighbour{"WindowsThatOverlap",
                  "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) { y = AveragePool<kernel_shape = [2, 2]>(x) }", "Conv"}),
    NeighbourName);

// x is no constant, though what it is gathered from is.
TEST(LoweringNeighbour, AFactorOfWhatIsGathered) {
  Graph graph = ParseGraph(
      "g (int64[2] i) => (float[2] y) <float[4] t = {1, 2, 3, 4}, float c = {0.3}> { x = Gather(t, i) y = Mul(x, c) }");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Gather Reshape Conv Reshape");
}

}  // namespace
}  // namespace dsperse
