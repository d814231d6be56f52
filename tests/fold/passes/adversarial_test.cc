// Graphs on which a plausible rewrite would be wrong: each was once a suspicion. The harness compares results
// before and after; the expectations say what is to stay.
#include <chrono>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/model_file.h"
#include "fold/passes/compose_views.h"
#include "fold/passes/eliminate_identity_ops.h"
#include "fold/passes/eliminate_redundant_transposes.h"
#include "fold/passes/fold_constants.h"
#include "fold/passes/fuse_affine.h"
#include "fold/passes/fuse_pad_into_conv.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/filled.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

using ::dsperse::testing::MissTexts;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::RunFold;
using ::dsperse::testing::RunPass;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// ---- a constant that broadcasts the data, before an operator that would absorb it ----

struct Broadcasting {
  const char* name;
  const char* input;
  const char* constants;
  const char* nodes;
  const char* ops;
};
class StepsThatBroadcast : public ::testing::TestWithParam<Broadcasting> {};

TEST_P(StepsThatBroadcast, Stay) {
  const Broadcasting& c = GetParam();
  Graph graph = ParseGraph(absl::StrCat("g (", c.input, ") => (float[a, b, c, d] y) <", c.constants, "> { ", c.nodes, " }"));
  const PassResult result = RunPass(FuseAffine(), graph, {}, {.symbolic_dim = 1});
  EXPECT_FALSE(result.changed);
  EXPECT_EQ(Ops(graph), c.ops);
  EXPECT_THAT(MissTexts(result), Contains(HasSubstr("broadcasts its input")));
}

constexpr char kConv[] = "float[2, 3, 1, 1] w = {1, 2, 3, 4, 5, 6}, float[3, 1, 1] c = {2, 3, 4}, float[3] p = {1, 2, 3}, float[1, 1, 1, 1] s = {2}";

INSTANTIATE_TEST_SUITE_P(
    Cases, StepsThatBroadcast,
    ::testing::Values(
        Broadcasting{"mul", "float[1, 1, 4, 4] x", kConv, "m = Mul(x, c) y = Conv(m, w)", "Mul Conv"},
        Broadcasting{"add", "float[1, 1, 4, 4] x", kConv, "m = Add(c, x) y = Conv(m, w)", "Add Conv"},
        Broadcasting{"scalar of higher rank", "float[3, 4, 4] x", kConv, "m = Mul(x, s) y = Conv(m, w)", "Mul Conv"},
        Broadcasting{"symbolic", "float[1, C, 4, 4] x", kConv, "m = Mul(x, c) y = Conv(m, w)", "Mul Conv"},
        Broadcasting{"batch norm", "float[1, 1, 4, 4] x", kConv, "m = Mul(x, c) y = BatchNormalization(m, p, p, p, p)",
                     "Mul BatchNormalization"},
        Broadcasting{"batch norm, rank", "float[3, 4, 4] x", kConv,
                     "m = Mul(x, s) y = BatchNormalization(m, p, p, p, p)", "Mul BatchNormalization"},
        Broadcasting{"matrix", "float[2, 5, 4, 1] x", "float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[3] c = {2, 3, 4}",
                     "m = Mul(x, c) y = MatMul(m, w)", "Mul MatMul"}),
    [](const auto& test) {
      std::string name = test.param.name;
      for (char& ch : name) {
        if (!isalnum(static_cast<unsigned char>(ch))) ch = '_';
      }
      return name;
    });

TEST(StepsThatBroadcast, EndTheChain) {
  Graph graph = ParseGraph(absl::StrCat("g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <", kConv,
                                        "> { m = Mul(x, c) n = Add(m, s) y = Conv(n, w) }"));
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "Mul Conv");
}

TEST(StepsThatBroadcast, AGemmsInputMayNotShrink) {
  Graph graph = ParseGraph("g (float[5, 1] x) => (float[5, 2] y)"
                           " <float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[3] c = {2, 3, 4}>"
                           " { m = Mul(x, c) y = Gemm(m, w) }");
  EXPECT_FALSE(RunPass(FuseAffine(), graph).changed);
}

// ---- Split ----

TEST(Split, OneNamedResultOfTwoIsNotTheWhole) {
  // Not valid, but written by tools that drop what nobody reads.
  Graph graph = ParseGraph("g (float[4] x) => (float[2] y) <int64[2] sizes = {2, 2}>"
                           " { a = Split<axis = 0>(x, sizes) y = Relu(a) }");
  RunFold(graph, {}, {.compare = false});
  EXPECT_EQ(Ops(graph), "Split Relu");
}

