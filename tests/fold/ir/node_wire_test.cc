#include "fold/ir/node_wire.h"

#include <memory>
#include <string>

#include "fold/ir/graph.h"
#include "fold/ir/model_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;
using testing::ParseModel;

std::string Field(uint32_t field, absl::string_view value) {
  std::string out;
  AppendVarint(MakeTag(field, kBytes), &out);
  AppendVarint(value.size(), &out);
  out.append(value.data(), value.size());
  return out;
}

std::string Number(uint32_t field, uint64_t value) {
  std::string out;
  AppendVarint(MakeTag(field, kVarint), &out);
  AppendVarint(value, &out);
  return out;
}

const std::string kPlain =
    Field(1, "x") + Field(1, "") + Field(2, "y") + Field(3, "n") + Field(4, "Conv") +
    Field(5, Field(1, "group") + Number(3, 2) + Number(20, 2)) + Field(7, "d");

TEST(SplitNode, FindsTheFieldsInPlace) {
  NodeFields fields;
  ASSERT_TRUE(SplitNode(kPlain, true, &fields));
  EXPECT_THAT(fields.inputs, ElementsAre("x", ""));
  EXPECT_THAT(fields.outputs, ElementsAre("y"));
  EXPECT_EQ(fields.name, "n");
  EXPECT_EQ(fields.op_type, "Conv");
  EXPECT_EQ(fields.domain, "d");
  ASSERT_EQ(fields.attributes.size(), 1u);
  AttributeFields attribute;
  ASSERT_TRUE(SplitAttribute(fields.attributes[0], true, &attribute));
  EXPECT_EQ(attribute.name, "group");
  EXPECT_EQ(attribute.i, 2);
  EXPECT_EQ(attribute.type, 2);
  EXPECT_EQ(fields.inputs[0].data(), kPlain.data() + 2);
}

TEST(SplitNode, RefusesWhatOnlyTheProtobufLibraryMayJudge) {
  const struct {
    const char* what;
    std::string bytes;
  } cases[] = {
      {"fields out of order", Field(4, "Conv") + Field(1, "x")},
      {"a name twice", Field(3, "n") + Field(3, "m") + Field(4, "Conv")},
      {"a field of another wire type", Number(4, 1)},
      {"metadata", Field(4, "Conv") + Field(9, Field(1, "k"))},
      {"an unknown field", Field(4, "Conv") + Field(99, "?")},
      {"a group", Field(4, "Conv") + "\x33\x34"},
      {"an attribute's fields out of order", Field(5, Number(20, 2) + Number(3, 2))},
      {"a packed list", Field(5, Field(1, "pads") + Field(8, "\x01\x02"))},
      {"two tensors in an attribute", Field(5, Field(5, "") + Field(5, ""))},
      {"an unknown attribute type", Field(5, Number(20, 99))},
      {"an attribute with a type", Field(5, Field(14, ""))},
      {"truncated", Field(4, "Conv").substr(0, 4)},
      {"a truncated attribute", Field(5, "\x0a\x05")},
  };
  NodeFields fields;
  for (const auto& c : cases) EXPECT_FALSE(SplitNode(c.bytes, true, &fields)) << c.what;
}

// A model whose only node has these bytes.
std::string ModelOf(absl::string_view node) {
  const std::string info = Field(1, "x") + Field(2, Field(1, Number(1, 1)));
  const std::string out = Field(1, "y") + Field(2, Field(1, Number(1, 1)));
  return Number(1, 8) + Field(7, Field(1, node) + Field(11, info) + Field(12, out)) +
         Field(8, Number(2, 17));
}

TEST(ImportNodes, WhatIsNotPlainMeansWhatProtobufSays) {
  // Out of order, the operator twice (the last counts), packed pads, an unknown field, metadata.
  const std::string node = Field(99, "?") + Field(9, Field(1, "k") + Field(2, "v")) +
                           Field(4, "Relu") + Field(4, "MaxPool") +
                           Field(5, Number(20, 7) + Field(8, "\x01\x02") + Field(1, "pads")) +
                           Field(2, "y") + Field(1, "x");
  const std::string bytes = ModelOf(node);
  const absl::StatusOr<LoadedModel> loaded = LoadModelFromBytes(bytes, "m.onnx");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Graph& graph = loaded->graph;
  const NodeView view = graph.node(graph.FirstNode(graph.main()));
  EXPECT_EQ(view.op_type(), "MaxPool");
  EXPECT_THAT(view.Ints("pads"), ElementsAre(1, 2));
  EXPECT_EQ(graph.Name(view.input(0)), "x");
  // It is written as the protobuf library writes it.
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(bytes));
  const absl::StatusOr<std::string> saved = SaveModelToBytes(graph);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(*saved, model.SerializeAsString());
}

TEST(ImportNodes, RefusesMalformedOnes) {
  for (const std::string& node :
       {Field(4, "Relu").substr(0, 3), Field(9, "\x0a\x7f"), Field(5, Field(5, "\x0a\x7f")),
        Field(5, Field(14, "\x0a\x7f")), std::string("\x33\x3c")}) {
    const absl::Status status = LoadModelFromBytes(ModelOf(node), "m.onnx").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("m.onnx: "));
  }
}

TEST(ImportModel, AGraphInPiecesIsOne) {
  const std::string info = Field(2, Field(1, Number(1, 1)));
  const std::string bytes = Number(1, 8) + Field(7, Field(11, Field(1, "x") + info)) +
                            Field(7, Field(1, Field(1, "x") + Field(2, "y") + Field(4, "Relu")) +
                                         Field(12, Field(1, "y") + info)) +
                            Field(8, Number(2, 17));
  const absl::StatusOr<LoadedModel> loaded = LoadModelFromBytes(bytes, "m.onnx");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->graph.NumNodes(), 1);
  EXPECT_EQ(loaded->graph.Inputs(loaded->graph.main()).size(), 1u);
}

TEST(NodeView, ReadsAttributesAfterEdits) {
  Graph graph = testing::ParseGraph(R"(
    g (float[N] x) => (float[N] y)
    { y = F <i = 1, f = 2.5, s = "t", is = [1, -2], fs = [0.5], ss = ["a", "b"]> (x) })");
  const NodeId id = graph.FirstNode(graph.main());
  graph.SetAttribute(id, "i", int64_t{-7});
  graph.RemoveAttribute(id, "fs");
  const NodeView node = graph.node(id);
  EXPECT_EQ(node.Int("i", 0), -7);
  EXPECT_EQ(node.Int("f", 3), 3);  // of another type
  EXPECT_EQ(node.Float("f", 0), 2.5f);
  EXPECT_EQ(node.String("s", ""), "t");
  EXPECT_THAT(node.Ints("is"), ElementsAre(1, -2));
  EXPECT_FALSE(node.HasAttr("fs"));
  EXPECT_THAT(node.Strings("ss"), ElementsAre("a", "b"));
  EXPECT_THAT(node.AttrNames(), ElementsAre("i", "f", "s", "is", "ss"));
  EXPECT_EQ(node.proto().attribute_size(), 5);
}

}  // namespace
}  // namespace dsperse
