// What the settings of EZKL 23.0.5 (before calibration) count for small models beside the shared ones, and what it
// refuses.
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "circuit_estimate/estimate_graph.h"
#include "fold/ops/target.h"
#include "gtest/gtest.h"
#include "tests/support/filled.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using testing::Filled;
using testing::ParseGraph;

GraphEstimate Estimate(const std::string& model) {
  const Graph graph = ParseGraph(model);
  const Backend* backend = FindBackend("ezkl_halo2");
  Facts facts(&graph);
  absl::StatusOr<GraphEstimate> estimate = EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
  EXPECT_TRUE(estimate.ok()) << estimate.status();
  return *std::move(estimate);
}

struct Settings {
  const char* name;
  std::string model;
  uint64_t assignments;
  uint64_t einsum_cells;
};

constexpr char kWindow[] = "kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1]";

TEST(EzklSettingsTest, CountsOfTheTool) {
  const std::string half = "float h = {0.5}";
  const std::string c4 = "float[1,4] c = {2.5, 3.5, 5.5, 6.5}";
  const std::string image = "g (float[1,4,4,4] x) => (float[1,4,4,4] y) <";
  const Settings settings[] = {
      {"batches of a product", "g (float[2,4,8] x, float[2,8,5] z) => (float[2,4,5] y) { y = MatMul(x, z) }", 4120,
       918},
      {"batches of odd sizes", "g (float[3,5,7] x, float[3,7,11] z) => (float[3,5,11] y) { y = MatMul(x, z) }", 14415,
       3456},
      {"heads", "g (float[2,3,4,8] x, float[2,3,8,5] z) => (float[2,3,4,5] y) { y = MatMul(x, z) }", 12360, 2958},
      {"batches of products of one term", "g (float[2,4,1] x, float[2,1,5] z) => (float[2,4,5] y) { y = MatMul(x, z) }",
       2860, 168},
      {"a product that is transposed",
       "g (float[3,5,7] x, float[3,7,11] z) => (float[5,3,11] y) { t = MatMul(x, z) y = Transpose<perm=[1,0,2]>(t) }",
       14415, 968},
      {"a product that is transposed behind a Relu",
       "g (float[3,5,7] x, float[3,7,11] z) => (float[5,3,11] y) "
       "{ t = MatMul(x, z) r = Relu(t) y = Transpose<perm=[1,0,2]>(r) }",
       17055, 968},
      {"a root as a power", absl::StrCat("g (float[2,4] x) => (float[2,4] y) <", half, "> { y = Pow(x, h) }"), 1080, 0},
      {"function of a finer scale",
       absl::StrCat("g (float[1,4] x) => (float[1,4] y) <", half, "> { a = Mul(x, h) y = Sigmoid(a) }"), 316, 0},
      {"mean of a finer scale",
       absl::StrCat("g (float[2,4] x) => (float[2,1] y) <", half, "> { a = Mul(x, h) y = ReduceMean<axes=[1]>(a) }"),
       232, 0},
      {"mean of one element", "g (float[3,1] x) => (float[3,1] y) { y = ReduceMean<axes=[1]>(x) }", 93, 0},
      {"divisor of a finer scale",
       absl::StrCat("g (float[1,4] x) => (float[1,4] y) <", half, "> { a = Mul(x, h) y = Div(x, a) }"), 980, 0},
      {"a smaller operand of a lower scale",
       absl::StrCat("g (float[1,6] x, float[1,1] z) => (float[1,6] y) <", half, "> { a = Mul(x, h) y = Add(a, z) }"),
       486, 0},
      {"comparison with zero", "g (float[1,6] x) => (float[1,6] y) <float z = {0.0}> { y = Max(x, z) }", 282, 0},
      {"leaky by nothing", "g (float[1,6] x) => (float[1,6] y) { y = LeakyRelu<alpha=0.0>(x) }", 282, 0},
      {"product with one",
       absl::StrCat("g (float[1,6] x) => (float[1,6] y) <", Filled("c", {1, 6}, 1.0), "> { y = Mul(x, c) }"), 186, 0},
      {"sum with zero", "g (float[1,6] x) => (float[1,6] y) <float c = {0.0}> { y = Add(c, x) }", 186, 0},
      {"slice over two axes",
       "g (float[1,4,6] x) => (float[1,2,2] y) <int64[2] s = {0, 0}, int64[2] e = {2, 2}, int64[2] a "
       "= {1, 2}> { y = Slice(x, s, e, a) }",
       360, 0},
      {"slice of everything",
       "g (float[1,4,6] x) => (float[1,4,6] y) <int64[1] s = {0}, int64[1] e = {6}, int64[1] a = "
       "{2}> { y = Slice(x, s, e, a) }",
       744, 0},
      {"split of which one part is read",
       "g (float[1,4,4] x) => (float[1,1,4] y) <int64[2] s = {1, 3}> { y, z = Split<axis=1>(x, s) }", 260, 0},
      {"alpha",
       absl::StrCat("g (float[4,6] x) => (float[4,3] y) <", Filled("w", {6, 3}, 0.5), ", ", Filled("c", {3}, 0.5),
                    "> { y = Gemm<alpha=0.3>(x, w, c) }"),
       1620, 78},
      {"alpha, a power of two, without C",
       absl::StrCat("g (float[4,6] x) => (float[4,3] y) <", Filled("w", {6, 3}, 0.5),
                    "> { y = Gemm<alpha=0.5>(x, w) }"),
       1056, 78},
      {"beta of a computed C",
       absl::StrCat("g (float[4,6] x, float[3] c) => (float[4,3] y) <", Filled("w", {6, 3}, 0.5),
                    "> { y = Gemm<beta=0.5>(x, w, c) }"),
       1654, 78},
      {"C of zeros",
       absl::StrCat("g (float[4,6] x) => (float[4,3] y) <", Filled("w", {6, 3}, 0.5), ", ", Filled("c", {3}, 0.0),
                    "> { y = Gemm(x, w, c) }"),
       1044, 78},
      {"whole exponent", "g (float[1,5] x) => (float[1,5] y) <int64 e = {2}> { y = Pow(x, e) }", 401, 0},
      {"normalization without a bias",
       absl::StrCat("g (float[2,7] x) => (float[2,7] y) <", Filled("s", {7}, 0.5),
                    "> { y = LayerNormalization(x, s) }"),
       2538, 0},
      {"normalization by a factor of one",
       absl::StrCat("g (float[2,7] x) => (float[2,7] y) <", Filled("s", {7}, 1.0), ", ", Filled("b", {7}, 0.5),
                    "> { y = LayerNormalization(x, s, b) }"),
       1894, 0},
      {"normalizations of the same constants",
       absl::StrCat("g (float[2,7] x) => (float[2,7] y) <", Filled("s", {7}, 0.5), ", ", Filled("b", {7}, 0.25),
                    "> { t = LayerNormalization(x, s, b) y = LayerNormalization(t, s, b) }"),
       4690, 0},
      {"normalization of a finer scale",
       absl::StrCat("g (float[1,4] x) => (float[1,4] y) <", half, ", ", Filled("s", {4}, 0.5), ", ",
                    Filled("b", {4}, 0.25), "> { t = Mul(x, h) y = LayerNormalization(t, s, b) }"),
       1082, 0},
      {"weights of two Convs",
       absl::StrCat(image, Filled("w", {4, 4, 3, 3}, 0.25), "> { t = Conv<", kWindow, ">(x, w) y = Conv<", kWindow,
                    ">(t, w) }"),
       13170, 0},
      {"two Convs without a bias",
       absl::StrCat(image, Filled("w", {4, 4, 3, 3}, 0.25), ", ", Filled("v", {4, 4, 3, 3}, 0.5), "> { t = Conv<",
                    kWindow, ">(x, w) y = Conv<", kWindow, ">(t, v) }"),
       13026, 0},
      {"weights of two MatMuls",
       absl::StrCat("g (float[4,4] x) => (float[4,4] y) <", Filled("w", {4, 4}, 0.5),
                    "> { t = MatMul(x, w) y = MatMul(t, w) }"),
       1984, 120},
      {"constants of two BatchNormalizations",
       absl::StrCat("g (float[1,3,4,4] x) => (float[1,3,4,4] y) <", Filled("p", {3}, 0.5),
                    "> { t = BatchNormalization(x, p, p, p, p) r = Relu(t) y = BatchNormalization(r, p, p, p, p) }"),
       6872, 0},
      {"one number for all channels",
       absl::StrCat(image, Filled("w", {4, 4, 3, 3}, 0.25), ", float q = {0.7}> { t = Conv<", kWindow,
                    ">(x, w) y = Mul(t, q) }"),
       10512, 0},
      {"what is dropped between Conv and BatchNormalization",
       absl::StrCat(image, Filled("w", {4, 4, 3, 3}, 0.25), ", ", Filled("p", {4}, 0.5), "> { t = Conv<", kWindow,
                    ">(x, w) i = Identity(t) y = BatchNormalization(i, p, p, p, p) }"),
       7504, 0},
      {"nodes that nobody reads", "g (float[1,6] x) => (float[1,6] y) { y = Relu(x) q = Sigmoid(x) p = Add(q, x) }",
       282, 0},
      {"Conv over one axis",
       absl::StrCat("g (float[1,3,8] x) => (float[1,4,8] y) <", Filled("w", {4, 3, 3}, 0.5), ", ",
                    Filled("b", {4}, 0.5), "> { y = Conv<kernel_shape=[3], strides=[1], pads=[1,1]>(x, w, b) }"),
       2804, 0},
      {"Conv over three axes",
       absl::StrCat("g (float[1,3,4,4,4] x) => (float[1,4,2,2,2] y) <", Filled("w", {4, 3, 1, 1, 1}, 0.5),
                    "> { y = Conv<kernel_shape=[1,1,1], strides=[2,2,2]>(x, w) }"),
       4400, 122},
      {"ConvTranspose of the same size",
       absl::StrCat("g (float[1,1,4,4] x) => (float[1,1,8,8] y) <", Filled("w", {1, 1, 3, 3}, 0.5),
                    "> { y = ConvTranspose<kernel_shape=[3,3], strides=[2,2], auto_pad=\"SAME_UPPER\">(x, w) }"),
       5316, 0},
      {"quotient and sum",
       absl::StrCat("g (float[1,4] x) => (float[1,4] y) <", c4, "> { t = Div(x, c) y = Add(t, c) }"), 316, 0},
      {"constants of Concats",
       absl::StrCat("g (float[1,4] x) => (float[1,12] y) <", c4,
                    "> { t = Concat<axis=1>(x, c) y = Concat<axis=1>(t, c) }"),
       296, 0},
  };
  for (const Settings& known : settings) {
    SCOPED_TRACE(known.name);
    const GraphEstimate estimate = Estimate(known.model);
    EXPECT_TRUE(estimate.unsupported.empty());
    EXPECT_TRUE(estimate.IsExact("total_assignments"));
    EXPECT_EQ(estimate.TotalOf("total_assignments"), known.assignments);
    EXPECT_EQ(estimate.TotalOf("total_einsum_col_size"), known.einsum_cells);
  }
}

