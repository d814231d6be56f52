#include <algorithm>

#include "absl/strings/str_cat.h"
#include "fold/ir/graph.h"
#include "fold/ir/graph_rep.h"

namespace dsperse {

const onnx::AttributeProto* FindAttribute(const onnx::NodeProto& node, absl::string_view name) {
  for (const onnx::AttributeProto& a : node.attribute()) {
    if (absl::string_view(a.name()) == name) return &a;
  }
  return nullptr;
}

const onnx::NodeProto& NodeView::proto() const { return *graph_->rep_->at(id_).proto; }
absl::string_view NodeView::name() const { return proto().name(); }
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
  for (const auto& [body, index] : graph_->rep_->at(id_).bodies) {
    if (absl::string_view(proto().attribute(index).name()) == attribute) return body;
  }
  return {};
}

bool NodeView::HasAttr(absl::string_view attr) const {
  return FindAttribute(proto(), attr) != nullptr;
}

int64_t NodeView::Int(absl::string_view attr, int64_t fallback) const {
  const onnx::AttributeProto* a = FindAttribute(proto(), attr);
  return a != nullptr && a->type() == onnx::AttributeProto::INT ? a->i() : fallback;
}

float NodeView::Float(absl::string_view attr, float fallback) const {
  const onnx::AttributeProto* a = FindAttribute(proto(), attr);
  return a != nullptr && a->type() == onnx::AttributeProto::FLOAT ? a->f() : fallback;
}

std::string NodeView::String(absl::string_view attr, absl::string_view fallback) const {
  const onnx::AttributeProto* a = FindAttribute(proto(), attr);
  return a != nullptr && a->type() == onnx::AttributeProto::STRING ? a->s()
                                                                   : std::string(fallback);
}

std::vector<int64_t> NodeView::Ints(absl::string_view attr, std::vector<int64_t> fallback) const {
  const onnx::AttributeProto* a = FindAttribute(proto(), attr);
  if (a == nullptr || a->type() != onnx::AttributeProto::INTS) return fallback;
  return {a->ints().begin(), a->ints().end()};
}

std::vector<float> NodeView::Floats(absl::string_view attr, std::vector<float> fallback) const {
  const onnx::AttributeProto* a = FindAttribute(proto(), attr);
  if (a == nullptr || a->type() != onnx::AttributeProto::FLOATS) return fallback;
  return {a->floats().begin(), a->floats().end()};
}

std::vector<std::string> NodeView::Strings(absl::string_view attr) const {
  const onnx::AttributeProto* a = FindAttribute(proto(), attr);
  if (a == nullptr || a->type() != onnx::AttributeProto::STRINGS) return {};
  return {a->strings().begin(), a->strings().end()};
}

absl::StatusOr<Tensor> NodeView::TensorAttr(absl::string_view attr) const {
  const onnx::AttributeProto* a = FindAttribute(proto(), attr);
  if (a == nullptr) {
    return absl::NotFoundError(absl::StrCat("node '", name(), "' has no attribute ", attr));
  }
  const Graph::Rep& rep = *graph_->rep_;
  const std::string where = absl::StrCat(rep.Where(id_), ", attribute ", attr);
  if (a->has_sparse_tensor()) return TensorFromSparse(a->sparse_tensor(), *rep.payloads, where);
  if (!a->has_t()) return absl::InvalidArgumentError(absl::StrCat(where, ": holds no tensor"));
  return TensorFromProto(a->t(), *rep.payloads, where);
}

std::vector<std::string> NodeView::AttrNames() const {
  std::vector<std::string> out;
  for (const onnx::AttributeProto& a : proto().attribute()) out.push_back(a.name());
  return out;
}

}  // namespace dsperse
