#include "fold/ops/input_shapes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Graph TwoInputs() {
  return testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[N, 3, H, H] x, float[N, 8] z) => (float[a, b, c, d] y, float[e, f] u) {
      y = Relu(x)
      u = Relu(z)
    })");
}

std::string ShapeOf(const Graph& graph, absl::string_view input) {
  return graph.DeclaredShape(graph.FindValue(input)).ToString();
}

std::string Error(InputShapeFlags flags) {
  Graph graph = TwoInputs();
  const absl::Status status = SetInputShapes(flags, &graph);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

TEST(InputShapes, AShapeFixesItsNamesEverywhere) {
  Graph graph = TwoInputs();
  ASSERT_TRUE(SetInputShapes({{"x=2,3,32,32"}, {}}, &graph).ok());
  EXPECT_EQ(ShapeOf(graph, "x"), "[2, 3, 32, 32]");
  EXPECT_EQ(ShapeOf(graph, "z"), "[2, 8]");
}

TEST(InputShapes, ADimFixesANameAndTheFirstDimensionHasADefault) {
  Graph graph = TwoInputs();
  const auto notices = FixInputShapes({{}, {"H=16"}}, &graph);
  ASSERT_TRUE(notices.ok()) << notices.status();
  EXPECT_THAT(*notices, ElementsAre("input 'x' [N, 3, 16, 16]: N is taken as 1"));
  EXPECT_EQ(ShapeOf(graph, "x"), "[1, 3, 16, 16]");
  EXPECT_EQ(ShapeOf(graph, "z"), "[1, 8]");
}

TEST(InputShapes, AnyOtherOpenDimensionNamesTheFlags) {
  Graph graph = TwoInputs();
  const absl::Status status = FixInputShapes({}, &graph).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(status.message(), HasSubstr("input 'x' has shape [1, 3, H, H]"));
  EXPECT_THAT(status.message(), HasSubstr("--input-shape"));
  EXPECT_THAT(status.message(), HasSubstr("--dim"));
}

TEST(InputShapes, TheOnlyInputNeedsNoName) {
  Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[N, 4] x) => (float[a, b] y) { y = Relu(x) })");
  ASSERT_TRUE(SetInputShapes({{"5,4"}, {}}, &graph).ok());
  EXPECT_EQ(ShapeOf(graph, "x"), "[5, 4]");
}

TEST(InputShapes, RefusesWhatDoesNotFit) {
  EXPECT_THAT(Error({{"1,3,8,8"}, {}}), HasSubstr("the model has 2 inputs, say which"));
  EXPECT_THAT(Error({{"w=1"}, {}}), HasSubstr("the model has no input 'w'"));
  EXPECT_THAT(Error({{"x=1,3,8"}, {}}), HasSubstr("input 'x' has shape [N, 3, H, H]"));
  EXPECT_THAT(Error({{"x=1,4,8,8"}, {}}), HasSubstr("input 'x' has shape [N, 3, H, H]"));
  EXPECT_THAT(Error({{"x=1,3,8,9"}, {}}), HasSubstr("'H' can't be both 8 and 9"));
  EXPECT_THAT(Error({{"x=1,3,0,8"}, {}}), HasSubstr("'0' is not a positive number"));
  EXPECT_THAT(Error({{"x=1,3,x,8"}, {}}), HasSubstr("'x' is not a positive number"));
  EXPECT_THAT(Error({{}, {"batch=1"}}), HasSubstr("no input has an open dimension called 'batch'"));
  EXPECT_THAT(Error({{}, {"N"}}), HasSubstr("write name=size"));
  EXPECT_THAT(Error({{}, {"N=-1"}}), HasSubstr("'-1' is not a positive number"));
  // Two flags that contradict each other.
  EXPECT_THAT(Error({{"x=2,3,8,8", "z=3,8"}, {}}), HasSubstr("input 'z' has shape [2, 8]"));
}

}  // namespace
}  // namespace dsperse
