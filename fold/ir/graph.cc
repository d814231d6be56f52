#include "fold/ir/graph.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/graph_rep.h"
#include "fold/ir/status_macros.h"

namespace dsperse {

absl::string_view StringPool::Add(absl::string_view s) {
  constexpr size_t kBlock = 1 << 16;
  if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < s.size()) {
    blocks_.emplace_back();
    blocks_.back().reserve(std::max(kBlock, s.size()));
  }
  std::string& block = blocks_.back();
  const size_t start = block.size();
  block.append(s.data(), s.size());  // never beyond the capacity, so it does not move
  return absl::string_view(block).substr(start);
}

// ---- Rep ----

absl::string_view Graph::Rep::Intern(absl::string_view name) {
  auto it = names.find(name);
  if (it == names.end()) it = names.emplace(pool.Add(name), NameEntry{}).first;
  ++it->second.count;
  return it->first;
}

std::string Graph::Rep::FreshName(absl::string_view hint) {
  if (hint.empty()) hint = "value";
  if (!names.contains(hint)) return std::string(hint);
  auto it = next_suffix.find(hint);
  if (it == next_suffix.end()) it = next_suffix.emplace(pool.Add(hint), 1).first;
  for (;;) {
    std::string name = absl::StrCat(hint, "_", it->second++);
    if (!names.contains(name)) return name;
  }
}

ValueId Graph::Rep::NewValue(absl::string_view name, BlockId block) {
  const ValueId id{static_cast<int32_t>(values.size())};
  ValueRep& value = values.emplace_back();
  value.name = Intern(name);
  value.block = block;
  if (block.index == 0) {
    NameEntry& entry = names.find(value.name)->second;
    if (!entry.main_value.valid()) entry.main_value = id;
  }
  return id;
}

void Graph::Rep::Rename(ValueId value, absl::string_view name) {
  NameEntry& old = names.find(at(value).name)->second;
  if (old.main_value == value) old.main_value = ValueId{};
  at(value).name = Intern(name);
  if (at(value).block.index == 0) names.find(at(value).name)->second.main_value = value;
  if (at(value).producer.valid()) at(at(value).producer).stale = true;
  for (const Use& use : at(value).uses) {
    if (use.node.valid()) at(use.node).stale = true;
  }
}

void Graph::Rep::Kill(ValueId value) {
  ValueRep& v = at(value);
  if (!v.live) return;
  v.live = false;
  const auto it = names.find(v.name);
  if (it->second.main_value == value) it->second.main_value = ValueId{};
  if (--it->second.count == 0) names.erase(it);
}

void Graph::Rep::Link(NodeId id, BlockId block, NodeId before) {
  NodeRep& node = at(id);
  BlockRep& list = at(block);
  node.block = block;
  node.next = before;
  node.prev = before.valid() ? at(before).prev : list.last;
  if (node.prev.valid()) {
    at(node.prev).next = id;
  } else {
    list.first = id;
  }
  if (before.valid()) {
    at(before).prev = id;
  } else {
    list.last = id;
  }
}

void Graph::Rep::Unlink(NodeId id) {
  NodeRep& node = at(id);
  BlockRep& list = at(node.block);
  if (node.prev.valid()) {
    at(node.prev).next = node.next;
  } else {
    list.first = node.next;
  }
  if (node.next.valid()) {
    at(node.next).prev = node.prev;
  } else {
    list.last = node.prev;
  }
}

NodeId Graph::Rep::NewNode(onnx::NodeProto* proto, BlockId block, NodeId before) {
  const NodeId id{static_cast<int32_t>(nodes.size())};
  nodes.emplace_back().proto = proto;
  Link(id, block, before);
  ++live_nodes;
  return id;
}

BlockId Graph::Rep::NewBlock(onnx::GraphProto* proto, BlockId parent, NodeId holder) {
  const BlockId id{static_cast<int32_t>(blocks.size())};
  BlockRep& block = blocks.emplace_back();
  block.proto = proto;
  block.parent = parent;
  block.holder = holder;
  return id;
}

