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

}  // namespace
}  // namespace dsperse
