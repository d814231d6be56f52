// Graph: edits. Each keeps every invariant of the class comment.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fold/ir/graph.h"
#include "fold/ir/graph_rep.h"

namespace dsperse {

std::vector<std::string> Graph::FreezeInputs() {
  std::vector<std::string> frozen;
  if (ir_version() < 4) return frozen;  // constants already, and the file must list them
  rep_->DropDeadInputs(main());
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
  rep_->DropDeadInputs(main());
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

std::string Graph::FreshName(absl::string_view hint) { return rep_->FreshName(hint); }

ValueId Graph::AddConstant(absl::string_view name_hint, Tensor tensor, BlockId block) {
  const ValueId id = rep_->NewValue(rep_->FreshName(name_hint), block);
  rep_->AddInitializer(id);
  rep_->SetTensor(id, std::make_unique<const Tensor>(std::move(tensor)));
  return id;
}

namespace {

void FillProto(Graph::Rep& rep, NewNode& spec, onnx::NodeProto* proto) {
  if (spec.like.valid()) {
    const onnx::NodeProto& model = rep.Proto(spec.like);
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
  onnx::NodeProto proto;
  FillProto(*rep_, spec, &proto);
  const NodeId id = rep_->NewNode(spec.op_type, spec.domain, block, before);
  for (ValueId v : spec.inputs) SetInput(id, node(id).num_inputs(), v);
  int index = 0;
  for (ValueId v : spec.outputs) rep_->SetOutputAt(id, index++, v);
  for (const std::string& hint : spec.new_outputs) {
    rep_->SetOutputAt(id, index++, rep_->NewValue(rep_->FreshName(hint), block));
  }
  if (spec.name.empty() && node(id).output().valid()) spec.name = std::string(Name(node(id).output()));
  const std::string name = rep_->FreshName(spec.name);
  rep_->at(id).name = rep_->names.at(rep_->Intern(name)).name;
  proto.set_name(name);
  rep_->Store(id, proto);
  rep_->at(id).stale = true;
  if (node(id).Is("Constant")) (void)rep_->DecodeConstant(id, name);
  return id;
}

NodeId Graph::AddNodeAtEnd(NewNode spec, BlockId block) {
  // Linked before a node that is then moved: a list end has no anchor of its own.
  const NodeId anchor = rep_->NewNode("", "", block, NodeId{});
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
  onnx::NodeProto proto = rep_->Proto(id);
  onnx::AttributeProto* attribute = nullptr;
  for (onnx::AttributeProto& a : *proto.mutable_attribute()) {
    if (absl::string_view(a.name()) == name) attribute = &a;
  }
  if (attribute == nullptr) attribute = proto.add_attribute();
  attribute->set_name(std::string(name));
  StoreAttribute(std::move(value), rep_->payloads.get(), attribute);
  rep_->Store(id, proto);
  if (node(id).Is("Constant")) (void)rep_->DecodeConstant(id, name);
}

void Graph::RemoveAttribute(NodeId id, absl::string_view name) {
  onnx::NodeProto proto = rep_->Proto(id);
  for (int i = 0; i < proto.attribute_size(); ++i) {
    if (absl::string_view(proto.attribute(i).name()) != name) continue;
    proto.mutable_attribute()->DeleteSubrange(i, 1);
    rep_->Store(id, proto);
    for (auto& [body, attribute] : rep_->at(id).bodies) {
      if (attribute > i) --attribute;
    }
    return;
  }
}

void Graph::TakeOutput(NodeId id, int index, ValueId value) {
  rep_->SetOutputAt(id, index, value);
  if (node(id).Is("Constant")) (void)rep_->DecodeConstant(id, Name(value));
}

void Graph::MakeConstant(ValueId id, Tensor tensor) {
  ValueRep& value = rep_->at(id);
  NodeRep& former = rep_->at(value.producer);
  former.outputs[static_cast<size_t>(value.output_index)] = ValueId{};
  former.stale = true;
  value.producer = NodeId{};
  value.output_index = -1;
  rep_->AddInitializer(id);
  rep_->SetTensor(id, std::make_unique<const Tensor>(std::move(tensor)));
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
      for (ValueId v : Initializers(body)) rep_->Kill(v);
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
  rep_->at(v.block).dead_inputs = true;  // many go at once: the list is put right when it is asked for
}

void Graph::InlineBody(BlockId body, NodeId before) {
  const BlockId target = rep_->at(before).block;
  BlockRep& b = rep_->at(body);
  auto adopt = [&](ValueId v) {
    ValueRep& value = rep_->at(v);
    value.block = target;
    rep_->RecountUses(v);
    // A sibling body, or one below the target, may have a value of the same name.
    NameEntry& name = rep_->names.at(value.name_place);
    if (name.count > 1) {
      rep_->Rename(v, rep_->FreshName(value.name));
    } else if (target == main()) {
      name.main_value = v;
    }
  };
  for (ValueId v : Initializers(body)) {
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
      if (!rep.inputs[i].valid()) continue;
      ValueRep& read = rep_->at(rep.inputs[i]);
      Use& use = read.uses[static_cast<size_t>(rep.slots[i])];
      rep_->CountUse(read, use, -1);
      use.block = target;
      rep_->CountUse(read, use, 1);
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
