#include "absl/strings/str_cat.h"
#include "fold/passes/compose_views.h"
#include "fold/passes/eliminate_redundant_transposes.h"
#include "fold/passes/inline_constant_if.h"
#include "fold/passes/simplify_shape_chains.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ConstantInput;
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::MissTexts;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::PrintGraph;
using ::dsperse::testing::RunFold;
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// `nodes` from x to y; a whole fold collects what the pass leaves behind.
struct Case {
  const char* input;      // "float[2, 3, 4] x"
  const char* constants;
  const char* nodes;
  const char* ops;        // after the pass and the removal of dead nodes
};

std::string FoldedOps(const Case& c, const char* passes) {
  Graph graph = ParseGraph(absl::StrCat("g (", c.input, ") => (float[] y) <", c.constants, "> {",
                                        c.nodes, " y = ReduceMax<keepdims = 0>(r) }"));
  FoldOptions options;
  options.passes = passes;
  RunFold(graph, options);
  return Ops(graph);
}

// ---- compose_views ----

class Views : public ::testing::TestWithParam<Case> {};

TEST_P(Views, Compose) {
  EXPECT_EQ(FoldedOps(GetParam(), "compose_views,eliminate_dead_nodes"), GetParam().ops);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Views,
    ::testing::Values(
        Case{"float[2, 3, 4] x", "int64[2] s = {4, 6}", "a = Flatten(x) r = Reshape(a, s)",
             "Reshape ReduceMax"},
        Case{"float[N, 3, 4] x", "int64[3] s = {0, 2, 6}", "a = Flatten(x) r = Reshape(a, s)",
             "Reshape ReduceMax"},
        Case{"float[2, 3, 4] x", "int64[1] ax = {1}", "a = Unsqueeze(x, ax) b = Squeeze(a, ax) r = Neg(b)",
             "Neg ReduceMax"},
        Case{"float[2, 3, 4] x", "int64[1] ax = {1}",
             "a = Unsqueeze(x, ax) b = Flatten(a) u = Neg(a) v = Neg(b) s = ReduceMax<keepdims = 0>(u) "
             "t = ReduceMax<keepdims = 0>(v) r = Add(s, t)",
             "Unsqueeze Reshape Neg Neg ReduceMax ReduceMax Add ReduceMax"},
        // A Transpose that only moves a 1 is a view between two Reshapes.
        Case{"float[6, 4] x", "int64[3] s = {6, 1, 4}, int64[2] f = {12, 2}",
             "a = Reshape(x, s) b = Transpose<perm = [1, 0, 2]>(a) r = Reshape(b, f)",
             "Reshape ReduceMax"},
        Case{"float[6, 4] x", "int64[3] s = {6, 2, 2}, int64[2] f = {12, 2}",
             "a = Reshape(x, s) b = Transpose<perm = [1, 0, 2]>(a) r = Reshape(b, f)",
             "Reshape Transpose Reshape ReduceMax"},
        Case{"float[8, 8] x",
             "int64[1] one = {1}, int64[1] zero = {0}, int64[1] two = {2}, int64[1] six = {6}",
             "a = Slice(x, one, six, zero) r = Slice(a, zero, six, one, two)", "Slice ReduceMax"},
        Case{"float[8, 8] x",
             "int64[1] one = {1}, int64[1] zero = {0}, int64[1] two = {2}, int64[1] six = {6}",
             "a = Slice(x, one, six, zero, two) r = Slice(a, one, six, zero, two)", "Slice ReduceMax"},
        Case{"float[2, 2] x", "int64[4] p = {1, 0, 0, 1}, int64[4] q = {0, 2, 1, 0}",
             "a = Pad(x, p) r = Pad(a, q)", "Pad ReduceMax"},
        Case{"float[2, 2] x", "float[2, 2] c = {1, 2, 3, 4}",
             "a = Concat<axis = 0>(x, c) b = Concat<axis = 0>(c, a) r = Concat<axis = -2>(b, x)",
             "Concat ReduceMax"},
        Case{"float[2, 2] x", "float[2, 2] c = {1, 2, 3, 4}, float[4, 1] d = {1, 2, 3, 4}",
             "a = Concat<axis = 0>(x, c) r = Concat<axis = 1>(a, d)", "Concat Concat ReduceMax"},
        Case{"float[4, 2] x", "int64[2] s = {1, 3}",
             "a, b = Split<axis = 0>(x, s) c = Concat<axis = -2>(a, b) r = Neg(c)", "Neg ReduceMax"},
        Case{"float[4, 2] x", "int64[2] s = {1, 3}",
             "a, b = Split<axis = 0>(x, s) r = Concat<axis = 0>(b, a)", "Split Concat ReduceMax"}));

