// Models and the operators that lowering for EZKL writes them in: it computes the same, and each can be proven.
#include <ostream>
#include <string>

#include "fold/lowering/lowerings.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FallingPrices;
using ::dsperse::testing::FindLowering;
using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;

struct Form {
  const char* name;
  const char* model;
  const char* ops;

  friend void PrintTo(const Form& c, std::ostream* out) { *out << c.model; }
};

std::string FormName(const ::testing::TestParamInfo<Form>& tested) { return tested.param.name; }

FoldOptions ForEzkl() {
  FoldOptions options = LoweringForJstprove();
  options.target = Target::Find("ezkl");
  return options;
}

class EzklForms : public ::testing::TestWithParam<Form> {};

TEST_P(EzklForms, AreProvable) {
  Graph graph = ParseGraph(GetParam().model);
  RunFold(graph, ForEzkl());
  EXPECT_EQ(Ops(graph), GetParam().ops);
  Facts facts(&graph);
  for (NodeId n : graph.AllNodes()) {
    EXPECT_EQ(Target::Find("ezkl")->WhyNot(graph, graph.node(n), facts), "") << graph.node(n).op_type();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Attributes, EzklForms,
    ::testing::Values(
        Form{"ConvWithoutStrides",
             "g (float[1,1,3,3] x) => (float[1,1,2,2] y) <float[1,1,2,2] w = {1, 2, 3, 4}> { y = Conv(x, w) }", "Conv"},
        Form{"ConvOverOneAxis", "g (float[1,1,4] x) => (float[1,1,3] y) <float[1,1,2] w = {1, 2}> { y = Conv(x, w) }",
             "Conv"},
        Form{"DilatedConvOverOneAxis",
             "g (float[1,1,4] x) => (float[1,1,2] y) <float[1,1,2] w = {1, 2}> { y = Conv<dilations = [2]>(x, w) }", "Conv"},
        Form{"GroupedConvWithoutStrides",
             "g (float[1,2,4] x) => (float[1,2,3] y) <float[2,1,2] w = {1, 2, 3, 4}> { y = Conv<group = 2>(x, w) }", "Conv"},
        Form{"MaxPoolWithoutStrides", "g (float[1,1,3,3] x) => (float[1,1,2,2] y) { y = MaxPool<kernel_shape = [2, 2]>(x) }",
             "MaxPool"},
        Form{"AveragePoolWithoutStrides",
             "g (float[1,1,3,3] x) => (float[1,1,2,2] y) { y = AveragePool<kernel_shape = [2, 2]>(x) }", "AveragePool"},
        Form{"ConvTransposeWithoutStrides",
             "g (float[1,1,2,2] x) => (float[1,1,3,3] y) <float[1,1,2,2] w = {1, 2, 3, 4}> { y = ConvTranspose(x, w) }",
             "ConvTranspose"},
        Form{"ConvTransposeToAShape",
             "g (float[1,1,3,3] x) => (float[1,1,6,5] y) <float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}> "
             "{ y = ConvTranspose<strides = [2, 2], output_shape = [6, 5]>(x, w) }",
             "ConvTranspose"},
        Form{"ConvTransposeToTheUpper",
             "g (float[1,1,3,3] x) => (float[1,1,6,6] y) <float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}> "
             "{ y = ConvTranspose<strides = [2, 2], auto_pad = \"SAME_UPPER\">(x, w) }",
             "ConvTranspose"},
        Form{"ConvTransposeToTheLower",
             "g (float[1,1,3,3] x) => (float[1,1,6,6] y) <float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}> "
             "{ y = ConvTranspose<strides = [2, 2], auto_pad = \"SAME_LOWER\">(x, w) }",
             "ConvTranspose"},
        Form{"ConvTransposeInGroups",
             "g (float[1,2,2] x) => (float[1,4,3] y) <float[2,2,2] w = {1, 2, 3, 4, 5, 6, 7, 8}, float[4] b = {1, 2, 3, 4}> "
             "{ y = ConvTranspose<group = 2>(x, w, b) }",
             "Split ConvTranspose ConvTranspose Concat"}),
    FormName);

INSTANTIATE_TEST_SUITE_P(
    Repeats, EzklForms,
    ::testing::Values(
        Form{"MaxWithATensor", "g (float[2,3] x) => (float[2,3] y) <float[3] c = {0.5, -1, 2}> { y = Max(x, c) }",
             "Neg Min Neg"},
        Form{"MaxWithATensorFirst", "g (float[3] x) => (float[2,3] y) <float[2,1] c = {0.5, -1}> { y = Max(c, x) }",
             "Neg Min Neg"},
        Form{"MaxWithOneNumber", "g (float[2,3] x) => (float[2,3] y) <float[3] c = {0.5, 0.5, 0.5}> { y = Max(x, c) }", "Max"},
        Form{"MaxWithOneNumberThatRepeats", "g (float[3] x) => (float[2,3] y) <float[2,1] c = {0.5, 0.5}> { y = Max(x, c) }",
             "Neg Min Neg"},
        Form{"PaddedMaxPool",
             "g (float[1,1,4,3] x) => (float[1,1,2,3] y) "
             "{ y = MaxPool<kernel_shape = [3, 2], strides = [2, 1], pads = [1, 0, 0, 1]>(x) }",
             "Slice Concat Slice Concat MaxPool"},
        Form{"PaddedMaxPoolOverOneAxis",
             "g (float[1,2,5] x) => (float[1,2,5] y) { y = MaxPool<kernel_shape = [5], strides = [1], pads = [2, 2]>(x) }",
             "Slice Slice Concat MaxPool"},
        Form{"MaxPoolToTheSameSize",
             "g (float[1,1,5,4] x) => (float[1,1,3,2] y) "
             "{ y = MaxPool<kernel_shape = [2, 2], strides = [2, 2], auto_pad = \"SAME_UPPER\">(x) }",
             "Slice Concat MaxPool"},
        Form{"MaxPoolOfAWindowMore",
             "g (float[1,1,4,7] x) => (float[1,1,2,4] y) "
             "{ y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [0, 1, 0, 0], ceil_mode = 1>(x) }",
             "Slice Concat Slice Slice Concat MaxPool"},
        Form{"PaddedMaxPoolBehindRelu",
             "g (float[1,1,4] x) => (float[1,1,4] y) "
             "{ r = Relu(x) y = MaxPool<kernel_shape = [3], strides = [1], pads = [1, 1]>(r) }",
             "Relu MaxPool"},
        Form{"OldPaddedMaxPool",
             "<ir_version: 4, opset_import: [\"\" : 9]> g (float[1,2,5] x) => (float[1,2,5] y) "
             "{ y = MaxPool<kernel_shape = [5], strides = [1], pads = [2, 2]>(x) }",
             "Slice Slice Concat MaxPool"},
        Form{"AveragePoolThatCountsNoPads",
             "g (float[1,2,5,4] x) => (float[1,2,3,4] y) "
             "{ y = AveragePool<kernel_shape = [3, 2], strides = [2, 1], pads = [1, 0, 1, 1]>(x) }",
             "AveragePool Mul"},
        Form{"AveragePoolToTheSameSize",
             "g (float[1,2,5] x) => (float[1,2,3] y) "
             "{ y = AveragePool<kernel_shape = [2], strides = [2], auto_pad = \"SAME_UPPER\">(x) }",
             "AveragePool Mul"},
        Form{"SoftmaxOverSeveralAxes",
             "<ir_version: 6, opset_import: [\"\" : 11]> g (float[2,3,2] x) => (float[2,3,2] y) { y = Softmax<axis = 1>(x) }",
             "Flatten Softmax Reshape"},
        Form{"Tiles", "g (float[2,3] x) => (float[4,9] y) <int64[2] r = {2, 3}> { y = Tile(x, r) }", "Concat Concat"},
        Form{"TilesOfOne", "g (float[1,3] x) => (float[4,3] y) <int64[2] r = {4, 1}> { y = Tile(x, r) }", "Tile"},
        Form{"ExpandByAxes", "g (float[2,1] x) => (float[3,4,2,5] y) <int64[4] s = {3, 4, 2, 5}> { y = Expand(x, s) }",
             "Unsqueeze Expand"},
        Form{"ResizeToSizes",
             "g (float[1,1,2,3] x) => (float[1,1,4,9] y) <int64[4] s = {1, 1, 4, 9}> { y = Resize(x, , , s) }", "Resize"},
        Form{"ResizeOfAxes",
             "<ir_version: 8, opset_import: [\"\" : 18]> g (float[1,1,2,3] x) => (float[1,1,4,3] y) <float[1] s = {2}> "
             "{ y = Resize<axes = [2], coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"floor\">(x, , s) }",
             "Resize"},
        Form{"BatchesOfMatMul", "g (float[2,1,3] x, float[1,3,2] z) => (float[2,1,2] y) { y = MatMul(x, z) }",
             "Expand MatMul"},
        Form{"BatchesOfMatMulOfMoreAxes",
             "g (float[2,2,1,3] x, float[1,3,2] z) => (float[2,2,1,2] y) { y = MatMul(x, z) }", "Unsqueeze Expand MatMul"},
        Form{"Pow", "g (float[2] x) => (float[2] y) <float n = {6}> { y = Pow(x, n) }", "Mul Mul Mul"},
        Form{"ClipWithoutAnUpperBound",
             "g (float[2] x) => (float[2] y) <float a = {0}, float b = {3.4028235e38}> { y = Clip(x, a, b) }", "Max"}),
    FormName);

// What no lowering changes for EZKL.
class EzklLeaves : public ::testing::TestWithParam<Form> {};

TEST_P(EzklLeaves, AsTheyAre) {
  Graph graph = ParseGraph(GetParam().model);
  EXPECT_FALSE(RunFold(graph, ForEzkl()).changed) << Ops(graph);
}

INSTANTIATE_TEST_SUITE_P(
    Models, EzklLeaves,
    ::testing::Values(
        Form{"AMask", "g (float[2] x) => (float[2] y) <float[2] c = {0, -1e9}> { y = Add(x, c) }", ""},
        Form{"MinWithATensor", "g (float[2] x) => (float[2] y) <float[2] c = {0, -1}> { y = Min(x, c) }", ""},
        Form{"MaxOfTwo", "g (float[2] x, float[2] z) => (float[2] y) { y = Max(x, z) }", ""},
        Form{"ConvWithAComputedBias",
             "g (float[1,1,3] x, float[1] b) => (float[1,1,2] y) <float[1,1,2] w = {1, 2}> "
             "{ y = Conv<kernel_shape = [2], strides = [1], dilations = [1], pads = [0, 0]>(x, w, b) }",
             ""},
        Form{"AveragePoolOfUnknownSize",
             "g (float[1,1,N] x) => (float[1,1,N] y) "
             "{ y = AveragePool<kernel_shape = [3], strides = [1], pads = [1, 1]>(x) }",
             ""},
        Form{"MaxPoolWithIndices",
             "g (float[1,1,4] x) => (float[1,1,4] y, int64[1,1,4] i) "
             "{ y, i = MaxPool<kernel_shape = [3], strides = [1], pads = [1, 1]>(x) }",
             ""},
        Form{"DilatedMaxPool",
             "g (float[1,1,6] x) => (float[1,1,4] y) { y = MaxPool<kernel_shape = [3], strides = [1], pads = [1, 1], "
             "dilations = [2]>(x) }",
             ""},
        Form{"MaxPoolOfUnknownSize",
             "g (float[1,1,N] x) => (float[1,1,N] y) { y = MaxPool<kernel_shape = [3], strides = [1], pads = [1, 1]>(x) }",
             ""},
        Form{"ResizeByAHalf",
             "g (float[1,1,4] x) => (float[1,1,2] y) <int64[3] s = {1, 1, 2}> { y = Resize(x, , , s) }", ""},
        Form{"ResizeOtherwise",
             "g (float[1,1,4] x) => (float[1,1,8] y) <int64[3] s = {1, 1, 8}> { y = Resize<nearest_mode = \"ceil\">(x, , , s) }",
             ""},
        Form{"ResizeByMoreThanItsSize",
             "g (float[1,1,2] x) => (float[1,1,4] y) <float[3] s = {1, 1, 2.3}> { y = Resize(x, , s) }", ""},
        Form{"ATileOfMany", "g (float[2] x) => (float[1024] y) <int64[1] r = {512}> { y = Tile(x, r) }", ""}),
    FormName);

// EZKL pads with zeros: those are no less than a Relu's result, but than what it reads.
TEST(EzklLoweringsTest, APaddedPoolStaysBehindItsRelu) {
  for (const char* pads : {"pads = [1, 1]", "auto_pad = \"SAME_UPPER\"", "pads = [0, 0]"}) {
    Graph graph = ParseGraph(std::string("g (float[1,1,6] x) => (y) { r = Relu(x) y = MaxPool<kernel_shape = [3], "
                                         "strides = [1], ") + pads + ">(r) }");
    PassContext context(&graph, {});
    context.target = Target::Find("ezkl");
    context.pricer = FallingPrices();
    const absl::StatusOr<bool> changed = FindLowering("lower_pool_order")->Run(graph, context);
    ASSERT_TRUE(changed.ok()) << changed.status();
    EXPECT_EQ(Ops(graph), std::string(pads) == "pads = [0, 0]" ? "MaxPool Relu" : "Relu MaxPool") << pads;
  }
}

TEST(EzklLoweringsTest, FormsOfJstproveAreNotListed) {
  for (const LoweringInfo& info : LoweringsFor(*Target::Find("ezkl"))) {
    for (absl::string_view other : {"lower_conv1d", "lower_max_bound", "lower_max_width", "lower_add_order", "lower_offset"}) {
      EXPECT_NE(info.pass->name(), other);
    }
  }
  for (const LoweringInfo& info : LoweringsFor(*Target::Find("jstprove"))) {
    for (absl::string_view other : {"lower_max_tensor", "lower_pool_edges", "lower_tile"}) {
      EXPECT_NE(info.pass->name(), other);
    }
  }
}

}  // namespace
}  // namespace dsperse
