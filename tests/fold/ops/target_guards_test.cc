// Each condition of the targets' tables, asked of a node that it refuses and, where a number decides, of one beside it.
#include <ostream>
#include <string>

#include "fold/ops/target.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using testing::FindOpNode;
using testing::ParseGraph;

struct Asked {
  const char* name;
  const char* op;
  const char* model;
  const char* why = "";  // "": it is provable

  friend void PrintTo(const Asked& c, std::ostream* out) { *out << c.op << " of " << c.model; }
};

std::string AskedName(const ::testing::TestParamInfo<Asked>& tested) { return tested.param.name; }

void ExpectWhy(absl::string_view target, const Asked& c) {
  const Graph graph = ParseGraph(c.model);
  Facts facts(&graph);
  EXPECT_EQ(Target::Find(target)->WhyNot(graph, graph.node(FindOpNode(graph, c.op)), facts), c.why);
}

class JstproveConditions : public ::testing::TestWithParam<Asked> {};
TEST_P(JstproveConditions, Hold) { ExpectWhy("jstprove", GetParam()); }

class EzklConditions : public ::testing::TestWithParam<Asked> {};
TEST_P(EzklConditions, Hold) { ExpectWhy("ezkl", GetParam()); }

#define SHAPE_OF_CONV "kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]"

INSTANTIATE_TEST_SUITE_P(
    Conv, JstproveConditions,
    ::testing::Values(
        Asked{"OfAComputedKernel", "Conv",
              "g (float[1, 1, 2, 2] x, float[1, 1, 1, 1] w) => (y) { y = Conv<" SHAPE_OF_CONV ">(x, w) }",
              "the kernel is not constant"},
        Asked{"OfNoKernelShape", "Conv",
              "g (float[1, 1, 2, 2] x) => (y) <float[1, 1, 1, 1] w = {1}>"
              " { y = Conv<strides = [1, 1], dilations = [1, 1]>(x, w) }",
              "attribute kernel_shape is not written out"},
        Asked{"OfNoDilations", "Conv",
              "g (float[1, 1, 2, 2] x) => (y) <float[1, 1, 1, 1] w = {1}>"
              " { y = Conv<kernel_shape = [1, 1], strides = [1, 1]>(x, w) }",
              "attribute dilations is not written out"},
        Asked{"OfOneDilation", "Conv",
              "g (float[1, 1, 2, 2] x) => (y) <float[1, 1, 1, 1] w = {1}>"
              " { y = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 2]>(x, w) }",
              "dilations above 1"},
        Asked{"OfAutoPad", "Conv",
              "g (float[1, 1, 2, 2] x) => (y) <float[1, 1, 1, 1] w = {1}>"
              " { y = Conv<" SHAPE_OF_CONV ", auto_pad = \"SAME_UPPER\">(x, w) }",
              "pads are not written out (auto_pad)"},
        Asked{"OfNoPads", "Conv",
              "g (float[1, 1, 2, 2] x) => (y) <float[1, 1, 1, 1] w = {1}>"
              " { y = Conv<" SHAPE_OF_CONV ", auto_pad = \"VALID\">(x, w) }"},
        Asked{"OfThreeAxes", "Conv",
              "g (float[1, 1, 2, 2, 2] x) => (y) <float[1, 1, 1, 1, 1] w = {1}>"
              " { y = Conv<kernel_shape = [1, 1, 1], strides = [1, 1, 1], dilations = [1, 1, 1]>(x, w) }",
              "Conv over 3 spatial axes"},
        Asked{"OfAnUnknownRank", "Conv",
              "g (float x) => (y) <float[1, 1, 1, 1] w = {1}, int64[4] s = {1, 1, 1, 1}>"
              " { r = Unknown(x) y = Conv<" SHAPE_OF_CONV ">(r, w) }"},
        Asked{"TransposedToAShape", "ConvTranspose",
              "g (float[1, 1, 2, 2] x) => (y) <float[1, 1, 1, 1] w = {1}>"
              " { y = ConvTranspose<" SHAPE_OF_CONV ", output_shape = [2, 2]>(x, w) }",
              "its pads are not written out (output_shape)"},
        Asked{"TransposedInGroups", "ConvTranspose",
              "g (float[1, 2, 2, 2] x) => (y) <float[2, 1, 1, 1] w = {1, 1}>"
              " { y = ConvTranspose<" SHAPE_OF_CONV ", group = 2>(x, w) }",
              "group is 2"}),
    AskedName);

