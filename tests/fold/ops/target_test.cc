#include "fold/ops/target.h"

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/filled.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using testing::Filled;
using testing::FindOpNode;
using testing::ParseGraph;

// Why `target` refuses the node of that operator in the model, or "".
std::string WhyNot(absl::string_view target, absl::string_view op, const std::string& text) {
  const Graph graph = ParseGraph(text);
  Facts facts(&graph);
  return Target::Find(target)->WhyNot(graph, graph.node(FindOpNode(graph, op)), facts);
}

TEST(TargetTest, FindsTargetsByName) {
  EXPECT_EQ(Target::Names(), (std::vector<absl::string_view>{"jstprove", "ezkl"}));
  for (absl::string_view name : Target::Names()) {
    ASSERT_NE(Target::Find(name), nullptr);
    EXPECT_EQ(Target::Find(name)->name(), name);
  }
  EXPECT_EQ(Target::Find("groth16"), nullptr);
}

TEST(TargetTest, RowsAreSortedAndUnique) {
  for (absl::string_view name : Target::Names()) {
    std::string last;
    for (const TargetRow& row : Target::Find(name)->rows()) {
      EXPECT_LT(last, std::string(row.op_type)) << name;
      EXPECT_EQ(row.condition.empty(), row.why_not == nullptr) << row.op_type;
      last = std::string(row.op_type);
    }
  }
}

TEST(TargetTest, JstproveProvesAPlainConv) {
  EXPECT_EQ(WhyNot("jstprove", "Conv",
                   "g (float[1,4,8,8] x) => (y) <" + Filled("w", {4, 4, 3, 3}, 0.5) +
                       "> { y = Conv<kernel_shape=[3,3], strides=[1,1], dilations=[1,1], "
                       "pads=[1,1,1,1]>(x, w) }"),
            "");
}

TEST(TargetTest, JstproveWantsAttributesWrittenOut) {
  EXPECT_EQ(WhyNot("jstprove", "Conv",
                   "g (float[1,4,8,8] x) => (y) <" + Filled("w", {4, 4, 3, 3}, 0.5) +
                       "> {"
                       "  y = Conv<kernel_shape=[3,3], dilations=[1,1]>(x, w) }"),
            "attribute strides is not written out");
  EXPECT_EQ(WhyNot("ezkl", "Conv",
                   "g (float[1,4,8,8] x) => (y) <" + Filled("w", {4, 4, 3, 3}, 0.5) +
                       "> {"
                       "  y = Conv<kernel_shape=[3,3], strides=[1,1], dilations=[1,1]>(x, w) }"),
            "");
}

TEST(TargetTest, JstproveRefusesGroupsDilationsAndOneAxis) {
  EXPECT_EQ(
      WhyNot("jstprove", "Conv",
             "g (float[1,4,8,8] x) => (y) <" + Filled("w", {4, 1, 3, 3}, 0.5) +
                 "> {"
                 "  y = Conv<group=4, kernel_shape=[3,3], strides=[1,1], dilations=[1,1]>(x, w) }"),
      "group is 4");
  EXPECT_EQ(WhyNot("jstprove", "Conv",
                   "g (float[1,4,8,8] x) => (y) <" + Filled("w", {4, 4, 3, 3}, 0.5) +
                       "> {"
                       "  y = Conv<kernel_shape=[3,3], strides=[1,1], dilations=[2,2]>(x, w) }"),
            "dilations above 1");
  EXPECT_EQ(WhyNot("jstprove", "Conv",
                   "g (float[1,4,8] x) => (y) <" + Filled("w", {4, 4, 3}, 0.5) +
                       "> {"
                       "  y = Conv<kernel_shape=[3], strides=[1], dilations=[1]>(x, w) }"),
            "Conv over 1 spatial axes");
}

TEST(TargetTest, JstproveKnowsNoReluAndRunsNoBatchNormalization) {
  EXPECT_EQ(WhyNot("jstprove", "Relu", "g (float[4] x) => (y) { y = Relu(x) }"),
            "operator Relu is unknown to jstprove");
  EXPECT_EQ(WhyNot("ezkl", "Relu", "g (float[4] x) => (y) { y = Relu(x) }"), "");
  EXPECT_NE(WhyNot("jstprove", "BatchNormalization",
                   "g (float[1,2,4,4] x) => (y) <float[2] p = {1, 1}> {"
                   "  y = BatchNormalization(x, p, p, p, p) }"),
            "");
}

TEST(TargetTest, JstproveWantsAnAddendInGemm) {
  EXPECT_EQ(WhyNot("jstprove", "Gemm",
                   "g (float[1,4] x) => (y) <" + Filled("w", {4, 2}, 0.5) + "> { y = Gemm(x, w) }"),
            "there is no C");
  EXPECT_EQ(WhyNot("jstprove", "Gemm",
                   "g (float[1,4] x) => (y) <" + Filled("w", {4, 2}, 0.5) + ", " +
                       Filled("b", {2}, 0.5) + "> { y = Gemm(x, w, b) }"),
            "");
  EXPECT_EQ(WhyNot("jstprove", "Gemm",
                   "g (float[1,4] x) => (y) <" + Filled("w", {4, 2}, 0.5) + ", " +
                       Filled("b", {2}, 0.5) + "> { y = Gemm<alpha=2.0>(x, w, b) }"),
            "alpha or beta is not 1");
}

