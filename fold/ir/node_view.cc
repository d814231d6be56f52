#include "absl/strings/str_cat.h"
#include "fold/ir/graph.h"
#include "fold/ir/graph_rep.h"
#include "fold/ir/node_wire.h"

namespace dsperse {
namespace {

// Reads the node's attribute of that name; false if it has none or one of another type.
bool Find(absl::string_view node, absl::string_view name, int type, AttributeFields* attribute) {
  absl::string_view bytes;
  return FindAttribute(node, name, &bytes) && SplitAttribute(bytes, false, attribute) &&
         attribute->type == type;
}

}  // namespace


const onnx::NodeProto& NodeView::proto() const { return graph_->rep_->Proto(id_); }
absl::string_view NodeView::name() const { return graph_->rep_->at(id_).name; }
absl::string_view NodeView::op_type() const { return graph_->rep_->at(id_).op_type; }
absl::string_view NodeView::domain() const { return graph_->rep_->at(id_).domain; }
bool NodeView::Is(absl::string_view type) const {
  const NodeRep& node = graph_->rep_->at(id_);
  return node.op_type == type && node.domain.empty();
}
int64_t NodeView::opset() const { return graph_->opset(domain()); }
BlockId NodeView::block() const { return graph_->rep_->at(id_).block; }

absl::Span<const ValueId> NodeView::inputs() const { return graph_->rep_->at(id_).inputs; }
absl::Span<const ValueId> NodeView::outputs() const { return graph_->rep_->at(id_).outputs; }
ValueId NodeView::input(int i) const {
  const auto& list = graph_->rep_->at(id_).inputs;
  return i >= 0 && i < static_cast<int>(list.size()) ? list[static_cast<size_t>(i)] : ValueId{};
}
ValueId NodeView::output(int i) const {
  const auto& list = graph_->rep_->at(id_).outputs;
  return i >= 0 && i < static_cast<int>(list.size()) ? list[static_cast<size_t>(i)] : ValueId{};
}

std::vector<BlockId> NodeView::bodies() const {
  std::vector<BlockId> out;
  for (const auto& [body, attribute] : graph_->rep_->at(id_).bodies) out.push_back(body);
  return out;
}

BlockId NodeView::body(absl::string_view attribute) const {
  const NodeRep& node = graph_->rep_->at(id_);
  if (node.bodies.empty()) return {};
  NodeFields fields;
  (void)SplitNode(node.wire, false, &fields);
  for (const auto& [body, index] : node.bodies) {
    AttributeFields a;
    (void)SplitAttribute(fields.attributes[static_cast<size_t>(index)], false, &a);
    if (a.name == attribute) return body;
  }
  return {};
}

bool NodeView::HasAttr(absl::string_view attr) const {
  absl::string_view bytes;
  return FindAttribute(graph_->rep_->at(id_).wire, attr, &bytes);
}

int64_t NodeView::Int(absl::string_view attr, int64_t fallback) const {
  AttributeFields a;
  return Find(graph_->rep_->at(id_).wire, attr, onnx::AttributeProto::INT, &a) ? a.i : fallback;
}

float NodeView::Float(absl::string_view attr, float fallback) const {
  AttributeFields a;
  return Find(graph_->rep_->at(id_).wire, attr, onnx::AttributeProto::FLOAT, &a) ? a.f : fallback;
}

std::string NodeView::String(absl::string_view attr, absl::string_view fallback) const {
  AttributeFields a;
  return std::string(
      Find(graph_->rep_->at(id_).wire, attr, onnx::AttributeProto::STRING, &a) ? a.s : fallback);
}

std::vector<int64_t> NodeView::Ints(absl::string_view attr, std::vector<int64_t> fallback) const {
  AttributeFields a;
  if (!Find(graph_->rep_->at(id_).wire, attr, onnx::AttributeProto::INTS, &a)) return fallback;
  return AttributeInts(a.bytes);
}

std::vector<float> NodeView::Floats(absl::string_view attr, std::vector<float> fallback) const {
  AttributeFields a;
  if (!Find(graph_->rep_->at(id_).wire, attr, onnx::AttributeProto::FLOATS, &a)) return fallback;
  return AttributeFloats(a.bytes);
}

std::vector<std::string> NodeView::Strings(absl::string_view attr) const {
  AttributeFields a;
  if (!Find(graph_->rep_->at(id_).wire, attr, onnx::AttributeProto::STRINGS, &a)) return {};
  return AttributeStrings(a.bytes);
}

absl::StatusOr<Tensor> NodeView::TensorAttr(absl::string_view attr) const {
  Graph::Rep& rep = *graph_->rep_;
  absl::string_view bytes;
  AttributeFields a;
  if (!FindAttribute(rep.at(id_).wire, attr, &bytes) || !SplitAttribute(bytes, false, &a)) {
    return absl::NotFoundError(absl::StrCat("node '", name(), "' has no attribute ", attr));
  }
  const std::string where = absl::StrCat(rep.Where(id_), ", attribute ", attr);
  if (a.has_sparse_tensor) return rep.DecodeSparse(a.sparse_tensor, where);
  if (!a.has_tensor) return absl::InvalidArgumentError(absl::StrCat(where, ": holds no tensor"));
  return rep.DecodeTensor(a.tensor, where);
}

std::vector<std::string> NodeView::AttrNames() const {
  NodeFields fields;
  (void)SplitNode(graph_->rep_->at(id_).wire, false, &fields);
  std::vector<std::string> out;
  for (absl::string_view bytes : fields.attributes) {
    AttributeFields a;
    (void)SplitAttribute(bytes, false, &a);
    out.emplace_back(a.name);
  }
  return out;
}

}  // namespace dsperse
