#include "fold/passes/eliminate_unused_initializers.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"
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
using ::testing::Not;

TEST(EliminateUnusedInitializers, RemovesThemInAllBlocks) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, bool c) => (float[2] y) <float[2] used = {1, 2}, float[2] unread = {3, 4}>
    { y = If(c) <then_branch = t () => (float[2] u) <float[2] inner = {5, 6}> { u = Add(x, used) },
                 else_branch = e () => (float[2] v) { v = Neg(x) }> })");
  EXPECT_TRUE(RunPass(EliminateUnusedInitializers(), graph).changed);
  EXPECT_THAT(PrintGraph(graph), Not(HasSubstr("unread")));
  EXPECT_THAT(PrintGraph(graph), Not(HasSubstr("inner")));
  EXPECT_TRUE(graph.FindValue("used").valid());
}

TEST(EliminateUnusedInitializers, TheInterfaceStays) {
  Graph graph = ParseGraph(R"(
    g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Neg(x) })");
  const PassResult result = RunPass(EliminateUnusedInitializers(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr("'w' is unread but also a graph input")));
}

TEST(EliminateUnusedInitializers, BeforeIrFourTheInputGoesToo) {
  Graph graph = ParseGraph(R"(<ir_version: 3, opset_import: ["" : 9]>
    g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Neg(x) })");
  EXPECT_TRUE(RunPass(EliminateUnusedInitializers(), graph).changed);
  EXPECT_EQ(graph.Inputs(graph.main()).size(), 1u);
}

TEST(EliminateUnusedInitializers, StaleDeclarationsGo) {
  auto model = ::dsperse::testing::ParseModel(R"(
    g (float[2] x) => (float[2] y) { y = Neg(x) })");
  onnx::GraphProto& proto = *model->mutable_graph();
  proto.add_value_info()->set_name("gone");
  onnx::TensorAnnotation& annotation = *proto.add_quantization_annotation();
  annotation.set_tensor_name("gone_too");
  absl::StatusOr<Graph> graph = Graph::Import(std::move(model), nullptr, "");
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_TRUE(RunPass(EliminateUnusedInitializers(), *graph).changed);
  EXPECT_THAT(::dsperse::testing::ExportAll(*graph), Not(HasSubstr("gone")));
}

}  // namespace
}  // namespace dsperse
