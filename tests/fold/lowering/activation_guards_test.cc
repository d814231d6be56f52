// What the lowerings of activations, BatchNormalization, chains and Concat leave alone.
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Guarded;
using ::dsperse::testing::GuardedName;
using ::dsperse::testing::LoweringGuards;

INSTANTIATE_TEST_SUITE_P(
    ActivationTypes, LoweringGuards,
    ::testing::Values(
        Guarded{"ReluOfAnUnknownType", "lower_relu",
                R"(<ir_version: 8, opset_import: ["" : 17, "custom" : 1]>
                g (float[2] x) => (float[2] y) { a = custom.Foo(x) y = Relu(a) })",
                "its element type is not known"},
        Guarded{"ReluOfIntegers", "lower_relu", "g (int32[2] x) => (int32[2] y) { y = Relu(x) }",
                "its element type is int32"},
        Guarded{"AbsOfIntegers", "lower_abs", "g (int32[2] x) => (int32[2] y) { y = Abs(x) }",
                "its element type is int32"},
        Guarded{"PReluOfIntegers", "lower_prelu",
                "g (int32[2] x) => (int32[2] y) <int32[1] s = {2}> { y = PRelu(x, s) }", "its element type is int32"},
        Guarded{"HardSigmoidOfIntegers", "lower_hard_sigmoid", "g (int32[2] x) => (int32[2] y) { y = HardSigmoid(x) }",
                "its element type is int32"},
        Guarded{"GeluOfIntegers", "lower_gelu",
                R"(<ir_version: 9, opset_import: ["" : 20]> g (int32[2] x) => (int32[2] y) { y = Gelu(x) })",
                "its element type is int32"},
        Guarded{"PowOfIntegers", "lower_pow",
                "g (int32[2] x) => (int32[2] y) <int32 n = {3}> { y = Pow(x, n) }", "its element type is int32"},
        Guarded{"DivOfIntegers", "lower_div", "g (int32[2] x) => (int32[2] y) <int32[2] c = {-2, 3}> { y = Div(x, c) }",
                "its element type is int32"},
        Guarded{"BatchNormOfIntegers", "lower_batchnorm",
                "g (int32[1, 1] x) => (int32[1, 1] y) <float[1] c = {1}> { y = BatchNormalization(x, c, c, c, c) }",
                "its element type is not known"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ActivationOpsets, LoweringGuards,
    ::testing::Values(
        Guarded{"ReluBeforeMaxBroadcasts", "lower_relu",
                R"(<ir_version: 3, opset_import: ["" : 7]> g (float[2] x) => (float[2] y) { y = Relu(x) })",
                "Max broadcasts from opset 8 on, the model has 7"},
        Guarded{"AbsBeforeMaxBroadcasts", "lower_abs",
                R"(<ir_version: 3, opset_import: ["" : 7]> g (float[2] x) => (float[2] y) { y = Abs(x) })",
                "Max broadcasts from opset 8 on, the model has 7"},
        Guarded{"PReluBeforeMaxBroadcasts", "lower_prelu",
                R"(<ir_version: 3, opset_import: ["" : 7]>
                g (float[2] x) => (float[2] y) <float[1] s = {0.5}> { y = PRelu(x, s) })",
                "Max broadcasts from opset 8 on, the model has 7"},
        Guarded{"HardSigmoidBeforeMulBroadcasts", "lower_hard_sigmoid",
                R"(<ir_version: 3, opset_import: ["" : 6]> g (float[2] x) => (float[2] y) { y = HardSigmoid(x) })",
                "Mul broadcasts from opset 7 on, the model has 6"},
        Guarded{"DivBeforeMulBroadcasts", "lower_div",
                R"(<ir_version: 3, opset_import: ["" : 6]> g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] y)
                <float[2] c = {0.25, 0.5}> { y = Div<broadcast = 1, axis = 1>(x, c) })",
                "Mul broadcasts from opset 7 on, the model has 6"},
        Guarded{"BatchNormBeforeMulBroadcasts", "lower_batchnorm",
                R"(<ir_version: 3, opset_import: ["" : 6]> g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] y)
                <float[2] c = {1, 2}> { y = BatchNormalization<is_test = 1>(x, c, c, c, c) })",
                "Mul broadcasts from opset 7 on, the model has 6"},
        Guarded{"MaxOfManyBeforeItBroadcasts", "lower_max",
                R"(<ir_version: 3, opset_import: ["" : 7]>
                g (float[2] a, float[2] b, float[2] c) => (float[2] y) { y = Max(a, b, c) })",
                "Max broadcasts from opset 8 on, the model has 7"},
        Guarded{"SumBeforeItBroadcasts", "lower_sum",
                R"(<ir_version: 3, opset_import: ["" : 7]> g (float[2] a, float[2] b) => (float[2] y) { y = Sum(a, b) })",
                "Sum broadcasts from opset 8 on, the model has 7"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ActivationNumbers, LoweringGuards,
    ::testing::Values(
        // A positive element leaves 0 for the slope, and infinity times 0 is no number.
        Guarded{"AnInfiniteSlope", "lower_prelu",
                "g (float[2] x) => (float[2] y) <float[2] s = {1, inf}> { y = PRelu(x, s) }",
                "element 1 of its slope is not finite"},
        Guarded{"AnAlphaBeyondItsType", "lower_hard_sigmoid",
                "g (float16[2] x) => (float16[2] y) { y = HardSigmoid<alpha = 1000000.0>(x) }",
                "alpha 1e+06 or beta 0.5 is no float16"},
        Guarded{"ABetaThatItsTypeRoundsAway", "lower_hard_sigmoid",
                "g (float16[2] x) => (float16[2] y) { y = HardSigmoid<beta = 0.00000001>(x) }",
                "or beta 1e-08 is no float16"},
        Guarded{"ABrokenExponent", "lower_pow", "g (float[2] x) => (float[2] y) <float n = {2.5}> { y = Pow(x, n) }",
                "not a whole constant of 2 to 16"},
        Guarded{"AnExponentOfOne", "lower_pow", "g (float[2] x) => (float[2] y) <float n = {1}> { y = Pow(x, n) }",
                "not a whole constant of 2 to 16"},
        Guarded{"AnExponentAboveSixteen", "lower_pow",
                "g (float[2] x) => (float[2] y) <float n = {17}> { y = Pow(x, n) }", "not a whole constant of 2 to 16"},
        Guarded{"AnExponentForEachElement", "lower_pow",
                "g (float[2] x) => (float[2] y) <float[2] n = {2, 3}> { y = Pow(x, n) }",
                "not a whole constant of 2 to 16"},
        Guarded{"AComputedExponent", "lower_pow", "g (float[2] x, float n) => (float[2] y) { y = Pow(x, n) }",
                "not a whole constant of 2 to 16"},
        Guarded{"AnExponentThatIsText", "lower_pow",
                R"(g (float[2] x) => (float[2] y) <string n = {"3"}> { y = Pow(x, n) })",
                "not a whole constant of 2 to 16"},
        Guarded{"AnExponentThatRaisesTheRank", "lower_pow",
                "g (float[2] x) => (float[1, 2] y) <float[1, 1] n = {3}> { y = Pow(x, n) }", "changes the shape, or may"},
        Guarded{"AnExponentThatMayRaiseTheRank", "lower_pow",
                "g (float[] x) => (float[] y) <float[1] n = {3}> { y = Pow(x, n) }", "changes the shape, or may"},
        Guarded{"AComputedDivisor", "lower_div", "g (float[2] x, float[2] c) => (float[2] y) { y = Div(x, c) }",
                "the divisor is not constant"},
        Guarded{"ADivisorOfTooManyElements", "lower_div",
                "g (float[1] x) => (float[2097152] y) <int64[1] s = {2097152}>"
                " { c = ConstantOfShape<value = float[1] {0.3}>(s) y = Div(x, c) }",
                "the divisor is not constant, or of more than 2^20 elements"},
        Guarded{"ADivisorOfZero", "lower_div",
                "g (float[2] x) => (float[2] y) <float[2] c = {0.5, 0}> { y = Div(x, c) }",
                "a reciprocal of the divisor is not finite, or too small"},
        Guarded{"AnInfiniteDivisor", "lower_div",
                "g (float[2] x) => (float[2] y) <float[2] c = {0.5, inf}> { y = Div(x, c) }",
                "a reciprocal of the divisor is not finite, or too small"},
        Guarded{"ADivisorWhoseReciprocalOverflows", "lower_div",
                "g (float16[2] x) => (float16[2] y) <float16 c = {168}> { y = Div(x, c) }",  // 168 · 2^-24
                "a reciprocal of the divisor is not finite, or too small"},
        // -60000: its reciprocal is about 2^-16, where float16 has nine bits left.
        Guarded{"ADivisorWhoseReciprocalLosesDigits", "lower_div",
                "g (float16[2] x) => (float16[2] y) <float16 c = {64339}> { y = Div(x, c) }",
                "a reciprocal of the divisor is not finite, or too small"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ActivationBatchNorms, LoweringGuards,
    ::testing::Values(
        Guarded{"OfUnknownRank", "lower_batchnorm",
                "g (float[] x) => (float[] y) <float[2] c = {1, 2}> { y = BatchNormalization(x, c, c, c, c) }",
                "the number of channels of its input is not known"},
        Guarded{"OfAVector", "lower_batchnorm",
                "g (float[1] x) => (float[1] y) <float[1] c = {1}> { y = BatchNormalization(x, c, c, c, c) }",
                "the number of channels of its input is not known"},
        Guarded{"OfAnyNumberOfChannels", "lower_batchnorm",
                "g (float[1, C] x) => (float[1, C] y) <float[2] c = {1, 2}> { y = BatchNormalization(x, c, c, c, c) }",
                "the number of channels of its input is not known"},
        Guarded{"OfTooManyChannels", "lower_batchnorm",
                "g (float[1, 1099511627776, 1, 1] x) => (float[a, b, c, d] y) <int64[1] s = {1099511627776}>"
                " { w = ConstantOfShape(s) y = BatchNormalization(x, w, w, w, w) }",
                "it has 1099511627776 channels"},
        Guarded{"WithAComputedScale", "lower_batchnorm",
                "g (float[1, 1] x, float[1] s) => (float[1, 1] y) <float[1] c = {1}>"
                " { y = BatchNormalization(x, s, c, c, c) }",
                "its scale 's' is not constant"},
        // 60000 / sqrt(1e-5); numbers of float16 are written as their bits.
        Guarded{"WithAFactorBeyondItsType", "lower_batchnorm",
                "g (float16[1, 1] x) => (float16[1, 1] y) <float16[1] s = {31571}, float16[1] c = {0}>"
                " { y = BatchNormalization(x, s, c, c, c) }",
                "channel 0: a constant is not finite"},
        // -40000 - 40000 * 2
        Guarded{"WithAShiftBeyondItsType", "lower_batchnorm",
                "g (float16[1, 1] x) => (float16[1, 1] y)"
                " <float16[1] s = {16384}, float16[1] b = {63714}, float16[1] m = {30946}, float16[1] v = {15360}>"
                " { y = BatchNormalization(x, s, b, m, v) }",
                "channel 0: a constant is not finite"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ActivationOthers, LoweringGuards,
    ::testing::Values(
        Guarded{"MaxOfOne", "lower_max", "g (float[2] a) => (float[2] y) { y = Max(a) }"},
        Guarded{"MaxOfTwo", "lower_max", "g (float[2] a) => (float[2] y) <float c = {1}> { y = Max(a, c) }"},
        Guarded{"SumOfOne", "lower_sum", "g (float[2] a) => (float[2] y) { y = Sum(a) }"},
        Guarded{"AConcatAlongNoAxisOfIts", "lower_concat",
                "g (float[2, 1] a, float[2, 3] b) => (float[2, 4] y) { y = Concat<axis = 7>(a, b) }"},
        Guarded{"AConcatAlongAnAxisBeforeTheFirst", "lower_concat",
                "g (float[2, 1] a, float[2, 3] b) => (float[2, 4] y) { y = Concat<axis = -7>(a, b) }"},
        Guarded{"AConcatAlongTheFirstAxis", "lower_concat",
                "g (float[2, 1] a) => (float[3, 1] y) <float[1, 1] c = {1}> { y = Concat<axis = 0>(a, c) }"},
        Guarded{"AConcatOfAnUnknownShape", "lower_concat",
                "g (float[2, M] a, float[2, 1] b) => (float[2, K] y) { y = Concat<axis = 1>(a, b) }",
                "its shape is not known"}),
    GuardedName);

}  // namespace
}  // namespace dsperse
