// Graph → wire format of onnx::ModelProto.
//
// Written field by field, in canonical order. Nodes and tensors that nothing has changed are the
// bytes they were read from. Payloads stay tokens; the saver (model_file.cc) puts them in place.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/graph.h"
#include "fold/ir/graph_rep.h"
#include "fold/ir/node_wire.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/wire.h"

namespace dsperse {
namespace {

constexpr uint64_t kLongest = uint64_t{1} << 34;  // as long a varint as any length of a graph takes

void AppendHeader(int field, size_t length, std::string* out) {
  AppendVarint(MakeTag(static_cast<uint32_t>(field), kBytes), out);
  AppendVarint(length, out);
}

void AppendBytes(int field, absl::string_view bytes, std::string* out) {
  AppendHeader(field, bytes.size(), out);
  out->append(bytes.data(), bytes.size());
}

absl::Status AppendMessage(int field, const google::protobuf::MessageLite& message,
                           std::string* out) {
  AppendHeader(field, message.ByteSizeLong(), out);
  if (!message.AppendPartialToString(out)) {
    return absl::ResourceExhaustedError("a message exceeds protobuf's limit of 2 GiB");
  }
  return absl::OkStatus();
}

// Without reflection: that would build the descriptors of all of ONNX first, a third of what a small model takes.
template <typename Message>
void CopyUnknownFields(const Message& from, Message* to) {
  to->mutable_unknown_fields()->MergeFrom(from.unknown_fields());
}

class Exporter {
 public:
  Exporter(const Graph& graph, Graph::Rep& rep, PayloadTable* payloads, int64_t inline_limit)
      : graph_(graph), rep_(rep), payloads_(payloads), inline_limit_(inline_limit) {}

  absl::Status Block(BlockId id, std::string* out) {
    const BlockRep& block = rep_.at(id);
    for (NodeId n = block.first; n.valid(); n = rep_.at(n).next) {
      DSPERSE_RETURN_IF_ERROR(Node(n, out));
    }
    if (block.proto->has_name()) {
      AppendBytes(onnx::GraphProto::kNameFieldNumber, block.proto->name(), out);
    }
    std::vector<ValueId> sparse;
    for (ValueId v : graph_.Initializers(id)) {
      if (rep_.at(v).sparse_proto != nullptr) {
        sparse.push_back(v);
      } else {
        DSPERSE_RETURN_IF_ERROR(Initializer(v, out));
      }
    }
    return Rest(id, sparse, out);
  }

  // About the bytes that the nodes and initializers of all blocks take, rather more than less.
  size_t Room() const {
    constexpr size_t kHeaders = 64;  // of a message, its payload and its numbers
    size_t room = 0;
    for (NodeId n : graph_.AllNodes()) {
      const NodeRep& node = rep_.at(n);
      room += kHeaders + node.wire.size();
      if (!node.stale) continue;
      for (ValueId v : node.inputs) room += 4 + NameOf(v).size();
      for (ValueId v : node.outputs) room += 4 + NameOf(v).size();
    }
    for (BlockId block : graph_.Blocks()) {
      for (ValueId v : graph_.Initializers(block)) {
        const ValueRep& value = rep_.at(v);
        room += kHeaders + value.name.size() + value.tensor_wire.size();
        const bool held = value.tensor_wire.empty() && value.tensor != nullptr;
        if (held && value.tensor->num_bytes() < inline_limit_) room += static_cast<size_t>(value.tensor->num_bytes());
      }
    }
    return room;
  }

 private:
  absl::Status Node(NodeId n, std::string* out) {
    const NodeRep& node = rep_.at(n);
    if (!node.stale && node.bodies.empty()) {
      AppendBytes(onnx::GraphProto::kNodeFieldNumber, node.wire, out);
      return absl::OkStatus();
    }
    std::string bytes;
    if (node.stale) {
      for (ValueId v : node.inputs) AppendBytes(kNodeInput, NameOf(v), &bytes);
      for (ValueId v : node.outputs) AppendBytes(kNodeOutput, NameOf(v), &bytes);
    }
    WireReader reader(node.wire);
    WireField field;
    int groups = 0;
    int attribute = 0;
    while (reader.Next(&field)) {
      if (field.type == kGroupStart) ++groups;
      if (field.type == kGroupEnd) --groups;
      if (groups == 0 && field.type == kBytes) {
        if (node.stale && (field.number == kNodeInput || field.number == kNodeOutput)) continue;
        if (field.number == kNodeAttribute) {
          const int index = attribute++;
          const auto body = std::find_if(node.bodies.begin(), node.bodies.end(),
                                         [&](const auto& b) { return b.second == index; });
          if (body != node.bodies.end()) {
            DSPERSE_RETURN_IF_ERROR(
                BodyAttribute(node.wire.substr(field.body, static_cast<size_t>(field.value)),
                              body->first, &bytes));
            continue;
          }
        }
      }
      bytes.append(node.wire.data() + field.begin, field.end - field.begin);
    }
    AppendBytes(onnx::GraphProto::kNodeFieldNumber, bytes, out);
    return absl::OkStatus();
  }

