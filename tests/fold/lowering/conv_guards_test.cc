// What the lowerings of Conv leave alone.
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Guarded;
using ::dsperse::testing::GuardedName;
using ::dsperse::testing::LoweringGuards;

INSTANTIATE_TEST_SUITE_P(
    ConvTranspose, LoweringGuards,
    ::testing::Values(
        Guarded{"OfAnUnknownKernel", "lower_conv_transpose_attributes",
                "g (float[1, 1, 2] x, float w) => (float[a, b, c] y) { k = Unknown(w) y = ConvTranspose(x, k) }",
                "the shape of its kernel is not known"},
        Guarded{"OfAnotherKernelShape", "lower_conv_transpose_attributes",
                "g (float[1, 1, 2] x) => (float[a, b, c] y) <float[1, 1, 2] w = {1, 2}>"
                " { y = ConvTranspose<kernel_shape = [3]>(x, w) }",
                "its attributes don't fit its kernel"},
        Guarded{"OfTooManyPads", "lower_conv_transpose_attributes",
                "g (float[1, 1, 2] x) => (float[a, b, c] y) <float[1, 1, 2] w = {1, 2}>"
                " { y = ConvTranspose<pads = [0, 0, 0]>(x, w) }",
                "its attributes don't fit its kernel"},
        Guarded{"OfAnUnknownLength", "lower_conv_transpose_attributes",
                "g (float[1, 1, N] x) => (float[1, 1, M] y) <float[1, 1, 2] w = {1, 2}>"
                " { y = ConvTranspose<auto_pad = \"SAME_UPPER\">(x, w) }",
                "its shapes are not known"},
        Guarded{"ToMoreThanItReaches", "lower_conv_transpose_attributes",
                "g (float[1, 1, 2] x) => (float[1, 1, 4] y) <float[1, 1, 1] w = {1}>"
                " { y = ConvTranspose<strides = [2], output_shape = [4]>(x, w) }",
                "its result is larger than what its kernel reaches"},
        Guarded{"InGroupsOfAComputedKernel", "lower_grouped_conv_transpose",
                "g (float[1, 2, 2] x, float[2, 1, 1] w) => (float[1, 2, 2] y) { y = ConvTranspose<group = 2>(x, w) }",
                "its kernel: 'w' is not constant"},
        Guarded{"InGroupsOfAnotherBias", "lower_grouped_conv_transpose",
                "g (float[1, 2, 2] x) => (float[1, 2, 2] y) <float[2, 1, 1] w = {1, 2}, float[1] b = {1}>"
                " { y = ConvTranspose<group = 2>(x, w, b) }",
                "its bias has another length or type"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ConvKernel, LoweringGuards,
    ::testing::Values(
        Guarded{"ThatIsComputed", "lower_conv_attributes",
                "g (float[1, 1, 2, 2] x, float[1, 1, 1, 1] w) => (float[1, 1, 2, 2] y) { y = Conv(x, w) }",
                "its kernel: 'w' is not constant"},
        Guarded{"ThatIsComputedOverOneAxis", "lower_conv1d",
                "g (float[1, 1, 2] x, float[1, 1, 1] w) => (float[1, 1, 2] y) { y = Conv(x, w) }"},
        Guarded{"ThatIsComputedAndDilated", "lower_dilated_conv",
                "g (float[1, 1, 3, 3] x, float[1, 1, 2, 2] w) => (float[1, 1, 1, 1] y)"
                " { y = Conv<dilations = [2, 2]>(x, w) }"},
        Guarded{"ThatIsComputedAndGrouped", "lower_grouped_conv",
                "g (float[1, 2, 2, 2] x, float[2, 1, 1, 1] w) => (float[1, 2, 2, 2] y) { y = Conv<group = 2>(x, w) }",
                "its kernel: 'w' is not constant"},
        Guarded{"OfText", "lower_conv_attributes",
                R"(g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <string[1, 1, 1, 1] w = {"a"}> { y = Conv(x, w) })",
                "its kernel is string"},
        Guarded{"OfDilatedText", "lower_dilated_conv",
                R"(g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <string[1, 1, 1, 1] w = {"a"}>
                { y = Conv<dilations = [2, 2]>(x, w) })"},
        Guarded{"OfAnySize", "lower_grouped_conv",
                "g (float[1, 2, 4, 4] x) => (float[a, b, c, d] y) <int64[4] s = {2, 1, 1048576, 1048576}>"
                " { w = ConstantOfShape(s) y = Conv<group = 2>(x, w) }",
                "its kernel is a ConstantOfShape of 2199023255552 elements"},
        Guarded{"WithoutSpatialAxes", "lower_conv_attributes",
                "g (float[1, 1] x) => (float[a, b] y) <float[1, 1] w = {1}> { y = Conv(x, w) }",
                "its kernel has no spatial axis"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ConvAttributes, LoweringGuards,
    ::testing::Values(
        Guarded{"OfOneAxisOnly", "lower_conv_attributes",
                "g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <float[1, 1, 1, 1] w = {1}>"
                " { y = Conv<strides = [1]>(x, w) }",
                "its attributes don't fit its kernel"},
        Guarded{"OfOneAxisOnlyForDilations", "lower_conv_attributes",
                "g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <float[1, 1, 1, 1] w = {1}>"
                " { y = Conv<dilations = [1]>(x, w) }",
                "its attributes don't fit its kernel"},
        Guarded{"OfOneAxisOnlyForPads", "lower_conv_attributes",
                "g (float[1, 1, 2, 2] x) => (float[a, b, c, d] y) <float[1, 1, 1, 1] w = {1}>"
                " { y = Conv<pads = [1, 1]>(x, w) }",
                "its attributes don't fit its kernel"},
        Guarded{"ThatAreWrittenOut", "lower_conv_attributes",
                "g (float[1, 2, 2, 2] x) => (float[1, 2, 2, 2] y) <float[2, 1, 1, 1] w = {1, 2}>"
                " { y = Conv<group = 2, kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(x, w) }"},
        Guarded{"OfAutoPadOnAnUnknownImage", "lower_conv_attributes",
                R"(g (float[1, 1, H, W] x) => (float[1, 1, H, W] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>
                { y = Conv<auto_pad = "SAME_UPPER">(x, w) })",
                "auto_pad needs a known input shape"},
        Guarded{"OfAutoPadOnAnotherRank", "lower_conv_attributes",
                R"(g (float[1, 1, 4] x) => (float[a, b, c, d] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>
                { y = Conv<auto_pad = "SAME_UPPER">(x, w) })",
                "auto_pad needs a known input shape"},
        Guarded{"OfAutoPadWithoutAStride", "lower_conv_attributes",
                R"(g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>
                { y = Conv<auto_pad = "SAME_UPPER", strides = [0, 1]>(x, w) })",
                "sizes and strides of 1 to 2^31"},
        Guarded{"OfAutoPadWithAHugeDilation", "lower_conv_attributes",
                R"(g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>
                { y = Conv<auto_pad = "SAME_UPPER", dilations = [9223372036854775807, 1]>(x, w) })",
                "sizes and strides of 1 to 2^31"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ConvOneAxis, LoweringGuards,
    ::testing::Values(
        Guarded{"ThatIsOneOfTwo", "lower_conv1d",
                "g (float[1, 2, 2, 1] x) => (float[1, 2, 1, 1] y) <float[2, 1, 2, 1] w = {1, 2, 3, 4}>"
                " { y = Conv<group = 2>(x, w) }"},
        Guarded{"WithAutoPad", "lower_conv1d",
                R"(g (float[1, 1, 4] x) => (float[1, 1, 4] y) <float[1, 1, 2] w = {1, 2}>
                { y = Conv<auto_pad = "SAME_UPPER">(x, w) })"},
        Guarded{"WithStridesForTwo", "lower_conv1d",
                "g (float[1, 1, 4] x) => (float[a, b, c] y) <float[1, 1, 2] w = {1, 2}>"
                " { y = Conv<strides = [1, 1]>(x, w) }",
                "its attributes don't fit its kernel"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ConvDilations, LoweringGuards,
    ::testing::Values(
        Guarded{"OfOneAxisOnly", "lower_dilated_conv",
                "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
                " { y = Conv<dilations = [2]>(x, w) }"},
        Guarded{"OfOne", "lower_dilated_conv",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
                " { y = Conv<dilations = [1, 1]>(x, w) }"},
        // Where its pads can't be written out, nothing else is done either.
        Guarded{"WithAutoPad", "lower_dilated_conv",
                R"(g (float[1, 1, H, W] x) => (float[1, 1, H, W] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>
                { y = Conv<auto_pad = "SAME_UPPER", dilations = [2, 2]>(x, w) })"},
        Guarded{"OfNothing", "lower_dilated_conv",
                "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
                " { y = Conv<dilations = [2, 0]>(x, w) }",
                "its dilations are out of range"},
        Guarded{"ThatOverflow", "lower_dilated_conv",
                "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 3, 1] w = {1, 2, 3}>"
                " { y = Conv<dilations = [9223372036854775807, 1]>(x, w) }",
                "its dilations are out of range"},
        Guarded{"ThatSpreadItBeyondCounting", "lower_dilated_conv",
                "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
                " { y = Conv<dilations = [4294967296, 4294967296]>(x, w) }",
                "the spread kernel exceeds 1 GiB"},
        Guarded{"ThatSpreadItTooFar", "lower_dilated_conv",
                "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
                " { y = Conv<dilations = [16384, 16384]>(x, w) }",
                "the spread kernel exceeds 1 GiB"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ConvGroups, LoweringGuards,
    ::testing::Values(
        Guarded{"ThatAreOne", "lower_grouped_conv",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 2, 2] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}>"
                " { y = Conv<dilations = [2, 2]>(x, w) }"},
        Guarded{"ThatAreNone", "lower_grouped_conv",
                "g (float[1, 2, 2, 2] x) => (float[a, b, c, d] y) <float[2, 1, 1, 1] w = {1, 2}>"
                " { y = Conv<group = 0>(x, w) }",
                "2 channels do not divide into 0 groups"},
        Guarded{"ThatDoNotDivideTheChannels", "lower_grouped_conv",
                "g (float[1, 2, 2, 2] x) => (float[a, b, c, d] y) <float[3, 1, 1, 1] w = {1, 2, 3}>"
                " { y = Conv<group = 2>(x, w) }",
                "3 channels do not divide into 2 groups"},
        Guarded{"OfNoChannels", "lower_grouped_conv",
                "g (float[1, 2, 2, 2] x) => (float[1, 0, 2, 2] y) <float[0, 1, 1, 1] w = {}> { y = Conv<group = 2>(x, w) }",
                "2 groups of 0 channels"},
        Guarded{"ThatAreTooMany", "lower_grouped_conv",
                "g (float[1, 4097, 1, 1] x) => (float[1, 4097, 1, 1] y) <int64[4] s = {4097, 1, 1, 1}>"
                " { w = ConstantOfShape(s) y = Conv<group = 4097>(x, w) }",
                "4097 groups of 4097 channels, more than 4096"},
        Guarded{"WithAComputedBias", "lower_grouped_conv",
                "g (float[1, 2, 2, 2] x, float[2] b) => (float[1, 2, 2, 2] y) <float[2, 1, 1, 1] w = {1, 2}>"
                " { y = Conv<group = 2>(x, w, b) }",
                "its bias: 'b' is not constant"},
        Guarded{"WithABiasOfAnotherLength", "lower_grouped_conv",
                "g (float[1, 2, 2, 2] x) => (float[a, b, c, d] y) <float[2, 1, 1, 1] w = {1, 2}, float[3] b = {1, 2, 3}>"
                " { y = Conv<group = 2>(x, w, b) }",
                "its bias has another length or type"},
        Guarded{"WithABiasOfText", "lower_grouped_conv",
                R"(g (float[1, 2, 2, 2] x) => (float[a, b, c, d] y) <float[2, 1, 1, 1] w = {1, 2}, string[2] b = {"1", "2"}>
                { y = Conv<group = 2>(x, w, b) })",
                "its bias has another length or type"}),
    GuardedName);

// A ConstantOfShape takes no memory, its index would.
INSTANTIATE_TEST_SUITE_P(
    ConvProducts, LoweringGuards,
    ::testing::Values(Guarded{
        "OfSizesThatOverflow", "lower_conv_products",
        "g (float[1, 1, 262143, 262143] x) => (float[1, 64, 131072, 131072] y) <int64[4] s = {64, 1, 131072, 131072}>"
        " { w = ConstantOfShape(s)"
        " y = Conv<kernel_shape = [131072, 131072], strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0]>(x, w) }",
        "its patches would have an index of more than 2^18 columns"}),
    GuardedName);

}  // namespace
}  // namespace dsperse
