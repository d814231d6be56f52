// Guards of the passes that tests/mutation/check.py broke without a test noticing: what must stay as it is. Some models
// are nothing that a checker would take: files may hold them.
#include <string>

#include "fold/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::MissTexts;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::PrintGraph;
using ::dsperse::testing::RunPass;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

struct Guarded {
  const char* name;
  const char* pass;
  const char* model;
  const char* remark = "";      // one of them, if it isn't ""
  const char* not_remark = "";  // in none of them
};
class Guards : public ::testing::TestWithParam<Guarded> {};

TEST_P(Guards, Hold) {
  const Guarded& c = GetParam();
  Graph graph = ParseGraph(c.model);
  ASSERT_NE(FindPass(c.pass), nullptr);
  const PassResult result = RunPass(*FindPass(c.pass), graph, {}, {.compare = false});
  EXPECT_FALSE(result.changed) << PrintGraph(graph);
  if (*c.remark != '\0') {
    EXPECT_THAT(MissTexts(result), Contains(HasSubstr(c.remark)));
  }
  if (*c.not_remark != '\0') {
    EXPECT_THAT(MissTexts(result), Each(Not(HasSubstr(c.not_remark))));
  }
}

std::string Name(const ::testing::TestParamInfo<Guarded>& tested) { return tested.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Activations, Guards,
    ::testing::Values(
        Guarded{"AnAddOfNoErf", "fuse_activations",
                R"(<ir_version: 9, opset_import: ["" : 20]> g (float[2] x) => (float[2] y) <float one = {1}, float half = {0.5}>
                { e = Tanh(x) p = Add(e, one) i = Mul(x, p) y = Mul(i, half) })"},
        Guarded{"AnErfOfNoProduct", "fuse_activations",
                R"(<ir_version: 9, opset_import: ["" : 20]> g (float[2] x) => (float[2] y) <float one = {1}, float half = {0.5}>
                { u = Neg(x) e = Erf(u) p = Add(e, one) i = Mul(x, p) y = Mul(i, half) })"}),
    Name);

// What helpers answer with nothing, where the answer would be another model.
INSTANTIATE_TEST_SUITE_P(
    Helpers, Guards,
    ::testing::Values(
        Guarded{"ARuleOfBroadcastsOfBefore", "eliminate_redundant_transposes",
                R"(<ir_version: 3, opset_import: ["" : 6]> g (float[2, 2] x) => (float[2, 2] y) <float[2] c = {1, 2}>
                { a = Transpose<perm = [1, 0]>(x) b = Add<axis = 0, broadcast = 1>(a, c) y = Transpose<perm = [1, 0]>(b) })"},
        Guarded{"AReluOfAnotherDomain", "eliminate_redundant_transposes",
                R"(<ir_version: 8, opset_import: ["" : 17, "com.x" : 1]> g (float[2, 2] x) => (float[2, 2] y)
                { a = Transpose<perm = [1, 0]>(x) b = com.x.Relu(a) y = Transpose<perm = [1, 0]>(b) })"},
        Guarded{"ATextBetweenTransposes", "eliminate_redundant_transposes",
                R"(g (float[2, 2] x) => (float[2, 2] y) <string[2] c = {"a", "b"}>
                { a = Transpose<perm = [1, 0]>(x) b = Add(a, c) y = Transpose<perm = [1, 0]>(b) })"},
        Guarded{"ATransposeOfNoPermutation", "compose_views",
                "g (float[2, 3] x) => (float[6] y) <int64[1] s = {6}> { a = Transpose(x) y = Reshape(a, s) }"},
        Guarded{"ATransposeOfAPermutationOfOthers", "compose_views",
                "g (float[2, 3] x) => (float[a] y) <int64[1] s = {6}> { a = Transpose<perm = [0, 2]>(x) y = Reshape(a, s) }"},
        Guarded{"ASliceOfComputedAxes", "compose_views",
                "g (float[4, 4] x, int64[1] axes) => (float[a, b] y) <int64[1] i = {0}, int64[1] j = {3}>"
                " { a = Slice(x, i, j) y = Slice(a, i, j, axes) }"},
        Guarded{"ASliceOfComputedSteps", "compose_views",
                "g (float[4, 4] x, int64[1] steps) => (float[a, b] y) <int64[1] i = {0}, int64[1] j = {3}>"
                " { a = Slice(x, i, j) y = Slice(a, i, j, i, steps) }"},
        Guarded{"ASliceFromTheEndOfAnUnknownRank", "compose_views",
                "g (float[] x) => (float[] y) <int64[1] i = {0}, int64[1] j = {3}, int64[1] last = {-1}>"
                " { a = Slice(x, i, j, last) y = Slice(a, i, j, i) }"},
        Guarded{"APadWithAComputedValue", "compose_views",
                "g (float[4] x, float v) => (float[8] y) <int64[2] p = {1, 1}> { a = Pad(x, p, v) y = Pad(a, p, v) }",
                "the Pad before it has another value"},
        Guarded{"AComputedShapeOfAKernel", "fuse_conv_batchnorm",
                "g (float[1, 1, 2, 2] x, int64[4] s) => (float[a, b, c, d] y) <float[1] p = {8}>"
                " { w = ConstantOfShape(s) a = Conv(x, w) y = BatchNormalization(a, p, p, p, p) }",
                "its weight 'w' is not constant"},
        Guarded{"AKernelOfNegativeSize", "fuse_conv_batchnorm",
                "g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <float[1] p = {8}, int64[4] s = {1, 1, -1, 1}>"
                " { w = ConstantOfShape(s) a = Conv(x, w) y = BatchNormalization(a, p, p, p, p) }"},
        Guarded{"AKernelOfTwoValues", "fuse_conv_batchnorm",
                "g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <float[1] p = {8}, int64[4] s = {1, 1, 1, 1}>"
                " { w = ConstantOfShape<value = float[2] {1, 2}>(s) a = Conv(x, w)"
                " y = BatchNormalization(a, p, p, p, p) }"},
        Guarded{"AComputedMeanBehindAProduct", "fuse_affine",
                "g (float[1, 1, 2, 2] x, float[1] m) => (float[1, 1, 2, 2] y) <float[1] c = {8}, float[1, 1, 1, 1] k = {2}>"
                " { a = Mul(x, k) y = BatchNormalization(a, c, c, m, c) }"},
        Guarded{"AComputedScaleBehindAProduct", "fuse_affine",
                "g (float[1, 1, 2, 2] x, float[1] s) => (float[1, 1, 2, 2] y) <float[1] c = {8}, float[1, 1, 1, 1] k = {2}>"
                " { a = Mul(x, k) y = BatchNormalization(a, s, c, c, c) }"},
        Guarded{"AScaleOfTwoAxesBehindAProduct", "fuse_affine",
                "g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y)"
                " <float[1] c = {8}, float[1, 1] s = {8}, float[1, 1, 1, 1] k = {2}>"
                " { a = Mul(x, k) y = BatchNormalization(a, s, c, c, c) }"},
        Guarded{"AReluThatOthersRead", "fuse_affine",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y, float[1, 1, 2, 2] z) <float[1, 1, 1, 1] w = {2},"
                " float[1] c = {8}> { r = Relu(x) a = Conv(r, w) y = Mul(a, c) b = Relu(a) z = Add(r, b) }",
                "", "its result"},
        Guarded{"AnUnknownOperatorWithPads", "fuse_pad_into_conv",
                "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 1, 1] w = {1}>"
                " { a = Unknown<pads = [0, 0, 1, 1, 0, 0, 1, 1]>(x) y = Conv(a, w) }"},
        Guarded{"APadOfAnAxisThatIsNotThere", "fuse_pad_into_conv",
                R"(<ir_version: 8, opset_import: ["" : 18]> g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y)
                <int64[2] p = {1, 1}, int64[1] axes = {1000000}, float[1, 1, 1, 1] w = {1}>
                { a = Pad(x, p, , axes) y = Conv<kernel_shape = [1, 1]>(a, w) })"},
        Guarded{"APadWithOneInOpset11", "fuse_pad_into_conv",
                R"(<ir_version: 6, opset_import: ["" : 11]> g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y)
                <int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}, float one = {1}, float[1, 1, 1, 1] w = {1}>
                { a = Pad(x, p, one) y = Conv(a, w) })",
                "it pads with 1"},
        Guarded{"ARootOfNoSum", "fuse_activations",
                R"(<ir_version: 8, opset_import: ["" : 17]> g (float[2, 4] x) => (float[2, 4] y)
                <float two = {2}, float[4] w = {1, 2, 3, 4}>
                { m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) q = Pow(d, two) v = ReduceMean<axes = [-1]>(q)
                s = Sqrt(v) n = Div(d, s) y = Mul(n, w) })"},
        Guarded{"AMeanOverComputedAxes", "fuse_activations",
                R"(<ir_version: 8, opset_import: ["" : 18]> g (float[2, 4] x, int64[1] last) => (float[2, 4] y)
                <float two = {2}, float e = {0.00001}, float[4] w = {1, 2, 3, 4}>
                { m = ReduceMean(x, last) d = Sub(x, m) q = Pow(d, two) v = ReduceMean(q, last) a = Add(v, e)
                s = Sqrt(a) n = Div(d, s) y = Mul(n, w) })"},
        Guarded{"AScaleOfOneNumber", "fuse_activations",
                R"(<ir_version: 8, opset_import: ["" : 17]> g (float[2, 4] x) => (float[2, 4] y)
                <float two = {2}, float e = {0.00001}, float w = {3}>
                { m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) q = Pow(d, two) v = ReduceMean<axes = [-1]>(q)
                a = Add(v, e) s = Sqrt(a) n = Div(d, s) y = Mul(n, w) })",
                "is not of the shape"},
        Guarded{"ABranchOfConstantsIsAnotherPassWork", "fold_constants",
                "g (float[2] x) => (float[2] y, float[1] z) <bool c = {1}> { z = If(c) <then_branch = t () => (float[1] u)"
                " <float[1] u = {1}> { }, else_branch = e () => (float[1] v) <float[1] v = {2}> { }> y = Relu(x) }",
                "", "not computed"}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Affine, Guards,
    ::testing::Values(
        Guarded{"NoStepBeforeALoneBatchNorm", "fuse_affine",
                "g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] y)"
                " <float[2, 2, 2] c = {1, 2, 3, 4, 5, 6, 7, 8}, float[2] s = {1, 2}, float[2] one = {1, 1}>"
                " { a = Add(x, c) y = BatchNormalization(a, s, s, s, one) }",
                "is not one factor"},
        Guarded{"ALoneBatchNormOfAnotherPass", "fuse_affine",
                "g (float[1, 1, 2, 2] x, float[1] s) => (float[1, 1, 2, 2] y) <float[1, 1, 1, 1] w = {2}, float[1] c = {8}>"
                " { a = Conv(x, w) y = BatchNormalization(a, s, c, c, c) }",
                "", "not constant"},
        Guarded{"AnInfiniteFactor", "fuse_conv_batchnorm",
                "g (double[1, 1, 2, 2] x) => (double[1, 1, 2, 2] y)"
                " <double[1, 1, 1, 1] w = {1}, double[1] s = {1e300}, double[1] zero = {0}>"
                " { a = Conv(x, w) y = BatchNormalization<epsilon = 1e-20>(a, s, zero, zero, zero) }",
                "its factor is inf"},
        Guarded{"AStepOfUnknownRank", "fuse_affine",
                "g (float[] x) => (float[] y) <float[2, 1, 1] c = {1, 2}, float[2] s = {1, 2}, float[2] one = {1, 1}>"
                " { a = Add(x, c) y = BatchNormalization(a, s, s, s, one) }",
                "", "of -1"},
        Guarded{"AConstantDividedByTheResult", "fuse_affine",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y) <float[1, 1, 1, 1] w = {2}, float[1] c = {8}>"
                " { a = Conv(x, w) y = Div(c, a) }"},
        Guarded{"AConstantDividedByTheInput", "fuse_affine",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y) <float[1, 1, 1, 1] w = {2}, float[1] c = {8}>"
                " { a = Div(c, x) y = Conv(a, w) }"},
        Guarded{"AMissingParameter", "fuse_conv_batchnorm",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y) <float[1, 1, 1, 1] w = {2}, float[1] c = {8}>"
                " { a = Conv(x, w) y = BatchNormalization(a, , c, c, c) }",
                "its scale is missing"},
        Guarded{"AKernelThatIsAMatrix", "fuse_conv_batchnorm",
                "g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <float[1, 1] w = {2}, float[1] c = {8}>"
                " { a = Conv(x, w) y = BatchNormalization(a, c, c, c, c) }"},
        Guarded{"NoGroups", "fuse_conv_batchnorm",
                "g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <float[1, 1, 1, 1] w = {2}, float[1] c = {8}>"
                " { a = Conv<group = 0>(x, w) y = BatchNormalization(a, c, c, c, c) }"},
        Guarded{"GroupsThatDoNotDivide", "fuse_conv_batchnorm",
                "g (float[1, 2, 2, 2] x) => (float[a, b, c, d] y)"
                " <float[3, 1, 1, 1] w = {2, 3, 4}, float[3] c = {8, 8, 8}>"
                " { a = Conv<group = 2>(x, w) y = BatchNormalization(a, c, c, c, c) }"},
        Guarded{"AGemmOfAVector", "fuse_conv_batchnorm",
                "g (float[1, 2] x) => (float[a, b] y) <float[2] w = {2, 3}, float[2] c = {8, 8}>"
                " { a = Gemm(x, w) y = BatchNormalization(a, c, c, c, c) }"},
        Guarded{"AMatMulOfManyMatrices", "fuse_affine",
                "g (float[2, 1, 1] x) => (float[2, 1, 1] y) <float[2, 1, 1] w = {2, 3}, float[1] c = {8}>"
                " { a = MatMul(x, w) y = Mul(a, c) }",
                "is not a matrix"},
        Guarded{"AMatMulOfUnknownRank", "fuse_affine",
                "g (float[] x) => (float[] y) <float[1, 1] w = {2}, float[1] c = {8}> { a = MatMul(x, w) y = Mul(a, c) }",
                "the rank of its input is unknown"},
        Guarded{"AMatMulOfAVector", "fuse_affine",
                "g (float[1] x) => (float[1] y) <float[1, 1] w = {2}, float[1] c = {8}> { a = MatMul(x, w) y = Mul(a, c) }",
                "its input is a vector"},
        Guarded{"AMatMulOfIntegers", "fuse_affine",
                "g (int32[1, 1] x, float[1] t) => (float[1, 1] y) <int32[1, 1] w = {2}, float[1] c = {8}>"
                " { a = MatMul(x, w) y = Mul(a, c) }",
                "its weight is int32"},
        Guarded{"AnEmptyWeight", "fuse_affine",
                "g (float[1, 0] x) => (float[1, 1] y) <float[0, 1] w = {}, float[1] c = {8}>"
                " { a = MatMul(x, w) y = Mul(a, c) }",
                "its weight is empty"},
        Guarded{"ABiasOfAnotherLength", "fuse_conv_batchnorm",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y)"
                " <float[1, 1, 1, 1] w = {2}, float[3] b = {1, 2, 3}, float[1] c = {8}>"
                " { a = Conv(x, w, b) y = BatchNormalization(a, c, c, c, c) }",
                "its bias of shape [3]"},
        Guarded{"ABatchNormOfNothing", "fuse_conv_batchnorm",
                "g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <float[1] c = {8}>"
                " { y = BatchNormalization( , c, c, c, c) }",
                "its input is absent"}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Views, Guards,
    ::testing::Values(
        Guarded{"ReshapesBeforeOpset5", "compose_views",
                "<ir_version: 3, opset_import: [\"\" : 1]> g (float[2, 3] x) => (float[6] y)"
                " { a = Reshape<shape = [3, 2]>(x) y = Reshape<shape = [6]>(a) }"},
        Guarded{"StepsWhoseProductOverflows", "compose_views",
                "g (float[8] x) => (float[1] y) <int64[1] zero = {0}, int64[1] eight = {8},"
                " int64[1] s = {4611686018427387904}, int64[1] t = {4}>"
                " { a = Slice(x, zero, eight, zero, s) y = Slice(a, zero, eight, zero, t) }",
                "its steps on axis 0 are too large"},
        Guarded{"PadsWhoseSumOverflows", "compose_views",
                "g (float[a] x) => (float[b] y) <int64[2] p = {9223372036854775807, 0}>"
                " { a = Pad(x, p) y = Pad(a, p) }",
                "its pads are out of range"},
        Guarded{"ConcatsOfUnknownRank", "compose_views",
                "g (float[] x, float[] z) => (float[] y) { a = Concat<axis = 0>(x, z) y = Concat<axis = -1>(a, z) }"},
        Guarded{"ConcatsFromTheEndOfUnknownRank", "compose_views",
                "g (float[] x, float[] z) => (float[] y) { a = Concat<axis = -2>(x, z) y = Concat<axis = -1>(a, z) }"},
        Guarded{"AConcatOfWhatIsNoSplit", "compose_views",
                "g (float[4] x) => (float[4] y) { a = Relu(x) b = Concat<axis = 0>(a) y = Neg(b) }"},
        Guarded{"AConcatOfSomeParts", "compose_views",
                "g (float[6] x) => (float[a] y) <int64[3] s = {2, 2, 2}> { r = Relu(x) a, b, c = Split<axis = 0>(r, s)"
                " d = Concat<axis = 0>(a, b) y = Neg(d) }"},
        Guarded{"AConcatOnAnotherAxis", "compose_views",
                "g (float[2, 2] x) => (float[a, b] y) <int64[2] s = {1, 1}> { r = Relu(x) a, b = Split<axis = 0>(r, s)"
                " d = Concat<axis = 1>(a, b) y = Neg(d) }"},
        Guarded{"ATransposeBehindOneOfUnknownRank", "eliminate_redundant_transposes",
                "g (float[] x) => (float[a, b] y) { a = Transpose(x) y = Transpose<perm = [0, 1]>(a) }"},
        Guarded{"TransposesOfUnknownRankAroundARelu", "eliminate_redundant_transposes",
                "g (float[] x) => (float[] y) { a = Transpose(x) b = Relu(a) y = Transpose(b) }"},
        Guarded{"ATransposeBehindConstantsAlone", "eliminate_redundant_transposes",
                "g () => (float[2, 1] y) <float[1, 2] c = {1, 2}> { a = Relu(c) y = Transpose<perm = [1, 0]>(a) }"}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Others, Guards,
    ::testing::Values(
        Guarded{"ADeadNodeIsAnotherPassWork", "fold_constants",
                "g (float[2] x) => (float[2] y) <float[2] c = {1, 2}> { a = Relu(c) y = Relu(x) }"},
        Guarded{"PadsThatAreTooFew", "fuse_pad_into_conv",
                "<ir_version: 8, opset_import: [\"\" : 18]>"
                " g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y)"
                " <int64[2] p = {1, 1}, int64[2] axes = {2, 3}, float[1, 1, 1, 1] w = {1}>"
                " { a = Pad(x, p, , axes) y = Conv(a, w) }"},
        Guarded{"AnAveragePoolThatCannotCountItsPads", "fuse_pad_into_conv",
                "<ir_version: 3, opset_import: [\"\" : 6]> g (float[1, 1, 4, 4] x) => (float[1, 1, 4, 4] y)"
                " { a = Pad<pads = [0, 0, 1, 1, 0, 0, 1, 1]>(x) y = AveragePool<kernel_shape = [3, 3]>(a) }",
                "before opset 7"},
        Guarded{"APadThatNoConvReads", "fuse_pad_into_conv",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 6, 6] y) <int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}>"
                " { a = Pad(x, p) y = Relu(a) }",
                "", " "},
        Guarded{"ALayerNormOfUnknownRank", "fuse_activations",
                "g (float[] x) => (float[] y) <float[4] s = {1, 2, 3, 4}, float e = {0.00001}, float two = {2}>"
                " { m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) q = Pow(d, two) v = ReduceMean<axes = [-1]>(q)"
                " f = Add(v, e) r = Sqrt(f) n = Div(d, r) y = Mul(n, s) }",
                "the rank of its input is not known"},
        Guarded{"ADropoutThatIsInTraining", "eliminate_identity_ops",
                "g (float[2] x) => (float[2] y) <float r = {0.5}, bool t = {1}> { y = Dropout(x, r, t) }",
                "it is in training mode", "training_mode"},
        Guarded{"APadWithoutPads", "eliminate_identity_ops", "g (float[2] x) => (float[a] y) { r = Relu(x) p = Pad(r) y = Neg(p) }"},
        Guarded{"ATileBeforeOpset6", "eliminate_identity_ops",
                "<ir_version: 4, opset_import: [\"\" : 5]> g (float[2] x) => (float[4] y)"
                " <int64[1] one = {1}, int64[1] axis = {0}> { r = Relu(x) t = Tile(r, one, axis) y = Neg(t) }"},
        Guarded{"AnIdentityOfNothing", "eliminate_identity_ops", "g (float[2] x) => (float[a] y) { i = Identity( ) y = Neg(i) }"}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    NumbersOutOfRange, Guards,
    ::testing::Values(
        Guarded{"SlicesOfAnAxisThatIsNotThere", "compose_views",
                "g (float[4, 4] x) => (float[a, b] y) <int64[1] s = {0}, int64[1] e = {3}, int64[1] a = {-1000000}, "
                "int64[1] t = {1}>"
                " { z = Slice(x, s, e, a, t) y = Slice(z, s, e, a, t) }",
                "are not constant"},
        Guarded{"StridesOfOneAxisOnly", "fuse_pad_into_conv",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, a, b] y) <int64[8] p = {0, 0, 0, 1, 0, 0, 0, 1}, float[1, 1, "
                "1, 1] w = {1}>"
                " { z = Pad(x, p) y = ConvTranspose<strides = [2], pads = [5, 5, 5, 5]>(z, w) }",
                "doesn't crop"},
        Guarded{"PadsBeyondAllNumbers", "fuse_pad_into_conv",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, a, b] y)"
                " <int64[8] p = {0, 0, 0, 4611686018427387904, 0, 0, 0, 0}, float[1, 1, 1, 1] w = {1}>"
                " { z = Pad(x, p) y = ConvTranspose<strides = [1, 4], pads = [0, 9223372036854775807, 0, 0]>(z, w) }",
                "doesn't crop"},
        Guarded{"MoreOutputsThanThereAre", "fold_constants",
                "g (float[2] x) => (float[2] y) <float[2] a = {1, 2}>"
                " { c, m, d = Dropout(a) e = Add(x, c) y = Add(e, d) }",
                "gives 2 of 3 outputs"},
        Guarded{"ADropoutOfThreeOutputs", "eliminate_identity_ops",
                "g (float[2] x) => (float[2] y) { c, m, d = Dropout(x) y = Add(c, d) }"},
        Guarded{"ABranchOfFewerOutputsThanItsIf", "inline_constant_if",
                "g (float[2] x) => (float[2] y, float[2] z) <bool yes = {1}>"
                " { y, z = If(yes) <then_branch = t () => (float[2] u) { u = Exp(x) },"
                " else_branch = e () => (float[2] v) { v = Neg(x) }> }"},
        Guarded{
            "AnAxisThatIsCutToOne", "fuse_affine",
            R"(<ir_version: 3, opset_import: ["" : 6]> g (float[1, 1, 2, 2] x, float[2, 1, 1, 1] w, float[2] k) => (float[1, 2, 2, 2] y)
                <float[2, 1, 1, 1] w = {1, 2}, float[2] k = {3, 4}>
                { z = Conv(x, w) y = Mul<broadcast = 1, axis = -4294967295>(z, k) })",
            "is not one factor"}),
    Name);

}  // namespace
}  // namespace dsperse