  // The attribute with its body as it is now.
  absl::Status BodyAttribute(absl::string_view attribute, BlockId body, std::string* out) {
    std::string bytes;
    FieldReader reader(attribute);
    WireField field;
    while (reader.Next(&field)) {
      if (field.number != kAttributeBody || field.type != kBytes) {
        bytes.append(attribute.data() + field.begin, field.end - field.begin);
        continue;
      }
      std::string graph;
      DSPERSE_RETURN_IF_ERROR(Block(body, &graph));
      AppendBytes(kAttributeBody, graph, &bytes);
    }
    AppendBytes(kNodeAttribute, bytes, out);
    return absl::OkStatus();
  }

  absl::string_view NameOf(ValueId v) const {
    return v.valid() ? rep_.at(v).name : absl::string_view();
  }

  absl::Status Initializer(ValueId v, std::string* out) {
    const ValueRep& value = rep_.at(v);
    if (!value.tensor_wire.empty() && !value.renamed) {
      AppendBytes(onnx::GraphProto::kInitializerFieldNumber, value.tensor_wire, out);
      return absl::OkStatus();
    }
    onnx::TensorProto proto;
    if (!value.tensor_wire.empty()) {
      // Can't fail: it was read before.
      (void)proto.ParsePartialFromArray(value.tensor_wire.data(),
                                        static_cast<int>(value.tensor_wire.size()));
    } else if (value.tensor->dtype() != DType::kString) {
      return NewTensor(value.name, *value.tensor, out);
    } else {
      DSPERSE_RETURN_IF_ERROR(TensorToProto(*value.tensor, inline_limit_, payloads_, &proto));
    }
    proto.set_name(std::string(value.name));
    return AppendMessage(onnx::GraphProto::kInitializerFieldNumber, proto, out);
  }

  // The bytes that the message of TensorToProto would have, without the message.
  absl::Status NewTensor(absl::string_view name, const Tensor& tensor, std::string* out) {
    std::string& head = scratch_;
    head.clear();
    for (const int64_t dim : tensor.dims()) {
      AppendVarint(MakeTag(onnx::TensorProto::kDimsFieldNumber, kVarint), &head);
      AppendVarint(static_cast<uint64_t>(dim), &head);
    }
    AppendVarint(MakeTag(onnx::TensorProto::kDataTypeFieldNumber, kVarint), &head);
    AppendVarint(static_cast<uint64_t>(tensor.dtype()), &head);
    AppendBytes(onnx::TensorProto::kNameFieldNumber, name, &head);
    size_t payload = 0;
    if (tensor.num_bytes() >= inline_limit_) {
      Payload large;
      large.length = static_cast<uint64_t>(tensor.num_bytes());
      large.tensor = std::make_shared<const Tensor>(tensor);
      AppendVarint(MakeTag(kPayloadField, kVarint), &head);
      AppendVarint(static_cast<uint64_t>(payloads_->Add(std::move(large))), &head);
    } else {
      payload = static_cast<size_t>(tensor.num_bytes());
      AppendHeader(onnx::TensorProto::kRawDataFieldNumber, payload, &head);
    }
    AppendHeader(onnx::GraphProto::kInitializerFieldNumber, head.size() + payload, out);
    out->append(head);
    out->resize(out->size() + payload);
    return tensor.ReadToWrite(0, absl::MakeSpan(&(*out)[out->size() - payload], payload));
  }

  // Before IR 4 an initializer must stand among the inputs too. Those of the file are as they were
  // written; those that passes made are listed here.
  void ListNewInitializers(BlockId id, onnx::GraphProto* rest) const {
    for (ValueId v : graph_.Initializers(id)) {
      const ValueRep& value = rep_.at(v);
      if (value.input || value.tensor == nullptr || !value.tensor_wire.empty()) continue;
      onnx::ValueInfoProto& info = *rest->add_input();
      info.set_name(std::string(value.name));
      onnx::TypeProto::Tensor& type = *info.mutable_type()->mutable_tensor_type();
      type.set_elem_type(static_cast<int32_t>(value.tensor->dtype()));
      type.mutable_shape();  // a scalar has a shape, too
      for (const int64_t dim : value.tensor->dims())
        type.mutable_shape()->add_dim()->set_dim_value(dim);
    }
  }