INSTANTIATE_TEST_SUITE_P(
    Gemm, JstproveConditions,
    ::testing::Values(
        Asked{"OfAComputedB", "Gemm", "g (float[1, 2] x, float[2, 1] w) => (y) <float[1] c = {1}> { y = Gemm(x, w, c) }",
              "B is not constant"},
        Asked{"OfAComputedC", "Gemm",
              "g (float[1, 2] x, float[1] c) => (y) <float[2, 1] w = {1, 2}> { y = Gemm(x, w, c) }",
              "C is not constant"},
        Asked{"OfAScalarC", "Gemm", "g (float[1, 2] x) => (y) <float[2, 1] w = {1, 2}, float c = {1}> { y = Gemm(x, w, c) }",
              "C is of rank 0"},
        Asked{"OfBeta", "Gemm",
              "g (float[1, 2] x) => (y) <float[2, 1] w = {1, 2}, float[1] c = {1}> { y = Gemm<beta = 2.0>(x, w, c) }",
              "alpha or beta is not 1"},
        Asked{"MatMulOfRank3", "MatMul",
              "g (float[1, 1, 2] x) => (y) <float[2, 1] w = {1, 2}> { y = MatMul(x, w) }"},
        Asked{"MatMulOfRank4", "MatMul",
              "g (float[1, 1, 1, 2] x) => (y) <float[2, 1] w = {1, 2}> { y = MatMul(x, w) }",
              "a constant right operand and a left one of a rank above 3"},
        Asked{"MatMulOfTwoOfRank4", "MatMul",
              "g (float[1, 1, 1, 2] x, float[1, 1, 2, 1] w) => (y) { y = MatMul(x, w) }"},
        Asked{"MatMulByAVector", "MatMul", "g (float[1, 2] x, float[2] w) => (y) { y = MatMul(x, w) }",
              "an operand is a vector"},
        Asked{"MatMulOfAVector", "MatMul", "g (float[2] x, float[2, 1] w) => (y) { y = MatMul(x, w) }",
              "an operand is a vector"}),
    AskedName);

INSTANTIATE_TEST_SUITE_P(
    MaxPool, JstproveConditions,
    ::testing::Values(
        Asked{"Plain", "MaxPool",
              "g (float[1, 1, 4, 4] x) => (y) { y = MaxPool<kernel_shape = [2, 2], dilations = [1, 1]>(x) }"},
        Asked{"WithIndices", "MaxPool",
              "g (float[1, 1, 4, 4] x) => (y, i) { y, i = MaxPool<kernel_shape = [2, 2]>(x) }",
              "the output Indices is used"},
        Asked{"OfOneAxis", "MaxPool", "g (float[1, 1, 4] x) => (y) { y = MaxPool<kernel_shape = [2]>(x) }",
              "MaxPool over 1 spatial axes"},
        Asked{"Dilated", "MaxPool",
              "g (float[1, 1, 4, 4] x) => (y) { y = MaxPool<kernel_shape = [2, 2], dilations = [1, 2]>(x) }",
              "dilations above 1"},
        Asked{"RoundedUp", "MaxPool",
              "g (float[1, 1, 4, 4] x) => (y) { y = MaxPool<kernel_shape = [2, 2], ceil_mode = 1>(x) }",
              "ceil_mode is set"},
        Asked{"WithAutoPad", "MaxPool",
              "g (float[1, 1, 4, 4] x) => (y) { y = MaxPool<kernel_shape = [2, 2], auto_pad = \"SAME_LOWER\">(x) }",
              "pads are not written out (auto_pad)"},
        Asked{"WithNoPads", "MaxPool",
              "g (float[1, 1, 4, 4] x) => (y) { y = MaxPool<kernel_shape = [2, 2], auto_pad = \"VALID\">(x) }"}),
    AskedName);

