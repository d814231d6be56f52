#include "tests/support/parse.h"

#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "fold/ir/tensor_proto.h"
#include "gtest/gtest.h"
#include "onnx/defs/parser.h"
#include "onnx/defs/printer.h"

namespace dsperse::testing {

std::unique_ptr<onnx::ModelProto> ParseModel(absl::string_view text) {
  auto model = std::make_unique<onnx::ModelProto>();
  std::string full(absl::StripAsciiWhitespace(text));
  if (!absl::StartsWith(full, "<")) {
    full = absl::StrCat("<ir_version: 8, opset_import: [\"\" : 17]>\n", full);
  }
  onnx::OnnxParser parser(full.c_str());
  const auto status = parser.Parse(*model);
  if (!status.IsOK()) {
    ADD_FAILURE() << "the test's model does not parse: " << status.ErrorMessage() << "\n" << full;
    return std::make_unique<onnx::ModelProto>();
  }
  return model;
}

Graph ParseGraph(absl::string_view text) {
  absl::StatusOr<Graph> graph = Graph::Import(ParseModel(text), nullptr, "");
  if (!graph.ok()) {
    ADD_FAILURE() << graph.status();
    return Graph();
  }
  const absl::Status verified = graph->Verify();
  EXPECT_TRUE(verified.ok()) << verified;
  return *std::move(graph);
}

std::string ExportAll(const Graph& graph) {
  PayloadTable payloads;
  absl::StatusOr<std::string> bytes =
      graph.ExportBytes(&payloads, std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.ok() ? *bytes : "";
}

std::string PrintGraph(const Graph& graph) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(ExportAll(graph)));
  return onnx::ProtoToString(model);
}

std::string Ops(const Graph& graph) {
  std::string out;
  for (NodeId n : graph.Nodes(graph.main())) {
    absl::StrAppend(&out, out.empty() ? "" : " ", graph.node(n).op_type());
  }
  return out;
}

NodeId FindOpNode(const Graph& graph, absl::string_view op_type, int skip) {
  for (NodeId n : graph.Nodes(graph.main())) {
    if (graph.node(n).op_type() == op_type && skip-- == 0) return n;
  }
  ADD_FAILURE() << "no node " << op_type << " in\n" << PrintGraph(graph);
  return {};
}

}  // namespace dsperse::testing
