// The `declines when` lines of the passes' headers that no other test here meets: what stays, and the remark.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::MissTexts;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::PrintGraph;
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Declined {
  const char* pass;
  const char* model;
  const char* remark;  // "": the header promises none
};
class Declines : public ::testing::TestWithParam<Declined> {};

TEST_P(Declines, WithTheRemarkThatTheHeaderPromises) {
  const Declined& c = GetParam();
  Graph graph = ParseGraph(c.model);
  ASSERT_NE(FindPass(c.pass), nullptr);
  const PassResult result = RunPass(*FindPass(c.pass), graph, {}, {.compare = false});
  EXPECT_FALSE(result.changed) << PrintGraph(graph);
  if (*c.remark == '\0') {
    EXPECT_THAT(MissTexts(result), IsEmpty());
  } else {
    EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(c.remark)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    FoldConstants, Declines,
    ::testing::Values(
        Declined{"fold_constants",
                 "g () => (int64 y) <float[2] w = {1, 2}> { s = StringNormalizer(t) y = Size(s) t = Cast<to = 8>(w) }",
                 "not computed: Cast"},
        Declined{"fold_constants",
                 "g (float[2] x) => (float[2] y) <float lo = {0}, float hi = {1}>"
                 " { r = RandomUniform<shape = [2]>() y = Add(x, r) }",
                 ""}));

INSTANTIATE_TEST_SUITE_P(
    SimplifyShapeChains, Declines,
    ::testing::Values(
        Declined{"simplify_shape_chains",
                 "g (float[N, M, 4] x, int64[1] n, int64[1] m) => (float[a, b, c] y)"
                 " { s = Concat<axis = 0>(n, m) y = Reshape(x, s) }",
                 "two or more dimensions of its result are unknown"},
        // A 0 would be read as the input's dimension in that place.
        Declined{"simplify_shape_chains",
                 "g (float[N, 0] x) => (float[0, M] y) <int64[1] zero = {0}, int64[1] at = {0}>"
                 " { f = Shape(x) n = Gather(f, at) s = Concat<axis = 0>(zero, n)"
                 "   y = Reshape<allowzero = 1>(x, s) }",
                 ""}));

INSTANTIATE_TEST_SUITE_P(
    EliminateIdentityOps, Declines,
    ::testing::Values(
        Declined{"eliminate_identity_ops",
                 "g (float[2] x, bool t) => (float[2] y) <float r = {0.5}> { y = Dropout(x, r, t) }",
                 "its training_mode 't' is not constant"},
        Declined{"eliminate_identity_ops",
                 "g (float[N] x) => (float[a] y) <float[1] zero = {0}> { n = Neg(x) m = Tile(n, k) y = Add(m, zero)"
                 " k = Shape(x) }",
                 "its constant may broadcast the shape"},
        Declined{"eliminate_identity_ops",
                 "<ir_version: 8, opset_import: [\"\" : 6]> g (float[2] x) => (float[2] y) { y = Dropout(x) }",
                 "it is in training mode (is_test = 0)"}));

INSTANTIATE_TEST_SUITE_P(
    ComposeViews, Declines,
    ::testing::Values(
        Declined{"compose_views",
                 "g (float[4] x, int64[2] p) => (float[a] y) { u = Pad(x, p) y = Pad(u, p) }",
                 "its pads, or those of the Pad before it, are not constant"},
        Declined{"compose_views",
                 "<ir_version: 8, opset_import: [\"\" : 18]> g (float[4] x) => (float[a] y)"
                 " <int64[2] p = {1, 1}, int64[1] axis = {0}> { u = Pad(x, p, , axis) y = Pad(u, p) }",
                 "names its axes"},
        // Another reader keeps the inner Pad and Concat.
        Declined{"compose_views",
                 "g (float[4] x) => (float[a] y, float[b] z) <int64[2] p = {1, 1}>"
                 " { u = Pad(x, p) y = Pad(u, p) z = Neg(u) }",
                 ""},
        Declined{"compose_views",
                 "g (float[4] x) => (float[a] y, float[b] z)"
                 " { u = Concat<axis = 0>(x, x) y = Concat<axis = 0>(u, x) z = Neg(u) }",
                 ""},
        Declined{"compose_views",
                 "g (float[2, 2] x) => (float[a, b] y) { u = Concat<axis = 0>(x, x) v = Concat<axis = 1>(u, u)"
                 " y = Neg(v) }",
                 ""},
        Declined{"compose_views",
                 "g (float[4] x) => (float[4] y) { a, b = Split<axis = 0>(x) u = Concat<axis = 0>(b, a) y = Neg(u) }",
                 ""},
        Declined{"compose_views",
                 "g (float[4] x) => (float[4] y) { a, b = Split<axis = 0>(x) y = Concat<axis = 0>(a, b) }",
                 "'x' is an input"}));

INSTANTIATE_TEST_SUITE_P(
    Transposes, Declines,
    ::testing::Values(
        Declined{"eliminate_redundant_transposes",
                 "g (float[2, 3] x) => (float[2, 3] y, float[3, 2] b)"
                 " { a = Transpose(x) b = Relu(a) y = Transpose(b) }",
                 ""},
        Declined{"eliminate_redundant_transposes",
                 "g (float[2, 3] x, float[3, 2] z) => (float[2, 3] y)"
                 " { a = Transpose(x) b = Add(a, z) y = Transpose(b) }",
                 "'z' is needed in its present order"},
        Declined{"eliminate_redundant_transposes",
                 "g (float[2, 2, 2] x, float[2, 2, 2] z) => (float[2, 2, 2] y)"
                 " { a = Transpose<perm = [1, 2, 0]>(x) c = Transpose<perm = [0, 2, 1]>(z) b = Add(a, c)"
                 "   y = Transpose<perm = [2, 0, 1]>(b) }",
                 "'c' is needed in its present order"},
        Declined{"eliminate_redundant_transposes",
                 "g (float[2, 3] x) => (float[2, 3] y) { a = Transpose(x) y = Transpose(a) }", "'x' is an input"}));

INSTANTIATE_TEST_SUITE_P(
    FusePadIntoConv, Declines,
    ::testing::Values(
        Declined{"fuse_pad_into_conv",
                 "g (float[1, 1, 4, 4] x, float v) => (float[a, b, c, d] y)"
                 " <float[1, 1, 2, 2] w = {1, 2, 3, 4}, int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}>"
                 " { u = Pad(x, p, v) y = Conv(u, w) }",
                 "its value is not constant"},
        Declined{"fuse_pad_into_conv",
                 "<ir_version: 8, opset_import: [\"\" : 18]>"
                 " g (float[1, 1, 4, 4] x, int64[1] axes) => (float[a, b, c, d] y)"
                 " <float[1, 1, 2, 2] w = {1, 2, 3, 4}, int64[2] p = {1, 1}>"
                 " { u = Pad(x, p, , axes) y = Conv(u, w) }",
                 "its axes are not constant"},
        Declined{"fuse_pad_into_conv",
                 "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y, int64[e, f, g, h] i)"
                 " <int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}, float v = {-inf}>"
                 " { u = Pad(x, p, v) y, i = MaxPool<kernel_shape = [2, 2]>(u) }",
                 "indices count the padding"},
        Declined{"fuse_pad_into_conv",
                 "g (float[1, 1, 4, 4] x, float[1, 1, 2, 2] w) => (float[a, b, c, d] y)"
                 " <int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}> { u = Pad(x, p) y = Conv(u, w) }",
                 "the rank of its input is unknown"},
        Declined{"fuse_pad_into_conv",
                 "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y, float[1, 1, 6, 6] u)"
                 " <float[1, 1, 2, 2] w = {1, 2, 3, 4}, int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}>"
                 " { u = Pad(x, p) y = Conv(u, w) }",
                 "its result is a graph output"}));

INSTANTIATE_TEST_SUITE_P(
    FuseAffine, Declines,
    ::testing::Values(
        Declined{"fuse_affine",
                 "g (float[1, 1, 2, 2] x, float[2, 1, 1, 1] w) => (float[1, 2, 2, 2] z) <float c = {2}>"
                 " { y = Conv(x, w) z = Mul(y, c) }",
                 "its weight 'w' is not constant"},
        Declined{"fuse_affine",
                 "g (float[1, 1, 2, 2] x, float[2] b) => (float[1, 2, 2, 2] z)"
                 " <float[2, 1, 1, 1] w = {1, 2}, float c = {2}> { y = Conv(x, w, b) z = Mul(y, c) }",
                 "its bias 'b' is not constant"},
        Declined{"fuse_affine",
                 "g (float[1, 1, 2, 2] x) => (float[1, 2, 2, 2] z, float[1, 2, 2, 2] y)"
                 " <float[2, 1, 1, 1] w = {1, 2}, float c = {2}> { y = Conv(x, w) z = Mul(y, c) }",
                 "is a graph output"},
        Declined{"fuse_affine",
                 "g (float[1, 1, 2, 2] x, bool t) => (float[1, 2, 2, 2] z)"
                 " <float[2, 1, 1, 1] w = {1, 2}, float c = {2}>"
                 " { y = Conv(x, w)"
                 "   z = If(t) <then_branch = h () => (float[1, 2, 2, 2] u) { u = Mul(y, c) },"
                 "              else_branch = e () => (float[1, 2, 2, 2] v) { v = Neg(c) }> }",
                 "is captured by a body"},
        Declined{"fuse_affine",
                 "g (float[2, 3] x) => (float[2, 2] z) <float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[2, 2] c = {1, 2, 3, 4}>"
                 " { y = MatMul(x, w) z = Mul(y, c) }",
                 "its constant of shape [2, 2] is not one factor"}));

INSTANTIATE_TEST_SUITE_P(
    Duplicates, Declines,
    ::testing::Values(
        Declined{"eliminate_common_subexpressions",
                 "g (float[2] x) => (float[2] y) <float r = {0.5}, bool t = {1}>"
                 " { a = Dropout(x, r, t) b = Dropout(x, r, t) y = Add(a, b) }",
                 ""},
        Declined{"eliminate_common_subexpressions",
                 "g (float[1, 2] x) => (float[1, 2] y) <float[2] p = {1, 2}>"
                 " { a, m, v = BatchNormalization<training_mode = 1>(x, p, p, p, p)"
                 "   b, n, w = BatchNormalization<training_mode = 1>(x, p, p, p, p) y = Add(a, b) }",
                 ""},
        Declined{"eliminate_common_subexpressions",
                 "g (float[2] x) => (float[2] y, float[2] z) { y = Neg(x) z = Neg(x) }", "is an output too"}));

}  // namespace
}  // namespace dsperse