TEST(Split, AnUnreadResultKeepsItsPlace) {
  Graph graph = ParseGraph("g (float[4] x) => (float[2] y) <int64[2] sizes = {2, 2}>"
                           " { a, b = Split<axis = 0>(x, sizes) y = Concat<axis = 0>(a) z = Relu(b) }");
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Split");
}

// ---- what files declare ----

TEST(Declared, ANameOfAResultIsNotTheInputsSize) {
  // One name for every open dimension, as exporters write it.
  Graph slice = ParseGraph("g (float[N, 3] x) => (float[N, 3] y) <int64[1] one = {1}, int64[1] big = {99}, int64[1] zero = {0}>"
                           " { n = Neg(x) y = Slice(n, one, big, zero) }");
  RunFold(slice);
  EXPECT_EQ(Ops(slice), "Neg Slice");
  Graph tile = ParseGraph("g (float[N, 3] x, int64[2] r) => (float[N, 3] y) { n = Neg(x) e = Tile(n, r) y = Relu(e) }");
  RunFold(tile, {}, {.compare = false});
  EXPECT_EQ(Ops(tile), "Neg Tile Relu");
  Graph reshape = ParseGraph("g (float[N, 6] x) => (float[N, 3] y) <int64[3] s = {-1, 2, 3}, int64[2] t = {-1, 3}>"
                             " { a = Reshape(x, s) y = Reshape(a, t) }");
  RunFold(reshape);
  EXPECT_EQ(Ops(reshape), "Reshape");
}

TEST(Declared, ASizeThatStayedBehindDoesNotCloseABatch) {
  Graph graph = ParseGraph("g (float[N, 4, 3] x) => (float[1, 12] y) <int64[2] t = {-1, 12}>"
                           " { a = Flatten(x) y = Reshape(a, t) }");
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Flatten");  // of any batch; the harness runs it with two
}

// ---- numbers at the end of their range ----

TEST(LargeNumbers, AStepBeyondTheAxisTakesOneElement) {
  Graph graph = ParseGraph(
      "g (float[8] x) => (float[a] y) <int64[1] one = {1}, int64[1] zero = {0}, int64[1] six = {6},"
      " int64[1] far = {9223372036854775807}>"
      " { a = Slice(x, one, six, zero, far) y = Slice(a, zero, far, zero) }");
  EXPECT_TRUE(RunPass(ComposeViews(), graph).changed);
}

TEST(LargeNumbers, APlaceBeyondTheirTypeIsNotComputed) {
  Graph graph = ParseGraph(
      "g (float[8] x) => (float[a] y) <int64[1] one = {1}, int64[1] zero = {0}, int64[1] six = {6},"
      " int64[1] far = {9223372036854775807}>"
      " { a = Slice(x, one, six, zero, far) y = Slice(a, one, far, zero) }");
  const PassResult result = RunPass(ComposeViews(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr("too large")));
}

TEST(LargeNumbers, AnyGrowthIsAllowed) {
  Graph graph = ParseGraph("g () => (float[6] y) <float[3] a = {1, 2, 3}, float[3] b = {4, 5, 6}>"
                           " { c = Concat<axis = 0>(a, b) y = Neg(c) }");
  PassOptions options;
  options.max_constant = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(RunPass(FoldConstants(), graph, options).changed);
  EXPECT_EQ(Ops(graph), "Constant");
}

TEST(LargeNumbers, PadsThatExceedTheirTypeAreNotAdded) {
  Graph graph = ParseGraph(
      "g (float[1, 1, 1, 1] x) => (float[a, b, c, d] y) <float[1, 1, 1, 1] w = {1},"
      " int64[8] p = {0, 0, 0, 4611686018427387904, 0, 0, 0, 0}>"
      " { a = Pad(x, p) y = Conv<pads = [0, 4611686018427387904, 0, 0]>(a, w) }");
  const PassResult result = RunPass(FusePadIntoConv(), graph, {}, {.compare = false});
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr("out of range")));
}

// ---- operators before opset 7, which broadcast when asked to ----

TEST(OldOpset, TheShiftOfAMatMulAsksToBeBroadcast) {
  Graph graph = ParseGraph(R"(
    <ir_version: 3, opset_import: ["" : 6]>
    g (float[5, 2] x, float[2, 2] w, float[2] k, float[2] t) => (float[5, 2] y)
      <float[2, 2] w = {1, 2, 3, 4}, float[2] k = {2, 4}, float[2] t = {1, -1}> {
      m = MatMul(x, w)
      s = Mul<broadcast = 1>(m, k)
      y = Add<broadcast = 1>(s, t)
    })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "MatMul Add");
}

