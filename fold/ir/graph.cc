// Graph: what can be asked. Edits: graph_edit.cc.

#include "fold/ir/graph.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "fold/ir/graph_rep.h"
#include "fold/ir/status_macros.h"

namespace dsperse {

// ---- header and blocks ----

Graph::Graph() : rep_(std::make_unique<Rep>()) {
  rep_->model = rep_->NewMessage<onnx::ModelProto>();
  rep_->payloads = std::make_shared<PayloadTable>();
  rep_->NewBlock(rep_->NewMessage<onnx::GraphProto>(), BlockId{}, NodeId{});
}
Graph::Graph(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;
Graph::~Graph() = default;

absl::StatusOr<Graph> Graph::Clone() const {
  auto payloads = std::make_shared<PayloadTable>();
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, ExportBytes(payloads.get()));
  DSPERSE_ASSIGN_OR_RETURN(Graph copy, ImportBytes(std::move(bytes), payloads, rep_->file_name));
  copy.rep_->frozen = rep_->frozen;
  return copy;
}

int64_t Graph::ir_version() const { return rep_->model->ir_version(); }
const onnx::ModelProto& Graph::header() const { return *rep_->model; }
absl::string_view Graph::graph_name() const { return rep_->blocks[0].proto->name(); }

int64_t Graph::opset(absl::string_view domain) const {
  if (domain == "ai.onnx") domain = "";
  for (const onnx::OperatorSetIdProto& set : rep_->model->opset_import()) {
    const absl::string_view d = set.domain() == "ai.onnx" ? absl::string_view() : absl::string_view(set.domain());
    if (d == domain) return set.version();
  }
  return 0;
}

std::vector<BlockId> Graph::Blocks() const {
  std::vector<BlockId> out;
  for (size_t i = 0; i < rep_->blocks.size(); ++i) {
    if (rep_->blocks[i].live) out.push_back(BlockId{static_cast<int32_t>(i)});
  }
  return out;
}

BlockId Graph::ParentBlock(BlockId block) const { return rep_->at(block).parent; }
NodeId Graph::ParentNode(BlockId block) const { return rep_->at(block).holder; }
bool Graph::IsInside(BlockId inner, BlockId outer) const {
  while (inner.valid() && inner != outer) inner = rep_->at(inner).parent;
  return inner.valid();
}
absl::Span<const ValueId> Graph::Inputs(BlockId block) const {
  rep_->DropDeadInputs(block);
  return rep_->at(block).inputs;
}
absl::Span<const ValueId> Graph::Outputs(BlockId block) const { return rep_->at(block).outputs; }

std::vector<ValueId> Graph::Initializers(BlockId block) const {
  const std::lock_guard<std::mutex> lock(rep_->lists_mutex);
  BlockRep& b = rep_->at(block);
  if (b.dead_initializers) {
    b.dead_initializers = false;
    const auto gone = [&](ValueId v) {
      const ValueRep& value = rep_->at(v);
      return !value.live || !value.initializer || value.block != block;
    };
    b.initializers.erase(std::remove_if(b.initializers.begin(), b.initializers.end(), gone), b.initializers.end());
  }
  return b.initializers;
}

// ---- nodes ----

bool Graph::IsLive(NodeId id) const { return id.valid() && rep_->at(id).live; }
NodeId Graph::FirstNode(BlockId block) const { return rep_->at(block).first; }
NodeId Graph::NextNode(NodeId id) const { return rep_->at(id).next; }
int64_t Graph::NumNodes() const { return rep_->live_nodes; }
int32_t Graph::NodeLimit() const { return static_cast<int32_t>(rep_->nodes.size()); }
int32_t Graph::ValueLimit() const { return static_cast<int32_t>(rep_->values.size()); }
int32_t Graph::BlockLimit() const { return static_cast<int32_t>(rep_->blocks.size()); }

std::vector<NodeId> Graph::Nodes(BlockId block) const {
  if (rep_->blocks.size() == 1) return AllNodes();
  std::vector<NodeId> out;
  for (NodeId n = FirstNode(block); n.valid(); n = NextNode(n)) out.push_back(n);
  return out;
}

std::vector<NodeId> Graph::AllNodes() const {
  const std::lock_guard<std::mutex> lock(rep_->lists_mutex);
  std::vector<NodeId>& out = rep_->all_nodes;
  if (rep_->all_nodes_known) return out;
  out.clear();
  out.reserve(static_cast<size_t>(rep_->live_nodes));
  // A stack of positions instead of recursion: a node comes after the bodies it holds.
  struct Frame {
    NodeId node;
    size_t body;
  };
  std::vector<Frame> stack = {{FirstNode(main()), 0}};
  while (!stack.empty()) {
    Frame& top = stack.back();
    if (!top.node.valid()) {
      stack.pop_back();
      continue;
    }
    const auto& bodies = rep_->at(top.node).bodies;
    if (top.body < bodies.size()) {
      const BlockId body = bodies[top.body++].first;
      stack.push_back({FirstNode(body), 0});
      continue;
    }
    out.push_back(top.node);
    top = {NextNode(top.node), 0};
  }
  rep_->all_nodes_known = true;
  return out;
}

NodeId Graph::FindNode(absl::string_view name) const {
  for (NodeId n = FirstNode(main()); n.valid(); n = NextNode(n)) {
    if (node(n).name() == name) return n;
  }
  return {};
}

// ---- values ----

namespace {

// An absent input (an invalid id) reads as a value of unknown type that nothing produces: any node of a file may
// leave out any input.
const ValueRep& ReadValue(const std::vector<ValueRep>& values, ValueId id) {
  if (id.valid()) return values[static_cast<size_t>(id.index)];
  static const ValueRep& absent = *[] {
    auto* value = new ValueRep;
    value->live = false;
    return value;
  }();
  return absent;
}

}  // namespace

bool Graph::IsLive(ValueId id) const { return ReadValue(rep_->values, id).live; }
absl::string_view Graph::Name(ValueId id) const { return ReadValue(rep_->values, id).name; }
NodeId Graph::Producer(ValueId id) const { return ReadValue(rep_->values, id).producer; }
int Graph::OutputIndex(ValueId id) const { return ReadValue(rep_->values, id).output_index; }
BlockId Graph::BlockOf(ValueId id) const { return ReadValue(rep_->values, id).block; }
bool Graph::IsInput(ValueId id) const { return ReadValue(rep_->values, id).input; }
bool Graph::IsInitializer(ValueId id) const { return ReadValue(rep_->values, id).initializer; }
absl::Span<const Use> Graph::Uses(ValueId id) const { return ReadValue(rep_->values, id).uses; }

bool Graph::IsBlockOutput(ValueId id) const { return ReadValue(rep_->values, id).output_uses > 0; }
bool Graph::IsGraphOutput(ValueId id) const { return ReadValue(rep_->values, id).main_outputs > 0; }
bool Graph::IsCaptured(ValueId id) const { return ReadValue(rep_->values, id).captured_uses > 0; }

bool Graph::IsOverridable(ValueId id) const {
  const ValueRep& v = ReadValue(rep_->values, id);
  return v.initializer && v.input && !rep_->frozen && ir_version() >= 4;
}

const Tensor* Graph::ConstantValue(ValueId id) const {
  return IsOverridable(id) ? nullptr : ReadValue(rep_->values, id).tensor.get();
}

const Tensor* Graph::InitializerTensor(ValueId id) const {
  const ValueRep& v = ReadValue(rep_->values, id);
  return v.initializer ? v.tensor.get() : nullptr;
}

DType Graph::DeclaredType(ValueId id) const {
  const ValueRep& v = ReadValue(rep_->values, id);
  if (v.tensor != nullptr) return v.tensor->dtype();
  if (v.info == nullptr || !v.info->type().has_tensor_type()) return DType::kUndefined;
  const int type = v.info->type().tensor_type().elem_type();
  return IsKnownDType(type) ? static_cast<DType>(type) : DType::kUndefined;
}

Shape Graph::DeclaredShape(ValueId id) const {
  const ValueRep& v = ReadValue(rep_->values, id);
  if (v.tensor != nullptr) return Shape::Of(v.tensor->dims());
  if (v.info == nullptr || !v.info->type().has_tensor_type() ||
      !v.info->type().tensor_type().has_shape()) {
    return Shape();
  }
  absl::InlinedVector<Dim, 4> dims;
  for (const auto& d : v.info->type().tensor_type().shape().dim()) {
    if (d.has_dim_value()) {
      dims.push_back(d.dim_value() >= 0 ? Dim(d.dim_value()) : Dim());
    } else {
      dims.push_back(d.dim_param().empty() ? Dim() : Dim(d.dim_param()));
    }
  }
  return Shape(std::move(dims));
}

ValueId Graph::FindValue(absl::string_view name) const {
  const NameEntry* const found = rep_->names.Find(name);
  return found != nullptr && IsLive(found->main_value) ? found->main_value : ValueId{};
}

int64_t Graph::ConstantBytes() const { return rep_->constant_bytes; }

}  // namespace dsperse
