// Numbers, axes and opsets beside those at which a lowering does something else: what it writes computes the same, and
// can be proven.
#include "gtest/gtest.h"
#include "tests/fold/lowering/provable_form.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ExpectForm;
using ::dsperse::testing::FormName;
using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using Form = ::dsperse::testing::ProvableForm;
using ::dsperse::testing::RunFold;

class LoweringNeighbours : public ::testing::TestWithParam<Form> {};
TEST_P(LoweringNeighbours, ComputeTheSame) { ExpectForm(GetParam()); }

#define AT_OPSET(opset) "<ir_version: 4, opset_import: [\"\" : " opset "]> "
#define HARD_SIGMOID "g (float[1, 1, 2, 4] x) => (float[1, 1, 2, 4] y) { y = HardSigmoid<alpha = 2.0>(x) }"
#define CLIPPED "Add Slice Conv Add Max Slice Conv Sub Add Min"

INSTANTIATE_TEST_SUITE_P(
    Opsets, LoweringNeighbours,
    ::testing::Values(Form{"BoundsOfClipAsAttributes", AT_OPSET("10") HARD_SIGMOID, CLIPPED},
                      Form{"BoundsOfClipAsInputs", AT_OPSET("11") HARD_SIGMOID, CLIPPED}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    Constants, LoweringNeighbours,
    ::testing::Values(
        Form{"ANumberBeforeWhatIsScaled",
                  "g (float[1, 2] x) => (float[1, 2] y) <float c = {0.3}, float d = {0.4}>"
                  " { a = Mul(x, c) y = Add(d, a) }",
                  "Reshape Conv Reshape"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    Convs, LoweringNeighbours,
    ::testing::Values(
        Form{"PaddedAlikeWithoutStrides",
                  "g (float[1, 1, 4, 4] x) => (float[1, 1, 4, 4] y) <float[1, 1, 3, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>"
                  " { y = Conv<auto_pad = \"SAME_UPPER\">(x, w) }",
                  "Conv"},
        Form{"DilatedAlongOneAxis",
                  "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 2] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
                  " { y = Conv<dilations = [1, 2]>(x, w) }",
                  "Conv"}),
    FormName);

#define NORM(epsilon)                                                                                   \
  "<ir_version: 8, opset_import: [\"\" : 17]> g (float[2, 2] x) => (float[2, 2] y) <float[2] s = {1, 2}>" \
  " { y = LayerNormalization<epsilon = " epsilon ">(x, s) }"

// x is doubled as often as its factor has digits behind the first.
INSTANTIATE_TEST_SUITE_P(
    Epsilons, LoweringNeighbours,
    ::testing::Values(Form{"OfTwoTimes", NORM("0.0000025"), "Add LayerNormalization"},
                      Form{"OfFourTimes", NORM("0.000000625"), "Add Add LayerNormalization"},
                      Form{"OfASixteenth", NORM("0.00256"), "Div LayerNormalization"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    Gemms, LoweringNeighbours,
    ::testing::Values(Form{"WithAnAddOfOpset7",
                                AT_OPSET("7") "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4},"
                                              " float[2] c = {5, 6}> { a = MatMul(x, w) y = Add(a, c) }",
                                "Gemm"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    Pools, LoweringNeighbours,
    ::testing::Values(
        // As many as side by side would be, but a step apart.
        Form{"WindowsThatOverlap",
                  "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) { y = AveragePool<kernel_shape = [2, 2]>(x) }", "Conv"}),
    FormName);

// x is no constant, though what it is gathered from is.
TEST(LoweringNeighbour, AFactorOfWhatIsGathered) {
  Graph graph = ParseGraph(
      "g (int64[2] i) => (float[2] y) <float[4] t = {1, 2, 3, 4}, float c = {0.3}> { x = Gather(t, i) y = Mul(x, c) }");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Gather Reshape Conv Reshape");
}

}  // namespace
}  // namespace dsperse
