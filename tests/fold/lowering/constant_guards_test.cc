// What the lowerings of constant operands leave alone.
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::Guarded;
using ::dsperse::testing::GuardedName;
using ::dsperse::testing::LoweringGuards;
using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;

// What stands beside the constant, and the wire is drawn from.
INSTANTIATE_TEST_SUITE_P(
    ConstantSource, LoweringGuards,
    ::testing::Values(
        Guarded{"OfAFactorBeforeMulBroadcasts", "lower_factor",
                R"(<ir_version: 3, opset_import: ["" : 6]>
                g (float[2] x) => (float[2] y) <float[1] c = {3}> { y = Mul<broadcast = 1>(x, c) })",
                "operands broadcast from opset 7 on, the model has 6"},
        Guarded{"OfABoundBeforeMaxBroadcasts", "lower_max_bound",
                R"(<ir_version: 3, opset_import: ["" : 6]>
                g (float[2] x) => (float[2] y) <float[2] c = {1, 2}> { y = Max(x, c) })",
                "operands broadcast from opset 7 on, the model has 6"},
        Guarded{"OfIntegers", "lower_factor", "g (int32[2] x) => (int32[2] y) <int32 c = {3}> { y = Mul(x, c) }",
                "its element type is no float"},
        Guarded{"OfBoundedIntegers", "lower_min_bound",
                "g (int32[2] x) => (int32[2] y) <int32 c = {3}> { y = Min(x, c) }", "its element type is no float"},
        // There is a Conv of these only later.
        Guarded{"OfBfloat16", "lower_offset",
                "g (bfloat16[2] x) => (bfloat16[2] y) <bfloat16[2] c = {16256, 16384}> { y = Add(x, c) }",
                "Conv takes bfloat16 from opset 22 on, the model has 17"},
        Guarded{"OfAnUnknownShape", "lower_factor",
                "g (float[N] x) => (float[N] y) <float c = {3}> { y = Mul(x, c) }",
                "the shape of its input is not known"},
        // An axis that the caller may override keeps it from being folded; its wire would be, and the next one, and so on.
        Guarded{"OfAViewOfAConstant", "lower_factor",
                R"(g (int64[1] axis) => (float[2] y)
                <float[2, 1] w = {1, 2}, int64[1] axis = {1}, float c = {3}, float[2] v>
                { v = Squeeze(w, axis) y = Mul(v, c) })",
                "its input is a constant"},
        Guarded{"OfABoundOfAnUnknownShape", "lower_max_bound",
                "g (float[N] x) => (float[N] y) <float c = {3}> { y = Max(x, c) }",
                "the shape of its input is not known"},
        Guarded{"OfAConcatOfAnUnknownShape", "lower_join",
                "g (float[N] x) => (float[M] y) <float[1] c = {3}> { y = Concat<axis = 0>(x, c) }",
                "the shape of its input is not known"},
        Guarded{"OfNothing", "lower_offset", "g (float[0] x) => (float[0] y) <float c = {3}> { y = Add(x, c) }",
                "its input has no element, or too many"},
        Guarded{"OfMoreThanCanBeCounted", "lower_factor",
                "g (float[1099511627776, 1099511627776] x) => (float[a, b] y) <float c = {0.3}> { y = Mul(x, c) }",
                "its input has no element, or too many"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ConstantConstant, LoweringGuards,
    ::testing::Values(
        // The third would be lost.
        Guarded{"OfThreeOperands", "lower_max_bound",
                "g (float[2] x, float[2] z) => (float[2] y) <float c = {1}> { y = Max(x, c, z) }"},
        Guarded{"OfTooManyElements", "lower_factor",
                "g (float[1] x) => (float[2097152] y) <int64[1] s = {2097152}>"
                " { c = ConstantOfShape<value = float[1] {3}>(s) y = Mul(x, c) }",
                "its constant has 2097152 elements"},
        Guarded{"ThatANodeComputes", "lower_max_bound",
                "g (float[2] x) => (float[2] y) <float c = {1}> { k = Neg(c) y = Max(x, k) }", "no operand is constant"},
        Guarded{"OfAFactorThatANodeComputes", "lower_factor",
                "g (float[2] x) => (float[2] y) <float c = {1}> { k = Neg(c) y = Mul(x, k) }", "no operand is constant"},
        Guarded{"BesideAConstant", "lower_offset", "g () => (float[2] y) <float[2] c = {1, 2}> { y = Add(c, c) }",
                "no operand is constant"},
        Guarded{"OfText", "lower_offset", R"(g (float[1] x) => (float[1] y) <string[1] c = {"a"}> { y = Add(x, c) })",
                "its constant is string, its input float"},
        Guarded{"OfAFactorThatIsText", "lower_factor",
                R"(g (float[1] x) => (float[1] y) <string[1] c = {"a"}> { y = Mul(x, c) })",
                "its constant is string, its input float"},
        Guarded{"OfTextInAConcat", "lower_join",
                R"(g (float[1] x) => (float[2] y) <string[1] c = {"a"}> { y = Concat<axis = 0>(x, c) })",
                "its constant is string, its input float"},
        Guarded{"OfTextBehindAConvOfOneChannel", "lower_offset",
                R"(g (float[1, 1, 1, 2] x) => (float[2] y) <float[1, 1, 1, 1] w = {3}, int64[1] s = {2}, string[1] c = {"a"}>
                { a = Conv(x, w) b = Reshape(a, s) y = Add(b, c) })",
                "its constant is string, its input float"},
        Guarded{"OfAnInfiniteFactor", "lower_factor",
                "g (float[2] x) => (float[2] y) <float[2] c = {1, inf}> { y = Mul(x, c) }", "its constant is not finite"},
        Guarded{"OfAFactorThatIsNoNumber", "lower_factor",
                "g (float[2] x) => (float[2] y) <float c = {nan}> { y = Mul(x, c) }", "its constant is not finite"},
        Guarded{"OfAConcatOfNoElement", "lower_join",
                "g (float[2, 1] x) => (float[2, 1] y) <float[2, 0] c = {}> { y = Concat<axis = 1>(x, c) }",
                "its input 1 has 0 elements"},
        Guarded{"OfAConcatOfTooManyElements", "lower_join",
                "g (float[1] x) => (float[2097153] y) <int64[1] s = {2097152}>"
                " { c = ConstantOfShape<value = float[1] {3}>(s) y = Concat<axis = 0>(x, c) }",
                "its input 1 has 2097152 elements"},
        Guarded{"OfAConcatOfConstants", "lower_join",
                "g () => (float[4] y) <float[2] c = {1, 2}> { y = Concat<axis = 0>(c, c) }",
                "all its inputs are constant"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    ConstantClip, LoweringGuards,
    ::testing::Values(
        Guarded{"BeforeMaxBroadcasts", "lower_clip",
                R"(<ir_version: 3, opset_import: ["" : 7]>
                g (float[2] x) => (float[2] y) { y = Clip<min = 1.0>(x) })",
                "Max and Min broadcast from opset 8 on"},
        Guarded{"OfIntegers", "lower_clip",
                "g (int32[2] x) => (int32[2] y) <int32 a = {1}> { y = Clip(x, a) }", "its element type is no float"},
        Guarded{"WithAComputedBound", "lower_clip", "g (float[2] x, float a) => (float[2] y) { y = Clip(x, a) }",
                "its bounds are not constant"},
        Guarded{"WithManyBounds", "lower_clip",
                "g (float[2] x) => (float[2] y) <float[2] a = {1, 2}> { y = Clip(x, a) }", "its bounds are not constant"},
        Guarded{"WithABoundOfText", "lower_clip",
                R"(g (float[2] x) => (float[2] y) <string a = {"1"}> { y = Clip(x, a) })", "its bounds are no floats"},
        Guarded{"WithNoBounds", "lower_clip",
                "g (float[2] x) => (float[2] y) <float a = {-inf}, float b = {inf}> { y = Clip(x, a, b) }",
                "it has no finite bound"},
        Guarded{"WithTheLargestBoundsAsAttributes", "lower_clip",
                R"(<ir_version: 3, opset_import: ["" : 8]>
                g (float[2] x) => (float[2] y) { y = Clip<min = -3.4028235e38, max = 3.4028235e38>(x) })",
                "it has no finite bound"},
        // Everything becomes infinite, and not what is above the other bound alone.
        Guarded{"FromInfinityOn", "lower_clip",
                "g (float[2] x) => (float[2] y) <float a = {inf}, float b = {6}> { y = Clip(x, a, b) }",
                "a bound is not finite"},
        Guarded{"UpToMinusInfinity", "lower_clip",
                "g (float[2] x) => (float[2] y) <float a = {1}, float b = {-inf}> { y = Clip(x, a, b) }",
                "a bound is not finite"},
        Guarded{"ToNoNumber", "lower_clip",
                "g (float[2] x) => (float[2] y) <float a = {nan}, float b = {6}> { y = Clip(x, a, b) }",
                "a bound is not finite"}),
    GuardedName);

