#include "fold/lowering/lowerings.h"

#include <memory>
#include <string>
#include <vector>

#include "fold/fold_model.h"
#include "fold/ops/target.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ConstantInput;
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Every node but data movement costs its result's elements; GlobalAveragePool is dear.
class ElementPricer : public RangePricer {
 public:
  ElementPricer(const Graph* graph, Facts* facts) : graph_(graph), facts_(facts) {}
  void Begin() override { price_ = {}; }
  RangePrice Extend(NodeId node) override {
    const NodeView view = graph_->node(node);
    const int64_t n = facts_->ShapeOf(view.output(0)).NumElements().value_or(0);
    if (view.Is("Reshape") || view.Is("Slice")) return price_;
    price_.price += static_cast<uint64_t>(view.Is("GlobalAveragePool") ? 10 * n : n);
    return price_;
  }
  SlicePrices slice_prices() const override { return {}; }
  absl::string_view unit() const override { return "elements"; }

 private:
  const Graph* graph_;
  Facts* facts_;
  RangePrice price_;
};

FoldOptions Lowering(bool exact = false) {
  FoldOptions options = dsperse::testing::LoweringForJstprove(exact);
  options.pricer = [](const Graph& graph, Facts& facts) {
    return std::make_unique<ElementPricer>(&graph, &facts);
  };
  return options;
}

// Every node but data movement is proven by the target.
void ExpectProven(const Graph& graph) {
  Facts facts(&graph);
  const Target* target = Target::Find("jstprove");
  for (NodeId n : graph.AllNodes()) {
    EXPECT_EQ(target->WhyNot(graph, graph.node(n), facts), "") << graph.node(n).op_type();
  }
}

std::vector<std::string> Misses(const FoldReport& report) {
  std::vector<std::string> out;
  for (const Remark& r : report.remarks) {
    if (r.kind == Remark::Kind::kMissed) out.push_back(r.text);
  }
  return out;
}

struct Case {
  const char* name;
  const char* text;
  const char* ops;
};

class LoweringCases : public ::testing::TestWithParam<Case> {};

TEST_P(LoweringCases, BecomesProvableAndKeepsItsMeaning) {
  Graph graph = ParseGraph(GetParam().text);
  RunFold(graph, Lowering());
  EXPECT_EQ(Ops(graph), GetParam().ops);
  ExpectProven(graph);
}

