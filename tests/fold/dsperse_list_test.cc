// `--passes dsperse`: what DSperse 3.9.10's own folding does, for comparison. Beside Constant nodes only does it
// fold BatchNormalization.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;

std::string OpsAfter(absl::string_view text, absl::string_view passes = "dsperse") {
  Graph graph = ParseGraph(text);
  FoldOptions options;
  options.passes = std::string(passes);
  // A second run sees no Constant node any more, but has nothing left to fold either.
  RunFold(graph, options);
  return Ops(graph);
}

constexpr char kConvBatchNorm[] =
    "g (float[1, 1, 2, 2] x) => (float[1, 2, 2, 2] z) <float[2, 1, 1, 1] w = {1, 2}, float[2] p = {1, 2}> {";

TEST(DsperseList, FoldsBatchNormalizationOnlyBesideAConstantNode) {
  EXPECT_EQ(OpsAfter(absl::StrCat(kConvBatchNorm, "y = Conv(x, w) z = BatchNormalization(y, p, p, p, p) }")),
            "Conv BatchNormalization");
  EXPECT_EQ(OpsAfter(absl::StrCat(kConvBatchNorm,
                                  "c = Constant<value_float = 2.0>() y = Conv(x, w)"
                                  " b = BatchNormalization(y, p, p, p, p) z = Mul(b, c) }")),
            "Conv Mul");
  // The Constant node may be anywhere, a body included; also an unread one counts.
  EXPECT_EQ(OpsAfter(absl::StrCat(kConvBatchNorm,
                                  "c = Constant<value_float = 1.0>() y = Conv(x, w) z = BatchNormalization(y, p, p, p, p) }")),
            "Conv");
}

TEST(DsperseList, RemovesIdentitiesDeadNodesAndComputesConstants) {
  EXPECT_EQ(OpsAfter("g (float[2, 6] x) => (float[2, 2, 3] y) <int64[1] a = {2}, int64[2] b = {2, 3}>"
                     " { i = Identity(x) d = Exp(i) s = Concat<axis = 0>(a, b) y = Reshape(i, s) }"),
            "Reshape");
  EXPECT_EQ(OpsAfter("g (float[2, 6] x) => (float[12] y) <int64[1] m = {-1}>"
                     " { s = Shape(x) p = ReduceProd<keepdims = 1>(s) n = Neg(x) y = Reshape(n, p) }"),
            "Neg Reshape");
}

TEST(DsperseList, LeavesWhatOnlyOursFolds) {
  // Arithmetic beside a Conv, Transposes, chains of views, padding, equal nodes.
  const std::string ours[][2] = {
      {absl::StrCat(kConvBatchNorm, "y = Conv(x, w) k = Constant<value_float = 2.0>() z = Mul(y, k) }"), "Conv Mul"},
      {"g (float[2, 3] x) => (float[2, 3] y) { a = Transpose(x) b = Relu(a) y = Transpose(b) }",
       "Transpose Relu Transpose"},
      {"g (float[2, 6] x) => (float[3, 4] y) <int64[2] s = {3, 4}> { a = Flatten<axis = 0>(x) y = Reshape(a, s) }",
       "Flatten Reshape"},
      {"g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y)"
       " <float[1, 1, 1, 1] w = {2}, int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}> { a = Pad(x, p) y = Conv(a, w) }",
       "Pad Conv"},
      {"g (float[2] x) => (float[2] y) { a = Exp(x) b = Exp(x) y = Add(a, b) }", "Exp Exp Add"}};
  for (const auto& [text, ops] : ours) {
    EXPECT_EQ(OpsAfter(text), ops) << text;
    EXPECT_NE(OpsAfter(text, "default"), ops) << text;
  }
}

}  // namespace
}  // namespace dsperse
