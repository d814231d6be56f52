#include "fold/passes/eliminate_identity_ops.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::MissTexts;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::PrintGraph;
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// y = `expression` of x between two nodes; `extra` declares further inputs, `constants` initializers.
struct NoOpCase {
  int opset;
  const char* type;       // of x
  const char* constants;  // "float[1] one = {1}"
  const char* expression; // "Mul(a, one)"
  bool goes;
};

class NoOps : public ::testing::TestWithParam<NoOpCase> {};

TEST_P(NoOps, GoOrStay) {
  const NoOpCase& c = GetParam();
  Graph graph = ParseGraph(absl::StrCat("<ir_version: 8, opset_import: [\"\" : ", c.opset, "]> g (",
                                        c.type, " x) => (float[] out) <", c.constants,
                                        "> { a = Neg(x) b = ", c.expression,
                                        " out = ReduceMax<keepdims = 0>(b) }"));
  EXPECT_EQ(RunPass(EliminateIdentityOps(), graph).changed, c.goes) << PrintGraph(graph);
  if (c.goes) {
    EXPECT_EQ(Ops(graph), "Neg ReduceMax");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, NoOps,
    ::testing::Values(
        NoOpCase{17, "float[2, 3]", "", "Identity(a)", true},
        NoOpCase{17, "float[2, 3]", "", "Dropout(a)", true},
        NoOpCase{17, "float[2, 3]", "float r = {0.5}, bool t = {0}", "Dropout(a, r, t)", true},
        NoOpCase{17, "float[2, 3]", "float r = {0.5}, bool t = {1}", "Dropout(a, r, t)", false},
        NoOpCase{17, "float[2, 3]", "float r = {0}, bool t = {1}", "Dropout(a, r, t)", true},
        NoOpCase{10, "float[2, 3]", "", "Dropout<ratio = 0.5>(a)", true},
        NoOpCase{6, "float[2, 3]", "", "Dropout<is_test = 1>(a)", true},
        NoOpCase{17, "float[2, 3]", "", "Cast<to = 1>(a)", true},
        NoOpCase{17, "float[2, 3]", "", "Transpose<perm = [0, 1]>(a)", true},
        NoOpCase{17, "float[2, 3]", "", "Transpose<perm = [1, 0]>(a)", false},
        NoOpCase{17, "float[3]", "", "Transpose(a)", true},
        NoOpCase{17, "float[2, 3]", "int64[2] s = {2, 3}", "Reshape(a, s)", true},
        NoOpCase{17, "float[2, 3]", "int64[2] s = {0, -1}", "Reshape(a, s)", true},
        NoOpCase{17, "float[N, 3]", "int64[2] s = {0, -1}", "Reshape(a, s)", true},
        NoOpCase{17, "float[2, 3]", "int64[2] s = {3, 2}", "Reshape(a, s)", false},
        NoOpCase{17, "float[2, 3]", "", "Flatten(a)", true},
        NoOpCase{17, "float[2, 3]", "int64[2] s = {1, 3}", "Expand(a, s)", true},
        NoOpCase{17, "float[1, 3]", "int64[2] s = {2, 3}", "Expand(a, s)", false},
        NoOpCase{17, "float[4, 3]", "int64[1] z = {0}, int64[1] m = {9223372036854775807}",
                 "Slice(a, z, m, z)", true},
        NoOpCase{17, "float[4, 3]",
                 "int64[1] z = {0}, int64[1] s = {-1}, int64[1] e = {-9223372036854775807}",
                 "Slice(a, s, e, z, s)", false},
        NoOpCase{9, "float[4, 3]", "", "Slice<starts = [0], ends = [4], axes = [0]>(a)", true},
        NoOpCase{17, "float[2, 3]", "int64[4] p = {0, 0, 0, 0}", "Pad(a, p)", true},
        NoOpCase{17, "float[2, 3]", "int64[4] p = {1, 0, -1, 0}", "Pad(a, p)", false},
        NoOpCase{9, "float[2, 3]", "", "Pad<pads = [0, 0, 0, 0]>(a)", true},
        NoOpCase{17, "float[2, 3]", "", "Concat<axis = 0>(a)", true},
        NoOpCase{17, "float[2, 3]", "", "Sum(a)", true},
        NoOpCase{17, "float[2, 3]", "", "Split<axis = 0>(a)", true},
        NoOpCase{17, "float[2, 3]", "int64[2] r = {1, 1}", "Tile(a, r)", true},
        NoOpCase{17, "float[2, 3]", "float z = {0}", "Add(a, z)", true},
        NoOpCase{17, "float[2, 3]", "float z = {-0.0}", "Add(z, a)", true},
        NoOpCase{17, "float[2, 3]", "float[3] z = {0, 0, 1}", "Add(a, z)", false},
        NoOpCase{17, "float[2, 3]", "float z = {0}", "Sub(a, z)", true},
        NoOpCase{17, "float[2, 3]", "float z = {0}", "Sub(z, a)", false},
        NoOpCase{17, "float[2, 3]", "float[3] o = {1, 1, 1}", "Mul(o, a)", true},
        NoOpCase{17, "float[2, 3]", "float o = {1}", "Div(a, o)", true},
        NoOpCase{17, "float[2, 3]", "float o = {1}", "Div(o, a)", false},
        NoOpCase{17, "float[2, 3]", "float o = {1}", "Pow(a, o)", true},
        NoOpCase{17, "float[2, 3]", "int64 o = {1}", "Pow(a, o)", true}));

TEST(EliminateIdentityOps, ANeutralConstantThatBroadcastsStays) {
  Graph graph = ParseGraph(R"(
    g (float[1, 3] x) => (float[2, 3] y) <float[2, 1] z = {0, 0}> { y = Add(x, z) })");
  const PassResult result = RunPass(EliminateIdentityOps(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre("its constant may broadcast the shape"));
}

TEST(EliminateIdentityOps, AFlattenOfMoreThanAMatrixStaysWithoutInference) {
  Graph graph = ParseGraph(R"(<ir_version: 8, opset_import: ["" : 17]>
    g (float[1, 1, 4, 4] x) => (float[] y) <float[2, 1, 1, 1] w = {1, 2}> {
      a = Conv(x, w) r = Relu(a) s = Add(r, a) p = GlobalAveragePool(s) f = Flatten(p)
      y = ReduceMax<keepdims = 0>(f) })");
  PassContext context(&graph, PassOptions{});
  const absl::StatusOr<bool> changed = EliminateIdentityOps().Run(graph, context);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_FALSE(*changed);
  EXPECT_FALSE(context.ResetFacts());  // nobody has asked for any
}

TEST(EliminateIdentityOps, AMaskThatIsReadStays) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y, bool[2] m) { y, m = Dropout(x) })");
  const PassResult result = RunPass(EliminateIdentityOps(), graph);
  EXPECT_THAT(MissTexts(result), ElementsAre("its mask is read"));
}