INSTANTIATE_TEST_SUITE_P(
    Pad, JstproveConditions,
    ::testing::Values(
        Asked{"ByReflection", "Pad",
              "g (float[4] x) => (y) <int64[2] p = {1, 1}> { y = Pad<mode = \"reflect\">(x, p) }", "mode is not constant"},
        Asked{"ByComputedPads", "Pad", "g (float[4] x, int64[2] p) => (y) { y = Pad(x, p) }", "input 1 is not constant"},
        Asked{"OfComputedAxes", "Pad",
              R"(<ir_version: 8, opset_import: ["" : 18]> g (float[4] x, int64[1] a) => (y) <int64[2] p = {1, 1}>
              { y = Pad(x, p, , a) })",
              "input 3 is not constant"},
        Asked{"OfNamedAxes", "Pad",
              R"(<ir_version: 8, opset_import: ["" : 18]> g (float[4] x) => (y) <int64[2] p = {1, 1}, int64[1] a = {0}>
              { y = Pad(x, p, , a) })",
              "it names axes"},
        Asked{"WithOne", "Pad", "g (float[4] x) => (y) <int64[2] p = {1, 1}, float v = {1}> { y = Pad(x, p, v) }",
              "it pads with another value than 0"},
        Asked{"WithZero", "Pad", "g (float[4] x) => (y) <int64[2] p = {1, 1}, float v = {0}> { y = Pad(x, p, v) }"},
        Asked{"WithAComputedValue", "Pad", "g (float[4] x, float v) => (y) <int64[2] p = {1, 1}> { y = Pad(x, p, v) }",
              "it pads with another value than 0"},
        Asked{"WithTheAttributeOne", "Pad",
              R"(<ir_version: 4, opset_import: ["" : 10]> g (float[4] x) => (y) { y = Pad<pads = [1, 1], value = 1.0>(x) })",
              "it pads with another value than 0"},
        Asked{"ByTheAttribute", "Pad",
              R"(<ir_version: 4, opset_import: ["" : 10]> g (float[4] x) => (y) { y = Pad<pads = [1, 1]>(x) })"},
        Asked{"ByANegativeAttribute", "Pad",
              R"(<ir_version: 4, opset_import: ["" : 10]> g (float[4] x) => (y) { y = Pad<pads = [1, -1]>(x) })",
              "it drops elements: a run fails"}),
    AskedName);

