// What the lowerings of Gemm and MatMul leave alone.
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FindLowering;
using ::dsperse::testing::Guarded;
using ::dsperse::testing::GuardedName;
using ::dsperse::testing::LoweringGuards;
using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;

INSTANTIATE_TEST_SUITE_P(
    GemmMatMul, LoweringGuards,
    ::testing::Values(
        Guarded{"ByManyMatrices", "lower_matmul",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 1] y) <float[1, 2, 1] w = {1, 2}> { y = MatMul(x, w) }",
                "its right operand is not a constant matrix"},
        Guarded{"OfIntegers", "lower_matmul",
                "g (int32[1, 1, 2, 2] x) => (int32[1, 1, 2, 1] y) <int32[2, 1] w = {1, 2}> { y = MatMul(x, w) }",
                "its right operand is not a constant matrix"},
        Guarded{"ByNoColumn", "lower_matmul",
                "g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 0] y) <float[2, 0] w = {}> { y = MatMul(x, w) }",
                "its right operand is not a constant matrix"},
        Guarded{"BeforeCBroadcasts", "lower_matmul",
                R"(<ir_version: 3, opset_import: ["" : 6]> g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 1] y)
                <float[2, 1] w = {1, 2}> { y = MatMul(x, w) })",
                "C of Gemm broadcasts from opset 7 on, the model has 6"},
        Guarded{"AndAnAddOfText", "lower_matmul",
                R"(g (float[2, 2] x) => (float[2, 1] y) <float[2, 1] w = {1, 2}, string[1] c = {"a"}>
                { m = MatMul(x, w) y = Add(m, c) })"},
        Guarded{"OfAnUnknownShape", "lower_matmul",
                "g (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}, float[1] c = {3}>"
                " { a = MatMul(x, w) y = Add(a, c) }",
                "its shapes are not known"},
        Guarded{"OfAVector", "lower_matmul",
                "g (float[2] x) => (float[1] y) <float[2, 1] w = {1, 2}, float[1] c = {3}>"
                " { a = MatMul(x, w) y = Add(a, c) }",
                "its shapes are not known"},
        // A 0 in the shape of a Reshape stands for what its input has there.
        Guarded{"OfNoRows", "lower_matmul",
                "g (float[2, 0, 2] x) => (float[2, 0, 1] y) <float[2, 1] w = {1, 2}, float[1] c = {3}>"
                " { a = MatMul(x, w) y = Add(a, c) }",
                "its input has no element, or too many"},
        Guarded{"OverNothing", "lower_matmul",
                "g (float[2, 3, 0] x) => (float[2, 3, 1] y) <float[0, 1] w = {}, float[1] c = {3}>"
                " { a = MatMul(x, w) y = Add(a, c) }",
                "its input has no element, or too many"},
        Guarded{"OfMoreThanCanBeCounted", "lower_matmul",
                "g (float[1099511627776, 1099511627776, 2] x) => (float[a, b, c] y) <float[2, 1] w = {1, 2},"
                " float[1] c = {3}> { m = MatMul(x, w) y = Add(m, c) }",
                "its input has no element, or too many"},
        Guarded{"ByTooManyColumns", "lower_matmul",
                "g (float[1, 1, 1, 2] x) => (float[a, b, c, d] y) <int64[2] s = {2, 1099511627776}>"
                " { w = ConstantOfShape(s) y = MatMul(x, w) }",
                "it has 1099511627776 columns"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    GemmNoC, LoweringGuards,
    ::testing::Values(
        Guarded{"ButThereIsOne", "lower_gemm_bias",
                "g (float[2, 2] x, float[1] c) => (float[2, 1] y) <float[2, 1] w = {1, 2}> { y = Gemm(x, w, c) }"},
        Guarded{"WithAComputedB", "lower_gemm_bias",
                "g (float[2, 2] x, float[2, 1] w) => (float[2, 1] y) { y = Gemm(x, w) }", "B: 'w' is not constant"},
        Guarded{"WithABOfOneAxis", "lower_gemm_bias",
                "g (float[2, 2] x) => (float[a, b] y) <float[2] w = {1, 2}> { y = Gemm(x, w) }", "B: 'w'"},
        Guarded{"OfIntegers", "lower_gemm_bias",
                "g (int32[2, 2] x) => (int32[2, 1] y) <int32[2, 1] w = {1, 2}> { y = Gemm(x, w) }",
                "its element type is no float"},
        Guarded{"OfTooManyColumns", "lower_gemm_bias",
                "g (float[1, 2] x) => (float[a, b] y) <int64[2] s = {2, 1099511627776}>"
                " { w = ConstantOfShape(s) y = Gemm(x, w) }",
                "it has 1099511627776 columns"}),
    GuardedName);