TEST(EzklSettingsTest, WhatTheToolRefusesHasNoPrice) {
  const std::pair<std::string, const char*> refused[] = {
      {"g (float[1,3,8,8] x) => (float[1,3,6,6] y) { y = MaxPool<kernel_shape=[2,2], strides=[1,1], "
       "dilations=[2,2]>(x) }",
       "MaxPool with dilation above 1"},
      {"g (float[1,3,8,8] x) => (float[1,3,7,7] y) { y = MaxPool<kernel_shape=[2,2]>(x) }", "MaxPool without strides"},
      {absl::StrCat("g (float[1,1,8,8] x) => (float[1,1,6,6] y) <", Filled("w", {1, 1, 3, 3}, 0.5),
                    "> { y = Conv<kernel_shape=[3,3]>(x, w) }"),
       "Conv without strides"},
      {"g (float[1,3,7,7] x) => (float[1,3,4,4] y) { y = MaxPool<kernel_shape=[2,2], strides=[2,2], "
       "ceil_mode=1>(x) }",
       "ceil_mode that adds windows"},
      {absl::StrCat("g (float[1,2,4,4] x) => (float[1,2,6,6] y) <", Filled("w", {2, 1, 3, 3}, 0.5),
                    "> { y = ConvTranspose<kernel_shape=[3,3], strides=[1,1], group=2>(x, w) }"),
       "ConvTranspose with group > 1"},
      {"g (float[1,2,4,4] x) => (float[1,2,6,6] y) <int64[8] p = {0,0,1,1,0,0,1,1}, float v = {1.0}> "
       "{ y = Pad(x, p, v) }",
       "Pad by other than zeros"},
      {"g (float[1,2,4,4] x) => (float[1,2,6,6] y) <int64[8] p = {0,0,1,1,0,0,1,1}> { y = "
       "Pad<mode=\"edge\">(x, p) }",
       "Pad by other than a constant"},
      {"g (float[1,4] x) => (float[1,4] y) <float[1,4] c = {1.0, 2.0, 3.0, 4.0}> { y = Max(x, c) }",
       "Max with a constant of several elements"},
      {"g (float[2,4] x) => (float[6,4] y) <int64[2] r = {3, 1}> { y = Tile(x, r) }", "Tile of an axis"},
      {"g (float[1,2,4,4] x) => (float[1,2,8,8] y) <float[4] s = {1.0, 1.0, 2.0, 2.0}> { y = "
       "Resize<mode=\"linear\">(x, , s) }",
       "Resize other than nearest"},
      {absl::StrCat("g (float[8] x) => (float y) <", Filled("w", {8}, 0.5), "> { y = MatMul(x, w) }"), "two vectors"},
      {"g (float[2,4,8] x, float[1,8,5] z) => (float[2,4,5] y) { y = MatMul(x, z) }", "batches of other sizes"},
      {"g (float[1,4,4] x) => (float[1,4,4] y) { i = Cast<to=7>(x) y = Cast<to=1>(i) }", "a Cast between"},
      {"g (float[1,2,4,4] x) => (float[1,2,8,8] y) <int64[4] s = {1, 2, 8, 8}> { y = Resize(x, , , s) }",
       "Resize to sizes"},
      {"g (float[1,1,4,4] x) => (float[1,1,6,6] y) <float[4] s = {1.0, 1.0, 1.5, 1.5}> { y = Resize(x, , s) }",
       "Resize by other than whole scales"},
      {"g (float[1,1,4,4] x, float[1] b) => (float[1,1,3,3] y) <float[1,1,2,2] w = {1, 2, 3, 4}> "
       "{ y = Conv<strides=[1,1]>(x, w, b) }",
       "a computed bias"},
      {"g (float[1,1,3,3] x) => (float[1,1,9,9] y) <float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}> "
       "{ y = ConvTranspose<strides=[3,3]>(x, w) }",
       "a stride above 2"},
      {"g (float[1,1,3,3] x) => (float[1,1,6,6] y) <float[1,1,2,2] w = {1, 2, 3, 4}> "
       "{ y = ConvTranspose<strides=[2,2], output_shape=[6,6]>(x, w) }",
       "an output_shape"},
      {"g (float[1,1,3,3] x) => (float[1,1,7,7] y) <float[1,1,2,2] w = {1, 2, 3, 4}> "
       "{ y = ConvTranspose<strides=[2,2], output_padding=[1,1]>(x, w) }",
       "an output_padding beyond its pads"},
      {"g (float[1,2,3] x) => (float[2,2,1] y) <float[2,3,1] w = {1, 2, 3, 4, 5, 6}> { y = MatMul(x, w) }",
       "batches of other sizes"},
      {"g (float[4] x) => (float[3,4] y) <int64[2] s = {3, 4}> { y = Expand(x, s) }", "an Expand that adds axes"},
  };
  for (const auto& [model, reason] : refused) {
    SCOPED_TRACE(model);
    const GraphEstimate estimate = Estimate(model);
    ASSERT_FALSE(estimate.unsupported.empty());
    EXPECT_TRUE(absl::StrContains(estimate.unsupported[0].reason, reason)) << estimate.unsupported[0].reason;
    EXPECT_FALSE(estimate.IsExact("total_assignments"));
    // And the target knows.
    const Graph graph = ParseGraph(model);
    Facts facts(&graph);
    bool proven = true;
    for (NodeId n : graph.AllNodes()) proven &= Target::Find("ezkl")->Proves(graph, graph.node(n), facts);
    EXPECT_FALSE(proven);
  }
}

