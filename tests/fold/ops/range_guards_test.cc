// The range of each rule at the inputs between which it answers something else, by hand.
#include <cmath>
#include <limits>
#include <ostream>
#include <string>

#include "absl/strings/str_split.h"
#include "fold/ops/range.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ParseGraph;

struct Bounds {
  const char* name;
  const char* inputs;  // as in --input-range, with a semicolon between two
  const char* model;
  double low, high;

  friend void PrintTo(const Bounds& c, std::ostream* out) { *out << c.inputs << " through " << c.model; }
};
std::string Name(const ::testing::TestParamInfo<Bounds>& tested) { return tested.param.name; }

Interval RangeOf(const Bounds& c) {
  const Graph graph = ParseGraph(c.model);
  const std::vector<std::string> flags = absl::StrSplit(c.inputs, ';', absl::SkipEmpty());
  const absl::StatusOr<InputRanges> inputs = ParseInputRanges(flags, graph);
  EXPECT_TRUE(inputs.ok()) << inputs.status();
  Facts facts(&graph);
  Ranges ranges(&graph, &facts, &*inputs);
  return ranges.Of(graph.Outputs(graph.main()).back());
}

class RangeNumbers : public ::testing::TestWithParam<Bounds> {};
TEST_P(RangeNumbers, AreThoseOfTheRule) {
  const Interval range = RangeOf(GetParam());
  ASSERT_TRUE(range.bounded());
  EXPECT_NEAR(range.low, GetParam().low, 2e-4 * (1 + std::fabs(GetParam().low)));
  EXPECT_NEAR(range.high, GetParam().high, 2e-4 * (1 + std::fabs(GetParam().high)));
}

class RangeUnknown : public ::testing::TestWithParam<Bounds> {};
TEST_P(RangeUnknown, IsUnbounded) { EXPECT_FALSE(RangeOf(GetParam()).bounded()); }

