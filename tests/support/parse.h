// Text models for tests, in ONNX's own syntax (onnx/defs/parser.h):
//   <ir_version: 8, opset_import: ["" : 17]>
//   g (float[1,4] x) => (float[1,4] y) <float[4] w = {1,2,3,4}> { y = Add(x, w) }
#ifndef DSPERSE_TESTS_SUPPORT_PARSE_H_
#define DSPERSE_TESTS_SUPPORT_PARSE_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "onnx/onnx_pb.h"

namespace dsperse::testing {

// The parsed model. A text that does not parse fails the test and gives an empty model.
std::unique_ptr<onnx::ModelProto> ParseModel(absl::string_view text);

// The model as a Graph. A text without a header `<…>` gets IR 8 and opset 17. Import errors fail the test.
Graph ParseGraph(absl::string_view text);

// The graph in ONNX's text syntax, payloads included, for messages and comparisons.
std::string PrintGraph(const Graph& graph);

// Wire format with all payloads in place: equal bytes, equal models.
std::string ExportAll(const Graph& graph);

// "Conv Relu Conv": operators of the main graph, in order.
std::string Ops(const Graph& graph);

// The first node of the main graph with that operator; fails the test if there is none.
NodeId FindOpNode(const Graph& graph, absl::string_view op_type, int skip = 0);

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_PARSE_H_