INSTANTIATE_TEST_SUITE_P(
    All, LoweringCases,
    ::testing::Values(
        Case{"Relu", "g (float[2,3] x) => (float[2,3] y) { y = Relu(x) }", "Max"},
        Case{"Abs", "g (float[2,3] x) => (float[2,3] y) { y = Abs(x) }", "Neg Max"},
        Case{"PRelu",
             "g (float[2,3] x) => (float[2,3] y) <float[3] s = {0.1, 0.2, 0.3}> { y = PRelu(x, s) }",
             "Max Min Reshape Slice Conv Reshape Mul Add"},
        Case{"HardSigmoid", "g (float[4] x) => (float[4] y) { y = HardSigmoid <alpha = 0.3> (x) }",
             "Reshape Conv Reshape Max Reshape Slice Conv Reshape Sub Add Min"},
        Case{"Gelu", "<ir_version: 9, opset_import: [\"\" : 20]> g (float[4] x) => (float[4] y) { y = Gelu(x) }",
             "Reshape Conv Reshape Erf Reshape Slice Conv Reshape Add Div Mul"},
        Case{"GeluTanh",
             "<ir_version: 9, opset_import: [\"\" : 20]> g (float[4] x) => (float[4] y) { y = Gelu <approximate = \"tanh\"> (x) }",
             "Gelu"},
        Case{"DivSmall", "g (float[2] x) => (float[2] y) <float c = {0.25}> { y = Div(x, c) }", "Reshape Conv Reshape"},
        Case{"MaxOfThree", "g (float[2] a, float[2] b, float[2] c) => (float[2] y) { y = Max(a, b, c) }",
             "Sub Add Max Sub Add Max"},
        Case{"Sum", "g (float[2] a, float[2] b) => (float[2] y) { y = Sum(a, b) }", "Add"},
        Case{"BatchNorm",
             "g (float[1,2,2,2] x) => (float[1,2,2,2] y) <float[2] s = {1, 2}, float[2] b = {0.5, -1}, "
             "float[2] m = {0.25, 0.5}, float[2] v = {1, 4}> { y = BatchNormalization(x, s, b, m, v) }",
             "Split Conv Conv Concat Slice Conv Add"},
        Case{"ConvAttributes",
             "g (float[1,1,3,3] x) => (float[1,1,2,2] y) <float[1,1,2,2] w = {1, 2, 3, 4}> { y = Conv(x, w) }",
             "Conv"},
        Case{"ConvSameUpper",
             "g (float[1,1,3,3] x) => (float[1,1,2,2] y) <float[1,1,2,2] w = {1, 2, 3, 4}> "
             "{ y = Conv <auto_pad = \"SAME_UPPER\", strides = [2, 2]> (x, w) }",
             "Conv"},
        Case{"Conv1d",
             "g (float[1,1,5] x) => (float[1,1,5] y) <float[1,1,3] w = {1, 2, 3}, float[1] b = {0.5}> "
             "{ y = Conv <pads = [1, 1]> (x, w, b) }",
             "Unsqueeze Conv Squeeze"},
        Case{"DilatedConv",
             "g (float[1,1,5,5] x) => (float[1,1,3,3] y) <float[1,1,2,2] w = {1, 2, 3, 4}> "
             "{ y = Conv <dilations = [2, 2]> (x, w) }",
             "Conv"},
        Case{"DepthwiseConv",
             "g (float[1,3,2,2] x) => (float[1,3,2,2] y) <float[3,1,1,1] w = {1, 2, 3}, float[3] b = {4, 5, 6}> "
             "{ y = Conv <group = 3> (x, w, b) }",
             "Split Conv Conv Conv Concat"},
        Case{"GemmWithoutC",
             "g (float[2,2] x) => (float[2,3] y) <float[2,3] w = {1, 2, 3, 4, 5, 6}> { y = Gemm(x, w) }",
             "Gemm"},
        Case{"GemmFactors",
             "g (float[2,2] x) => (float[2,3] y) <float[2,3] w = {1, 2, 3, 4, 5, 6}, float[3] c = {1, 2, 3}> "
             "{ y = Gemm <alpha = 0.5, beta = 2.0> (x, w, c) }",
             "Gemm"},
        Case{"AveragePoolTiles",
             "g (float[1,2,4,4] x) => (float[1,2,2,2] y) { y = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (x) }",
             "Slice Slice Add Slice Add Slice Add Div"},
        Case{"AveragePoolOfLargeTiles",
             "g (float[1,1,10,25] x) => (float[1,1,2,5] y) { y = AveragePool <kernel_shape = [5, 5], strides = [5, 5]> (x) }",
             "Reshape ReduceSum ReduceSum Div"},
        Case{"AveragePoolOfLargeTilesBelowEachOther",
             "g (float[1,1,10,5] x) => (float[1,1,2,1] y) { y = AveragePool <kernel_shape = [5, 5], strides = [5, 5]> (x) }",
             "Conv"},
        Case{"AveragePoolOfTheWholeImage",
             "g (float[1,2,3,3] x) => (float[1,2,1,1] y) { y = AveragePool <kernel_shape = [3, 3]> (x) }",
             "ReduceSum ReduceSum Unsqueeze Div"},
        Case{"AveragePoolOverlaps",
             "g (float[1,2,3,3] x) => (float[1,2,2,2] y) { y = AveragePool <kernel_shape = [2, 2]> (x) }",
             "Split Conv Conv Concat"},
        Case{"GlobalMaxPool", "g (float[1,2,3,3] x) => (float[1,2,1,1] y) { y = GlobalMaxPool(x) }", "MaxPool"},
        Case{"GlobalAveragePool", "g (float[1,2,3,3] x) => (float[1,2,1,1] y) { y = GlobalAveragePool(x) }",
             "ReduceSum ReduceSum Unsqueeze Div"},
        Case{"ReduceMeanOfAll", "g (float[2,3] x) => (float[1,1] y) { y = ReduceMean(x) }",
             "ReduceSum ReduceSum Unsqueeze Div"},
        Case{"ReduceSumOfAnImage",
             "g (float[1,2,2,3] x) => (float[1,2] y) { y = ReduceSum <axes = [-1, 2], keepdims = 0> (x) }",
             "ReduceSum ReduceSum"},
        Case{"ReduceSumOfAnImageThatKeepsItsRank",
             "<ir_version: 8, opset_import: [\"\" : 13]> g (float[1,2,3,2] x) => (float[1,2,1,1] y) "
             "<int64[2] a = {2, 3}> { y = ReduceSum(x, a) }",
             "ReduceSum ReduceSum Unsqueeze"},
        Case{"ReduceSumOfFew", "g (float[2,3] x) => (float[1,3] y) { y = ReduceSum <axes = [0]> (x) }", "ReduceSum"},
        Case{"ReduceMeanNegativeAxis",
             "g (float[2,3] x) => (float[2] y) { y = ReduceMean <axes = [-1], keepdims = 0> (x) }", "ReduceSum Div"},
        Case{"PowThree", "g (float[4] x) => (float[4] y) <float c = {3}> { y = Pow(x, c) }", "Mul Mul"},
        Case{"TimesMinusOne", "g (float[4] x) => (float[4] y) <float c = {-1}> { y = Mul(x, c) }", "Neg"},
        Case{"TimesTwo", "g (float[4] x) => (float[4] y) <float c = {2}> { y = Mul(c, x) }", "Add"},
        Case{"TimesAnEighth", "g (float[4] x) => (float[4] y) <float c = {0.125}> { y = Mul(x, c) }", "Div"},
        Case{"TimesAFifth", "g (float[4] x) => (float[4] y) <float c = {0.2}> { y = Mul(x, c) }", "Div"},
        Case{"TimesANumberPlusANumber",
             "g (float[2,2] x) => (float[2,2] y) <float c = {0.3}, float d = {1.5}> { a = Mul(x, c)  y = Sub(a, d) }",
             "Reshape Conv Reshape"},
        Case{"TimesChannels",
             "g (float[1,2,2,2] x) => (float[1,2,2,2] y) <float[2,1,1] c = {0.3, 0.7}> { y = Mul(x, c) }",
             "Split Conv Conv Concat"},
        Case{"TimesElements",
             "g (float[2,2] x) => (float[2,2] y) <float[2,2] c = {0.3, 0.7, 1, 2}> { y = Mul(c, x) }",
             "Reshape Slice Conv Reshape Mul"},
        Case{"TimesAHigherRank",
             "g (float[2] x) => (float[1,2] y) <float[1,1] c = {0.3}> { y = Mul(x, c) }",
             "Reshape Slice Conv Reshape Expand Mul"},
        Case{"TimesANumberOnAnImage",
             "g (float[1,2,2,2] x) => (float[1,2,2,2] y) <float c = {0.3}> { y = Mul(x, c) }", "Slice Conv Mul"},
        Case{"ClipOfAnImage",
             "g (float[1,2,2,2] x) => (float[1,2,2,2] y) <float a = {0}, float b = {6}> { y = Clip(x, a, b) }",
             "Max Slice Conv Sub Add Min"},
        Case{"PlusElements", "g (float[2] x) => (float[2] y) <float[2] c = {1, 2}> { y = Add(c, x) }",
             "Reshape Slice Conv Reshape Add"},
        Case{"ConstantMinus", "g (float[2] x) => (float[2] y) <float c = {1}> { y = Sub(c, x) }",
             "Reshape Slice Conv Reshape Neg Add"},
        Case{"MaxOfAConstant", "g (float[2] x) => (float[2] y) <float c = {0.5}> { y = Max(x, c) }",
             "Reshape Slice Conv Reshape Sub Add Max"},
        Case{"ClipSix", "g (float[2] x) => (float[2] y) <float a = {0}, float b = {6}> { y = Clip(x, a, b) }",
             "Max Reshape Slice Conv Reshape Sub Add Min"},
        Case{"ClipZero", "g (float[2] x) => (float[2] y) <float a = {0}> { y = Clip(x, a) }", "Clip"},
        Case{"ConcatOfFeatures",
             "g (float[2,3] a, float[2,1] b) => (float[2,4] y) { y = Concat <axis = 1> (a, b) }",
             "Transpose Transpose Concat Transpose"},
        Case{"ConcatOfRankThree",
             "g (float[1,2,3] a, float[1,2,2] b) => (float[1,2,5] y) { y = Concat <axis = -1> (a, b) }",
             "Transpose Transpose Concat Transpose"},
        Case{"ConcatOfChannels",
             "g (float[1,2,3] a, float[1,1,3] b) => (float[1,3,3] y) { y = Concat <axis = 1> (a, b) }", "Concat"},
        Case{"ConcatOfAConstant",
             "g (float[1,2] x) => (float[1,4] y) <float[1,2] c = {1, 2}> { y = Concat <axis = 1> (c, x) }",
             "Reshape Slice Conv Reshape Concat"},
        Case{"MatMulAdd",
             "g (float[2,2] x) => (float[2,3] y) <float[2,3] w = {1, 2, 3, 4, 5, 6}, float[3] c = {1, 2, 3}> "
             "{ a = MatMul(x, w)  y = Add(c, a) }",
             "Gemm"},
        Case{"MatMulAddOfASequence",
             "g (float[1,2,2] x) => (float[1,2,3] y) <float[2,3] w = {1, 2, 3, 4, 5, 6}, float[3] c = {1, 2, 3}> "
             "{ a = MatMul(x, w)  y = Add(a, c) }",
             "Reshape Gemm Reshape"},
        Case{"MatMulOfRankFour",
             "g (float[1,1,2,2] x) => (float[1,1,2,3] y) <float[2,3] w = {1, 2, 3, 4, 5, 6}> { y = MatMul(x, w) }",
             "Reshape Gemm Reshape"},
        Case{"PoolBeforeRelu",
             "g (float[1,1,4,4] x) => (float[1,1,2,2] y) { a = Relu(x)  y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (a) }",
             "MaxPool Max"}),
    [](const ::testing::TestParamInfo<Case>& param) { return std::string(param.param.name); });