TEST(OldOpset, SoDoesThatOfALeftConstantAlongItsAxis) {
  Graph graph = ParseGraph(R"(
    <ir_version: 3, opset_import: ["" : 6]>
    g (float[2, 5] x, float[2, 2] w, float[2] k, float[2] t) => (float[2, 5] y)
      <float[2, 2] w = {1, 2, 3, 4}, float[2] k = {2, 4}, float[2] t = {1, -1}> {
      m = MatMul(w, x)
      s = Mul<broadcast = 1, axis = 0>(m, k)
      y = Add<broadcast = 1, axis = 0>(s, t)
    })");
  EXPECT_TRUE(RunPass(FuseAffine(), graph).changed);
  EXPECT_EQ(Ops(graph), "MatMul Add");
}

// ---- files that change ----

// The model of such a file: the transposed constant is one of its payloads.
TEST(ChangedFile, IsAnError) {
  const testing::TempDir dir;
  const std::string path = dir.File("in.onnx");
  ASSERT_TRUE(SaveModel(ParseGraph(absl::StrCat(
                            "g (float[32, 32] x) => (float[32, 32] y) <", testing::Filled("c", {32, 32}, 0.5), ">"
                            " { t = Transpose<perm = [1, 0]>(x) a = Add(t, c) y = Transpose<perm = [1, 0]>(a) }")),
                        path)
                  .ok());
  absl::StatusOr<LoadedModel> model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.status();
  namespace fs = std::filesystem;
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(5));
  PassContext context(&model->graph, {});
  const absl::StatusOr<bool> changed = EliminateRedundantTransposes().Run(model->graph, context);
  EXPECT_EQ(changed.status().code(), absl::StatusCode::kFailedPrecondition) << changed.status();
}

// ---- one constant in several places ----

class OneConstant : public ::testing::TestWithParam<const char*> {};

// The harness compares the results; a BatchNormalization that stayed would be one that was not dared.
TEST_P(OneConstant, IsScaledForItsReaderOnly) {
  Graph graph = ParseGraph(GetParam());
  RunFold(graph);
  EXPECT_THAT(Ops(graph), Not(HasSubstr("BatchNormalization")));
}

INSTANTIATE_TEST_SUITE_P(
    Models, OneConstant,
    ::testing::Values(
        // All four parameters and the bias.
        "g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z) <float[2, 1, 1, 1] w = {1, 3}, float[2] p = {0.5, 2}>"
        " { y = Conv(x, w, p) z = BatchNormalization(y, p, p, p, p) }",
        // A parameter that is a result of the model, and one that a body reads.
        "g (float[1, 1, 3, 3] x, bool t) => (float[1, 2, 3, 3] z, float[2] p, float[2] r)"
        " <float[2, 1, 1, 1] w = {1, 3}, float[2] p = {0.5, 2}, float[2] q = {1, 4}>"
        " { y = Conv(x, w) z = BatchNormalization(y, p, q, q, p)"
        "   r = If(t) <then_branch = h () => (float[2] u) { u = Neg(q) },"
        "              else_branch = e () => (float[2] v) { v = Identity(p) }> }",
        // The weight of two layers, scaled once by each of its own axes.
        "g (float[3, 2] x) => (float[3, 2] z) <float[2, 2] w = {1, 3, 5, 7}, float[2] p = {0.5, 2}, float[2] q = {1, 4}>"
        " { a = MatMul(x, w) b = BatchNormalization(a, p, q, q, p) c = Gemm<transB = 1>(b, w) "
        "   z = BatchNormalization(c, q, p, p, q) }",
        // A Gemm's weight that is its C too.
        "g (float[2, 2] x) => (float[2, 2] z) <float[1, 2] w = {3, 5}, float[2] p = {0.5, 2}>"
        " { n = ReduceSum<keepdims = 1>(x, k) y = Gemm(n, w, w) z = BatchNormalization(y, p, p, p, p)"
        "   k = Constant<value_ints = [1]>() }",
        // A step's constant on both sides of the layer.
        "g (float[1, 2, 3, 3] x) => (float[1, 2, 3, 3] z)"
        " <float[2, 2, 1, 1] w = {1, 3, 5, 7}, float[2, 1, 1] c = {2, 4}, float[2] p = {0.5, 2}>"
        " { s = Mul(x, c) y = Conv(s, w) t = Add(c, y) u = Sub(c, t) z = BatchNormalization(u, p, p, p, p) }"));

// ---- pools ----

TEST(MaxPool, ADilatedWindowMayLieInThePaddingAlone) {
  Graph graph = ParseGraph(
      "g (float[1, 1, 1, 1] x) => (float[a, b, c, d] y) <int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}, float v = {-inf}>"
      " { a = Pad(x, p, v) y = MaxPool<kernel_shape = [2, 2], dilations = [2, 2]>(a) }");
  const PassResult result = RunPass(FusePadIntoConv(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr("dilations")));
}

}  // namespace
}  // namespace dsperse