int32_t Graph::Rep::AddUse(ValueId value, Use use) {
  if (!value.valid()) return -1;
  auto& uses = at(value).uses;
  uses.push_back(use);
  return static_cast<int32_t>(uses.size()) - 1;
}

void Graph::Rep::DropUse(ValueId value, int32_t slot) {
  if (!value.valid()) return;
  auto& uses = at(value).uses;
  const size_t i = static_cast<size_t>(slot);
  if (i + 1 != uses.size()) {  // the last use moves into the gap; its owner must learn where it went
    uses[i] = uses.back();
    const Use& moved = uses[i];
    if (moved.node.valid()) {
      at(moved.node).slots[static_cast<size_t>(moved.index)] = slot;
    } else {
      at(moved.block).output_slots[static_cast<size_t>(moved.index)] = slot;
    }
  }
  uses.pop_back();
}

void Graph::Rep::SetOutputAt(NodeId node, int index, ValueId value) {
  NodeRep& rep = at(node);
  if (static_cast<int>(rep.outputs.size()) <= index) rep.outputs.resize(static_cast<size_t>(index) + 1);
  const ValueId old = rep.outputs[static_cast<size_t>(index)];
  if (old.valid() && old != value) Kill(old);
  rep.outputs[static_cast<size_t>(index)] = value;
  rep.stale = true;
  if (!value.valid()) return;
  ValueRep& v = at(value);
  if (v.producer.valid()) {
    NodeRep& former = at(v.producer);
    former.outputs[static_cast<size_t>(v.output_index)] = ValueId{};
    former.stale = true;
  }
  v.producer = node;
  v.output_index = index;
  v.block = rep.block;
  v.initializer = false;
  v.tensor_proto = nullptr;
  v.sparse_proto = nullptr;
  v.tensor.reset();
}

std::string Graph::Rep::Where(NodeId id) const {
  const onnx::NodeProto& proto = *at(id).proto;
  std::string label = proto.name();
  if (label.empty() && !at(id).outputs.empty() && at(id).outputs[0].valid()) {
    label = std::string(at(at(id).outputs[0]).name);
  }
  return absl::StrCat(file_name, file_name.empty() ? "" : ": ", "node '", label, "' (",
                      proto.op_type(), ")");
}

void Graph::Rep::RefreshNames(NodeId id) {
  NodeRep& node = at(id);
  if (!node.stale) return;
  node.stale = false;
  node.proto->clear_input();
  for (ValueId v : node.inputs) node.proto->add_input(v.valid() ? std::string(at(v).name) : "");
  node.proto->clear_output();
  for (ValueId v : node.outputs) node.proto->add_output(v.valid() ? std::string(at(v).name) : "");
}

