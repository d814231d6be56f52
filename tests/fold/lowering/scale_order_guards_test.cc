// What lower_scale_order leaves alone: a Mul, an Add, an activation and a linear operator that are not quite its chain.
#include <string>

#include "fold/fold_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ConstantInput;
using ::dsperse::testing::FallingPrices;
using ::dsperse::testing::FindLowering;
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::Guarded;
using ::dsperse::testing::GuardedName;
using ::dsperse::testing::LoweringGuards;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::testing::ElementsAre;

// The chains that it does take, alone; the others each differ from one of them.
TEST(ScaleOrderGuardsTest, TheFactorGoesIntoTheWeightsBehindTheActivation) {
  for (const char* text : {
           "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y) <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
           " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }",
           "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)"
           " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}, float[2, 1, 1] t = {1, 2}, float zero = {0}>"
           " { n = Mul(k, x) s = Add(t, n) r = Max(s, zero) y = Conv(r, w) }",
           "g (float[1, 2] x) => (float[1, 1] y) <float[2, 1] w = {3, 5}, float[2] k = {2, 4}, float[1] c = {1}>"
           " { n = Mul(x, k) r = Relu(n) y = Gemm(r, w, c) }",
       }) {
    SCOPED_TRACE(text);
    Graph graph = ParseGraph(text);
    PassContext context(&graph, {});
    context.target = Target::Find("jstprove");
    context.pricer = FallingPrices();
    const absl::StatusOr<bool> changed = FindLowering("lower_scale_order")->Run(graph, context);
    ASSERT_TRUE(changed.ok()) << changed.status();
    EXPECT_TRUE(*changed);
    const NodeId owner = FindOpNode(graph, Ops(graph).find("Gemm") == std::string::npos ? "Conv" : "Gemm",
                                    Ops(graph).find("Add") == std::string::npos ? 0 : 1);
    EXPECT_THAT(ConstantInput(graph, owner, 1), ElementsAre(6, 20));
  }
}