INSTANTIATE_TEST_SUITE_P(
    GemmFactors, LoweringGuards,
    ::testing::Values(
        Guarded{"OfOne", "lower_gemm_factors",
                "g (float[2, 2] x) => (float[2, 1] y) <float[2, 1] w = {1, 2}> { y = Gemm<alpha = 1.0>(x, w) }"},
        Guarded{"OfAComputedB", "lower_gemm_factors",
                "g (float[2, 2] x, float[2, 1] w) => (float[2, 1] y) <float[1] c = {3}>"
                " { y = Gemm<alpha = 2.0>(x, w, c) }",
                "B: 'w' is not constant"},
        Guarded{"OfAComputedBAndAConstantC", "lower_gemm_factors",
                "g (float[2, 2] x, float[2, 1] w) => (float[2, 1] y) <float[1] c = {3}>"
                " { y = Gemm<beta = 2.0>(x, w, c) }",
                "B: 'w' is not constant"},
        Guarded{"OfAComputedC", "lower_gemm_factors",
                "g (float[2, 2] x, float[1] c) => (float[2, 1] y) <float[2, 1] w = {1, 2}>"
                " { y = Gemm<alpha = 2.0, beta = 2.0>(x, w, c) }",
                "C: 'c' is not constant"},
        Guarded{"OfAScalarC", "lower_gemm_factors",
                "g (float[2, 2] x) => (float[2, 1] y) <float[2, 1] w = {1, 2}, float c = {3}>"
                " { y = Gemm<beta = 2.0>(x, w, c) }",
                "or C is a scalar"},
        Guarded{"BeyondTheTypeOfB", "lower_gemm_factors",
                "g (float[2, 2] x) => (float[2, 1] y) <float[2, 1] w = {1e30, 2}, float[1] c = {3}>"
                " { y = Gemm<alpha = 1e30>(x, w, c) }",
                "alpha times B is not finite"},
        Guarded{"BeyondTheTypeOfC", "lower_gemm_factors",
                "g (float[2, 2] x) => (float[2, 1] y) <float[2, 1] w = {1, 2}, float[1] c = {1e30}>"
                " { y = Gemm<beta = 1e30>(x, w, c) }",
                "beta times C is not finite"},
        // 1 / 4096 times a weight of 0.01 would have six bits.
        Guarded{"BelowThePrecisionOfB", "lower_gemm_factors",
                "g (float16[2, 2] x) => (float16[2, 1] y) <float16[2, 1] w = {8479, 8479}, float16[1] c = {0}>"
                " { y = Gemm<alpha = 0.000244140625>(x, w, c) }",
                "alpha times B is not finite, or too small"},
        Guarded{"OfIntegers", "lower_gemm_factors",
                "g (int32[2, 2] x) => (int32[2, 1] y) <int32[2, 1] w = {1, 2}, int32[1] c = {3}>"
                " { y = Gemm<alpha = 2.0>(x, w, c) }",
                "alpha times B is not finite"},
        Guarded{"OfAnySize", "lower_gemm_factors",
                "g (float[1, 2] x, float[1] c) => (float[a, b] y) <int64[2] s = {2, 16777216}>"
                " { w = ConstantOfShape<value = float[1] {1}>(s) y = Gemm<alpha = 0.5>(x, w, c) }",
                "alpha times B is not finite"}),
    GuardedName);

// A Gemm with no columns has nothing to be scaled; what they would have been costs nothing.
TEST(GemmGuardsTest, AFactorOfNothingIsDropped) {
  Graph graph = ParseGraph(
      "g (float[1, 0] x) => (float[1, 2] y) <float[0, 2] w = {}, float[2] c = {1, 2}> { y = Gemm<alpha = 2.0>(x, w, c) }");
  RunFold(graph, LoweringForJstprove());
  EXPECT_FALSE(graph.node(graph.FirstNode(graph.main())).HasAttr("alpha"));
}

// Were there a factor for each of its rows, they would not fit into any memory.
TEST(GemmGuardsTest, AFactorOfManyRowsOfNothingIsDropped) {
  Graph graph = ParseGraph(
      "g (float[1, 1099511627776] x) => (float[1, 0] y) <float[1099511627776, 0] w = {}, float[1] c = {1}>"
      " { y = Gemm<alpha = 2.0>(x, w, c) }");
  PassContext context(&graph, {});
  context.target = Target::Find("jstprove");
  const absl::StatusOr<bool> changed = FindLowering("lower_gemm_factors")->Run(graph, context);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_FALSE(graph.node(graph.FirstNode(graph.main())).HasAttr("alpha"));
}