  // All fields after the initializers.
  absl::Status Rest(BlockId id, const std::vector<ValueId>& sparse, std::string* out) {
    rep_.DropDeadInputs(id);
    const BlockRep& block = rep_.at(id);
    onnx::GraphProto rest;
    if (block.proto->has_doc_string()) rest.set_doc_string(block.proto->doc_string());
    for (size_t i = 0; i < block.inputs.size(); ++i) {
      *rest.add_input() = *block.input_infos[i];
      rest.mutable_input()->rbegin()->set_name(std::string(rep_.at(block.inputs[i]).name));
    }
    if (id == graph_.main() && graph_.ir_version() < 4) ListNewInitializers(id, &rest);
    for (size_t i = 0; i < block.outputs.size(); ++i) {
      *rest.add_output() = *block.output_infos[i];
      rest.mutable_output()->rbegin()->set_name(std::string(rep_.at(block.outputs[i]).name));
    }
    for (const auto& [value, info] : block.infos) {
      if (value.valid() && !rep_.at(value).live) continue;
      *rest.add_value_info() = *info;
      if (value.valid())
        rest.mutable_value_info()->rbegin()->set_name(std::string(rep_.at(value).name));
    }
    for (const BlockRep::Annotation& annotation : block.annotations) {
      bool alive = true;
      for (ValueId v : annotation.values) alive &= !v.valid() || rep_.at(v).live;
      if (alive) *rest.add_quantization_annotation() = *annotation.proto;
    }
    for (ValueId v : sparse) *rest.add_sparse_initializer() = *rep_.at(v).sparse_proto;
    *rest.mutable_metadata_props() = block.proto->metadata_props();
    CopyUnknownFields(*block.proto, &rest);
    if (!rest.AppendPartialToString(out)) {
      return absl::ResourceExhaustedError(
          "the graph's declarations exceed protobuf's limit of 2 GiB");
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  Graph::Rep& rep_;
  PayloadTable* payloads_;
  int64_t inline_limit_;
  std::string scratch_;
};

}  // namespace

absl::StatusOr<std::string> Graph::ExportBytes(PayloadTable* payloads, int64_t inline_limit) const {
  *payloads = *rep_->payloads;  // tokens in the protos stay what they are
  // Fields of the model before and after `graph` (7).
  onnx::ModelProto before, after;
  const onnx::ModelProto& model = *rep_->model;
  if (model.has_ir_version()) before.set_ir_version(model.ir_version());
  if (model.has_producer_name()) before.set_producer_name(model.producer_name());
  if (model.has_producer_version()) before.set_producer_version(model.producer_version());
  if (model.has_domain()) before.set_domain(model.domain());
  if (model.has_model_version()) before.set_model_version(model.model_version());
  if (model.has_doc_string()) before.set_doc_string(model.doc_string());
  *after.mutable_opset_import() = model.opset_import();
  *after.mutable_metadata_props() = model.metadata_props();
  *after.mutable_training_info() = model.training_info();
  *after.mutable_configuration() = model.configuration();
  CopyUnknownFields(model, &after);

  Exporter exporter(*this, *rep_, payloads, inline_limit);
  std::string out;
  out.reserve(exporter.Room());  // growing step by step would copy it several times, and hold it three times over
  before.AppendPartialToString(&out);
  // The length of the graph is known behind it: the bytes move up then, rather than being held
  // twice.
  AppendHeader(onnx::ModelProto::kGraphFieldNumber, kLongest, &out);
  const size_t begin = out.size();
  DSPERSE_RETURN_IF_ERROR(exporter.Block(main(), &out));
  std::string length;
  AppendVarint(out.size() - begin, &length);
  out.replace(begin - VarintSize(kLongest), VarintSize(kLongest), length);
  after.AppendPartialToString(&out);
  return out;
}

absl::StatusOr<std::unique_ptr<onnx::ModelProto>> Graph::Export(PayloadTable* payloads,
                                                                int64_t inline_limit) const {
  DSPERSE_ASSIGN_OR_RETURN(const std::string bytes, ExportBytes(payloads, inline_limit));
  auto model = std::make_unique<onnx::ModelProto>();
  if (!model->ParseFromString(bytes)) {
    return absl::InternalError("the exported model can't be read back");
  }
  return model;
}

}  // namespace dsperse