INSTANTIATE_TEST_SUITE_P(
    ScaleOrderNodes, LoweringGuards,
    ::testing::Values(
        Guarded{"BeforeMulBroadcasts", "lower_scale_order",
                R"(<ir_version: 3, opset_import: ["" : 6]> g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)
                <float[1, 2, 1, 1] w = {3, 5}, float[2] k = {2, 4}>
                { n = Mul<broadcast = 1, axis = 1>(x, k) r = Relu(n) y = Conv(r, w) })"},
        Guarded{"TheProductHasTwoReaders", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y, float[1, 2, 4, 4] z)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) z = Neg(n) }"},
        Guarded{"TheProductIsAnOutput", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y, float[1, 2, 4, 4] n)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }"},
        Guarded{"TheSumHasTwoReaders", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y, float[1, 2, 4, 4] z)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}, float[2, 1, 1] t = {1, 2}>"
                " { n = Mul(x, k) s = Add(n, t) r = Relu(s) y = Conv(r, w) z = Neg(s) }"},
        Guarded{"TheActivationHasTwoReaders", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y, float[1, 2, 4, 4] z)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) z = Neg(r) }"},
        Guarded{"TheSumIsOfTheProductTwice", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) s = Add(n, n) r = Relu(s) y = Conv(r, w) }"},
        Guarded{"AnActivationThatDoesNotScale", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Sigmoid(n) y = Conv(r, w) }"},
        Guarded{"AMin", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}, float zero = {0}>"
                " { n = Mul(x, k) r = Min(n, zero) y = Conv(r, w) }"},
        Guarded{"AMaxWithAnotherNumber", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}, float one = {1}>"
                " { n = Mul(x, k) r = Max(n, one) y = Conv(r, w) }"},
        Guarded{"AMaxWithManyZeros", "lower_scale_order",
                "g (float[1, 2, 1, 1] x) => (float[1, 1, 2, 1] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}, float[2, 1] zeros = {0, 0}>"
                " { n = Mul(x, k) r = Max(n, zeros) y = Conv(r, w) }"},
        Guarded{"AMaxThatBeginsWithZero", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}, float zero = {0}>"
                " { n = Mul(x, k) r = Max(zero, n) y = Conv(r, w) }"},
        Guarded{"AMaxWithAThirdOperand", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}, float zero = {0}>"
                " { n = Mul(x, k) r = Max(n, zero, x) y = Conv(r, w) }"},
        Guarded{"AMaxOfTwoComputedValues", "lower_scale_order",
                "g (float[1, 2, 4, 4] x, float z) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Max(n, z) y = Conv(r, w) }"},
        Guarded{"NoLinearOperator", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 2, 4, 4] y) <float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Neg(r) }"},
        Guarded{"NoLinearOperatorOfAnUnknownShape", "lower_scale_order",
                "g (float[N, 2, 4, 4] x) => (float[N, 2, 4, 4] y) <float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Neg(r) }"},
        Guarded{"AProductThatIsProven", "lower_scale_order",
                "g (float[N, 2, 4, 4] x, float[2, 1, 1] k) => (float[N, 1, 4, 4] y) <float[1, 2, 1, 1] w = {3, 5}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }"},
        Guarded{"TheEnd", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 2, 4, 4] r) <float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) }"},
        Guarded{"TheEndOfASum", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 2, 4, 4] s) <float[2, 1, 1] k = {2, 4}, float[2, 1, 1] t = {1, 2}>"
                " { n = Mul(x, k) s = Add(n, t) }"},
        Guarded{"TheLinearOperatorIsInABody", "lower_scale_order",
                R"(g (bool p, float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)
                <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}> { n = Mul(x, k) r = Relu(n) y = If(p)
                <then_branch = t () => (float[1, 1, 4, 4] a) { a = Conv(r, w) },
                 else_branch = e () => (float[1, 1, 4, 4] b) { b = Conv(x, w) }> })"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ScaleOrderShapes, LoweringGuards,
    ::testing::Values(
        Guarded{"AnUnknownOne", "lower_scale_order",
                "g (float[N, 2, 4, 4] x) => (float[N, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }",
                "the shape of its input is not known"},
        Guarded{"AVector", "lower_scale_order",
                "g (float[2] x) => (float[1] y) <float[2, 1] w = {3, 5}, float[2] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = MatMul(r, w) }",
                "the shape of its input is not known"},
        Guarded{"AnEmptyOne", "lower_scale_order",
                "g (float[0, 2, 4, 4] x) => (float[0, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}, float[2, 1, 1] t = {1, 2}>"
                " { n = Mul(x, k) s = Add(n, t) r = Relu(s) y = Conv(r, w) }"},
        // Its channels lie on the last axis.
        Guarded{"AMatMulOfRankThree", "lower_scale_order",
                "g (float[1, 2, 2] x) => (float[1, 2, 1] y) <float[2, 1] w = {3, 5}, float[2, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = MatMul(r, w) }"},
        Guarded{"AGemmOfATransposedInput", "lower_scale_order",
                "g (float[2, 2] x) => (float[2, 1] y) <float[2, 1] w = {3, 5}, float[2] k = {2, 4}, float[1] c = {1}>"
                " { n = Mul(x, k) r = Relu(n) y = Gemm<transA = 1>(r, w, c) }"},
        // What is added to the product is not multiplied by the weights.
        Guarded{"TheBiasOfAGemm", "lower_scale_order",
                "g (float[2, 2] x, float[2, 2] z) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Gemm(z, w, r) }"},
        Guarded{"AConvOfMoreChannels", "lower_scale_order",
                "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 2, 1, 1] w = {3, 5}, float k = {2}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }"},
        Guarded{"OneFactorForEachColumn", "lower_scale_order",
                "g (float[1, 2, 2, 2] x) => (float[1, 1, 2, 2] y) <float[1, 2, 1, 1] w = {3, 5}, float[2] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }",
                "is not one factor for each of the 2 channels"},
        Guarded{"OneShiftForEachColumn", "lower_scale_order",
                "g (float[1, 2, 2, 2] x) => (float[1, 1, 2, 2] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}, float[2] t = {1, 2}>"
                " { n = Mul(x, k) s = Add(n, t) r = Relu(s) y = Conv(r, w) }",
                "is not one factor for each of the 2 channels"},
        Guarded{"AFactorThatRaisesTheRank", "lower_scale_order",
                "g (float[2, 4, 4] x) => (float[1, 1, 4, 4] y) <float[1, 2, 1, 1] w = {3, 5}, float[1, 2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ScaleOrderNumbers, LoweringGuards,
    ::testing::Values(
        Guarded{"AComputedWeight", "lower_scale_order",
                "g (float[1, 2, 4, 4] x, float[1, 2, 1, 1] w) => (float[1, 1, 4, 4] y) <float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }",
                "its weight 'w' is not constant"},
        Guarded{"AComputedShift", "lower_scale_order",
                "g (float[1, 2, 4, 4] x, float[2, 1, 1] t) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) s = Add(n, t) r = Relu(s) y = Conv(r, w) }"},
        Guarded{"Integers", "lower_scale_order",
                "g (int32[1, 2, 4, 4] x) => (float[a, b, c, d] y) <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }",
                "its element type is no float"},
        Guarded{"Bfloat16BeforeConvTakesIt", "lower_scale_order",
                "g (bfloat16[1, 2] x) => (bfloat16[1, 1] y)"
                " <bfloat16[2, 1] w = {16256, 16256}, bfloat16[2] k = {16384, 16512}, bfloat16[2] t = {16256, 16256}>"
                " { n = Mul(x, k) s = Add(n, t) r = Relu(s) y = MatMul(r, w) }",
                "Conv takes bfloat16 from opset 22 on, the model has 17"},
        Guarded{"ANegativeFactor", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y) <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, -4}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }",
                "channel 1: its factor -4 is not positive"},
        Guarded{"AFactorOfZero", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y) <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 0}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }",
                "channel 1: its factor 0 is not positive"},
        Guarded{"AFactorThatTakesDigitsFromWeights", "lower_scale_order",
                "g (float16[1, 2] x) => (float16[1, 1] y) <float16[2, 1] w = {8479, 8479}, float16[2] k = {15360, 3072},"
                " float16[1] c = {0}> { n = Mul(x, k) r = Relu(n) y = Gemm(r, w, c) }",
                "channel 1: its factor 0.000244141 is too small for float16"},
        Guarded{"AShiftThatOverflowsBeforeTheFactor", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {1, 1e-20}, float[2, 1, 1] t = {1, 1e20}>"
                " { n = Mul(x, k) s = Add(n, t) r = Relu(s) y = Conv(r, w) }",
                "channel 1: its shift before the factor is not finite"},
        Guarded{"AWeightThatOverflows", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y)"
                " <float[1, 2, 1, 1] w = {3, 1e20}, float[2, 1, 1] k = {1, 1e20}>"
                " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }",
                "a weight behind it would not be finite"},
        Guarded{"AWeightOfAnySize", "lower_scale_order",
                "g (float[1, 2, 4, 4] x) => (float[a, b, c, d] y) <int64[4] s = {1, 2, 16384, 16384}, float[2, 1, 1] k = {2, 4}>"
                " { n = Mul(x, k) r = Relu(n) w = ConstantOfShape(s) y = Conv(r, w) }",
                "a ConstantOfShape behind it is too large"}),
    GuardedName);

}  // namespace
}  // namespace dsperse