TEST(EliminateIdentityOps, DropoutInTrainingModeStays) {
  Graph old = ParseGraph(R"(<ir_version: 3, opset_import: ["" : 6]>
    g (float[2] x) => (float[2] y) { y = Dropout(x) })");
  EXPECT_THAT(MissTexts(RunPass(EliminateIdentityOps(), old, {}, {.compare = false})),
              ElementsAre("it is in training mode (is_test = 0)"));
  Graph given = ParseGraph(R"(
    g (float[2] x, bool t) => (float[2] y) { y = Dropout(x, , t) })");
  EXPECT_THAT(MissTexts(RunPass(EliminateIdentityOps(), given, {}, {.compare = false})),
              ElementsAre("its training_mode 't' is not constant"));
}

// ---- outputs ----

TEST(EliminateIdentityOps, AnOutputTakesThePlaceOfTheValueBeforeIt) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] out, float[2] other)
    { a = Neg(x) out = Identity(a) other = Relu(a) })");
  EXPECT_TRUE(RunPass(EliminateIdentityOps(), graph).changed);
  EXPECT_EQ(Ops(graph), "Neg Relu");
  EXPECT_EQ(graph.Name(graph.node(FindOpNode(graph, "Relu")).input(0)), "out");
}

struct OutputCase {
  const char* text;
  const char* miss;
};
class Outputs : public ::testing::TestWithParam<OutputCase> {};

TEST_P(Outputs, KeepTheIdentity) {
  Graph graph = ParseGraph(GetParam().text);
  const PassResult result = RunPass(EliminateIdentityOps(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(GetParam().miss)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Outputs,
    ::testing::Values(
        OutputCase{"g (float[2] x) => (float[2] y) { y = Identity(x) }",
                   "is an input: an input is never passed straight through"},
        OutputCase{"g () => (float[2] y) <float[2] w = {1, 2}> { y = Identity(w) }",
                   "is an initializer: an output needs a node"},
        OutputCase{"g (float[2] x) => (float[2] a, float[2] y) { a = Neg(x) y = Identity(a) }",
                   "is an output too"},
        OutputCase{R"(g (float[2] x, bool c) => (float[2] y) { a = Neg(x)
                      y = If(c) <then_branch = t () => (float[2] u) { u = Identity(a) },
                                 else_branch = e () => (float[2] v) { v = Neg(a) }> })",
                   "is a value of an outer graph"}));

TEST(EliminateIdentityOps, WorksInsideBodies) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, bool c) => (float[2] y)
    { y = If(c) <then_branch = t () => (float[2] u) { p = Neg(x) q = Identity(p) u = Relu(q) },
                 else_branch = e () => (float[2] v) { r = Identity(x) v = Neg(r) }> })");
  EXPECT_TRUE(RunPass(EliminateIdentityOps(), graph).changed);
  EXPECT_EQ(graph.NumNodes(), 4);
}

// Only ONNX says what its operators do: the same name in another domain may mean anything.
TEST(EliminateIdentityOps, LeavesOperatorsOfOtherDomains) {
  for (const char* node : {"Identity(x)", "Dropout(x)", "Add(x, zero)", "Transpose<perm = [0, 1]>(x)", "Max(x)"}) {
    Graph graph =
        ParseGraph(absl::StrCat("<ir_version: 8, opset_import: [\"\" : 17, \"com.acme\" : 1]>"
                                " g (float[2, 3] x) => (float[2, 3] y) <float zero = {0}>"
                                " { a = com.acme.",
                                node, " y = Neg(a) }"));
    EXPECT_FALSE(RunPass(EliminateIdentityOps(), graph).changed) << node;
  }
}

}  // namespace
}  // namespace dsperse