struct Refusal {
  const char* input;
  const char* constants;
  const char* nodes;
  const char* miss;
};
class ViewRefusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(ViewRefusals, HaveARemark) {
  const Refusal& c = GetParam();
  Graph graph = ParseGraph(absl::StrCat("g (", c.input, ") => (float[] y) <", c.constants, "> {",
                                        c.nodes, " y = ReduceMax<keepdims = 0>(r) }"));
  const PassResult result = RunPass(ComposeViews(), graph, {}, {.compare = false});
  EXPECT_FALSE(result.changed) << PrintGraph(graph);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(c.miss)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ViewRefusals,
    ::testing::Values(
        Refusal{"float[N, M, 4] x, int64[2] s", "", "a = Flatten(x) r = Reshape(a, s)",
                "two or more dimensions of its result are unknown"},
        Refusal{"float[0, 3, 2] x", "int64[2] s = {0, 6}", "a = Flatten<axis = 2>(x) r = Reshape(a, s)",
                "a dimension of its result is 0"},
        Refusal{"float[8] x, int64[1] e", "int64[1] one = {1}, int64[1] zero = {0}",
                "a = Slice(x, one, e, zero) r = Slice(a, one, one, zero)", "are not constant"},
        Refusal{"float[N] x", "int64[1] one = {1}, int64[1] zero = {0}, int64[1] six = {6}",
                "a = Slice(x, one, six, zero) r = Slice(a, one, six, zero)",
                "cuts axis 0 too, whose size is unknown"},
        Refusal{"float[8] x",
                "int64[1] m = {-1}, int64[1] f = {-9}, int64[1] one = {1}, int64[1] zero = {0}, "
                "int64[1] six = {6}",
                "a = Slice(x, m, f, zero, m) r = Slice(a, one, six, zero)",
                "cuts axis 0 too, backwards"},
        Refusal{"float[2] x", "int64[2] p = {1, 1}, float v = {1}",
                "a = Pad(x, p) r = Pad(a, p, v)", "another value"},
        Refusal{"float[4] x", "int64[2] p = {1, 1}", "a = Pad<mode = \"reflect\">(x, p) r = Pad(a, p)",
                "isn't of mode constant"},
        Refusal{"float[4] x", "int64[2] p = {1, 1}, int64[2] q = {-1, 0}",
                "a = Pad(x, p) r = Pad(a, q)", "crops"}));

// ---- eliminate_redundant_transposes ----

class Transposes : public ::testing::TestWithParam<Case> {};

TEST_P(Transposes, Cancel) {
  EXPECT_EQ(FoldedOps(GetParam(), "eliminate_redundant_transposes,eliminate_dead_nodes"),
            GetParam().ops);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Transposes,
    ::testing::Values(
        Case{"float[2, 3, 4] x", "",
             "a = Transpose<perm = [1, 2, 0]>(x) r = Transpose<perm = [1, 0, 2]>(a)",
             "Transpose ReduceMax"},
        Case{"float[2, 3, 4] x", "",
             "n = Neg(x) a = Transpose<perm = [1, 2, 0]>(n) r = Transpose<perm = [2, 0, 1]>(a)",
             "Neg ReduceMax"},
        Case{"float[2, 3] x", "", "n = Neg(x) a = Transpose(n) r = Transpose(a)", "Neg ReduceMax"},
        Case{"float[2, 3] x", "", "a = Transpose(x) b = Relu(a) r = Transpose(b)", "Relu ReduceMax"},
        Case{"float[2, 3] x, float[2, 3] z", "float[2] c = {1, 2}, float s = {3}",
             "a = Transpose(x) b = Transpose(z) d = Add(a, b) e = Mul(d, c) f = Add(s, e) "
             "r = Transpose(f)",
             "Add Mul Add ReduceMax"},
        Case{"float[2, 3] x, float[3, 2] z", "", "a = Transpose(x) d = Add(a, z) r = Transpose(d)",
             "Transpose Add Transpose ReduceMax"},
        Case{"float[2, 3] x", "", "a = Transpose(x) b = Softmax(a) r = Transpose(b)",
             "Transpose Softmax Transpose ReduceMax"}));

// The first output takes the place of the value that all of these views begin with.
TEST(ComposeViews, TheStartOfAChainMayBecomeAnOutput) {
  Graph graph = ParseGraph(R"(
    g (float[2, 3] x) => (float[2, 3] y, float[1, 6] z)
    <int64[1] flat = {6}, int64[2] same = {2, 3}, int64[2] wide = {3, 2}, int64[2] row = {1, 6}>
    { r = Relu(x) a = Reshape(r, flat) y = Reshape(a, same) b = Reshape(a, wide) z = Reshape(b, row) })");
  EXPECT_TRUE(RunPass(ComposeViews(), graph).changed);
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Relu Reshape");
}