INSTANTIATE_TEST_SUITE_P(
    Numbers, JstproveConditions,
    ::testing::Values(
        Asked{"ClipOfAttributes", "Clip",
              R"(<ir_version: 4, opset_import: ["" : 10]> g (float[4] x) => (y) { y = Clip<min = 0.0>(x) })",
              "its bounds are attributes"},
        Asked{"ClipOfInputs", "Clip",
              R"(<ir_version: 6, opset_import: ["" : 11]> g (float[4] x) => (y) <float a = {0}> { y = Clip(x, a) })"},
        Asked{"SumOfOneNumber", "ReduceSum", "g (float x) => (y) { y = ReduceSum(x) }"},
        Asked{"ClipOfAComputedMin", "Clip", "g (float[4] x, float a) => (y) { y = Clip(x, a) }",
              "bounds are not constant"},
        Asked{"ClipOfAComputedMax", "Clip", "g (float[4] x, float a) => (y) { y = Clip(x, , a) }",
              "bounds are not constant"},
        Asked{"ExponentComputed", "Pow", "g (float[4] x, float c) => (y) { y = Pow(x, c) }",
              "the exponent is not one constant"},
        Asked{"ExponentsOfEach", "Pow", "g (float[2] x) => (y) <float[2] c = {2, 2}> { y = Pow(x, c) }",
              "the exponent is not one constant"},
        Asked{"ExponentOfText", "Pow", "g (float[4] x) => (y) <string c = {\"2\"}> { y = Pow(x, c) }",
              "the exponent has no numeric value"},
        Asked{"Exponent64", "Pow", "g (float[4] x) => (y) <float c = {64}> { y = Pow(x, c) }"},
        Asked{"Exponent66", "Pow", "g (float[4] x) => (y) <float c = {66}> { y = Pow(x, c) }", "exponent 66"},
        Asked{"ExponentHalf", "Pow", "g (float[4] x) => (y) <float c = {0.5}> { y = Pow(x, c) }"},
        Asked{"Exponent0", "Pow", "g (float[4] x) => (y) <float c = {0}> { y = Pow(x, c) }", "exponent 0"},
        Asked{"DivisorOfText", "Div", "g (float[4] x) => (y) <string c = {\"2\"}> { y = Div(x, c) }",
              "the divisor has no numeric value"},
        Asked{"DivisorsTooMany", "Div",
              "g (float[2097152] x) => (y) <int64[1] n = {2097152}>"
              " { c = ConstantOfShape<value = float[1] {2}>(n) y = Div(x, c) }",
              "the divisor has more than 2^20 elements"},
        Asked{"DivisorsAsManyAsAreRead", "Div",
              "g (float[1048576] x) => (y) <int64[1] n = {1048576}>"
              " { c = ConstantOfShape<value = float[1] {2}>(n) y = Div(x, c) }"},
        Asked{"Divisor1", "Div", "g (float[2] x) => (y) <float c = {1}> { y = Div(x, c) }"},
        Asked{"DivisorBelow2To32", "Div", "g (float[2] x) => (y) <float c = {4294967040}> { y = Div(x, c) }"},
        Asked{"Divisor2To32", "Div", "g (float[2] x) => (y) <float c = {4294967296}> { y = Div(x, c) }",
              "divisor 4.29497e+09 is not a whole number within 1 … 2^32"},
        Asked{"DivisorNegative", "Div", "g (float[2] x) => (y) <float[2] c = {2, -2}> { y = Div(x, c) }",
              "divisor -2 is not a whole number within 1 … 2^32"},
        Asked{"ZerosThatAreTooMany", "Add",
              "g (float[2097152] x) => (y) <int64[1] n = {2097152}>"
              " { c = ConstantOfShape<value = float[1] {0}>(n) y = Add(x, c) }",
              "a constant operand is proven as another number: its whole part, without the scale"},
        Asked{"AnOperandOfText", "Add", "g (float[4] x) => (y) <string c = {\"0\"}> { y = Add(x, c) }",
              "a constant operand is proven as another number: its whole part, without the scale"},
        Asked{"MaxOfANumberFirst", "Max", "g (float[4] x) => (y) <float c = {1}> { y = Max(c, x) }",
              "a constant operand is proven as another number: its whole part, without the scale"},
        Asked{"MinOfZeroFirst", "Min", "g (float[4] x) => (y) <float c = {0}> { y = Min(c, x) }",
              "its first operand is constant, and bounds the result"},
        Asked{"CastToIntegers", "Cast", "g (float[4] x) => (y) { y = Cast<to = 6>(x) }",
              "a Cast that may change numbers: int32"},
        Asked{"CastOfIntegers", "Cast", "g (int32[4] x) => (y) { y = Cast<to = 1>(x) }",
              "a Cast that may change numbers: int32"},
        Asked{"SoftmaxOfOpset13", "Softmax",
              R"(<ir_version: 7, opset_import: ["" : 13]> g (float[1, 4] x) => (y) { y = Softmax(x) })"},
        Asked{"LayerNormOfAComputedBias", "LayerNormalization",
              R"(<ir_version: 8, opset_import: ["" : 17]> g (float[1, 2] x, float[2] b) => (y) <float[2] s = {1, 2}>
              { y = LayerNormalization(x, s, b) })",
              "input 2 is not constant"},
        Asked{"SumOverComputedAxes", "ReduceSum", "g (float[2, 2] x, int64[1] a) => (y) { y = ReduceSum(x, a) }",
              "input 1 is not constant"},
        Asked{"ReshapeToAComputedShape", "Reshape", "g (float[2, 2] x, int64[1] s) => (y) { y = Reshape(x, s) }",
              "input 1 is not constant"}),
    AskedName);

