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

ValueId Rewriter::Ints(absl::Span<const int64_t> values, absl::string_view suffix) {
  return Constant(Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values), suffix);
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

void Rewriter::ReplaceByMean(ValueId x, DType type, const std::vector<int64_t>& axes, int64_t count,
                             bool keep_dims) {
  const int64_t keep = keep_dims ? 1 : 0;
  const ValueId sum = opset() < 13
                          ? Emit("ReduceSum", {x}, "sum", {{"axes", axes}, {"keepdims", keep}})
                          : Emit("ReduceSum", {x, Ints(axes, "axes")}, "sum", {{"keepdims", keep}});
  Replace("Div", {sum, Scalar(type, static_cast<double>(count), "count")});
}

ValueId Rewriter::Wire(ValueId x, const Dims& shape, const Tensor& constant, absl::string_view suffix) {
  const auto name = [&](absl::string_view part) { return absl::StrCat(suffix, "_", part); };
  const int64_t size = constant.num_elements();
  std::vector<int64_t> from = {0}, to = {1}, axes = {3};
  if (shape.size() == 4) {
    from = {0, 0, 0, 0}, to = {1, 1, 1, 1}, axes = {0, 1, 2, 3};
  } else {
    int64_t elements = 1;
    for (int64_t d : shape) elements *= d;
    x = Emit("Reshape", {x, Ints({1, 1, 1, elements}, name("row_shape"))}, name("row"));
  }
  const ValueId one =
      opset() < 10
          ? Emit("Slice", {x}, name("element"), {{"starts", from}, {"ends", to}, {"axes", axes}})
          : Emit("Slice", {x, Ints(from, name("from")), Ints(to, name("to")), Ints(axes, name("axes"))},
                 name("element"));
  const std::string zero(static_cast<size_t>(BitWidth(constant.dtype()) / 8), '\0');
  const ValueId zeros = Constant(*Tensor::Uniform(constant.dtype(), {size, 1, 1, 1}, zero), name("zeros"));
  const ValueId bias = Constant(*constant.WithDims({size}), name("value"));
  const ValueId wire = Emit("Conv", {one, zeros, bias}, name("wire"), Pointwise(2));
  if (constant.dims() == Dims{1, size, 1, 1}) return wire;
  return Emit("Reshape", {wire, Ints(constant.dims(), name("shape"))}, suffix);
}

Attributes Rewriter::Pointwise(int axes) {
  const std::vector<int64_t> ones(static_cast<size_t>(axes), 1);
  return {{"kernel_shape", ones},
          {"strides", ones},
          {"dilations", ones},
          {"pads", std::vector<int64_t>(static_cast<size_t>(2 * axes), 0)}};
}

std::string WhyNoConvOf(DType type, const NodeView& node) {
  if (!IsFloat(type)) return "its element type is no float";
  if (type != DType::kBfloat16 || node.opset() >= 22) return "";
  return absl::StrCat("Conv takes bfloat16 from opset 22 on, the model has ", node.opset());
}

}  // namespace dsperse