absl::Status Graph::Rep::DecodeConstant(NodeId id, absl::string_view where) {
  NodeRep& node = at(id);
  if (node.outputs.empty() || !node.outputs[0].valid()) return absl::OkStatus();
  ValueRep& out = at(node.outputs[0]);
  out.tensor.reset();
  if (node.proto->attribute_size() != 1) return absl::OkStatus();
  const onnx::AttributeProto& a = node.proto->attribute(0);
  const absl::string_view name = a.name();
  std::optional<Tensor> tensor;
  if (name == "value") {
    if (!a.has_t()) return absl::InvalidArgumentError(absl::StrCat(where, ": value is no tensor"));
    DSPERSE_ASSIGN_OR_RETURN(tensor, TensorFromProto(a.t(), *payloads, where));
  } else if (name == "sparse_value") {
    absl::StatusOr<Tensor> dense = TensorFromSparse(a.sparse_tensor(), *payloads, where);
    if (!dense.ok()) {
      // A sparse tensor too large to spread out stays opaque, any other fault is the model's.
      return absl::IsUnimplemented(dense.status()) ? absl::OkStatus() : dense.status();
    }
    tensor = *std::move(dense);
  } else if (name == "value_float") {
    tensor = Tensor::Scalar<float>(a.f());
  } else if (name == "value_int") {
    tensor = Tensor::Scalar<int64_t>(a.i());
  } else if (name == "value_string") {
    DSPERSE_ASSIGN_OR_RETURN(tensor, Tensor::FromStrings({}, {a.s()}));
  } else if (name == "value_floats") {
    tensor = Tensor::Of<float>({a.floats_size()},
                               absl::MakeConstSpan(a.floats().data(), static_cast<size_t>(a.floats_size())));
  } else if (name == "value_ints") {
    const std::vector<int64_t> ints(a.ints().begin(), a.ints().end());
    tensor = Tensor::Of<int64_t>({a.ints_size()}, absl::MakeConstSpan(ints));
  } else if (name == "value_strings") {
    DSPERSE_ASSIGN_OR_RETURN(
        tensor, Tensor::FromStrings({a.strings_size()}, {a.strings().begin(), a.strings().end()}));
  }
  if (tensor) out.tensor = std::make_unique<const Tensor>(*std::move(tensor));
  return absl::OkStatus();
}

void StoreAttribute(AttributeValue value, PayloadTable* payloads, onnx::AttributeProto* attribute) {
  std::string name = attribute->name();
  attribute->Clear();
  attribute->set_name(std::move(name));
  using Proto = onnx::AttributeProto;
  if (auto* i = std::get_if<int64_t>(&value)) {
    attribute->set_type(Proto::INT);
    attribute->set_i(*i);
  } else if (auto* f = std::get_if<float>(&value)) {
    attribute->set_type(Proto::FLOAT);
    attribute->set_f(*f);
  } else if (auto* s = std::get_if<std::string>(&value)) {
    attribute->set_type(Proto::STRING);
    attribute->set_s(*std::move(s));
  } else if (auto* is = std::get_if<std::vector<int64_t>>(&value)) {
    attribute->set_type(Proto::INTS);
    attribute->mutable_ints()->Add(is->begin(), is->end());
  } else if (auto* fs = std::get_if<std::vector<float>>(&value)) {
    attribute->set_type(Proto::FLOATS);
    attribute->mutable_floats()->Add(fs->begin(), fs->end());
  } else if (auto* ss = std::get_if<std::vector<std::string>>(&value)) {
    attribute->set_type(Proto::STRINGS);
    for (std::string& text : *ss) attribute->add_strings(std::move(text));
  } else if (auto* t = std::get_if<Tensor>(&value)) {
    attribute->set_type(Proto::TENSOR);
    // Only reading a payload below the limit can fail, and such are in memory: the tensor of an
    // attribute is made by a pass.
    constexpr int64_t kInlineLimit = 1024;
    (void)TensorToProto(*t, kInlineLimit, payloads, attribute->mutable_t());
  }
}

// ---- header and blocks ----

Graph::Graph() : rep_(std::make_unique<Rep>()) {
  rep_->model = std::make_unique<onnx::ModelProto>();
  rep_->payloads = std::make_shared<PayloadTable>();
  rep_->NewBlock(rep_->model->mutable_graph(), BlockId{}, NodeId{});
}
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;
Graph::~Graph() = default;