// The importer merges, moves and copies nodes in ways that no formula follows: no such number is called exact.
TEST(EzklSettingsTest, WhatTheImporterRewritesIsApproximate) {
  const std::string models[] = {
      "g (float[1,6] x) => (float[1,6] y) { a = Relu(x) b = Relu(x) y = Add(a, b) }",
      "g (float[1,4] x) => (float[1,2] y) <int64[1] s = {0}, int64[1] e = {2}, int64[1] a = {1}> "
      "{ t = Relu(x) y = Slice(t, s, e, a) }",
      absl::StrCat("g (float[1,4,4,4] x) => (float[1,4,4,4] y, float[1,4,4,4] t) <", Filled("w", {4, 4, 3, 3}, 0.25),
                   ", ", Filled("p", {4}, 0.5), "> { t = Conv<", kWindow,
                   ">(x, w) y = BatchNormalization(t, p, p, p, p) }"),
      absl::StrCat("g (float[2,2,5] x) => (float[2,2,5] y) <", Filled("p", {2}, 0.5),
                   "> { y = InstanceNormalization(x, p, p) }"),
      "g (float[1,3,8,8] x) => (float[1,3,4,4] y) { y = MaxPool<kernel_shape=[1,1], strides=[2,2]>(x) }",
      "g (float[4,1] x) => (float[4,1] y) { y = Softmax(x) }",
      "g (float[1,6] x) => (float[1,6] y) <float c = {0.0}> { y = Mul(x, c) }",
  };
  for (const std::string& model : models) {
    SCOPED_TRACE(model);
    const GraphEstimate estimate = Estimate(model);
    EXPECT_TRUE(estimate.unsupported.empty());
    EXPECT_FALSE(estimate.IsExact("total_assignments"));
  }
}

}  // namespace
}  // namespace dsperse