TEST(EliminateRedundantTransposes, AConstantGoesWithTheRest) {
  Graph graph = ParseGraph(R"(
    g (float[2, 3] x) => (float[2, 3] y) <float[3, 2] c = {1, 2, 3, 4, 5, 6}>
    { a = Transpose(x) b = Mul(a, c) y = Transpose(b) })");
  EXPECT_TRUE(RunPass(EliminateRedundantTransposes(), graph).changed);
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Mul"), 1), ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST(EliminateRedundantTransposes, AnotherReaderKeepsTheOrder) {
  Graph graph = ParseGraph(R"(
    g (float[2, 3] x) => (float[2, 3] y, float[3, 2] z)
    { a = Transpose(x) n = Neg(a) b = Relu(n) c = Add(b, a) y = Transpose(c) z = Exp(b) })");
  const PassResult result = RunPass(EliminateRedundantTransposes(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre("'b' is needed in its present order"));
}

TEST(EliminateRedundantTransposes, ALargeConstantStays) {
  Graph graph = ParseGraph(R"(
    g (float[2, 3] x) => (float[2, 3] y) <float[3, 2] c = {1, 2, 3, 4, 5, 6}>
    { a = Transpose(x) b = Mul(a, c) y = Transpose(b) })");
  PassOptions options;
  options.max_constant = 10;
  const PassResult result = RunPass(EliminateRedundantTransposes(), graph, options);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre("'c' is needed in its present order"));
}

// ---- simplify_shape_chains ----

TEST(SimplifyShapeChains, AShapeWithAnUnknownBatchBecomesConstant) {
  Graph graph = ParseGraph(R"(
    g (float[N, 3, 4] x) => (float[N, 12] y)
      <int64 zero = {0}, int64[1] twelve = {12}, int64[1] axes = {0}>
    { s = Shape(x) n = Gather(s, zero) u = Unsqueeze(n, axes) t = Concat<axis = 0>(u, twelve)
      y = Reshape(x, t) })");
  EXPECT_TRUE(RunPass(SimplifyShapeChains(), graph).changed);
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Reshape"), 1), ElementsAre(0, 12));
}

TEST(SimplifyShapeChains, TwoUnknownDimensionsStay) {
  Graph graph = ParseGraph(R"(
    g (float[N, M, 4] x, int64[2] t) => (float[a, b] y) { y = Reshape(x, t) })");
  const PassResult result = RunPass(SimplifyShapeChains(), graph, {}, {.compare = false});
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr("two or more dimensions")));
}

// ---- inline_constant_if ----

TEST(InlineConstantIf, TheBranchTakenMovesOut) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y, float[2] z) <bool yes = {1}, float[2] w = {3, 4}>
    { y, z = If(yes) <
        then_branch = t () => (float[2] u, float[2] v) <float[2] k = {1, 2}>
          { a = Add(x, k) u = Neg(a) v = Add(u, w) },
        else_branch = e () => (float[2] p, float[2] q) { p = Exp(x) q = Neg(x) }> })");
  EXPECT_TRUE(RunPass(InlineConstantIf(), graph).changed);
  EXPECT_EQ(graph.Blocks().size(), 1u);
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Add Neg Add");
}

TEST(InlineConstantIf, NestedAndElse) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y) <bool no = {0}, bool yes = {1}>
    { y = If(no) <
        then_branch = t () => (float[2] u) { u = Exp(x) },
        else_branch = e () => (float[2] v) {
          v = If(yes) <then_branch = t2 () => (float[2] p) { p = Neg(x) },
                       else_branch = e2 () => (float[2] q) { q = Exp(x) }> }> })");
  EXPECT_TRUE(RunPass(InlineConstantIf(), graph).changed);
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Neg");
}

TEST(InlineConstantIf, ABranchThatPassesAnInputOnKeepsAnIdentity) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y) <bool yes = {1}>
    { y = If(yes) <then_branch = t () => (float[2] u) { u = Identity(x) },
                   else_branch = e () => (float[2] v) { v = Exp(x) }> })");
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Identity");
}

TEST(InlineConstantIf, AnUnknownConditionStays) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, bool c) => (float[2] y)
    { y = If(c) <then_branch = t () => (float[2] u) { u = Exp(x) },
                 else_branch = e () => (float[2] v) { v = Neg(x) }> })");
  EXPECT_FALSE(RunPass(InlineConstantIf(), graph).changed);
}

}  // namespace
}  // namespace dsperse
