// Graph::Rep: names, lists and uses, and the way from attributes to protos.

#include "fold/ir/graph_rep.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/graph.h"
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

std::pair<const absl::string_view, NameEntry>& Graph::Rep::Intern(absl::string_view name) {
  const auto it = names.lazy_emplace(
      name, [&](const auto& make) { make(pool.Add(name), NameEntry{}); });
  ++it->second.count;
  return *it;
}

absl::string_view Graph::Rep::Word(absl::string_view word) {
  return *words.lazy_emplace(word, [&](const auto& make) { make(pool.Add(word)); });
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
  return NewValue(Intern(name), block);
}

ValueId Graph::Rep::NewValue(std::pair<const absl::string_view, NameEntry>& name, BlockId block) {
  const ValueId id{static_cast<int32_t>(values.size())};
  ValueRep& value = values.emplace_back();
  value.name = name.first;
  value.block = block;
  if (block.index == 0 && !name.second.main_value.valid()) name.second.main_value = id;
  return id;
}

void Graph::Rep::Rename(ValueId value, absl::string_view name) {
  NameEntry& old = names.find(at(value).name)->second;
  if (old.main_value == value) old.main_value = ValueId{};
  auto& entry = Intern(name);
  at(value).name = entry.first;
  if (at(value).block.index == 0) entry.second.main_value = value;
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
  NodeRep& node = nodes.emplace_back();
  node.proto = proto;
  node.op_type = Word(proto->op_type());
  node.domain = Word(proto->domain() == "ai.onnx" ? absl::string_view() : proto->domain());
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

}  // namespace dsperse