// The Add behind a MatMul becomes its C only where that means the same; results are compared.
TEST(GemmGuardsTest, AnAddIsJoinedToTheMatMulBeforeItOnlyWhereItIsOneNumberForEachColumn) {
  const std::string wire = "MatMul Reshape Slice Conv Reshape Add";
  struct Behind {
    const char* nodes;
    const char* outputs;
    std::string ops;
  };
  for (const Behind& c : {
           Behind{"m = MatMul(x, w) y = Add(m, c)", "float[3, 2] y", "Gemm"},
           Behind{"m = MatMul(x, w) y = Add(m, r)", "float[3, 2] y", "Gemm"},
           // One that raises the rank, one for each row, one for all, one for each element, a number.
           Behind{"m = MatMul(x, w) y = Add(m, q)", "float[1, 3, 2] y", "Gemm Reshape Slice Conv Reshape Expand Add"},
           Behind{"m = MatMul(x, w) y = Add(m, o)", "float[3, 2] y", wire},
           Behind{"m = MatMul(x, w) y = Add(m, e)", "float[3, 2] y", wire},
           Behind{"m = MatMul(x, w) y = Add(m, n)", "float[3, 2] y", wire},
           Behind{"m = MatMul(x, v) y = Add(m, o)", "float[3, 3] y", wire},
           Behind{"m = MatMul(x, w) y = Add(m, m)", "float[3, 2] y", "MatMul Add"},
           Behind{"m = MatMul(x, w) s = Sigmoid(c) y = Add(m, s)", "float[3, 2] y", "MatMul Sigmoid Add"},
           Behind{"m = MatMul(x, w) y = Mul(m, r)", "float[3, 2] y", "MatMul Reshape Slice Conv Reshape Mul"},
           // Others read the product.
           Behind{"m = MatMul(x, w) y = Add(m, c) z = Neg(m)", "float[3, 2] y, float[3, 2] z",
                  wire + " Neg"},
           Behind{"m = MatMul(x, w) y = Add(m, c)", "float[3, 2] y, float[3, 2] m", wire},
       }) {
    SCOPED_TRACE(c.nodes);
    Graph graph = ParseGraph(std::string("g (float[3, 2] x) => (") + c.outputs +
                             ") <float[2, 2] w = {1, 2, 3, 4}, float[2, 3] v = {1, 2, 3, 4, 5, 6}, float[2] c = {5, 7},"
                             " float[1, 2] r = {5, 7}, float[1, 1, 2] q = {5, 7}, float[3, 1] o = {5, 7, 9},"
                             " float[3, 2] e = {1, 2, 3, 4, 5, 6}, float n = {5}> { " +
                             c.nodes + " }");
    RunFold(graph, LoweringForJstprove());
    EXPECT_EQ(Ops(graph), c.ops);
  }
}

// Of one column, a column of numbers is as long as a row of them.
TEST(GemmGuardsTest, AnAddOfAColumnIsNotJoinedToAMatMulOfAsManyColumns) {
  Graph graph = ParseGraph(
      "g (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2, 1] c = {5, 7}>"
      " { m = MatMul(x, w) y = Add(m, c) }");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "MatMul Reshape Slice Conv Reshape Add");
}

TEST(GemmGuardsTest, AnAddInABodyIsNotJoinedToTheMatMulOutsideIt) {
  Graph graph = ParseGraph(R"(
    g (bool p, float[2,2] x) => (float[2,2] y) <float[2,2] w = {1, 2, 3, 4}, float[2] c = {5, 7}> {
      m = MatMul(x, w)
      y = If (p) <then_branch = t () => (float[2,2] a) { a = Add(m, c) }, else_branch = e () => (float[2,2] b) { b = Neg(x) }>
    })");
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), "MatMul If");
}

INSTANTIATE_TEST_SUITE_P(
    MatMulOperands, LoweringGuards,
    ::testing::Values(Guarded{"AreTwo", "lower_matmul_batches",
                              "g (float[2, 3, 3] x, float[1, 3, 3] w) => (float[2, 3, 3] y) { y = MatMul(x, w, w) }",
                              "it has not two operands"},
                      Guarded{"GiveTheirRank", "lower_matmul_batches",
                              "g (float[5, 3, 3] x, float[4, 3, 3] w) => (float[7] y) { y = MatMul(x, w) }",
                              "its result has another shape than its operands give"},
                      Guarded{"GiveTheirBatches", "lower_matmul_batches",
                              "g (float[5, 3, 3] x, float[4, 3, 3] w) => (float[7, 3, 3] y) { y = MatMul(x, w) }",
                              "its result has another shape than its operands give"}),
    GuardedName);

}  // namespace
}  // namespace dsperse
