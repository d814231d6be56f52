#include "fold/ir/graph.h"

#include <memory>
#include <string>
#include <vector>

#include "fold/ir/tensor_proto.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/checker.h"
#include "onnx/onnx_pb.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ExportAll;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::ParseModel;
using ::testing::HasSubstr;

constexpr char kIf[] = R"(
g (bool c, float[2] x) => (float[2] y)
<float[2] w = {1, 2}>
{
  a = Relu(x)
  y = If(c) <
    then_branch = t () => (float[2] p) { q = Add(a, w)  p = Neg(q) },
    else_branch = e () => (float[2] r) { r = Identity(a) }
  >
})";

TEST(GraphTest, ExportRestoresTheModel) {
  const auto model = ParseModel(kIf);
  const Graph graph = ParseGraph(kIf);
  EXPECT_EQ(ExportAll(graph), model->SerializeAsString());
}

TEST(GraphTest, UnknownFieldsAndMetadataSurvive) {
  auto model = ParseModel("g (float[1] x) => (float[1] y) { y = Relu(x) }");
  auto* p = model->add_metadata_props();
  p->set_key("author");
  p->set_value("someone");
  model->mutable_graph()->mutable_node(0)->set_doc_string("rectifies");
  auto* n = model->mutable_graph()->mutable_node(0);
  n->GetReflection()->MutableUnknownFields(n)->AddVarint(9999, 7);
  auto* g = model->mutable_graph();
  g->GetReflection()->MutableUnknownFields(g)->AddVarint(9998, 5);
  model->GetReflection()->MutableUnknownFields(model.get())->AddVarint(9997, 3);
  const std::string before = model->SerializeAsString();
  absl::StatusOr<Graph> graph = Graph::Import(std::move(model), nullptr, "");
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(ExportAll(*graph), before);
}

TEST(GraphTest, BodiesUseOuterValues) {
  const Graph graph = ParseGraph(kIf);
  const ValueId a = graph.FindValue("a");
  EXPECT_EQ(graph.Uses(a).size(), 2u);
  EXPECT_TRUE(graph.IsCaptured(a));
  EXPECT_TRUE(graph.IsCaptured(graph.FindValue("w")));
  EXPECT_EQ(graph.Blocks().size(), 3u);
  EXPECT_EQ(graph.NumNodes(), 5);
  EXPECT_EQ(graph.AllNodes().size(), 5u);
}

TEST(GraphTest, ReplacingACapturedValueReachesIntoBodies) {
  Graph graph = ParseGraph(kIf);
  const ValueId a = graph.FindValue("a"), x = graph.FindValue("x");
  graph.ReplaceUses(a, x);
  EXPECT_TRUE(graph.Uses(a).empty());
  graph.RemoveNode(graph.Producer(a));
  ASSERT_TRUE(graph.Verify().ok()) << graph.Verify();
  EXPECT_EQ(Ops(graph), "If");
  const Graph again = *graph.Clone();
  EXPECT_EQ(again.Uses(again.FindValue("x")).size(), 2u);
}

TEST(GraphTest, TakeOutputMovesNameAndUses) {
  Graph graph = ParseGraph("g (float[2] x) => (float[2] y) { a = Relu(x)  b = Neg(a)  y = Identity(b) }");
  const NodeId relu = graph.FirstNode(graph.main());
  const ValueId y = graph.FindValue("y");
  const NodeId identity = graph.Producer(y), neg = graph.NextNode(relu);
  graph.TakeOutput(neg, 0, y);
  graph.SetInput(identity, 0, ValueId{});
  graph.RemoveNode(identity);
  ASSERT_TRUE(graph.Verify().ok()) << graph.Verify();
  EXPECT_EQ(Ops(graph), "Relu Neg");
  EXPECT_TRUE(graph.IsGraphOutput(graph.node(neg).output()));
  EXPECT_FALSE(graph.FindValue("b").valid());
}

