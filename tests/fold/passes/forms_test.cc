// Forms that a guard beside them mustn't take for what it declines: what the passes make of each.
#include <ostream>
#include <string>

#include "fold/registry.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunPass;

struct Form {
  const char* name;
  const char* pass;
  const char* model;
  const char* ops;
  bool duplicate_shared = false;

  friend void PrintTo(const Form& c, std::ostream* out) { *out << c.pass << " on " << c.model; }
};
class Forms : public ::testing::TestWithParam<Form> {};

TEST_P(Forms, AreTaken) {
  const Form& c = GetParam();
  Graph graph = ParseGraph(c.model);
  ASSERT_NE(FindPass(c.pass), nullptr);
  PassOptions options;
  options.duplicate_shared = c.duplicate_shared;
  RunPass(*FindPass(c.pass), graph, options);  // computes the same
  EXPECT_EQ(Ops(graph), c.ops);
}

std::string Name(const ::testing::TestParamInfo<Form>& tested) { return tested.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Affine, Forms,
    ::testing::Values(
        Form{"ABatchNormAndAProductBehind", "fuse_affine",
             "g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y) <float[1, 1, 1, 1] w = {2}, float[1] c = {8}>"
             " { a = Conv(x, w) b = BatchNormalization(a, c, c, c, c) y = Mul(b, c) }",
             "Conv"},
        Form{"AProductBeforeAndABatchNormBehind", "fuse_affine",
             "g (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y) <float[1, 1, 1, 1] w = {2}, float[1] c = {8}>"
             " { a = Mul(x, c) b = Conv(a, w) y = BatchNormalization(b, c, c, c, c) }",
             "Conv"},
        // One value in all of the weight, another factor for each channel.
        Form{"AConstantOfShapeByFactorsThatDiffer", "fuse_conv_batchnorm",
             "g (float[1, 1, 2, 2] x) => (float[1, 2, 2, 2] y) <int64[4] s = {2, 1, 1, 1}, float[2] k = {2, 3},"
             " float[2] t = {5, 7}, float[2] m = {0.5, 1.5}, float[2] v = {1, 4}>"
             " { w = ConstantOfShape<value = float[1] {2}>(s) a = Conv(x, w) y = BatchNormalization(a, k, t, m, v) }",
             "Conv"},
        Form{"ABiasOfConstantOfShapeByFactorsThatDiffer", "fuse_conv_batchnorm",
             "g (float[1, 1, 2, 2] x) => (float[1, 2, 2, 2] y) <int64[1] s = {2}, float[2, 1, 1, 1] w = {2, 3},"
             " float[2] k = {2, 3}, float[2] t = {5, 7}, float[2] m = {0.5, 1.5}, float[2] v = {1, 4}>"
             " { b = ConstantOfShape<value = float[1] {2}>(s) a = Conv(x, w, b) y = BatchNormalization(a, k, t, m, v) }",
             "Conv"},
        Form{"ABatchNormInABranchIsNoReaderToBeGivenACopy", "fuse_conv_batchnorm",
             "g (float[1, 1, 2, 2] x, bool q) => (float[1, 1, 2, 2] y, float[1, 1, 2, 2] z)"
             " <float[1, 1, 1, 1] w = {2}, float[1] c = {8}> { a = Conv(x, w) z = Relu(a)"
             " y = If(q) <then_branch = t () => (float[1, 1, 2, 2] u) { u = BatchNormalization(a, c, c, c, c) },"
             " else_branch = e () => (float[1, 1, 2, 2] v) { v = Relu(x) }> }",
             "Conv Relu If", true},
        // Of two products the one that nobody else reads.
        Form{"TheFirstOfTwoProducts", "fuse_matmul_add",
             "g (float[2, 2] x) => (float[2, 2] y, float[2, 2] z) <float[2, 2] v = {1, 2, 3, 4}, float[2, 2] w = {5, 6, 7, 8}>"
             " { a = MatMul(x, v) b = MatMul(x, w) y = Add(a, b) z = Relu(b) }",
             "MatMul Gemm Relu"}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Pads, Forms,
    ::testing::Values(
        Form{"OfAConvOfOpset6", "fuse_pad_into_conv",
             R"(<ir_version: 3, opset_import: ["" : 6]> g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y)
             <float[1, 1, 1, 1] w = {2}> { a = Pad<pads = [0, 0, 1, 1, 0, 0, 1, 1]>(x) y = Conv(a, w) })",
             "Conv"},
        Form{"OfAnAveragePoolOfOpset7", "fuse_pad_into_conv",
             R"(<ir_version: 3, opset_import: ["" : 7]> g (float[1, 1, 2, 2] x) => (float[1, 1, 3, 3] y)
             { a = Pad<pads = [0, 0, 1, 1, 0, 0, 1, 1]>(x) y = AveragePool<kernel_shape = [2, 2]>(a) })",
             "AveragePool"},
        Form{"OfAConvOfOneAxis", "fuse_pad_into_conv",
             "g (float[1, 1, 2] x) => (float[1, 1, 4] y) <int64[6] p = {0, 0, 1, 0, 0, 1}, float[1, 1, 1] w = {2}>"
             " { a = Pad(x, p) y = Conv(a, w) }",
             "Conv"}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Views, Forms,
    ::testing::Values(
        // The same axis, once from the end. Dead nodes are another pass' work.
        Form{"SlicesOfOneAxis", "compose_views",
             "g (float[2, 6] x) => (float[2, 2] y) <int64[1] one = {1}, int64[1] three = {3}, int64[1] five = {5},"
             " int64[1] last = {-1}> { a = Slice(x, one, five, one) y = Slice(a, one, three, last) }",
             "Slice Slice"},
        Form{"AFlattenOfAMatrix", "eliminate_identity_ops",
             "g (float[1, 1, 2, 2] x) => (float[1, 4] y) <float[1, 1, 1, 1] w = {2}, int64[2] s = {1, 4}>"
             " { a = Conv(x, w) b = Reshape(a, s) c = Flatten(b) y = Relu(c) }",
             "Conv Reshape Relu"},
        Form{"AClipOfConstantsWithoutALowerBound", "fold_constants",
             "g (float[2] x) => (float[2] y) <float[2] c = {1, 9}, float six = {6}> { a = Clip(c, , six) y = Add(x, a) }",
             "Add"}),
    Name);

}  // namespace
}  // namespace dsperse
