#include "fold/lowering/rewriter.h"

#include "absl/strings/str_cat.h"
#include "fold/passes/constants.h"

namespace dsperse {

std::string Rewriter::Hint(absl::string_view suffix) const {
  absl::string_view name = anchor().name();
  if (name.empty()) name = graph_.Name(anchor().output(0));
  return absl::StrCat(name, "_", suffix);
}

ValueId Rewriter::Emit(absl::string_view op, std::vector<ValueId> inputs, absl::string_view suffix,
                       Attributes attributes) {
  return EmitMany(op, std::move(inputs), suffix, 1, std::move(attributes))[0];
}

std::vector<ValueId> Rewriter::EmitMany(absl::string_view op, std::vector<ValueId> inputs,
                                        absl::string_view suffix, int count, Attributes attributes) {
  NewNode node;
  node.name = Hint(suffix);
  node.op_type = std::string(op);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  for (int i = 0; i < count; ++i) {
    node.new_outputs.push_back(count == 1 ? absl::StrCat(node.name, "_out")
                                          : absl::StrCat(node.name, "_out_", i));
  }
  const NodeId id = graph_.AddNode(std::move(node), anchor_);
  const absl::Span<const ValueId> outputs = graph_.node(id).outputs();
  return {outputs.begin(), outputs.end()};
}

void Rewriter::Replace(absl::string_view op, std::vector<ValueId> inputs, Attributes attributes,
                       bool like_anchor) {
  NewNode node;
  node.name = std::string(anchor().name());
  node.op_type = std::string(op);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  node.outputs = {anchor().output(0)};
  if (like_anchor) node.like = anchor_;
  graph_.AddNode(std::move(node), anchor_);
  graph_.RemoveNode(anchor_);
}

ValueId Rewriter::Scalar(DType type, double value, absl::string_view suffix) {
  return Constant(*RoundTo(type, {}, absl::MakeConstSpan(&value, 1)), suffix);
}

ValueId Rewriter::Ints(const std::vector<int64_t>& values, absl::string_view suffix) {
  return Constant(Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, absl::MakeConstSpan(values)),
                  suffix);
}

ValueId Rewriter::Constant(Tensor tensor, absl::string_view suffix) {
  return graph_.AddConstant(Hint(suffix), std::move(tensor), anchor().block());
}

ValueId Rewriter::Unsqueeze(ValueId x, const std::vector<int64_t>& axes, absl::string_view suffix) {
  if (opset() < 13) return Emit("Unsqueeze", {x}, suffix, {{"axes", axes}});
  return Emit("Unsqueeze", {x, Ints(axes, absl::StrCat(suffix, "_axes"))}, suffix);
}

std::vector<ValueId> Rewriter::Split(ValueId x, int64_t axis, const std::vector<int64_t>& sizes,
                                     absl::string_view suffix) {
  const int count = static_cast<int>(sizes.size());
  if (opset() < 13) return EmitMany("Split", {x}, suffix, count, {{"axis", axis}, {"split", sizes}});
  return EmitMany("Split", {x, Ints(sizes, absl::StrCat(suffix, "_sizes"))}, suffix, count,
                  {{"axis", axis}});
}

std::pair<std::vector<ValueId>, Attributes> Rewriter::SqueezeParts(ValueId x,
                                                                   const std::vector<int64_t>& axes) {
  if (opset() < 13) return {{x}, {{"axes", axes}}};
  return {{x, Ints(axes, "axes")}, {}};
}

std::pair<std::vector<ValueId>, Attributes> Rewriter::ReduceMeanParts(ValueId x,
                                                                      const std::vector<int64_t>& axes,
                                                                      bool keep_dims) {
  const int64_t keep = keep_dims ? 1 : 0;
  if (opset() < 18) return {{x}, {{"axes", axes}, {"keepdims", keep}}};
  return {{x, Ints(axes, "axes")}, {{"keepdims", keep}}};
}

}  // namespace dsperse