TEST(GraphTest, ConstantsInEveryForm) {
  const Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
      a = Constant <value_float = 2.5> ()
      b = Constant <value_ints = [3, 4]> ()
      c = Constant <value = float[2] {5, 6}> ()
      y = Add(x, w)
    })");
  ASSERT_NE(graph.ConstantValue(graph.FindValue("a")), nullptr);
  EXPECT_EQ(graph.ConstantValue(graph.FindValue("a"))->data<float>()[0], 2.5f);
  EXPECT_EQ(graph.ConstantValue(graph.FindValue("b"))->data<int64_t>()[1], 4);
  EXPECT_EQ(graph.ConstantValue(graph.FindValue("c"))->data<float>()[0], 5.0f);
  EXPECT_EQ(graph.ConstantValue(graph.FindValue("w"))->data<float>()[1], 2.0f);
  EXPECT_EQ(graph.ConstantValue(graph.FindValue("x")), nullptr);
}

TEST(GraphTest, OverridableInitializersAreNoConstantsUntilFrozen) {
  Graph graph = ParseGraph(
      "<ir_version: 8, opset_import: [\"\" : 17]>"
      "g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Add(x, w) }");
  const ValueId w = graph.FindValue("w");
  EXPECT_TRUE(graph.IsOverridable(w));
  EXPECT_EQ(graph.ConstantValue(w), nullptr);
  EXPECT_THAT(graph.FreezeInputs(), ::testing::ElementsAre("w"));
  EXPECT_NE(graph.ConstantValue(w), nullptr);
  EXPECT_EQ(graph.Inputs(graph.main()).size(), 1u);
}

TEST(GraphTest, OldIrListsConstantsAmongInputs) {
  Graph graph = ParseGraph(
      "<ir_version: 3, opset_import: [\"\" : 8]>"
      "g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Add(x, w) }");
  EXPECT_NE(graph.ConstantValue(graph.FindValue("w")), nullptr);
  EXPECT_THAT(graph.FreezeInputs(), ::testing::IsEmpty());
  EXPECT_EQ(graph.Inputs(graph.main()).size(), 2u);
}

TEST(GraphTest, OldIrListsNewConstantsAmongInputs) {
  constexpr char kText[] = R"(<ir_version: 3, opset_import: ["" : 8]>
      g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Add(x, w) })";
  Graph graph = ParseGraph(kText);
  const ValueId c = graph.AddConstant("c", Tensor::Scalar<float>(3));
  graph.SetInput(graph.Producer(graph.FindValue("y")), 1, c);
  graph.RemoveInitializer(graph.FindValue("w"));

  PayloadTable payloads;
  const auto model = graph.Export(&payloads);
  ASSERT_TRUE(model.ok()) << model.status();
  onnx::checker::check_model(**model);
  const onnx::GraphProto& out = (*model)->graph();
  ASSERT_EQ(out.input_size(), 2);
  EXPECT_EQ(out.input(1).name(), "c");
  EXPECT_EQ(out.input(1).type().tensor_type().elem_type(), onnx::TensorProto::FLOAT);
  EXPECT_EQ(out.input(1).type().tensor_type().shape().dim_size(), 0);
}

TEST(GraphTest, NodesOutOfOrderAreSorted) {
  std::vector<std::string> notes;
  auto model = ParseModel("g (float[1] x) => (float[1] y) { a = Relu(x)  y = Neg(a) }");
  model->mutable_graph()->mutable_node()->SwapElements(0, 1);
  absl::StatusOr<Graph> graph = Graph::Import(std::move(model), nullptr, "m.onnx", &notes);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(Ops(*graph), "Relu Neg");
  EXPECT_EQ(notes.size(), 1u);
}

TEST(GraphTest, FreshNamesAreUniqueAndKeepTheHint) {
  Graph graph = ParseGraph(kIf);
  EXPECT_EQ(graph.FreshName("new"), "new");
  EXPECT_EQ(graph.FreshName("q"), "q_1");  // q lives in a body
  const ValueId c = graph.AddConstant("w", Tensor::Scalar<float>(1));
  EXPECT_EQ(graph.Name(c), "w_1");
}

