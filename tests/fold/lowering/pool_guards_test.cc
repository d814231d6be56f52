// What the lowerings of pools and means leave alone.
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Guarded;
using ::dsperse::testing::GuardedName;
using ::dsperse::testing::LoweringGuards;

INSTANTIATE_TEST_SUITE_P(
    PoolSum, LoweringGuards,
    ::testing::Values(
        Guarded{"OverComputedAxes", "lower_reduce_sum",
                "g (float[2, 2, 4] x, int64[2] a) => (float[z] y) { y = ReduceSum<keepdims = 0>(x, a) }",
                "its axes: "},
        Guarded{"AlongAnAxisLongerThanTheLast", "lower_reduce_sum",
                "g (float[3, 2] x) => (float[1, 2] y) { y = ReduceSum<axes = [0]>(x) }",
                "axis 0 has 3 elements, the last one 2"}));

INSTANTIATE_TEST_SUITE_P(
    PoolMean, LoweringGuards,
    ::testing::Values(
        Guarded{"BeforeDivBroadcasts", "lower_reduce_mean",
                R"(<ir_version: 3, opset_import: ["" : 6]> g (float[2, 3] x) => (float[1, 1] y) { y = ReduceMean(x) })",
                "Div broadcasts from opset 7 on, the model has 6"},
        Guarded{"OfAnImageBeforeDivBroadcasts", "lower_global_average_pool",
                R"(<ir_version: 3, opset_import: ["" : 6]>
                g (float[1, 1, 2, 2] x) => (float[1, 1, 1, 1] y) { y = GlobalAveragePool(x) })",
                "Div broadcasts from opset 7 on, the model has 6"},
        Guarded{"OfIntegers", "lower_reduce_mean", "g (int32[2] x) => (int32[1] y) { y = ReduceMean(x) }",
                "its element type is no float"},
        Guarded{"OfAnUnknownShape", "lower_reduce_mean", "g (float[N] x) => (float[1] y) { y = ReduceMean(x) }",
                "the shape of its input is not known"},
        Guarded{"OfNothing", "lower_reduce_mean", "g (float[2, 0] x) => (float[1, 1] y) { y = ReduceMean(x) }",
                "it takes the mean of no element, or of more than 16777216"},
        Guarded{"OfTooMany", "lower_reduce_mean", "g (float[16777217] x) => (float[1] y) { y = ReduceMean(x) }",
                "it takes the mean of no element, or of more than 16777216"},
        Guarded{"OfMoreThanCanBeCounted", "lower_reduce_mean",
                "g (float[4294967296, 4294967296] x) => (float[1, 1] y) { y = ReduceMean(x) }",
                "it takes the mean of no element, or of more than 16777216"},
        Guarded{"OfMoreThanCanBeCountedTogether", "lower_reduce_mean",
                "g (float[16777216, 1099511627776] x) => (float[1, 1] y) { y = ReduceMean(x) }",
                "it takes the mean of no element, or of more than 16777216"},
        // The sum of 49 numbers above 1,337 is infinite.
        Guarded{"OfFloat16", "lower_reduce_mean",
                "g (float16[1, 1, 7, 7] x) => (float16[1, 1, 1, 1] y) { y = ReduceMean<axes = [2, 3]>(x) }",
                "it takes the mean of no element, or of more than 0 of float16"},
        Guarded{"OfMoreThanBfloat16Counts", "lower_reduce_mean",
                "g (bfloat16[1, 257] x) => (bfloat16[1, 1] y) { y = ReduceMean<axes = [1]>(x) }",
                "it takes the mean of no element, or of more than 256"},
        Guarded{"OfAnUnknownRank", "lower_reduce_mean",
                "g (float[] x) => (float[] y) { y = ReduceMean<axes = [0]>(x) }", "the rank of its input is not known"},
        Guarded{"AlongComputedAxes", "lower_reduce_mean",
                R"(<ir_version: 8, opset_import: ["" : 18]>
                g (float[2, 3] x, int64[1] a) => (float[m, n] y) { y = ReduceMean(x, a) })",
                "its axes: 'a' is not constant"},
        Guarded{"AlongNoAxis", "lower_reduce_mean",
                R"(<ir_version: 8, opset_import: ["" : 18]>
                g (float[2, 3] x) => (float[2, 3] y) { y = ReduceMean<noop_with_empty_axes = 1>(x) })",
                "it has no axes"},
        Guarded{"AlongAnAxisThatItDoesNotHave", "lower_reduce_mean",
                "g (float[2, 3] x) => (float[a, b] y) { y = ReduceMean<axes = [2]>(x) }", "its axes are out of range"},
        Guarded{"AlongAnAxisBeforeTheFirst", "lower_reduce_mean",
                "g (float[2, 3] x) => (float[a, b] y) { y = ReduceMean<axes = [-3]>(x) }", "its axes are out of range"},
        Guarded{"AlongAnAxisTwice", "lower_reduce_mean",
                "g (float[2, 3] x) => (float[a, b] y) { y = ReduceMean<axes = [1, -1]>(x) }", "it names an axis twice"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    PoolGlobal, LoweringGuards,
    ::testing::Values(
        Guarded{"MaxOfAnUnknownShape", "lower_global_max_pool",
                "g (float[1, 1, H, 2] x) => (float[1, 1, 1, 1] y) { y = GlobalMaxPool(x) }",
                "its input shape is not known"},
        Guarded{"MaxOfNoImage", "lower_global_max_pool", "g (float[1, 1] x) => (float[a, b] y) { y = GlobalMaxPool(x) }",
                "its input shape is not known"},
        Guarded{"MaxOfAnEmptyImage", "lower_global_max_pool",
                "g (float[1, 1, 0, 2] x) => (float[1, 1, 1, 1] y) { y = GlobalMaxPool(x) }", "its image is empty"},
        Guarded{"AverageOfAnUnknownRank", "lower_global_average_pool",
                "g (float[] x) => (float[] y) { y = GlobalAveragePool(x) }", "the rank of its input is not known"},
        Guarded{"AverageOfNoImage", "lower_global_average_pool",
                "g (float[1, 1] x) => (float[a, b] y) { y = GlobalAveragePool(x) }",
                "the rank of its input is not known"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    PoolAverage, LoweringGuards,
    ::testing::Values(
        Guarded{"OfAnUnknownShape", "lower_average_pool",
                "g (float[1, 1, H, 2] x) => (float[1, 1, K, 1] y) { y = AveragePool<kernel_shape = [2, 2]>(x) }",
                "its shapes are not known"},
        Guarded{"OfNoImage", "lower_average_pool",
                "g (float[1, 2] x) => (float[1, 2] y) { y = AveragePool<kernel_shape = [2]>(x) }",
                "its shapes are not known"},
        Guarded{"OfIntegers", "lower_average_pool",
                "g (int32[1, 1, 3, 3] x) => (int32[1, 1, 2, 2] y) { y = AveragePool<kernel_shape = [2, 2]>(x) }",
                "its element type is no float"},
        Guarded{"WithAKernelOfOneAxis", "lower_average_pool",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 1, 1] y) { y = AveragePool<kernel_shape = [2]>(x) }",
                "its attributes don't fit its input"},
        Guarded{"WithStridesOfOneAxis", "lower_average_pool",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 1, 1] y)"
                " { y = AveragePool<kernel_shape = [2, 2], strides = [1]>(x) }",
                "its attributes don't fit its input"},
        Guarded{"WithPadsOfOneAxis", "lower_average_pool",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 1, 1] y)"
                " { y = AveragePool<kernel_shape = [2, 2], pads = [0, 0]>(x) }",
                "its attributes don't fit its input"},
        // The window that hangs over the border is divided by fewer.
        Guarded{"WithCeilMode", "lower_average_pool",
                "g (float[1, 1, 3, 3] x) => (float[1, 1, 2, 2] y)"
                " { y = AveragePool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x) }",
                "ceil_mode is set"},
        Guarded{"Dilated", "lower_average_pool",
                R"(<ir_version: 9, opset_import: ["" : 19]> g (float[1, 1, 3, 3] x) => (float[1, 1, 1, 1] y)
                { y = AveragePool<kernel_shape = [2, 2], dilations = [2, 2]>(x) })",
                "it is dilated"},
        Guarded{"WithAutoPad", "lower_average_pool",
                R"(g (float[1, 1, 3, 3] x) => (float[1, 1, 3, 3] y)
                { y = AveragePool<kernel_shape = [2, 2], auto_pad = "SAME_UPPER">(x) })",
                "its pads are not written out (auto_pad)"},
        Guarded{"WithPadsThatDoNotCount", "lower_average_pool",
                "g (float[1, 1, 3, 3] x) => (float[1, 1, 4, 4] y)"
                " { y = AveragePool<kernel_shape = [2, 2], pads = [1, 1, 1, 1]>(x) }",
                "its pads do not count"},
        // A Conv of no channels would have no group.
        Guarded{"OfNoChannels", "lower_average_pool",
                "g (float[1, 0, 3, 3] x) => (float[1, 0, 2, 2] y) { y = AveragePool<kernel_shape = [2, 2]>(x) }",
                "its input has no element"},
        Guarded{"WithAWindowOfNothing", "lower_average_pool",
                "g (float[1, 1, 3, 3] x) => (float[1, 1, 4, 2] y) { y = AveragePool<kernel_shape = [0, 2]>(x) }",
                "its window has no tap, or more than 16777216"},
        Guarded{"WithAWindowOfTooMany", "lower_average_pool",
                "g (float[1, 1, 8192, 8192] x) => (float[a, b, c, d] y) { y = AveragePool<kernel_shape = [4097, 4096]>(x) }",
                "its window has no tap, or more than 16777216"},
        Guarded{"WithAWindowOfMoreThanCanBeCounted", "lower_average_pool",
                "g (float[1, 1, 1099511627776, 1099511627776] x) => (float[1, 1, 1, 1] y)"
                " { y = AveragePool<kernel_shape = [16777216, 1099511627776]>(x) }",
                "its window has no tap, or more than 16777216"},
        Guarded{"WithAWindowOfFloat16", "lower_average_pool",
                "g (float16[1, 1, 4, 4] x) => (float16[1, 1, 3, 3] y) { y = AveragePool<kernel_shape = [2, 2]>(x) }",
                "its window has no tap, or more than 0 of float16"},
        Guarded{"OfTilesBeforeDivBroadcasts", "lower_average_pool",
                R"(<ir_version: 3, opset_import: ["" : 6]> g (float[1, 1, 4, 4] x) => (float[1, 1, 2, 2] y)
                { y = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(x) })",
                "Div broadcasts from opset 7 on, the model has 6"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    PoolOrder, LoweringGuards,
    ::testing::Values(
        Guarded{"OfAnInput", "lower_pool_order",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) { y = MaxPool<kernel_shape = [2, 2]>(x) }"},
        Guarded{"OfNoInput", "lower_pool_order", "g () => (float[a, b, c, d] y) { y = MaxPool<kernel_shape = [2, 2]>( ) }"},
        Guarded{"BehindWhatMayFall", "lower_pool_order",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) { a = Neg(x) y = MaxPool<kernel_shape = [2, 2]>(a) }"},
        Guarded{"BehindAProduct", "lower_pool_order",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) <float c = {-1}>"
                " { a = Mul(x, c) y = MaxPool<kernel_shape = [2, 2]>(a) }"},
        Guarded{"BehindAMaxOfElements", "lower_pool_order",
                "g (float[1, 1, 4, 1] x) => (float[1, 1, 3, 1] y) <float[4, 1] c = {1, 2, 3, 4}>"
                " { a = Max(x, c) y = MaxPool<kernel_shape = [2, 1]>(a) }"},
        Guarded{"BehindAMaxOfThree", "lower_pool_order",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) <float c = {1}>"
                " { a = Max(x, c, x) y = MaxPool<kernel_shape = [2, 2]>(a) }"},
        Guarded{"BehindAMaxOfComputedValues", "lower_pool_order",
                "g (float[1, 1, 4, 4] x, float c) => (float[1, 1, 3, 3] y)"
                " { a = Max(x, c) y = MaxPool<kernel_shape = [2, 2]>(a) }"},
        // The pool's kernel is for the rank that the Max makes.
        Guarded{"BehindAMaxThatRaisesTheRank", "lower_pool_order",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 1, 3, 3] y) <float[1, 1, 1, 1, 1] c = {0.5}>"
                " { a = Max(x, c) y = MaxPool<kernel_shape = [1, 2, 2]>(a) }",
                "the activation changes the shape, or may"},
        Guarded{"BehindWhatOthersRead", "lower_pool_order",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y, float[1, 1, 4, 4] z)"
                " { a = Relu(x) y = MaxPool<kernel_shape = [2, 2]>(a) z = Neg(a) }",
                "the activation's result has another reader"},
        Guarded{"BehindAnOutput", "lower_pool_order",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y, float[1, 1, 4, 4] a)"
                " { a = Relu(x) y = MaxPool<kernel_shape = [2, 2]>(a) }",
                "the activation's result has another reader"},
        Guarded{"WithIndices", "lower_pool_order",
                "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y, int64[1, 1, 3, 3] i)"
                " { a = Relu(x) y, i = MaxPool<kernel_shape = [2, 2]>(a) }",
                "its Indices are read"},
        Guarded{"InABodyBehindWhatIsOutside", "lower_pool_order",
                R"(g (bool p, float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) { a = Relu(x) y = If(p)
                <then_branch = t () => (float[1, 1, 3, 3] b) { b = MaxPool<kernel_shape = [2, 2]>(a) },
                 else_branch = e () => (float[1, 1, 3, 3] d) { d = MaxPool<kernel_shape = [2, 2]>(x) }> })",
                "the activation's result has another reader"},
        // No price, no rewrite.
        Guarded{"OfAnUnknownImage", "lower_pool_order",
                "g (float[1, 1, H, W] x) => (float[1, 1, 3, 3] y) { a = Relu(x) y = MaxPool<kernel_shape = [2, 2]>(a) }"},
        Guarded{"OfAnUnknownShape", "lower_pool_order",
                "g (float[1, 1, H, W] x) => (float[1, 1, K, L] y) { a = Relu(x) y = MaxPool<kernel_shape = [2, 2]>(a) }"}),
    GuardedName);

}  // namespace
}  // namespace dsperse