TEST(LoweringsTest, NothingHappensWithoutATarget) {
  Graph graph = ParseGraph("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  FoldOptions options = Lowering();
  options.target = nullptr;
  EXPECT_FALSE(RunFold(graph, options).changed);
}

TEST(LoweringsTest, EzklKeepsItsRelu) {
  Graph graph = ParseGraph("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  FoldOptions options = Lowering();
  options.target = Target::Find("ezkl");
  EXPECT_FALSE(RunFold(graph, options).changed);
}

TEST(LoweringsTest, AnApproximateGeluIsSpeltOutForEzklAlone) {
  constexpr char kModel[] = "<ir_version: 9, opset_import: [\"\" : 20]> g (float[4] x) => (float[4] y)"
                            " { y = Gelu <approximate = \"tanh\"> (x) }";
  FoldOptions options = Lowering();
  options.target = Target::Find("ezkl");
  Graph graph = ParseGraph(kModel);
  RunFold(graph, options);
  EXPECT_EQ(Ops(graph), "Mul Mul Mul Add Mul Tanh Add Mul Mul");
  Graph kept = ParseGraph(kModel);
  EXPECT_FALSE(RunFold(kept, Lowering()).changed);
}

TEST(LoweringsTest, ReluDeclinesWhereMaxDoesNotBroadcast) {
  Graph graph = ParseGraph(
      "<ir_version: 3, opset_import: [\"\" : 7]> g (float[2] x) => (float[2] y) { y = Relu(x) }");
  const FoldReport report = RunFold(graph, Lowering());
  EXPECT_FALSE(report.changed);
  EXPECT_THAT(Misses(report), Contains(HasSubstr("Max broadcasts from opset 8 on")));
}

TEST(LoweringsTest, ConcatThatIsRefusedForNoConstantIsLeftAsItIs) {
  Graph graph = ParseGraph("g (float[2,3] a, float[2,M] b) => (float[2,K] y) { y = Concat <axis = 1> (a, b) }");
  const FoldReport report = RunFold(graph, Lowering());
  EXPECT_FALSE(report.changed);
  EXPECT_THAT(Misses(report), Contains(HasSubstr("none of its inputs is constant")));
}

TEST(LoweringsTest, ExactForbidsRounding) {
  Graph graph = ParseGraph("g (float[4] x) => (float[4] y) { a = Relu(x)  y = HardSigmoid(a) }");
  const FoldReport report = RunFold(graph, Lowering(/*exact=*/true));
  EXPECT_EQ(Ops(graph), "Max HardSigmoid");
  EXPECT_THAT(Misses(report), Contains(HasSubstr("--exact")));
}

TEST(LoweringsTest, PaddedAveragePoolThatDoesNotCountItsPadsDeclines) {
  Graph graph = ParseGraph(
      "g (float[1,1,3,3] x) => (float[1,1,4,4] y) { y = AveragePool <kernel_shape = [2, 2], pads = [1, 1, 1, 1]> (x) }");
  const FoldReport report = RunFold(graph, Lowering());
  EXPECT_FALSE(report.changed);
  EXPECT_THAT(Misses(report), Contains(HasSubstr("pads do not count")));
}

TEST(LoweringsTest, PoolOrderDeclinesWhereTheActivationIsShared) {
  Graph graph = ParseGraph(
      "g (float[1,1,4,4] x) => (float[1,1,2,2] y, float[1,1,4,4] z) "
      "{ a = Sigmoid(x)  r = Clip(a)  y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)  z = Neg(r) }");
  EXPECT_THAT(Misses(RunFold(graph, Lowering())), Contains("the activation's result has another reader"));
  EXPECT_EQ(Ops(graph), "Sigmoid Clip MaxPool Neg");
}

TEST(LoweringsTest, GroupedConvDeclinesWithAComputedKernel) {
  Graph graph = ParseGraph(
      "g (float[1,2,2,2] x, float[2,1,1,1] w) => (float[1,2,2,2] y) "
      "{ y = Conv <group = 2, kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]> (x, w) }");
  EXPECT_THAT(Misses(RunFold(graph, Lowering())), Contains(HasSubstr("its kernel: 'w'")));
}

// 0 divides by any number.
TEST(LoweringsTest, GroupedConvDeclinesWithMoreGroupsThanChannels) {
  Graph graph = ParseGraph(
      "g (float[1, 2, 3, 3] x) => (float[1, 0, 3, 3] y) <float[0, 1, 1, 1] w = {}> "
      "{ y = Conv <group = 1099511627776, kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]> (x, w) }");
  const absl::StatusOr<FoldReport> report = FoldModel(graph, Lowering());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(Misses(*report), Contains(HasSubstr("1099511627776 groups of 0 channels")));
}

TEST(LoweringsTest, DilatedKernelIsSpreadWithZeros) {
  Graph graph = ParseGraph(
      "g (float[1,1,5,5] x) => (float[1,1,3,3] y) <float[1,1,2,2] w = {1, 2, 3, 4}> "
      "{ y = Conv <dilations = [2, 2]> (x, w) }");
  RunFold(graph, Lowering());
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv"), 1), ElementsAre(1, 0, 2, 0, 0, 0, 3, 0, 4));
}

TEST(LoweringsTest, GroupsGetTheirOwnWeights) {
  Graph graph = ParseGraph(
      "g (float[1,4,1,1] x) => (float[1,2,1,1] y) <float[2,2,1,1] w = {1, 2, 3, 4}, float[2] b = {5, 6}> "
      "{ y = Conv <group = 2> (x, w, b) }");
  RunFold(graph, Lowering());
  const NodeId second = FindOpNode(graph, "Conv", 1);
  EXPECT_THAT(ConstantInput(graph, second, 1), ElementsAre(3, 4));
  EXPECT_THAT(ConstantInput(graph, second, 2), ElementsAre(6));
}

// A BatchNormalization that nothing before it absorbs, an activation and a Conv, as in a DenseNet.
std::string PreActivation(const char* scale) {
  return std::string(R"(
    g (float[1,2,4,4] x) => (float[1,1,4,4] y)
    <float[1,2,1,1] w = {3, 5}, float[2] s = {)") + scale + R"(}, float[2] b = {0.5, -1},
     float[2] m = {0, 0}, float[2] v = {1, 1}> {
      n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
      r = Relu(n)
      y = Conv <kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]> (r, w)
    })";
}

TEST(LoweringsTest, APositiveFactorMovesBehindTheActivation) {
  Graph graph = ParseGraph(PreActivation("2, 4"));
  RunFold(graph, Lowering());
  EXPECT_EQ(Ops(graph), "Slice Conv Add Max Conv");
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv"), 2), ElementsAre(0.25, -0.25));
  EXPECT_THAT(ConstantInput(graph, FindOpNode(graph, "Conv", 1), 1), ElementsAre(6, 20));
  ExpectProven(graph);
}

TEST(LoweringsTest, ANegativeFactorStaysBeforeTheActivation) {
  Graph graph = ParseGraph(PreActivation("2, -4"));
  RunFold(graph, Lowering());
  EXPECT_EQ(Ops(graph).substr(0, 17), "Split Conv Conv C") << Ops(graph);
  ExpectProven(graph);
}

TEST(LoweringsTest, AFactorStaysWhereTheActivationIsShared) {
  Graph graph = ParseGraph(R"(
    g (float[1,2,4,4] x) => (float[1,1,4,4] y, float[1,2,4,4] z)
    <float[1,2,1,1] w = {3, 5}, float[2,1,1] k = {2, 3}> {
      n = Mul(x, k)
      r = Relu(n)
      y = Conv <kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]> (r, w)
      z = Neg(r)
    })");
  RunFold(graph, Lowering());
  EXPECT_EQ(Ops(graph), "Split Conv Conv Concat Max Conv Neg");
}

TEST(LoweringsTest, FoldingAfterwardsUndoesNothing) {
  const char* text = R"(
    g (float[1,2,4,4] x) => (float[1,2,2,2] y)
    <float[2,2,3,3] w = {1,0,1,0,1,0,1,0,1,2,0,1,0,1,0,1,0,1,1,0,1,0,1,0,1,0,1,1,0,3,0,1,0,1,0,1},
     float[2] s = {1, 2}, float[2] b = {0.5, -1}, float[2] m = {0.25, 0.5}, float[2] v = {1, 4}> {
      a = Conv <pads = [1, 1, 1, 1]> (x, w)
      n = BatchNormalization(a, s, b, m, v)
      r = Relu(n)
      y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
    })";
  Graph graph = ParseGraph(text);
  FoldOptions options = Lowering();
  options.passes = "";
  RunFold(graph, options);  // asserts that a second run changes nothing
  EXPECT_EQ(Ops(graph), "Conv MaxPool Max");
  ExpectProven(graph);
}

}  // namespace
}  // namespace dsperse