// Each was proven as something else, in proofs that verify (tests/dsperse/lowering_test.py), or never.
TEST(TargetTest, JstproveTakesNoAttributeThatItIgnores) {
  EXPECT_EQ(WhyNot("jstprove", "Gemm",
                   "g (float[1,4] x) => (y) <" + Filled("w", {4, 2}, 0.5) + ", " + Filled("b", {1, 2}, 0.5) +
                       "> { y = Gemm(x, w, b) }"),
            "C is of rank 2");
  EXPECT_EQ(WhyNot("jstprove", "Cast", "g (float[4] x) => (y) { y = Cast<to=7>(x) }"),
            "a Cast that may change numbers: int64");
  EXPECT_EQ(WhyNot("jstprove", "Cast", "g (float[4] x) => (y) { y = Cast<to=11>(x) }"), "");
  const std::string norm = R"(<ir_version: 8, opset_import: ["" : 17]> g (float[1,2] x) => (y) <float[2] s = {1, 2}> )";
  EXPECT_EQ(WhyNot("jstprove", "LayerNormalization", norm + "{ y = LayerNormalization(x, s) }"), "");
  EXPECT_EQ(WhyNot("jstprove", "LayerNormalization", norm + "{ y = LayerNormalization<epsilon=0.5>(x, s) }"),
            "epsilon 0.5 is proven as 1e-05");
  EXPECT_EQ(WhyNot("jstprove", "LayerNormalization", norm + "{ y, m = LayerNormalization(x, s) }"),
            "output 1 is used");
  const auto resize = [](const char* scales) {
    return WhyNot("jstprove", "Resize",
                  std::string("g (float[1,1,4,6] x) => (y) <float[4] s = {1, 1, ") + scales +
                      "}> { y = Resize<mode=\"nearest\">(x, , s) }");
  };
  EXPECT_EQ(resize("2, 0.5"), "");
  EXPECT_EQ(resize("1.25, 2"), "");
  EXPECT_EQ(resize("1.3, 2"), "scale 1.3 gives no whole size");
  const auto pad = [](const char* pads) {
    return WhyNot("jstprove", "Pad",
                  std::string("g (float[4,6] x) => (y) <int64[4] p = {") + pads + "}> { y = Pad(x, p) }");
  };
  EXPECT_EQ(pad("0, 1, 2, 3"), "");
  EXPECT_EQ(pad("0, -1, 2, 3"), "it drops elements: a run fails");
  EXPECT_EQ(WhyNot("jstprove", "Softmax", R"(<ir_version: 6, opset_import: ["" : 12]>
                   g (float[1,4] x) => (y) { y = Softmax(x) })"),
            "Softmax before opset 13 is refused");
  EXPECT_EQ(WhyNot("jstprove", "MatMul", "g (float[4] x, float[4,2] w) => (y) { y = MatMul(x, w) }"),
            "an operand is a vector");
}

TEST(TargetTest, JstproveBoundsMaxByItsFirstOperand) {
  const auto why = [](const char* nodes) {
    return WhyNot("jstprove", "Max", std::string("g (float[4] a, float[4] b) => (y) <float z = {0}> { ") + nodes + " }");
  };
  EXPECT_NE(why("y = Max(a, b)"), "");
  EXPECT_NE(why("y = Max(z, a)"), "");
  EXPECT_EQ(why("y = Max(a, z)"), "");
  EXPECT_EQ(why("n = Neg(b) y = Max(n, b)"), "");
  EXPECT_EQ(why("n = Neg(b) y = Max(b, n)"), "");
  EXPECT_EQ(why("n = Sub(b, b) c = Add(n, a) y = Max(c, b)"), "");
  EXPECT_NE(why("n = Sub(b, b) c = Add(n, a) y = Max(b, c)"), "");
  EXPECT_NE(why("n = Sub(b, a) c = Add(n, a) y = Max(c, b)"), "");
}

TEST(TargetTest, JstproveDividesByConstantsOfAtLeastOne) {
  EXPECT_EQ(WhyNot("jstprove", "Div", "g (float[4] x) => (y) <float c = {3.0}> { y = Div(x, c) }"),
            "");
  EXPECT_EQ(WhyNot("jstprove", "Div", "g (float[4] x) => (y) <float c = {0.5}> { y = Div(x, c) }"),
            "divisor 0.5 is not a whole number within 1 … 2^32");
  EXPECT_EQ(WhyNot("jstprove", "Div", "g (float[4] x, float[4] z) => (y) { y = Div(x, z) }"),
            "the divisor is not constant");
}

