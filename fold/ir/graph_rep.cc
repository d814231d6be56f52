// Graph::Rep: names, lists and uses, and the way from attributes to protos.

#include "fold/ir/graph_rep.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/graph.h"
#include "fold/ir/node_wire.h"
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

absl::string_view PayloadPool::Add(absl::string_view bytes, std::shared_ptr<const void>* owner) {
  constexpr size_t kBlock = 1 << 16;
  constexpr size_t kAlignment = 16;
  if (block_ == nullptr || kBlock - used_ < bytes.size()) {
    block_ = std::shared_ptr<char>(new char[std::max(kBlock, bytes.size())],
                                   std::default_delete<char[]>());
    used_ = 0;
  }
  char* const place = block_.get() + used_;
  std::copy(bytes.begin(), bytes.end(), place);
  used_ = std::min(kBlock, used_ + (bytes.size() + kAlignment - 1) / kAlignment * kAlignment);
  *owner = block_;
  return absl::string_view(place, bytes.size());
}

int32_t Graph::Rep::Intern(absl::string_view name, bool lasting) {
  const int32_t place =
      names.PlaceOf(name, [&](absl::string_view made) { return lasting ? made : pool.Add(made); });
  ++names.at(place).count;
  return place;
}

absl::string_view Graph::Rep::Word(absl::string_view word) {
  return *words.lazy_emplace(word, [&](const auto& make) { make(pool.Add(word)); });
}

std::string Graph::Rep::FreshName(absl::string_view hint) {
  if (hint.empty()) hint = "value";
  const auto is_free = [this](absl::string_view name) {
    const NameEntry* const found = names.Find(name);
    return found == nullptr || found->count == 0;
  };
  if (is_free(hint)) return std::string(hint);
  auto it = next_suffix.find(hint);
  if (it == next_suffix.end()) it = next_suffix.emplace(pool.Add(hint), 1).first;
  for (;;) {
    std::string name = absl::StrCat(hint, "_", it->second++);
    if (is_free(name)) return name;
  }
}

ValueId Graph::Rep::NewValue(absl::string_view name, BlockId block) {
  return NewValue(Intern(name), block);
}

ValueId Graph::Rep::NewValue(int32_t name_place, BlockId block) {
  const ValueId id{static_cast<int32_t>(values.size())};
  ValueRep& value = values.emplace_back();
  NameEntry& name = names.at(name_place);
  value.name = name.name;
  value.name_place = name_place;
  value.block = block;
  if (block.index == 0 && !name.main_value.valid()) name.main_value = id;
  return id;
}

void Graph::Rep::DropDeadInputs(BlockId block) {
  BlockRep& b = at(block);
  if (!b.dead_inputs) return;
  b.dead_inputs = false;
  size_t kept = 0;
  for (size_t i = 0; i < b.inputs.size(); ++i) {
    if (!at(b.inputs[i]).live) continue;
    b.inputs[kept] = b.inputs[i];
    b.input_infos[kept] = b.input_infos[i];
    ++kept;
  }
  b.inputs.resize(kept);
  b.input_infos.resize(kept);
}

void Graph::Rep::Rename(ValueId value, absl::string_view name) {
  NameEntry& old = names.at(at(value).name_place);
  if (old.main_value == value) old.main_value = ValueId{};
  const int32_t place = Intern(name);
  at(value).name = names.at(place).name;
  at(value).name_place = place;
  at(value).renamed = true;
  if (at(value).block.index == 0) names.at(place).main_value = value;
  if (at(value).producer.valid()) at(at(value).producer).stale = true;
  for (const Use& use : at(value).uses) {
    if (use.node.valid()) at(use.node).stale = true;
  }
}