TEST(GraphTest, InliningABodyKeepsNamesUnique) {
  Graph graph = ParseGraph(kIf);
  const ValueId y = graph.FindValue("y");
  const NodeId branch = graph.Producer(y);
  const BlockId body = graph.node(branch).body("then_branch");
  const ValueId p = graph.Outputs(body)[0];
  graph.InlineBody(body, branch);
  const NodeId neg = graph.Producer(p);
  graph.SetBlockOutput(body, 0, graph.FindValue("x"));
  graph.TakeOutput(neg, 0, y);
  graph.RemoveNode(branch);
  ASSERT_TRUE(graph.Verify().ok()) << graph.Verify();
  EXPECT_EQ(Ops(graph), "Relu Add Neg");
}

TEST(GraphTest, ShadowingNamesAreRenamedAtImport) {
  auto model = ParseModel(kIf);
  auto* body = model->mutable_graph()->mutable_node(1)->mutable_attribute(0)->mutable_g();
  ASSERT_EQ(body->node(0).output(0), "q");
  body->mutable_node(0)->set_output(0, "x");  // hides the input x inside the body
  body->mutable_node(1)->set_input(0, "x");
  std::vector<std::string> notes;
  absl::StatusOr<Graph> graph = Graph::Import(std::move(model), nullptr, "", &notes);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_TRUE(graph->Verify().ok()) << graph->Verify();
  EXPECT_EQ(notes.size(), 1u);
  EXPECT_EQ(graph->Uses(graph->FindValue("x")).size(), 1u);
}

struct BadModel {
  const char* text;
  const char* message;
};

TEST(GraphTest, ImportNamesWhatIsWrong) {
  const BadModel cases[] = {
      {"g (float[1] x) => (float[1] y) { y = Relu(z) }", "reads 'z', which nothing produces"},
      {"g (float[1] x) => (float[1] y) { y = Relu(x)  y = Neg(x) }", "two values are named 'y'"},
      {"g (float[1] x) => (float[1] y) { a = Neg(y)  y = Relu(a) }", "cycle"},
      {"g (float[1] x) => (float[1] y) { a = Relu(x) }", "output 'y' is produced by nothing"},
      {"g (float[1] x) => (float[1] y) { y, z = Relu(x) }", "(Relu): names 2 outputs, the operator has one"},
      {"<ir_version: 8, opset_import: [\"com.example\" : 1]> g (float[1] x) => (float[1] y) { y = Relu(x) }",
       "imports no opset"},
      {"<ir_version: 8, opset_import: [\"\" : 99]> g (float[1] x) => (float[1] y) { y = Relu(x) }",
       "opset 99 is newer"},
      {"<ir_version: 99, opset_import: [\"\" : 17]> g (float[1] x) => (float[1] y) { y = Relu(x) }",
       "IR version 99 is newer"},
  };
  for (const BadModel& c : cases) {
    absl::StatusOr<Graph> graph = Graph::Import(ParseModel(c.text), nullptr, "bad.onnx");
    ASSERT_FALSE(graph.ok()) << c.text;
    EXPECT_THAT(std::string(graph.status().message()), HasSubstr(c.message));
    EXPECT_THAT(std::string(graph.status().message()), HasSubstr("bad.onnx"));
  }
}

TEST(GraphTest, UsesStayRightUnderManyEdits) {
  // One constant read by many nodes: every removal moves another use.
  std::string text = "g (float[1] x) => (float[1] y) <float[1] w = {1}> {\n";
  for (int i = 0; i < 50; ++i) text += "a" + std::to_string(i) + " = Add(w, w)\n";
  text += "y = Add(x, w) }";
  Graph graph = ParseGraph(text);
  const std::vector<NodeId> nodes = graph.Nodes(graph.main());
  for (size_t i = 0; i + 1 < nodes.size(); i += 2) {
    graph.RemoveNode(nodes[i]);
    ASSERT_TRUE(graph.Verify().ok()) << graph.Verify();
  }
  EXPECT_EQ(graph.Uses(graph.FindValue("w")).size(), 25u * 2 + 1);
}

}  // namespace
}  // namespace dsperse
