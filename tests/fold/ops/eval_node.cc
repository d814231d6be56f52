#include "tests/fold/ops/eval_node.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse::testing {

absl::StatusOr<std::vector<Tensor>> EvalNode(int opset, absl::string_view call,
                                             const std::vector<Tensor>& inputs,
                                             const EvalContext& context) {
  std::vector<std::string> declared;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string dims =
        inputs[i].rank() == 0 ? "" : absl::StrCat("[", absl::StrJoin(inputs[i].dims(), ","), "]");
    declared.push_back(absl::StrCat(DTypeName(inputs[i].dtype()), dims, " ",
                                    std::string(1, static_cast<char>('a' + i))));
  }
  const Graph graph =
      ParseGraph(absl::StrCat("<ir_version: 8, opset_import: [\"\" : ", opset, "]> g (",
                              absl::StrJoin(declared, ", "), ") => (float y) { ", call, " }"));
  const std::vector<NodeId> nodes = graph.Nodes(graph.main());
  if (nodes.size() != 1) return absl::InternalError("the text has not one node");
  const NodeView node = graph.node(nodes[0]);
  std::vector<const Tensor*> pointers;
  for (ValueId value : node.inputs()) {
    const size_t at = value.valid() ? static_cast<size_t>(graph.Name(value)[0] - 'a') : 0;
    pointers.push_back(value.valid() ? &inputs[at] : nullptr);
  }
  return Evaluate(context, node, pointers);
}

Tensor Eval(int opset, absl::string_view call, const std::vector<Tensor>& inputs, EvalMode mode) {
  EvalContext context;
  context.mode = mode;
  absl::StatusOr<std::vector<Tensor>> outputs = EvalNode(opset, call, inputs, context);
  EXPECT_TRUE(outputs.ok()) << call << ": " << outputs.status();
  if (!outputs.ok() || outputs->empty()) return Tensor();
  return (*outputs)[0];
}

absl::Status EvalStatus(int opset, absl::string_view call, const std::vector<Tensor>& inputs,
                        EvalMode mode) {
  EvalContext context;
  context.mode = mode;
  return EvalNode(opset, call, inputs, context).status();
}

}  // namespace dsperse::testing