INSTANTIATE_TEST_SUITE_P(
    Elements, RangeNumbers,
    ::testing::Values(
        Bounds{"AbsAroundZero", "-3,2", "g (float[2] x) => (y) { y = Abs(x) }", 0, 3},
        Bounds{"AbsAbove", "2,3", "g (float[2] x) => (y) { y = Abs(x) }", 2, 3},
        Bounds{"AbsBelow", "-3,-2", "g (float[2] x) => (y) { y = Abs(x) }", 2, 3},
        Bounds{"Neg", "-3,2", "g (float[2] x) => (y) { y = Neg(x) }", -2, 3},
        Bounds{"Sub", "x=-3,2;z=5,7", "g (float[2] x, float[2] z) => (y) { y = Sub(x, z) }", -10, -3},
        Bounds{"Square", "-2,1", "g (float[2] x) => (y) { y = Mul(x, x) }", 0, 4},
        Bounds{"Product", "x=-2,1;z=3,4", "g (float[2] x, float[2] z) => (y) { y = Mul(x, z) }", -8, 4},
        Bounds{"Quotient", "x=-2,1;z=2,4", "g (float[2] x, float[2] z) => (y) { y = Div(x, z) }", -1, 0.5},
        Bounds{"Reciprocal", "2,4", "g (float[2] x) => (y) { y = Reciprocal(x) }", 0.25, 0.5},
        Bounds{"MaxOfThree", "x=-1,5;z=-3,-2", "g (float[2] x, float[2] z) => (y) <float c = {2}> { y = Max(x, z, c) }", 2, 5},
        Bounds{"MinOfThree", "x=-1,5;z=3,9", "g (float[2] x, float[2] z) => (y) <float c = {2}> { y = Min(x, z, c) }", -1, 2},
        Bounds{"Sum", "-1,2", "g (float[2] x) => (y) { y = Sum(x, x, x) }", -3, 6},
        Bounds{"Mean", "x=-1,2;z=4,6", "g (float[2] x, float[2] z) => (y) { y = Mean(x, z, z) }", 7.0 / 3, 14.0 / 3},
        Bounds{"LeakyRelu", "-2,1", "g (float[2] x) => (y) { y = LeakyRelu<alpha = 0.1>(x) }", -0.2, 1},
        Bounds{"LeakyReluThatRises", "-2,1", "g (float[2] x) => (y) { y = LeakyRelu<alpha = -1.0>(x) }", 0, 2},
        Bounds{"PRelu", "-2,1", "g (float[2] x) => (y) <float s = {0.5}> { y = PRelu(x, s) }", -1, 1},
        Bounds{"ClipFromBelow", "-2,3", "g (float[2] x) => (y) <float a = {1}> { y = Clip(x, a) }", 1, 3},
        Bounds{"ClipFromAbove", "-2,3", "g (float[2] x) => (y) <float b = {1}> { y = Clip(x, , b) }", -2, 1},
        Bounds{"ClipByAttributes", "-2,3",
               R"(<ir_version: 4, opset_import: ["" : 10]> g (float[2] x) => (y) { y = Clip<min = -1.0, max = 2.0>(x) })", -1, 2},
        Bounds{"Sigmoid", "0,1", "g (float[2] x) => (y) { y = Sigmoid(x) }", 0.5, 0.731059},
        Bounds{"Tanh", "-1,1", "g (float[2] x) => (y) { y = Tanh(x) }", -0.761594, 0.761594},
        Bounds{"Erf", "-1,1", "g (float[2] x) => (y) { y = Erf(x) }", -0.842701, 0.842701},
        Bounds{"Exp", "-1,1", "g (float[2] x) => (y) { y = Exp(x) }", 0.367879, 2.718282},
        Bounds{"ExpAtItsLargest", "0,80", "g (float[2] x) => (y) { a = Exp(x) y = Log(a) }", 0, 80},
        Bounds{"Sqrt", "4,9", "g (float[2] x) => (y) { y = Sqrt(x) }", 2, 3},
        Bounds{"SqrtOfZero", "0,9", "g (float[2] x) => (y) { y = Sqrt(x) }", 0, 3},
        Bounds{"Softplus", "-1,1", "g (float[2] x) => (y) { y = Softplus(x) }", 0.313262, 1.313262},
        Bounds{"SoftplusAtItsLargest", "0,80", "g (float[2] x) => (y) { y = Softplus(x) }", 0.693147, 80},
        Bounds{"EluAroundZero", "-1,2", "g (float[2] x) => (y) { y = Elu(x) }", -0.632121, 2},
        Bounds{"EluAbove", "1,2", "g (float[2] x) => (y) { y = Elu(x) }", 1, 2},
        Bounds{"EluBelow", "-2,-1", "g (float[2] x) => (y) { y = Elu<alpha = 2.0>(x) }", -1.729329, 0},
        Bounds{"EluOfNothingBelow", "-2,1", "g (float[2] x) => (y) { y = Elu<alpha = 0.0>(x) }", 0, 1},
        Bounds{"SinAtItsWidest", "-10000,1", "g (float[2] x) => (y) { y = Sin(x) }", -1, 1},
        Bounds{"HardSigmoid", "-1,1", "g (float[2] x) => (y) { y = HardSigmoid(x) }", 0.3, 0.7},
        Bounds{"HardSigmoidThatFalls", "-1,2", "g (float[2] x) => (y) { y = HardSigmoid<alpha = -0.2>(x) }", 0.1, 0.7},
        Bounds{"HardSigmoidBeyondBoth", "-9,9", "g (float[2] x) => (y) { y = HardSigmoid(x) }", 0, 1},
        Bounds{"HardSwish", "-5,2", "g (float[2] x) => (y) { y = HardSwish(x) }", -0.375, 2},
        Bounds{"HardSwishAbove", "1,2", "g (float[2] x) => (y) { y = HardSwish(x) }", 0, 2},
        Bounds{"HardSwishJustBelow", "-0.25,-0.125", "g (float[2] x) => (y) { y = HardSwish(x) }", -0.25, 0},
        Bounds{"EvenPower", "-3,2", "g (float[2] x) => (y) <float n = {2}> { y = Pow(x, n) }", 0, 9},
        Bounds{"OddPower", "-3,2", "g (float[2] x) => (y) <float n = {3}> { y = Pow(x, n) }", -27, 8},
        Bounds{"FirstPower", "-3,2", "g (float[2] x) => (y) <float n = {1}> { y = Pow(x, n) }", -3, 2},
        Bounds{"HighestPower", "0,1", "g (float[2] x) => (y) <float n = {64}> { y = Pow(x, n) }", 0, 1},
        Bounds{"RootPower", "4,9", "g (float[2] x) => (y) <float n = {0.5}> { y = Pow(x, n) }", 2, 3},
        Bounds{"Floor", "0.5,1.5", "g (float[2] x) => (y) { y = Floor(x) }", 0, 2}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Sums, RangeNumbers,
    ::testing::Values(
        Bounds{"GemmOfAConstant", "0,1", "g (float[1, 2] x) => (y) <float[2, 2] w = {1, 1, -1, 3}> { y = Gemm(x, w) }", -1, 4},
        Bounds{"GemmTransposed", "0,1", "g (float[1, 2] x) => (y) <float[2, 2] w = {1, 1, -1, 3}> { y = Gemm<transB = 1>(x, w) }",
               -1, 3},
        Bounds{"GemmOfFactors", "0,1",
               "g (float[1, 2] x) => (y) <float[2, 1] w = {1, -2}, float[1] c = {3}>"
               " { y = Gemm<alpha = 0.5, beta = 2.0>(x, w, c) }", 5, 6.5},
        Bounds{"GemmOfNoAlpha", "0,1",
               "g (float[1, 2] x) => (y) <float[2, 1] w = {1, -2}, float[1] c = {3}> { y = Gemm<alpha = 0.0>(x, w, c) }", 3, 3},
        Bounds{"GemmOfNoBeta", "x=0,1",
               "g (float[1, 2] x, float[1] c) => (y) <float[2, 1] w = {1, -2}> { y = Gemm<beta = 0.0>(x, w, c) }", -2, 1},
        Bounds{"GemmOfTwo", "x=-1,1;z=0,2", "g (float[2, 3] x, float[3, 4] z) => (y) { y = Gemm(x, z) }", -6, 6},
        Bounds{"GemmOfTwoTransposed", "x=-1,1;z=0,2", "g (float[3, 2] x, float[3, 4] z) => (y) { y = Gemm<transA = 1>(x, z) }",
               -6, 6},
        Bounds{"MatMulByAConstant", "0,1", "g (float[1, 2] x) => (y) <float[2, 2] w = {1, 1, -1, 3}> { y = MatMul(x, w) }", -1, 4},
        Bounds{"MatMulOfAConstant", "0,1", "g (float[2, 1] x) => (y) <float[2, 2] w = {1, 1, -1, 3}> { y = MatMul(w, x) }", -1, 3},
        Bounds{"MatMulByAVector", "0,1", "g (float[1, 2] x) => (y) <float[2] w = {1, -2}> { y = MatMul(x, w) }", -2, 1},
        Bounds{"MatMulByMatrices", "1,2", "g (float[2, 1, 1] x) => (y) <float[2, 1, 1] w = {3, 5}> { y = MatMul(x, w) }", 0, 16},
        Bounds{"MatMulOfTwo", "x=-1,1;z=0,2", "g (float[2, 3] x, float[3, 4] z) => (y) { y = MatMul(x, z) }", -6, 6},
        Bounds{"ConvTransposed", "1,2",
               "g (float[1, 1, 2, 2] x) => (y) <float[1, 2, 1, 1] w = {3, -5}> { y = ConvTranspose(x, w) }", -10, 6},
        Bounds{"ConvPaddedAlike", "1,2",
               "g (float[1, 1, 2, 2] x) => (y) <float[1, 1, 1, 1] w = {3}> { y = Conv<auto_pad = \"SAME_UPPER\">(x, w) }", 0, 6},
        Bounds{"ConvPaddedAtOneEnd", "1,2",
               "g (float[1, 1, 2, 2] x) => (y) <float[1, 1, 1, 1] w = {3}> { y = Conv<pads = [0, 0, 0, 1]>(x, w) }", 0, 6},
        Bounds{"ConvOfNoPads", "1,2",
               "g (float[1, 1, 2, 2] x) => (y) <float[1, 1, 1, 1] w = {3}>"
               " { y = Conv<auto_pad = \"VALID\", pads = [0, 0, 0, 0]>(x, w) }", 3, 6},
        Bounds{"BatchNorm", "0,1",
               "g (float[1, 1, 2] x) => (y) <float[1] s = {2}, float[1] b = {1}, float[1] m = {0.5}, float[1] v = {0.75}>"
               " { y = BatchNormalization<epsilon = 0.25>(x, s, b, m, v) }", 0, 2},
        Bounds{"BatchNormOfTwoChannels", "0,1",
               "g (float[1, 2, 2] x) => (y) <float[2] s = {2, -4}, float[2] b = {1, 1}, float[2] m = {0, 0}, float[2] v = {0.75, 0.75}>"
               " { y = BatchNormalization<epsilon = 0.25>(x, s, b, m, v) }", -3, 3},
        Bounds{"ReduceSum", "-1,2", "g (float[2, 2] x) => (y) { y = ReduceSum(x) }", -4, 8},
        Bounds{"ReduceMean", "-1,2", "g (float[2, 2] x) => (y) { y = ReduceMean(x) }", -1, 2},
        Bounds{"ReduceL1Around", "-1,2", "g (float[2, 2] x) => (y) { y = ReduceL1(x) }", 0, 8},
        Bounds{"ReduceL1Above", "1,2", "g (float[2, 2] x) => (y) { y = ReduceL1(x) }", 4, 8},
        Bounds{"ReduceL1Below", "-2,-1", "g (float[2, 2] x) => (y) { y = ReduceL1(x) }", 4, 8},
        Bounds{"ReduceL2", "-1,2", "g (float[2, 2] x) => (y) { y = ReduceL2(x) }", 0, 4},
        Bounds{"ReduceSumSquare", "-1,2", "g (float[2, 2] x) => (y) { y = ReduceSumSquare(x) }", 0, 16},
        Bounds{"ReduceMax", "-1,2", "g (float[2, 2] x) => (y) { y = ReduceMax(x) }", -1, 2},
        Bounds{"AveragePool", "1,2", "g (float[1, 1, 2, 2] x) => (y) { y = AveragePool<kernel_shape = [2, 2]>(x) }", 0, 2},
        Bounds{"MaxPoolPadded", "1,2",
               "g (float[1, 1, 2, 2] x) => (y) { y = MaxPool<kernel_shape = [2, 2], pads = [1, 1, 1, 1]>(x) }", 1, 2},
        Bounds{"Softmax", "-1,2", "g (float[2, 2] x) => (y) { y = Softmax(x) }", 0, 1},
        // Within ±2/√1 of the mean, times 3, and 1.
        Bounds{"LayerNorm", "-1,1",
               R"(<ir_version: 8, opset_import: ["" : 17]> g (float[1, 2] x) => (y) <float[2] s = {3, 3}, float[2] b = {1, 1}>
               { y = LayerNormalization<epsilon = 1.0>(x, s, b) })", -5.006, 7.006},
        Bounds{"LayerNormOfNoBias", "-1,1",
               R"(<ir_version: 8, opset_import: ["" : 17]> g (float[1, 2] x) => (y) <float[2] s = {3, 3}>
               { y = LayerNormalization<epsilon = 1.0>(x, s) })", -6.006, 6.006}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Moves, RangeNumbers,
    ::testing::Values(
        Bounds{"Where", "x=1,2;z=4,5", "g (float[2] x, float[2] z, bool[2] c) => (y) { y = Where(c, x, z) }", 1, 5},
        Bounds{"Concat", "x=1,2;z=4,5", "g (float[2] x, float[2] z) => (y) { y = Concat<axis = 0>(z, x, z) }", 1, 5},
        Bounds{"Trilu", "1,2", "g (float[2, 2] x) => (y) { y = Trilu(x) }", 0, 2},
        Bounds{"PadWithZero", "1,2", "g (float[2] x) => (y) <int64[2] p = {1, 1}> { y = Pad(x, p) }", 0, 2},
        Bounds{"PadWithThree", "1,2", "g (float[2] x) => (y) <int64[2] p = {1, 1}, float v = {3}> { y = Pad(x, p, v) }", 1, 3},
        Bounds{"PadWithTheAttribute", "1,2",
               R"(<ir_version: 4, opset_import: ["" : 10]> g (float[2] x) => (y) { y = Pad<pads = [1, 1], value = 3.0>(x) })", 1, 3},
        Bounds{"PadByReflection", "1,2", "g (float[2] x) => (y) <int64[2] p = {1, 1}> { y = Pad<mode = \"reflect\">(x, p) }", 1, 2},
        Bounds{"DropoutOfInference", "1,2", "g (float[2] x) => (y) { y = Dropout(x) }", 1, 2},
        Bounds{"DropoutOfATest", "1,2",
               R"(<ir_version: 3, opset_import: ["" : 6]> g (float[2] x) => (y) { y = Dropout<is_test = 1>(x) })", 1, 2},
        Bounds{"ResizeToTheNearest", "1,2",
               "g (float[1, 1, 2, 2] x) => (y) <float[4] s = {1, 1, 2, 2}> { y = Resize(x, , s) }", 1, 2},
        Bounds{"CastToDouble", "1,2", "g (float[2] x) => (y) { y = Cast<to = 11>(x) }", 1, 2},
        Bounds{"SecondPart", "1,2", "g (float[4] x) => (a, y) { a, y = Split<axis = 0>(x) }", 1, 2},
        Bounds{"AConstant", "", "g () => (y) <float[3] c = {3, -1, 2}> { y = Identity(c) }", -1, 3}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Elements, RangeUnknown,
    ::testing::Values(
        Bounds{"SumOfAnUnknown", "x=0,1", "g (float[2] x, float[2] z) => (y) { y = Sum(x, z) }", 0, 0},
        Bounds{"MaxOfAnUnknown", "x=0,1", "g (float[2] x, float[2] z) => (y) { y = Max(x, z) }", 0, 0},
        Bounds{"AbsOfAnUnknown", "", "g (float[2] x) => (y) { y = Abs(x) }", 0, 0},
        Bounds{"ClipOfAnUnknown", "", "g (float[2] x) => (y) <float a = {0}, float b = {6}> { y = Clip(x, a, b) }", 0, 0},
        Bounds{"ClipFromAnUnknown", "x=0,1", "g (float[2] x, float a) => (y) { y = Clip(x, a) }", 0, 0},
        Bounds{"ClipToAnUnknown", "x=0,1", "g (float[2] x, float b) => (y) { y = Clip(x, , b) }", 0, 0},
        Bounds{"SigmoidOfAnUnknown", "", "g (float[2] x) => (y) { y = Sigmoid(x) }", 0, 0},
        Bounds{"ExpBeyond80", "0,81", "g (float[2] x) => (y) { y = Exp(x) }", 0, 0},
        Bounds{"LogOfZero", "0,1", "g (float[2] x) => (y) { y = Log(x) }", 0, 0},
        Bounds{"SqrtBelowZero", "-1,1", "g (float[2] x) => (y) { y = Sqrt(x) }", 0, 0},
        Bounds{"SoftplusBeyond80", "0,81", "g (float[2] x) => (y) { y = Softplus(x) }", 0, 0},
        Bounds{"MishBeyond80", "0,81", R"(<ir_version: 8, opset_import: ["" : 18]> g (float[2] x) => (y) { y = Mish(x) })", 0, 0},
        Bounds{"EluThatFalls", "-1,1", "g (float[2] x) => (y) { y = Elu<alpha = -1.0>(x) }", 0, 0},
        Bounds{"EluOfAnUnknown", "", "g (float[2] x) => (y) { y = Elu(x) }", 0, 0},
        Bounds{"SinOfMany", "-20000,1", "g (float[2] x) => (y) { y = Sin(x) }", 0, 0},
        Bounds{"HardSigmoidOfAnUnknown", "", "g (float[2] x) => (y) { y = HardSigmoid(x) }", 0, 0},
        Bounds{"HardSwishOfAnUnknown", "", "g (float[2] x) => (y) { y = HardSwish(x) }", 0, 0},
        Bounds{"PowerComputed", "x=0,1", "g (float[2] x, float n) => (y) { y = Pow(x, n) }", 0, 0},
        Bounds{"PowersOfEach", "0,1", "g (float[2] x) => (y) <float[2] n = {2, 2}> { y = Pow(x, n) }", 0, 0},
        Bounds{"PowerOfText", "0,1", "g (float[2] x) => (y) <string n = {\"2\"}> { y = Pow(x, n) }", 0, 0},
        Bounds{"PowerOfAnUnknown", "", "g (float[2] x) => (y) <float n = {2}> { y = Pow(x, n) }", 0, 0},
        Bounds{"PowerAbove64", "0,1", "g (float[2] x) => (y) <float n = {65}> { y = Pow(x, n) }", 0, 0},
        Bounds{"PowerZero", "0,1", "g (float[2] x) => (y) <float n = {0}> { y = Pow(x, n) }", 0, 0},
        Bounds{"RootOfNegatives", "-1,1", "g (float[2] x) => (y) <float n = {0.5}> { y = Pow(x, n) }", 0, 0},
        Bounds{"PowerOverflows", "0,1e30", "g (float[2] x) => (y) <float n = {2}> { y = Pow(x, n) }", 0, 0},
        Bounds{"ReciprocalAroundZero", "-1,1", "g (float[2] x) => (y) { y = Reciprocal(x) }", 0, 0},
        Bounds{"FloorOfAnUnknown", "", "g (float[2] x) => (y) { y = Floor(x) }", 0, 0}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Sums, RangeUnknown,
    ::testing::Values(
        Bounds{"ConvOfAComputedKernel", "x=0,1;w=0,1",
               "g (float[1, 1, 2, 2] x, float[1, 1, 1, 1] w) => (y) { y = Conv(x, w) }", 0, 0},
        Bounds{"ConvOfAText", "0,1", "g (float[1, 1, 2, 2] x) => (y) <string[1, 1, 1, 1] w = {\"1\"}> { y = Conv(x, w) }", 0, 0},
        Bounds{"ConvOfAnUnknownBias", "x=0,1",
               "g (float[1, 1, 2, 2] x, float[1] b) => (y) <float[1, 1, 1, 1] w = {1}> { y = Conv(x, w, b) }", 0, 0},
        Bounds{"GemmOfText", "0,1", "g (float[1, 1] x) => (y) <string[1, 1] w = {\"1\"}> { y = Gemm(x, w) }", 0, 0},
        Bounds{"GemmOfUnknownDepth", "x=0,1;z=0,1", "g (float[1, N] x, float[N, 1] z) => (y) { y = Gemm(x, z) }", 0, 0},
        Bounds{"MatMulOfText", "0,1", "g (float[1, 1] x) => (y) <string[1, 1] w = {\"1\"}> { y = MatMul(x, w) }", 0, 0},
        Bounds{"MatMulOfUnknownDepth", "x=0,1;z=0,1", "g (float[1, N] x, float[N, 1] z) => (y) { y = MatMul(x, z) }", 0, 0},
        Bounds{"BatchNormInTraining", "0,1",
               R"(<ir_version: 8, opset_import: ["" : 15]> g (float[1, 1, 2] x) => (y) <float[1] p = {1}>
               { y = BatchNormalization<training_mode = 1>(x, p, p, p, p) })", 0, 0},
        Bounds{"BatchNormOfAComputedMean", "x=0,1;m=0,1",
               "g (float[1, 1, 2] x, float[1] m) => (y) <float[1] p = {1}> { y = BatchNormalization(x, p, p, m, p) }", 0, 0},
        Bounds{"BatchNormOfText", "0,1",
               "g (float[1, 1, 2] x) => (y) <float[1] p = {1}, string[1] s = {\"1\"}>"
               " { y = BatchNormalization(x, s, p, p, p) }", 0, 0},
        Bounds{"BatchNormOfOtherLengths", "0,1",
               "g (float[1, 2, 2] x) => (y) <float[2] p = {1, 1}, float[1] m = {1}>"
               " { y = BatchNormalization(x, p, p, m, p) }", 0, 0},
        Bounds{"BatchNormOfNoVariance", "0,1",
               "g (float[1, 1, 2] x) => (y) <float[1] p = {1}, float[1] v = {-1}> { y = BatchNormalization(x, p, p, p, v) }", 0, 0},
        Bounds{"BatchNormOfAnUnknown", "",
               "g (float[1, 1, 2] x) => (y) <float[1] p = {1}> { y = BatchNormalization(x, p, p, p, p) }", 0, 0},
        Bounds{"ReduceSumOfUnknownShape", "0,1", "g (float[N, 2] x) => (y) { y = ReduceSum(x) }", 0, 0},
        Bounds{"ReduceSumOfAnUnknown", "", "g (float[2] x) => (y) { y = ReduceSum(x) }", 0, 0},
        Bounds{"ReduceMeanOfNothing", "0,1", "g (float[0, 2] x) => (y) { y = ReduceMean<axes = [0]>(x) }", 0, 0},
        Bounds{"ReduceMaxOfNothing", "0,1", "g (float[0, 2] x) => (y) { y = ReduceMax<axes = [0]>(x) }", 0, 0},
        Bounds{"ReduceL1OfAnUnknown", "", "g (float[2] x) => (y) { y = ReduceL1(x) }", 0, 0},
        Bounds{"ReduceL2OfAnUnknown", "", "g (float[2] x) => (y) { y = ReduceL2(x) }", 0, 0},
        Bounds{"MaxPoolDilated", "0,1",
               "g (float[1, 1, 4, 4] x) => (y) { y = MaxPool<kernel_shape = [2, 2], dilations = [1, 2]>(x) }", 0, 0},
        Bounds{"MaxPoolRoundedUp", "0,1",
               "g (float[1, 1, 4, 4] x) => (y) { y = MaxPool<kernel_shape = [2, 2], ceil_mode = 1>(x) }", 0, 0},
        Bounds{"MaxPoolPaddedByItsKernel", "0,1",
               "g (float[1, 1, 4, 4] x) => (y) { y = MaxPool<kernel_shape = [2, 3], pads = [0, 0, 2, 0]>(x) }", 0, 0},
        Bounds{"AveragePoolRoundedUp", "0,1",
               "g (float[1, 1, 4, 4] x) => (y) { y = AveragePool<kernel_shape = [2, 2], ceil_mode = 1>(x) }", 0, 0},
        Bounds{"IndicesOfMaxPool", "0,1",
               "g (float[1, 1, 4, 4] x) => (a, y) { a, y = MaxPool<kernel_shape = [2, 2]>(x) }", 0, 0},
        Bounds{"LayerNormOfNoEpsilon", "0,1",
               R"(<ir_version: 8, opset_import: ["" : 17]> g (float[1, 2] x) => (y) <float[2] s = {3, 3}>
               { y = LayerNormalization<epsilon = 0.0>(x, s) })", 0, 0},
        Bounds{"LayerNormOfUnknownShape", "0,1",
               R"(<ir_version: 8, opset_import: ["" : 17]> g (float[N, 2] x) => (y) <float[2] s = {3, 3}>
               { y = LayerNormalization(x, s) })", 0, 0},
        Bounds{"LayerNormOfAnUnknown", "",
               R"(<ir_version: 8, opset_import: ["" : 17]> g (float[1, 2] x) => (y) <float[2] s = {3, 3}>
               { y = LayerNormalization(x, s) })", 0, 0}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Moves, RangeUnknown,
    ::testing::Values(
        Bounds{"DropoutOfTraining", "0,1",
               R"(<ir_version: 7, opset_import: ["" : 13]> g (float[2] x) => (y) <float r = {0.5}, bool t = {1}>
               { y = Dropout(x, r, t) })", 0, 0},
        Bounds{"DropoutOfNoTest", "0,1", R"(<ir_version: 3, opset_import: ["" : 6]> g (float[2] x) => (y) { y = Dropout(x) })", 0, 0},
        Bounds{"ResizeBetween", "0,1",
               "g (float[1, 1, 2, 2] x) => (y) <float[4] s = {1, 1, 2, 2}> { y = Resize<mode = \"cubic\">(x, , s) }", 0, 0},
        Bounds{"ResizeBeyond", "0,1",
               "g (float[1, 1, 2, 2] x) => (y) <float[8] r = {0, 0, 0, 0, 1, 1, 2, 2}, float[4] s = {1, 1, 2, 2}>"
               " { y = Resize<coordinate_transformation_mode = \"tf_crop_and_resize\">(x, r, s) }", 0, 0},
        Bounds{"CastOfIntegers", "x=0,1", "g (int64[2] x) => (y) { y = Cast<to = 1>(x) }", 0, 0},
        Bounds{"CastToHalf", "0,1", "g (float[2] x) => (y) { y = Cast<to = 10>(x) }", 0, 0},
        Bounds{"AnInfiniteConstant", "", "g () => (y) <float[2] c = {1, inf}> { y = Identity(c) }", 0, 0},
        Bounds{"AnEmptyConstant", "", "g () => (y) <float[0] c = {}> { y = Identity(c) }", 0, 0},
        Bounds{"AnOperatorOfAnotherDomain", "0,1",
               R"(<ir_version: 8, opset_import: ["" : 17, "com.x" : 1]> g (float[2] x) => (float[2] y) { y = com.x.Relu(x) })", 0, 0}),
    Name);

TEST(RangeOfNothing, IsUnbounded) {
  const Graph graph = ParseGraph("g (float[2] x) => (y) { y = Relu(x) }");
  const InputRanges inputs;
  Facts facts(&graph);
  EXPECT_FALSE(Ranges(&graph, &facts, &inputs).Of(ValueId()).bounded());
}

INSTANTIATE_TEST_SUITE_P(
    InputsLeftOut, RangeUnknown,
    ::testing::Values(Bounds{"Of_a_Neg", "x=0,1", "g (float[2] x) => (float[2] y) { y = Neg() }", 0, 0},
                      Bounds{"Of_a_Conv", "x=0,1", "g (float[2] x) => (float[2] y) { y = Conv() }", 0, 0},
                      Bounds{"Of_a_MatMul", "x=0,1",
                             "g (float[2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(w) }", 0,
                             0},
                      Bounds{"Of_a_Gemm", "x=0,1", "g (float[2, 2] x) => (float[2, 2] y) { y = Gemm(x) }", 0, 0},
                      Bounds{"OfAWeightOfNothing", "x=0,1",
                             "g (float[1, 2, 2, 2] x) => (float[a, b, c, d] y) <int64[4] s = {2, 0, "
                             "4611686018427387904, 4611686018427387904}>"
                             " { w = ConstantOfShape(s) y = Conv(x, w) }",
                             0, 0}),
    Name);

}  // namespace
}  // namespace dsperse