// A double may lie beyond all floats.
TEST(ConstantGuardsTest, ABoundBeyondFloatStaysOneOfADouble) {
  Graph graph = ParseGraph(
      "g (double[2] x) => (double[2] y) <double h = {1e200}, double b = {1e100}>"
      " { a = Mul(x, h) c = Clip(a, , b) d = Sqrt(c) y = Sqrt(d) }");
  RunFold(graph, LoweringForJstprove());
  FindOpNode(graph, "Min");
}

// As a divisor it would be one that the target refuses, and so on for ever.
TEST(ConstantGuardsTest, AFactorWhoseReciprocalIsTooLargeIsNoDivisor) {
  for (const char* factor : {"2.98023223876953125e-8", "1.16415321826934814453125e-10"}) {  // 2^-25, 2^-33
    Graph graph = ParseGraph(std::string("g (float[2] x) => (float[2] y) <float c = {") + factor + "}> { y = Mul(x, c) }");
    RunFold(graph, LoweringForJstprove());
    EXPECT_EQ(Ops(graph), "Reshape Conv Reshape") << factor;
  }
}

TEST(ConstantGuardsTest, BoundsAreAttributesBeforeOpset11) {
  Graph graph = ParseGraph(R"(<ir_version: 3, opset_import: ["" : 8]>
    g (float[2] x) => (float[2] y) { y = Clip<min = -0.5, max = 0.5>(x) })");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "Reshape Slice Conv Reshape Sub Add Max Reshape Slice Conv Reshape Sub Add Min");
}

