// Nodes that a circuit would compute as other ones: operands wider than the compiler takes them for, constants at two
// scales, attributes that it doesn't read. Witnesses of the real chain: tests/dsperse/lowering_test.py.
#include <string>

#include "absl/strings/str_cat.h"
#include "fold/fold_model.h"
#include "fold/ops/fixed_point.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/fold/lowering/provable_form.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ExpectForm;
using ::dsperse::testing::FallingPrices;
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::FormName;
using ::dsperse::testing::Guarded;
using ::dsperse::testing::GuardedName;
using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::LoweringGuards;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using Form = ::dsperse::testing::ProvableForm;
using ::dsperse::testing::RunFold;

class FixedPointRules : public ::testing::TestWithParam<Form> {};
TEST_P(FixedPointRules, AreKept) { ExpectForm(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Extremes, FixedPointRules,
    ::testing::Values(
        Form{"MaxOfTwo", "g (float[2] a, float[2] b) => (float[2] y) { y = Max(a, b) }", "Sub Add Max"},
        Form{"MinOfTwo", "g (float[2] a, float[2] b) => (float[2] y) { y = Min(a, b) }", "Sub Add Min"},
        Form{"MaxOfTwoShapes", "g (float[1, 2] a, float[3, 1] b) => (float[3, 2] y) { y = Max(a, b) }",
             "Expand Sub Add Max"},
        Form{"MaxOfOneTwice", "g (float[2] a) => (float[2] y) { y = Max(a, a) }", "Max"},
        Form{"MaxOfItsNegative", "g (float[2] a) => (float[2] y) { n = Neg(a) y = Max(n, a) }", "Neg Max"},
        Form{"ZeroFirst", "g (float[2] a) => (float[2] y) <float z = {0}> { y = Max(z, a) }", "Max"},
        Form{"ANumberFirst", "g (float[2] a) => (float[2] y) <float c = {0.5}> { y = Min(c, a) }",
             "Reshape Slice Conv Reshape Sub Add Min"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    Shapes, FixedPointRules,
    ::testing::Values(
        Form{"ANumberPlusARow", "g (float[1, 1] a, float[2, 3] b) => (float[2, 3] y) { y = Add(a, b) }", "Add"},
        Form{"ARowTimesRows", "g (float[3] a, float[2, 3] b) => (float[2, 3] y) { y = Mul(a, b) }", "Mul"},
        Form{"ARowMinusRows", "g (float[3] a, float[2, 3] b) => (float[2, 3] y) { y = Sub(a, b) }", "Neg Add"},
        Form{"ARowPlusAColumn", "g (float[3] a, float[2, 1] b) => (float[2, 3] y) { y = Add(a, b) }", "Expand Add"},
        Form{"ARowMinusAColumn", "g (float[3] a, float[2, 1] b) => (float[2, 3] y) { y = Sub(a, b) }", "Expand Sub"},
        Form{"AConstantMinusANumber", "g (float[1] a) => (float[3] y) <float[3] c = {1, 2, 3}> { y = Sub(a, c) }",
             "Reshape Slice Conv Reshape Neg Add"},
        Form{"ANumberByARow", "g (float[1] a) => (float[3] y) <float[3] c = {2, 4, 5}> { y = Div(a, c) }",
             "Reshape Slice Conv Reshape Mul"},
        Form{"BatchesOfOneShape", "g (float[2, 3, 4] a, float[2, 4, 5] b) => (float[2, 3, 5] y) { y = MatMul(a, b) }", "MatMul"},
        Form{"ABatchForAll", "g (float[1, 3, 4] a, float[2, 4, 5] b) => (float[2, 3, 5] y) { y = MatMul(a, b) }", "Expand MatMul"},
        Form{"BatchesOfTwoRanks", "g (float[2, 3, 4] a, float[3, 1, 4, 5] b) => (float[3, 2, 3, 5] y) { y = MatMul(a, b) }",
             "Expand Expand MatMul"},
        Form{"AFlattenFromBehind", "g (float[2, 3, 3] x) => (float[6, 3] y) { y = Flatten<axis = -1>(x) }", "Flatten"},
        Form{"AGatherFromBehind", "g (float[3, 3] x) => (float[3] y) <int64 i = {1}> { y = Gather<axis = -1>(x, i) }", "Gather"}),
    FormName);

#define NORM(attributes, inputs)                                                                       \
  "<ir_version: 8, opset_import: [\"\" : 17]> g (float[2, 2] x) => (float[2, 2] y) <float[2] s = {1, 2}, " \
  "float[2] b = {3, 4}> { y = LayerNormalization<" attributes ">(" inputs ") }"

INSTANTIATE_TEST_SUITE_P(
    Epsilons, FixedPointRules,
    ::testing::Values(Form{"OfCircuits", NORM("axis = -1, epsilon = 0.00001", "x, s, b"), "LayerNormalization"},
                      Form{"NotWrittenOut", NORM("axis = -1", "x, s, b"), "LayerNormalization"},
                      Form{"OfVisionTransformers", NORM("epsilon = 0.000001", "x, s, b"), "Add Add LayerNormalization"},
                      Form{"OfTenTimes", NORM("epsilon = 0.0000001", "x, s, b"), "Add Add Add Add LayerNormalization"},
                      Form{"Larger", NORM("epsilon = 0.001", "x, s, b"), "Div LayerNormalization"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    VectorsAsC, FixedPointRules,
    ::testing::Values(
        Form{"OfARow", "g (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[1, 2] c = {5, 6}>"
                       " { y = Gemm(x, w, c) }", "Gemm"},
        Form{"OfANumber", "g (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {5}>"
                          " { y = Gemm(x, w, c) }", "Gemm"},
        Form{"OfOneByOne", "g (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[1, 1] c = {5}>"
                           " { y = Gemm(x, w, c) }", "Gemm"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    FixedPoint, LoweringGuards,
    ::testing::Values(
        Guarded{"RowsPlusARow", "lower_add_order", "g (float[2, 3] a, float[3] b) => (float[2, 3] y) { y = Add(a, b) }"},
        Guarded{"ARowPlusAColumnBeforeExpand", "lower_add_order",
                R"(<ir_version: 3, opset_import: ["" : 7]> g (float[3] a, float[2, 1] b) => (float[2, 3] y) { y = Add(a, b) })",
                "Expand is there from opset 8 on, the model has 7"},
        Guarded{"AnOrderOfUnknownShapes", "lower_mul_order", "g (float[3] a, float[N, 3] b) => (float[N, 3] y) { y = Mul(a, b) }"},
        Guarded{"BatchesBeforeExpand", "lower_matmul_batches",
                R"(<ir_version: 3, opset_import: ["" : 7]> g (float[1, 3, 4] a, float[2, 4, 5] b) => (float[2, 3, 5] y)
                { y = MatMul(a, b) })", "Expand is there from opset 8 on, the model has 7"},
        Guarded{"AGatherFromTheFront", "lower_gather_axis",
                "g (float[3, 3] x) => (float[3] y) <int64 i = {1}> { y = Gather<axis = 1>(x, i) }"},
        Guarded{"MaxBeforeItBroadcasts", "lower_max_width",
                R"(<ir_version: 3, opset_import: ["" : 7]> g (float[2] a, float[2] b) => (float[2] y) { y = Max(a, b) })",
                "Max broadcasts from opset 8 on, the model has 7"},
        Guarded{"MaxOfIntegers", "lower_max_width", "g (int32[2] a, int32[2] b) => (int32[2] y) { y = Max(a, b) }",
                "its element type is no float"},
        Guarded{"MaxOfThree", "lower_max_width",
                "g (float[2] a, float[2] b, float[2] c) => (float[2] y) { y = Max(a, b, c) }"},
        Guarded{"MaxOfConstants", "lower_max_width", "g () => (float y) <float a = {0}, float b = {0}> { y = Max(a, b) }"},
        Guarded{"MinOfANumber", "lower_min_width", "g (float[2] a) => (float[2] y) <float c = {0.5}> { y = Min(a, c) }"},
        Guarded{"ARowForEachRow", "lower_gemm_bias",
                "g (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2, 1] c = {5, 6}>"
                " { y = Gemm(x, w, c) }", "its C differs from row to row"},
        Guarded{"NoEpsilon", "lower_layer_norm", NORM("epsilon = 0.0", "x, s, b"), "is no square of a whole number"},
        Guarded{"AnEpsilonBetween", "lower_layer_norm", NORM("epsilon = 0.000004", "x, s, b"),
                "is no square of a whole number"},
        Guarded{"AnEpsilonTooSmall", "lower_layer_norm", NORM("epsilon = 1e-14", "x, s, b"),
                "is no square of a whole number"},
        Guarded{"AnEpsilonTooLarge", "lower_layer_norm", NORM("epsilon = 0.5", "x, s, b"), "would lose its digits"},
        Guarded{"HalfPrecision", "lower_layer_norm",
                R"(<ir_version: 8, opset_import: ["" : 17]> g (float16[2, 2] x) => (float16[2, 2] y)
                <float16[2] s = {15360, 15360}> { y = LayerNormalization<epsilon = 0.000001>(x, s) })",
                "its element type is float16"},
        Guarded{"AnotherOutput", "lower_layer_norm",
                R"(<ir_version: 8, opset_import: ["" : 17]> g (float[2, 2] x) => (float[2, 2] y, float[2, 1] m)
                <float[2] s = {1, 2}> { y, m = LayerNormalization<epsilon = 0.000001>(x, s) })",
                "its output 1 is used"},
        Guarded{"ScalesThatAgree", "lower_shared_scales",
                "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {5, 6}>"
                " { a = Gemm(x, w, b) y = Gemm(a, w, b) }"},
        Guarded{"Zeros", "lower_shared_scales",
                R"(<ir_version: 8, opset_import: ["" : 17]> g (float[1, 2] x) => (float[1, 2] y) <float[2] b = {0, 0}>
                { y = LayerNormalization(x, b, b) })"}),
    GuardedName);

TEST(EpsilonTest, OfASpeltOutNormalizationIsReached) {
  Graph graph = ParseGraph(R"(<ir_version: 8, opset_import: ["" : 17]> g (float[2, 3, 4] x) => (float[2, 3, 4] y)
    <float two = {2}, float eps = {0.000001}, float[4] w = {1, 2, 3, 4}, float[4] b = {4, 3, 2, 1}>
    { m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) q = Pow(d, two) v = ReduceMean<axes = [2]>(q) a = Add(v, eps)
      s = Sqrt(a) n = Div(d, s) k = Mul(n, w) y = Add(k, b) })");
  FoldOptions options = LoweringForJstprove();
  options.passes = "fuse_activations";
  options.pricer = FallingPrices();
  RunFold(graph, options);
  EXPECT_EQ(Ops(graph), "Add Add LayerNormalization");
}

// The compiler ends where a window lies in the padding alone; one at its very border has no element, and is a sum of 0.
TEST(WindowsTest, LieWithinTheImage) {
  const auto refused = [](absl::string_view pads, absl::string_view strides) {
    Graph graph = ParseGraph(absl::StrCat(
        "g (float[1, 1, 3, 3] x) => (float[1, 1, H, W] y) <float[1, 1, 1, 2] w = {1, 2}> { y = Conv<kernel_shape = [1, 2], "
        "dilations = [1, 1], strides = [", strides, "], pads = [", pads, "]>(x, w) }"));
    Facts facts(&graph);
    return Target::Find("jstprove")->WhyNot(graph, graph.node(FindOpNode(graph, "Conv")), facts);
  };
  EXPECT_EQ(refused("0, 0, 0, 0", "1, 1"), "");
  EXPECT_EQ(refused("1, 2, 1, 2", "1, 1"), "");
  EXPECT_EQ(refused("2, 0, 0, 0", "1, 1"), "a window lies beyond the image");
  EXPECT_EQ(refused("0, 3, 0, 0", "1, 1"), "a window lies beyond the image");
  EXPECT_EQ(refused("0, 0, 2, 0", "1, 1"), "a window lies beyond the image");
  EXPECT_EQ(refused("0, 0, 2, 0", "2, 1"), "a window lies beyond the image");
  EXPECT_EQ(refused("0, 0, 2, 0", "3, 1"), "");
  EXPECT_EQ(refused("0, 0, 0, 3", "1, 1"), "a window lies beyond the image");
}

// Measured: 'computed length 4 does not match output_shape 5'.
TEST(SliceTest, EndsBackwardsBehindTheFirstElement) {
  const auto refused = [](absl::string_view end, absl::string_view step) {
    Graph graph = ParseGraph(absl::StrCat("g (float[2, 6] x) => (float[2, K] y) <int64[1] s = {4}, int64[1] e = {", end,
                                          "}, int64[1] a = {-1}, int64[1] p = {", step, "}> { y = Slice(x, s, e, a, p) }"));
    Facts facts(&graph);
    return Target::Find("jstprove")->WhyNot(graph, graph.node(FindOpNode(graph, "Slice")), facts);
  };
  EXPECT_EQ(refused("6", "1"), "");
  EXPECT_EQ(refused("0", "-1"), "");
  EXPECT_EQ(refused("-6", "-2"), "");
  EXPECT_EQ(refused("-7", "-1"), "it runs backwards over the first element");
}

TEST(GatherTest, CountsTheSameAxisFromTheFront) {
  Graph graph = ParseGraph("g (float[2, 3, 3] x) => (float[2, 3] y) <int64 i = {1}> { y = Gather<axis = -2>(x, i) }");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(graph.node(FindOpNode(graph, "Gather")).Int("axis", 0), 1);
}

TEST(SharedScalesTest, AConstantAtTwoScalesBecomesTwo) {
  Graph graph = ParseGraph(NORM("axis = -1", "x, s, s"));
  RunFold(graph, LoweringForJstprove());
  const NodeView norm = graph.node(FindOpNode(graph, "LayerNormalization"));
  EXPECT_EQ(graph.Name(norm.input(1)), "s");
  EXPECT_EQ(graph.Name(norm.input(2)), "s_bias");
}

TEST(SharedScalesTest, EqualConstantsAtTwoScalesStayTwo) {
  const char* model =
      R"(<ir_version: 8, opset_import: ["" : 17]> g (float[1, 2] x) => (float[1, 2] y) <float[2] s = {1, 2},
      float[2] b = {1, 2}, float[2] c = {1, 2}> { a = LayerNormalization(x, s, b) y = LayerNormalization(a, s, c) })";
  Graph graph = ParseGraph(model);
  FoldOptions options = LoweringForJstprove();
  options.passes = "default";
  RunFold(graph, options);
  EXPECT_EQ(graph.Initializers(graph.main()).size(), 2u) << "for scales and biases one each";
  Graph unscaled = ParseGraph(model);
  RunFold(unscaled);
  EXPECT_EQ(unscaled.Initializers(unscaled.main()).size(), 1u);
}

}  // namespace
}  // namespace dsperse
