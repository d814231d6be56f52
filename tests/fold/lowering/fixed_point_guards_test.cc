// What the lowerings of fixed_point_rules_test.cc leave alone, beyond what is told there.
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Guarded;
using ::dsperse::testing::GuardedName;
using ::dsperse::testing::LoweringGuards;

INSTANTIATE_TEST_SUITE_P(
    Operands, LoweringGuards,
    ::testing::Values(
        // Refused for its scale: there is nothing to say of its epsilon.
        Guarded{"LayerNormOfAComputedScale", "lower_layer_norm",
                R"(<ir_version: 8, opset_import: ["" : 17]> g (float[2, 2] x, float[2] s) => (float[2, 2] y)
                { y = LayerNormalization(x, s) })"},
        Guarded{"LayerNormOfASeventeenth", "lower_layer_norm",
                R"(<ir_version: 8, opset_import: ["" : 17]> g (float[2, 2] x) => (float[2, 2] y) <float[2] s = {1, 2}>
                { y = LayerNormalization<epsilon = 0.00289>(x, s) })",
                "divided by 17 would lose its digits"},
        Guarded{"AVectorAsCOfAFactor", "lower_gemm_bias",
                "g (float[2, 2] x) => (float[2, 1] y) <float[2, 1] w = {1, 2}, float[1] c = {3}>"
                " { y = Gemm<alpha = 2.0>(x, w, c) }"}),
    GuardedName);

}  // namespace
}  // namespace dsperse