void Graph::Rep::Kill(ValueId value) {
  ValueRep& v = at(value);
  if (!v.live) return;
  v.live = false;
  if (v.initializer) at(v.block).dead_initializers = true;
  constant_bytes -= v.tensor != nullptr ? v.tensor->num_bytes() : 0;
  NameEntry& name = names.at(v.name_place);
  if (name.main_value == value) name.main_value = ValueId{};
  --name.count;
}

void Graph::Rep::SetTensor(ValueId value, std::unique_ptr<const Tensor> tensor) {
  ValueRep& v = at(value);
  if (v.tensor != nullptr) constant_bytes -= v.tensor->num_bytes();
  v.tensor = std::move(tensor);
  if (v.tensor != nullptr) constant_bytes += v.tensor->num_bytes();
}

void Graph::Rep::AddInitializer(ValueId value) {
  ValueRep& v = at(value);
  v.initializer = true;
  at(v.block).initializers.push_back(value);
}

void Graph::Rep::DropInitializer(ValueId value) {
  ValueRep& v = at(value);
  if (!v.initializer) return;
  v.initializer = false;
  at(v.block).dead_initializers = true;
}

void Graph::Rep::Link(NodeId id, BlockId block, NodeId before) {
  all_nodes_known = false;
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
  all_nodes_known = false;
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

NodeId Graph::Rep::NewNode(absl::string_view op_type, absl::string_view domain, BlockId block,
                           NodeId before) {
  const NodeId id{static_cast<int32_t>(nodes.size())};
  NodeRep& node = nodes.emplace_back();
  node.op_type = Word(op_type);
  node.domain = Word(domain == "ai.onnx" ? absl::string_view() : domain);
  Link(id, block, before);
  ++live_nodes;
  return id;
}

BlockId Graph::Rep::NewBlock(const onnx::GraphProto* proto, BlockId parent, NodeId holder) {
  const BlockId id{static_cast<int32_t>(blocks.size())};
  BlockRep& block = blocks.emplace_back();
  block.proto = proto;
  block.parent = parent;
  block.holder = holder;
  return id;
}

int32_t Graph::Rep::AddUse(ValueId value, Use use) {
  if (!value.valid()) return -1;
  ValueRep& v = at(value);
  v.uses.push_back(use);
  CountUse(v, use, 1);
  return static_cast<int32_t>(v.uses.size()) - 1;
}

void Graph::Rep::CountUse(ValueRep& value, const Use& use, int32_t change) {
  if (use.block != value.block) value.captured_uses += change;
  if (!use.is_block_output()) return;
  value.output_uses += change;
  if (use.block.index == 0) value.main_outputs += change;
}

void Graph::Rep::RecountUses(ValueId value) {
  ValueRep& v = at(value);
  v.output_uses = v.main_outputs = v.captured_uses = 0;
  for (const Use& use : v.uses) CountUse(v, use, 1);
}

void Graph::Rep::DropUse(ValueId value, int32_t slot) {
  if (!value.valid()) return;
  auto& uses = at(value).uses;
  const size_t i = static_cast<size_t>(slot);
  CountUse(at(value), uses[i], -1);
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
  DropInitializer(value);
  SetTensor(value, nullptr);
  v.tensor_wire = {};
  v.sparse_proto = nullptr;
  v.producer = node;
  v.output_index = index;
  if (v.block != rep.block) {
    v.block = rep.block;
    RecountUses(value);
  }
}

std::string Shown(absl::string_view name) {
  constexpr size_t kLongest = 200;
  if (name.size() <= kLongest) return std::string(name);
  return absl::StrCat(name.substr(0, kLongest / 2), "… (", name.size(), " bytes)");
}

std::string Graph::Rep::Where(NodeId id) const {
  const NodeRep& node = at(id);
  absl::string_view label = node.name;
  if (label.empty() && !node.outputs.empty() && node.outputs[0].valid()) {
    label = at(node.outputs[0]).name;
  }
  return absl::StrCat(file_name, file_name.empty() ? "" : ": ", "node '", Shown(label), "' (",
                      Shown(node.op_type), ")");
}

const onnx::NodeProto& Graph::Rep::Proto(NodeId id) {
  if (parsed_node != id) {
    // Can't fail: what is stored was read or written by the same library, or is plain.
    (void)parsed.ParsePartialFromArray(at(id).wire.data(), static_cast<int>(at(id).wire.size()));
    parsed_node = id;
  }
  return parsed;
}

void Graph::Rep::Store(NodeId id, const onnx::NodeProto& proto) {
  at(id).wire = pool.Add(proto.SerializePartialAsString());
  if (parsed_node == id) parsed_node = NodeId{};
}

absl::Status Graph::Rep::DecodeConstant(NodeId id, absl::string_view where) {
  NodeRep& node = at(id);
  if (node.outputs.empty() || !node.outputs[0].valid()) return absl::OkStatus();
  const ValueId out = node.outputs[0];
  SetTensor(out, nullptr);
  NodeFields fields;
  AttributeFields a;
  if (!SplitNode(node.wire, false, &fields) || fields.attributes.size() != 1 ||
      !SplitAttribute(fields.attributes[0], false, &a)) {
    return absl::OkStatus();
  }
  std::optional<Tensor> tensor;
  if (a.name == "value") {
    if (!a.has_tensor) return absl::InvalidArgumentError(absl::StrCat(where, ": value is no tensor"));
    DSPERSE_ASSIGN_OR_RETURN(tensor, DecodeTensor(a.tensor, where));
  } else if (a.name == "sparse_value") {
    absl::StatusOr<Tensor> dense = DecodeSparse(a.sparse_tensor, where);
    if (!dense.ok()) {
      // A sparse tensor too large to spread out stays opaque, any other fault is the model's.
      return absl::IsUnimplemented(dense.status()) ? absl::OkStatus() : dense.status();
    }
    tensor = *std::move(dense);
  } else if (a.name == "value_float") {
    tensor = Tensor::Scalar<float>(a.f);
  } else if (a.name == "value_int") {
    tensor = Tensor::Scalar<int64_t>(a.i);
  } else if (a.name == "value_string") {
    DSPERSE_ASSIGN_OR_RETURN(tensor, Tensor::FromStrings({}, {std::string(a.s)}));
  } else if (a.name == "value_floats") {
    const std::vector<float> floats = AttributeFloats(fields.attributes[0]);
    tensor = Tensor::Of<float>({static_cast<int64_t>(floats.size())}, absl::MakeConstSpan(floats));
  } else if (a.name == "value_ints") {
    const std::vector<int64_t> ints = AttributeInts(fields.attributes[0]);
    tensor = Tensor::Of<int64_t>({static_cast<int64_t>(ints.size())}, absl::MakeConstSpan(ints));
  } else if (a.name == "value_strings") {
    std::vector<std::string> strings = AttributeStrings(fields.attributes[0]);
    const int64_t count = static_cast<int64_t>(strings.size());
    DSPERSE_ASSIGN_OR_RETURN(tensor, Tensor::FromStrings({count}, std::move(strings)));
  }
  if (tensor) SetTensor(out, std::make_unique<const Tensor>(*std::move(tensor)));
  return absl::OkStatus();
}

absl::StatusOr<Tensor> Graph::Rep::DecodeTensor(absl::string_view wire, absl::string_view where) {
  onnx::TensorProto proto;
  if (!proto.ParseFromArray(wire.data(), static_cast<int>(wire.size()))) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": malformed tensor"));
  }
  return TensorFromProto(proto, *payloads, where);
}

absl::StatusOr<Tensor> Graph::Rep::DecodeSparse(absl::string_view wire, absl::string_view where) {
  onnx::SparseTensorProto proto;
  if (!proto.ParseFromArray(wire.data(), static_cast<int>(wire.size()))) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": malformed sparse tensor"));
  }
  return TensorFromSparse(proto, *payloads, where);
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