INSTANTIATE_TEST_SUITE_P(
    Concat, JstproveConditions,
    ::testing::Values(
        Asked{"BehindOnes", "Concat", "g (float[1, 2] a, float[1, 2] b) => (y) { y = Concat<axis = 1>(a, b) }"},
        Asked{"BehindTwo", "Concat", "g (float[2, 2] a, float[2, 2] b) => (y) { y = Concat<axis = 1>(a, b) }",
              "an axis with more than one element in front of it"},
        Asked{"FromTheEndBehindTwo", "Concat", "g (float[2, 2] a, float[2, 2] b) => (y) { y = Concat<axis = -1>(a, b) }",
              "an axis with more than one element in front of it"},
        Asked{"AlongTheFirst", "Concat", "g (float[2, 2] a, float[2, 2] b) => (y) { y = Concat<axis = 0>(a, b) }"},
        Asked{"FromTheEndAlongTheFirst", "Concat",
              "g (float[2, 2] a, float[2, 2] b) => (y) { y = Concat<axis = -2>(a, b) }"}),
    AskedName);

INSTANTIATE_TEST_SUITE_P(
    Resize, JstproveConditions,
    ::testing::Values(
        Asked{"Linear", "Resize",
              "g (float[1, 1, 4, 6] x) => (y) <float[4] s = {1, 1, 2, 2}> { y = Resize<mode = \"linear\">(x, , s) }",
              "mode is not nearest"},
        Asked{"ToComputedSizes", "Resize", "g (float[1, 1, 4, 6] x, int64[4] s) => (y) { y = Resize(x, , , s) }",
              "input 3 is not constant"},
        Asked{"ToSizes", "Resize",
              "g (float[1, 1, 4, 6] x) => (y) <int64[4] s = {1, 1, 7, 6}> { y = Resize(x, , , s) }"},
        Asked{"OfAnUnknownShape", "Resize",
              "g (float[1, 1, N, 6] x) => (y) <float[4] s = {1, 1, 2, 2}> { y = Resize(x, , s) }",
              "its shape is not known"},
        Asked{"ByTextualScales", "Resize",
              "g (float[1, 1, 4, 6] x) => (y) <string[4] s = {\"1\", \"1\", \"2\", \"2\"}> { y = Resize(x, , s) }",
              "its shape is not known"},
        Asked{"AlongNamedAxes", "Resize",
              R"(<ir_version: 8, opset_import: ["" : 18]> g (float[1, 1, 5, 6] x) => (y) <float[1] s = {1.5}>
              { y = Resize<axes = [-1]>(x, , s) })"},
        Asked{"AlongTheWrongAxis", "Resize",
              R"(<ir_version: 8, opset_import: ["" : 18]> g (float[1, 1, 5, 6] x) => (y) <float[1] s = {1.5}>
              { y = Resize<axes = [2]>(x, , s) })",
              "scale 1.5 gives no whole size"},
        Asked{"AlongNoAxis", "Resize",
              R"(<ir_version: 8, opset_import: ["" : 18]> g (float[1, 1, 5, 6] x) => (y) <float[1] s = {1.5}>
              { y = Resize<axes = [4]>(x, , s) })",
              "it names an axis that isn't there"},
        Asked{"InOpset10", "Resize",
              R"(<ir_version: 5, opset_import: ["" : 10]> g (float[1, 1, 4, 6] x) => (y) <float[4] s = {1, 1, 1.3, 2}>
              { y = Resize(x, s) })",
              "scale 1.3 gives no whole size"}),
    AskedName);