// The next are of what lower_offset joins to a Conv of one channel, and what it doesn't: the results are compared.
std::string BehindRow(const char* shape, const char* node) {
  return std::string("g (float[2] x) => (float") + shape + R"( y)
    <float[1,1,1,1] w = {3}, int64[4] there = {1, 1, 1, 2}, int64[1] back = {2}, float[1] c = {5}, float[2] d = {5, 7},
     float[1,1] e = {9}>
    { a = Reshape(x, there) b = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(a, w)
      r = Reshape(b, back) y = )" + node + " }";
}

struct Joined {
  const char* node;
  const char* shape;
  const char* ops;
};

TEST(ConstantGuardsTest, OneNumberOfTheSameShapeIsJoinedToTheConvBeforeIt) {
  for (const Joined& c : {
           Joined{"Add(r, c)", "[2]", "Reshape Conv Reshape"},
           Joined{"Add(c, r)", "[2]", "Reshape Conv Reshape"},
           Joined{"Sub(r, c)", "[2]", "Reshape Conv Reshape"},
           Joined{"Sub(c, r)", "[2]", "Reshape Conv Reshape Reshape Slice Conv Reshape Neg Add"},
           Joined{"Add(r, d)", "[2]", "Reshape Conv Reshape Reshape Slice Conv Reshape Add"},
           Joined{"Add(r, e)", "[1, 2]", "Reshape Conv Reshape Reshape Slice Conv Reshape Expand Add"},
       }) {
    Graph graph = ParseGraph(BehindRow(c.shape, c.node));
    RunFold(graph, LoweringForJstprove());
    EXPECT_EQ(Ops(graph), c.ops) << c.node;
  }
}