absl::StatusOr<Graph> Graph::Clone() const {
  auto payloads = std::make_shared<PayloadTable>();
  DSPERSE_ASSIGN_OR_RETURN(std::unique_ptr<onnx::ModelProto> model, Export(payloads.get()));
  DSPERSE_ASSIGN_OR_RETURN(Graph copy, Import(std::move(model), payloads, rep_->file_name));
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

std::vector<std::string> Graph::FreezeInputs() {
  std::vector<std::string> frozen;
  if (ir_version() < 4) return frozen;  // constants already, and the file must list them
  BlockRep& main_block = rep_->blocks[0];
  size_t kept = 0;
  for (size_t i = 0; i < main_block.inputs.size(); ++i) {
    ValueRep& v = rep_->at(main_block.inputs[i]);
    if (v.initializer) {
      v.input = false;
      frozen.emplace_back(v.name);
      continue;
    }
    main_block.inputs[kept] = main_block.inputs[i];
    main_block.input_infos[kept] = main_block.input_infos[i];
    ++kept;
  }
  main_block.inputs.resize(kept);
  main_block.input_infos.resize(kept);
  rep_->frozen = true;
  return frozen;
}

absl::Status Graph::SetInputShape(ValueId input, const Shape& shape) {
  BlockRep& main_block = rep_->blocks[0];
  for (size_t i = 0; i < main_block.inputs.size(); ++i) {
    if (main_block.inputs[i] != input) continue;
    onnx::TypeProto* type = main_block.input_infos[i]->mutable_type();
    onnx::TensorShapeProto* proto = type->mutable_tensor_type()->mutable_shape();
    proto->clear_dim();
    for (const Dim& d : shape.dims()) {
      auto* out = proto->add_dim();
      if (d.known()) {
        out->set_dim_value(d.size());
      } else if (!d.name().empty()) {
        out->set_dim_param(d.name());
      }
    }
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("not an input of the main graph");
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
absl::Span<const ValueId> Graph::Inputs(BlockId block) const { return rep_->at(block).inputs; }
absl::Span<const ValueId> Graph::Outputs(BlockId block) const { return rep_->at(block).outputs; }

std::vector<ValueId> Graph::Initializers(BlockId block) const {
  std::vector<ValueId> out;
  for (ValueId v : rep_->at(block).initializers) {
    if (rep_->at(v).live && rep_->at(v).initializer && rep_->at(v).block == block) out.push_back(v);
  }
  return out;
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
  std::vector<NodeId> out;
  for (NodeId n = FirstNode(block); n.valid(); n = NextNode(n)) out.push_back(n);
  return out;
}

std::vector<NodeId> Graph::AllNodes() const {
  std::vector<NodeId> out;
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
  return out;
}

NodeId Graph::FindNode(absl::string_view name) const {
  for (NodeId n = FirstNode(main()); n.valid(); n = NextNode(n)) {
    if (node(n).name() == name) return n;
  }
  return {};
}

// ---- values ----

bool Graph::IsLive(ValueId id) const { return id.valid() && rep_->at(id).live; }
absl::string_view Graph::Name(ValueId id) const { return rep_->at(id).name; }
NodeId Graph::Producer(ValueId id) const { return rep_->at(id).producer; }
int Graph::OutputIndex(ValueId id) const { return rep_->at(id).output_index; }
BlockId Graph::BlockOf(ValueId id) const { return rep_->at(id).block; }
bool Graph::IsInput(ValueId id) const { return rep_->at(id).input; }
bool Graph::IsInitializer(ValueId id) const { return rep_->at(id).initializer; }
absl::Span<const Use> Graph::Uses(ValueId id) const { return rep_->at(id).uses; }

bool Graph::IsBlockOutput(ValueId id) const {
  for (const Use& use : Uses(id)) {
    if (use.is_block_output()) return true;
  }
  return false;
}

bool Graph::IsGraphOutput(ValueId id) const {
  for (const Use& use : Uses(id)) {
    if (use.is_block_output() && use.block == main()) return true;
  }
  return false;
}

bool Graph::IsCaptured(ValueId id) const {
  for (const Use& use : Uses(id)) {
    if (use.block != rep_->at(id).block) return true;
  }
  return false;
}

bool Graph::IsOverridable(ValueId id) const {
  const ValueRep& v = rep_->at(id);
  return v.initializer && v.input && !rep_->frozen && ir_version() >= 4;
}

const Tensor* Graph::ConstantValue(ValueId id) const {
  return IsOverridable(id) ? nullptr : rep_->at(id).tensor.get();
}

const Tensor* Graph::InitializerTensor(ValueId id) const {
  const ValueRep& v = rep_->at(id);
  return v.initializer ? v.tensor.get() : nullptr;
}

DType Graph::DeclaredType(ValueId id) const {
  const ValueRep& v = rep_->at(id);
  if (v.tensor != nullptr) return v.tensor->dtype();
  if (v.info == nullptr || !v.info->type().has_tensor_type()) return DType::kUndefined;
  const int type = v.info->type().tensor_type().elem_type();
  return IsKnownDType(type) ? static_cast<DType>(type) : DType::kUndefined;
}

Shape Graph::DeclaredShape(ValueId id) const {
  const ValueRep& v = rep_->at(id);
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
  const auto it = rep_->names.find(name);
  if (it == rep_->names.end()) return {};
  const ValueId id = it->second.main_value;
  return IsLive(id) ? id : ValueId{};
}

int64_t Graph::ConstantBytes() const {
  int64_t total = 0;
  for (const ValueRep& v : rep_->values) {
    if (v.live && v.tensor != nullptr) total += v.tensor->num_bytes();
  }
  return total;
}

// ---- edits ----

std::string Graph::FreshName(absl::string_view hint) { return rep_->FreshName(hint); }

ValueId Graph::AddConstant(absl::string_view name_hint, Tensor tensor, BlockId block) {
  const ValueId id = rep_->NewValue(rep_->FreshName(name_hint), block);
  ValueRep& value = rep_->at(id);
  value.initializer = true;
  value.tensor = std::make_unique<const Tensor>(std::move(tensor));
  rep_->at(block).initializers.push_back(id);
  return id;
}

namespace {

void FillProto(Graph::Rep& rep, NewNode& spec, onnx::NodeProto* proto) {
  if (spec.like.valid()) {
    const onnx::NodeProto& model = *rep.at(spec.like).proto;
    for (const onnx::AttributeProto& a : model.attribute()) {
      if (!a.has_g()) *proto->add_attribute() = a;
    }
    if (model.has_doc_string()) proto->set_doc_string(model.doc_string());
    *proto->mutable_metadata_props() = model.metadata_props();
  }
  proto->set_op_type(spec.op_type);
  if (!spec.domain.empty()) proto->set_domain(spec.domain);
  for (auto& [name, value] : spec.attributes) {
    onnx::AttributeProto* attribute = nullptr;
    for (onnx::AttributeProto& a : *proto->mutable_attribute()) {
      if (a.name() == name) attribute = &a;
    }
    if (attribute == nullptr) attribute = proto->add_attribute();
    attribute->set_name(name);
    StoreAttribute(std::move(value), rep.payloads.get(), attribute);
  }
}

}  // namespace

NodeId Graph::AddNode(NewNode spec, NodeId before) {
  const BlockId block = rep_->at(before).block;
  onnx::NodeProto* proto = &rep_->made_nodes.emplace_back();
  FillProto(*rep_, spec, proto);
  const NodeId id = rep_->NewNode(proto, block, before);
  for (ValueId v : spec.inputs) SetInput(id, node(id).num_inputs(), v);
  int index = 0;
  for (ValueId v : spec.outputs) rep_->SetOutputAt(id, index++, v);
  for (const std::string& hint : spec.new_outputs) {
    rep_->SetOutputAt(id, index++, rep_->NewValue(rep_->FreshName(hint), block));
  }
  if (spec.name.empty() && node(id).output().valid()) spec.name = std::string(Name(node(id).output()));
  const std::string name = rep_->FreshName(spec.name);
  rep_->Intern(name);
  proto->set_name(name);
  rep_->at(id).stale = true;
  if (node(id).Is("Constant")) (void)rep_->DecodeConstant(id, name);
  return id;
}

NodeId Graph::AddNodeAtEnd(NewNode spec, BlockId block) {
  // Linked before a node that is then moved: a list end has no anchor of its own.
  onnx::NodeProto* proto = &rep_->made_nodes.emplace_back();
  const NodeId anchor = rep_->NewNode(proto, block, NodeId{});
  const NodeId id = AddNode(std::move(spec), anchor);
  rep_->Unlink(anchor);
  rep_->at(anchor).live = false;
  --rep_->live_nodes;
  return id;
}

void Graph::SetInput(NodeId id, int index, ValueId value) {
  NodeRep& n = rep_->at(id);
  const size_t i = static_cast<size_t>(index);
  if (i >= n.inputs.size()) {
    n.inputs.resize(i + 1);
    n.slots.resize(i + 1, -1);
  }
  if (n.inputs[i].valid()) rep_->DropUse(n.inputs[i], n.slots[i]);
  n.inputs[i] = value;
  n.slots[i] = rep_->AddUse(value, Use{id, n.block, index});
  n.stale = true;
}

void Graph::TrimInputs(NodeId id) {
  NodeRep& n = rep_->at(id);
  while (!n.inputs.empty() && !n.inputs.back().valid()) {
    n.inputs.pop_back();
    n.slots.pop_back();
    n.stale = true;
  }
}

void Graph::SetAttribute(NodeId id, absl::string_view name, AttributeValue value) {
  onnx::NodeProto* proto = rep_->at(id).proto;
  onnx::AttributeProto* attribute = nullptr;
  for (onnx::AttributeProto& a : *proto->mutable_attribute()) {
    if (absl::string_view(a.name()) == name) attribute = &a;
  }
  if (attribute == nullptr) attribute = proto->add_attribute();
  attribute->set_name(std::string(name));
  StoreAttribute(std::move(value), rep_->payloads.get(), attribute);
  if (node(id).Is("Constant")) (void)rep_->DecodeConstant(id, name);
}

void Graph::RemoveAttribute(NodeId id, absl::string_view name) {
  onnx::NodeProto* proto = rep_->at(id).proto;
  for (int i = 0; i < proto->attribute_size(); ++i) {
    if (absl::string_view(proto->attribute(i).name()) != name) continue;
    proto->mutable_attribute()->DeleteSubrange(i, 1);
    for (auto& [body, attribute] : rep_->at(id).bodies) {
      if (attribute > i) --attribute;
    }
    return;
  }
}

void Graph::TakeOutput(NodeId id, int index, ValueId value) {
  rep_->SetOutputAt(id, index, value);
}

void Graph::MakeConstant(ValueId id, Tensor tensor) {
  ValueRep& value = rep_->at(id);
  NodeRep& former = rep_->at(value.producer);
  former.outputs[static_cast<size_t>(value.output_index)] = ValueId{};
  former.stale = true;
  value.producer = NodeId{};
  value.output_index = -1;
  value.initializer = true;
  value.tensor = std::make_unique<const Tensor>(std::move(tensor));
  rep_->at(value.block).initializers.push_back(id);
}

void Graph::ReplaceUses(ValueId from, ValueId to, bool keep_outputs) {
  if (from == to) return;
  const auto uses = rep_->at(from).uses;  // a copy: the list shrinks under us
  for (const Use& use : uses) {
    if (use.node.valid()) {
      SetInput(use.node, use.index, to);
    } else if (!keep_outputs) {
      SetBlockOutput(use.block, use.index, to);
    }
  }
}

void Graph::SetBlockOutput(BlockId block, int index, ValueId value) {
  BlockRep& b = rep_->at(block);
  const size_t i = static_cast<size_t>(index);
  rep_->DropUse(b.outputs[i], b.output_slots[i]);
  b.outputs[i] = value;
  b.output_slots[i] = rep_->AddUse(value, Use{NodeId{}, block, index});
}

void Graph::RemoveNode(NodeId id) {
  // Bodies may hold nodes with bodies: a work list instead of recursion.
  std::vector<NodeId> doomed = {id};
  while (!doomed.empty()) {
    const NodeId n = doomed.back();
    doomed.pop_back();
    for (const auto& [body, attribute] : rep_->at(n).bodies) {
      BlockRep& b = rep_->at(body);
      for (size_t i = 0; i < b.outputs.size(); ++i) rep_->DropUse(b.outputs[i], b.output_slots[i]);
      b.outputs.clear();
      b.output_slots.clear();
      b.live = false;
      for (NodeId m = b.first; m.valid(); m = rep_->at(m).next) doomed.push_back(m);
      for (ValueId v : b.inputs) rep_->Kill(v);
      for (ValueId v : b.initializers) rep_->Kill(v);
    }
    NodeRep& rep = rep_->at(n);
    for (size_t i = 0; i < rep.inputs.size(); ++i) rep_->DropUse(rep.inputs[i], rep.slots[i]);
    rep.inputs.clear();
    rep.slots.clear();
    for (ValueId v : rep.outputs) {
      if (v.valid()) rep_->Kill(v);
    }
    rep.outputs.clear();
    rep.bodies.clear();
    rep.live = false;
    --rep_->live_nodes;
  }
  rep_->Unlink(id);
}

void Graph::RemoveInitializer(ValueId id) {
  ValueRep& v = rep_->at(id);
  rep_->Kill(id);
  v.tensor.reset();
  if (!v.input) return;
  BlockRep& b = rep_->at(v.block);
  for (size_t i = 0; i < b.inputs.size(); ++i) {
    if (b.inputs[i] != id) continue;
    b.inputs.erase(b.inputs.begin() + static_cast<std::ptrdiff_t>(i));
    b.input_infos.erase(b.input_infos.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

void Graph::InlineBody(BlockId body, NodeId before) {
  const BlockId target = rep_->at(before).block;
  BlockRep& b = rep_->at(body);
  auto adopt = [&](ValueId v) {
    ValueRep& value = rep_->at(v);
    value.block = target;
    // A sibling body, or one below the target, may have a value of the same name.
    if (rep_->names.find(value.name)->second.count > 1) {
      rep_->Rename(v, rep_->FreshName(value.name));
    } else if (target == main()) {
      rep_->names.find(value.name)->second.main_value = v;
    }
  };
  for (ValueId v : b.initializers) {
    if (!rep_->at(v).live) continue;
    adopt(v);
    rep_->at(target).initializers.push_back(v);
  }
  b.initializers.clear();
  BlockRep& into = rep_->at(target);
  into.infos.insert(into.infos.end(), b.infos.begin(), b.infos.end());
  into.annotations.insert(into.annotations.end(), b.annotations.begin(), b.annotations.end());
  b.infos.clear();
  b.annotations.clear();
  for (NodeId n : Nodes(body)) {
    rep_->Unlink(n);
    rep_->Link(n, target, before);
    NodeRep& rep = rep_->at(n);
    for (size_t i = 0; i < rep.inputs.size(); ++i) {
      if (rep.inputs[i].valid()) {
        rep_->at(rep.inputs[i]).uses[static_cast<size_t>(rep.slots[i])].block = target;
      }
    }
    for (ValueId v : rep.outputs) {
      if (v.valid()) adopt(v);
    }
    for (const auto& [inner, attribute] : rep.bodies) rep_->at(inner).parent = target;
  }
}

bool Graph::DropStaleInfo() {
  bool changed = false;
  for (BlockRep& b : rep_->blocks) {
    if (!b.live) continue;
    const auto info = std::remove_if(b.infos.begin(), b.infos.end(),
                                     [](const auto& entry) { return !entry.first.valid(); });
    const auto annotation =
        std::remove_if(b.annotations.begin(), b.annotations.end(), [](const auto& entry) {
          return std::any_of(entry.values.begin(), entry.values.end(),
                             [](ValueId v) { return !v.valid(); });
        });
    changed |= info != b.infos.end() || annotation != b.annotations.end();
    b.infos.erase(info, b.infos.end());
    b.annotations.erase(annotation, b.annotations.end());
  }
  return changed;
}

}  // namespace dsperse