INSTANTIATE_TEST_SUITE_P(
    Ezkl, EzklConditions,
    ::testing::Values(
        Asked{"ClipOfAComputedMax", "Clip", "g (float[4] x, float a) => (y) { y = Clip(x, , a) }",
              "bounds are not constant"},
        Asked{"ClipOfNone", "Clip", "g (float[4] x) => (y) { y = Clip(x) }"},
        Asked{"ClipFromAbove", "Clip", "g (float[4] x) => (y) <float b = {0.5}> { y = Clip(x, , b) }"},
        Asked{"ExponentComputed", "Pow", "g (float[4] x, float c) => (y) { y = Pow(x, c) }",
              "the exponent is not one constant"},
        Asked{"ExponentOfText", "Pow", "g (float[4] x) => (y) <string c = {\"2\"}> { y = Pow(x, c) }",
              "the exponent has no numeric value"},
        Asked{"Exponent3", "Pow", "g (float[4] x) => (y) <float c = {3}> { y = Pow(x, c) }"},
        Asked{"Exponent1", "Pow", "g (float[4] x) => (y) <float c = {1}> { y = Pow(x, c) }"},
        Asked{"ExponentHalf", "Pow", "g (float[4] x) => (y) <float c = {0.5}> { y = Pow(x, c) }"},
        Asked{"Exponent0", "Pow", "g (float[4] x) => (y) <float c = {0}> { y = Pow(x, c) }", "exponent 0"},
        Asked{"Exponent5", "Pow", "g (float[4] x) => (y) <float c = {5}> { y = Pow(x, c) }"},
        Asked{"Exponent6", "Pow", "g (float[4] x) => (y) <float c = {6}> { y = Pow(x, c) }", "exponent 6"},
        Asked{"Exponent2And", "Pow", "g (float[4] x) => (y) <float c = {2.5}> { y = Pow(x, c) }", "exponent 2.5"},
        Asked{"MaxOfThree", "Max", "g (float[4] x) => (y) { y = Max(x, x, x) }", "3 operands"},
        Asked{"ResizeLinear", "Resize",
              "g (float[1, 1, 4, 6] x) => (y) <float[4] s = {1, 1, 2, 2}> { y = Resize<mode = \"linear\">(x, , s) }",
              "mode is not nearest"},
        Asked{"BatchNormOfAComputedScale", "BatchNormalization",
              "g (float[1, 2, 4, 4] x, float[2] s) => (y) <float[2] p = {1, 1}>"
              " { y = BatchNormalization(x, s, p, p, p) }",
              "input 1 is not constant"}),
    AskedName);

INSTANTIATE_TEST_SUITE_P(
    NumbersOutOfRange, JstproveConditions,
    ::testing::Values(
        Asked{"StridesOfOneAxisOnly", "Conv",
              "g (float[1, 1, 4, 4] x) => (float[1, 1, 4, 4] y) <float[1, 1, 1, 1] w = {1}>"
              " { y = Conv<kernel_shape = [1, 1], strides = [2], dilations = [1, 1], pads = [0, 0, 0, 0]>(x, w) }"},
        Asked{"StridesBeyondAllNumbers", "Conv",
              "g (float[1, 1, 4, 4] x) => (float[1, 1, 4, 4611686018427387904] y) <float[1, 1, 1, 1] w = {1}>"
              " { y = Conv<kernel_shape = [1, 1], strides = [1, 8], dilations = [1, 1], pads = [0, "
              "-9223372036854775808, 0, 0]>(x, w) }",
              "a window lies beyond the image"},
        Asked{"SliceWithoutEnds", "Slice",
              "g (float[4] x) => (float[4] y) <int64[1] s = {3}, int64[1] a = {0}, int64[1] t = {-1}> { y = Slice(x, "
              "s, , a, t) }",
              "it has no ends"}),
    AskedName);

INSTANTIATE_TEST_SUITE_P(
    NumbersOutOfRange, EzklConditions,
    ::testing::Values(Asked{"ExponentsBeyondInt64", "Pow", "g (float[2] x) => (float[2] y) <float e = {1e30}> { y = Pow(x, e) }",
                            "exponent 1e+30"},
                      Asked{"ExponentsBetweenWholes", "Pow", "g (float[2] x) => (float[2] y) <float e = {1.5}> { y = Pow(x, e) }",
                            "exponent 1.5"}),
    AskedName);

}  // namespace
}  // namespace dsperse