// Measured on witnesses: a constant operand is taken as its whole part, without the fixed-point scale.
TEST(TargetTest, JstproveTakesNoConstantOperandButZeros) {
  for (const char* op : {"Add", "Sub", "Mul", "Max", "Min"}) {
    const auto why = [&](const char* constant) {
      return WhyNot("jstprove", op,
                    std::string("g (float[4] x) => (y) <float c = {") + constant + "}> { y = " + op + "(x, c) }");
    };
    EXPECT_EQ(why("0.0"), "") << op;
    EXPECT_EQ(why("-0.0"), "") << op;
    EXPECT_NE(why("1.0"), "") << op;
    EXPECT_NE(why("0.5"), "") << op;
    EXPECT_EQ(WhyNot("jstprove", op, std::string("g (float[4] x) => (y) { y = ") + op + "(x, x) }"), "") << op;
    EXPECT_EQ(WhyNot("ezkl", op, std::string("g (float[4] x) => (y) <float c = {0.5}> { y = ") + op + "(x, c) }"),
              "")
        << op;
  }
  EXPECT_NE(WhyNot("jstprove", "Clip", "g (float[4] x) => (y) <float a = {0}, float b = {6}> { y = Clip(x, a, b) }"),
            "");
  EXPECT_EQ(WhyNot("jstprove", "Clip", "g (float[4] x) => (y) <float a = {0}> { y = Clip(x, a) }"), "");
  EXPECT_NE(WhyNot("jstprove", "Div", "g (float[4] x) => (y) <float c = {2.5}> { y = Div(x, c) }"), "");
  EXPECT_NE(WhyNot("jstprove", "Pow", "g (float[4] x) => (y) <float c = {3}> { y = Pow(x, c) }"), "");
  EXPECT_NE(WhyNot("jstprove", "ReduceMean", "g (float[4] x) => (y) { y = ReduceMean(x) }"), "");
}

// The compiler bounds a sum by the size of the last axis.
TEST(TargetTest, JstproveTakesSumsOfNoMoreThanTheLastAxisHas) {
  const auto why = [](const char* axes) {
    return WhyNot("jstprove", "ReduceSum",
                  std::string("g (float[4, 2, 3] x) => (y) { y = ReduceSum<axes = ") + axes + ">(x) }");
  };
  EXPECT_EQ(why("[2]"), "");
  EXPECT_EQ(why("[1]"), "");
  EXPECT_EQ(why("[0]"), "it sums 4 elements, and the compiler counts the last axis: 3");
  EXPECT_NE(why("[1, 2]"), "");
}

TEST(TargetTest, JstproveTakesTwoOperandsOfMaxAndAWholeExponent) {
  EXPECT_EQ(WhyNot("jstprove", "Max", "g (float[4] x) => (y) <float c = {0.0}> { y = Max(x, c) }"),
            "");
  EXPECT_EQ(WhyNot("jstprove", "Max", "g (float[4] x) => (y) { y = Max(x, x, x) }"), "3 operands");
  EXPECT_EQ(WhyNot("jstprove", "Pow", "g (float[4] x) => (y) <float c = {2.0}> { y = Pow(x, c) }"),
            "");
  EXPECT_EQ(WhyNot("jstprove", "Pow", "g (float[4] x) => (y) <float c = {2.5}> { y = Pow(x, c) }"),
            "exponent 2.5");
}

TEST(TargetTest, EzklWantsStridesOfAveragePool) {
  EXPECT_EQ(WhyNot("ezkl", "AveragePool",
                   "g (float[1,1,4,4] x) => (y) { y = AveragePool<kernel_shape=[2,2]>(x) }"),
            "attribute strides is not written out");
  EXPECT_EQ(
      WhyNot(
          "ezkl", "AveragePool",
          "g (float[1,1,4,4] x) => (y) { y = AveragePool<kernel_shape=[2,2], strides=[2,2]>(x) }"),
      "");
}

TEST(TargetTest, NamesForeignDomains) {
  const std::string why = WhyNot("jstprove", "Gelu",
                                 R"(<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
                                    g (float[4] x) => (y) { y = com.microsoft.Gelu(x) })");
  EXPECT_EQ(why, "operator Gelu of domain com.microsoft is unknown to jstprove");
}

TEST(TargetTest, DataMovementIsTold) {
  const Graph graph =
      ParseGraph("g (float[1,4] x) => (y) { a = Transpose(x)  b = Flatten(a)  y = Neg(b) }");
  const Target& target = *Target::Find("jstprove");
  EXPECT_TRUE(target.MovesData(graph.node(FindOpNode(graph, "Transpose"))));
  EXPECT_TRUE(target.MovesData(graph.node(FindOpNode(graph, "Flatten"))));
  EXPECT_FALSE(target.MovesData(graph.node(FindOpNode(graph, "Neg"))));
}

}  // namespace
}  // namespace dsperse