// The constant may raise the rank.
TEST(ConstantGuardsTest, OneNumberBehindAnUnknownShapeIsNotJoined) {
  Graph graph = ParseGraph(R"(
    g (float[1,1,1,2] x, int64[k] s) => (float[] y) <float[1,1,1,1] w = {3}, float[1,1] c = {5}>
    { a = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(x, w) r = Reshape(a, s) y = Add(r, c) })");
  RunFold(graph, LoweringForJstprove(), {.compare = false});  // no seeded shape fits
  EXPECT_EQ(Ops(graph), "Conv Reshape Add");
}

TEST(ConstantGuardsTest, NoNumberIsJoinedToAConvThatIsNotOfOneChannelOrHasOtherReaders) {
  const std::string join = " y = Add(r, c) }";
  for (const auto& [nodes, outputs] : {
           // A bias, a kernel of more, a computed kernel; a reader of the Conv, and of the Reshape; no Reshape, no Conv.
           std::pair{"a = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(x, w, c) r = Reshape(a, s)", ""},
           std::pair{"a = Conv<kernel_shape = [1, 3], strides = [1, 1], dilations = [1, 1], pads = [0, 1, 0, 1]>(x, v)"
                     " r = Reshape(a, s)", ""},
           std::pair{"u = Sigmoid(w) a = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(x, u)"
                     " r = Reshape(a, s)", ""},
           std::pair{"a = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(x, w) r = Reshape(a, s) z = Neg(a)",
                     ", float[1,1,1,2] z"},
           std::pair{"a = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(x, w) r = Reshape(a, s) z = Neg(r)",
                     ", float[2] z"},
           std::pair{"a = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(x, w) r = Reshape(a, s)",
                     ", float[1,1,1,2] a"},
           std::pair{"r = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(x, w)", ""},
           std::pair{"a = Neg(x) r = Reshape(a, s)", ""},
           std::pair{"a = Div(x, e) r = Reshape(a, s)", ""},
           std::pair{"a = Conv<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>(x, w) r = Sigmoid(a)", ""},
           std::pair{"r = Reshape(x, s)", ""},
       }) {
    SCOPED_TRACE(nodes);
    const bool flat = std::string(nodes).find("r = Reshape") != std::string::npos;
    Graph graph = ParseGraph(std::string("g (float[1,1,1,2] x) => (float") + (flat ? "[2]" : "[1,1,1,2]") + " y" + outputs +
                             ") <float[1,1,1,1] w = {3}, float e = {8}, float[1,1,1,3] v = {1, 2, 3}, int64[1] s = {2}, float[1] c = {5}> { " +
                             nodes + join);
    RunFold(graph, LoweringForJstprove());
    FindOpNode(graph, "Add");
  }
}

// Seed 305101 of the random models.
TEST(ViewsOfConstants, AreLoweredToAnEnd) {
  Graph graph = ParseGraph(R"(g (int64[1] axis) => (float[2, 4, 3] y)
      <float[2, 4, 3, 1] w = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8},
       int64[1] axis = {3}, float low = {-0.5}, float high = {1.5}, float[3] c = {0.5, 1.5, 2.5}, float[2, 4, 3] v>
      { v = Squeeze(w, axis) t = Clip(v, low, high) y = Sub(t, c) })");
  RunFold(graph, LoweringForJstprove());
  EXPECT_TRUE(FindOpNode(graph, "Squeeze").valid());
}

}  // namespace
}  // namespace dsperse
