#include "fold/ops/interpreter.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Interpreter, RunsNodesInOrder) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[2] x) => (float[2] y) {
      a = Abs(x)
      y = Neg(a)
    })");
  const auto outputs = RunGraph(graph, {Tensor::Of<float>({2}, {1.0f, -2.0f})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(-1.0f, -2.0f));
}

TEST(Interpreter, RefusesInputsThatDontFit) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[N, 2] x) => (float[N, 2] y) {
      y = Neg(x)
    })");
  const auto status = [&](std::vector<Tensor> inputs) { return RunGraph(graph, inputs).status(); };
  EXPECT_TRUE(status({Tensor::Of<float>({1, 2}, {1, 2})}).ok());
  EXPECT_EQ(status({}).message(), "the model has 1 inputs, 0 are given");
  EXPECT_THAT(status({Tensor::Of<float>({2, 1}, {1, 2})}).message(),
              HasSubstr("'x' has shape [N, 2], given is [2, 1]"));
  EXPECT_THAT(status({Tensor::Of<int64_t>({1, 2}, {1, 2})}).message(),
              HasSubstr("'x' is of type float, given is int64"));
}

TEST(Interpreter, RunsTheBranchThatTheConditionNames) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (bool c, float[1] x) => (float[1] y) {
      y = If (c) <then_branch = t () => (float[1] a) { a = Neg(x) },
                  else_branch = e () => (float[1] b) { b = Identity(x) }>
    })");
  const Tensor x = Tensor::Of<float>({1}, {3.0f});
  const auto taken = RunGraph(graph, {Tensor::Scalar(true), x});
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_THAT((*taken)[0].data<float>(), ElementsAre(-3.0f));
}

TEST(Interpreter, ReportsEveryValueToTheTap) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (float[1] x) => (float[1] y) {
      a = Neg(x)
      y = Neg(a)
    })");
  std::vector<std::string> names;
  int64_t total = 0;
  RunOptions options;
  options.tap = [&](ValueId value, const Tensor&) {
    names.emplace_back(graph.Name(value));
    return absl::OkStatus();
  };
  options.progress = [&](int64_t, int64_t all) { total = all; };
  ASSERT_TRUE(RunGraph(graph, {Tensor::Of<float>({1}, {1.0f})}, options).ok());
  EXPECT_THAT(names, ElementsAre("x", "a", "y"));
  EXPECT_EQ(total, 2);
}

TEST(Interpreter, NamesTheNodeThatIsNotCovered) {
  const Graph graph = testing::ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17, "my": 1]>
    g (float[1] x) => (float[1] y) {
      [inner] y = my.Strange(x)
    })");
  const absl::Status status = RunGraph(graph, {Tensor::Of<float>({1}, {1.0f})}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(status.message(), HasSubstr("Strange"));
}

TEST(Interpreter, RefusesOutputsThatTheOperatorDoesNotHave) {
  const Graph graph = testing::ParseGraph("g (float[2] x) => (float[2] y, float[2] z) { y, m, z = Dropout(x) }");
  const absl::Status status = RunGraph(graph, {Tensor::Of<float>({2}, {1, 2})}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("gives 2 of 3 outputs"));
}

TEST(Interpreter, RefusesAScanOfANegativeNumberOfInputs) {
  for (const char* count : {"-2147483648", "4294967297"}) {
    const Graph graph =
        testing::ParseGraph(absl::StrCat("g (float[2] x) => (float[2] y) { y = Scan<num_scan_inputs = ", count,
                                         ", body = b (float i) => (float o) { o = Identity(i) }>(x) }"));
    EXPECT_TRUE(absl::IsInvalidArgument(RunGraph(graph, {Tensor::Of<float>({2}, {1, 2})}).status())) << count;
  }
}

// Sequences without elements may claim any length.
TEST(Interpreter, ScansNoMoreStepsThanALoopDoes) {
  const Graph graph = testing::ParseGraph(R"(
    g (float[1] q) => (float[1] y, float[a, b] z) <int64[2] s = {1099511627776, 0}> {
      a = ConstantOfShape(s)
      y, z = Scan<num_scan_inputs = 1, body = b (float[1] c, float[0] i) => (float[1] o, float[0] p) {
        o = Identity(c)
        p = Identity(i)
      }>(q, a)
    })");
  EXPECT_TRUE(absl::IsResourceExhausted(RunGraph(graph, {Tensor::Of<float>({1}, {1})}).status()));
}

TEST(Interpreter, ScansAlongAnyAxisOfNothing) {
  const Graph graph = testing::ParseGraph(R"(
    g (float[1] q) => (float[1] y, float[a, b, c, d] z) <int64[4] s = {1073741824, 1073741824, 2, 0}> {
      a = ConstantOfShape(s)
      y, z = Scan<num_scan_inputs = 1, scan_input_axes = [2], scan_output_axes = [2],
                  body = b (float[1] c, float[k, l, m] i) => (float[1] o, float[k, l, m] p) {
        o = Identity(c)
        p = Identity(i)
      }>(q, a)
    })");
  const absl::StatusOr<std::vector<Tensor>> outputs = RunGraph(graph, {Tensor::Of<float>({1}, {1})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ((*outputs)[1].dims(), (Dims{1073741824, 1073741824, 2, 0}));
}

}  // namespace
}  // namespace dsperse
