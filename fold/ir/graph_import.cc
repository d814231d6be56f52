// onnx::ModelProto → Graph.

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/graph.h"
#include "fold/ir/graph_rep.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

constexpr int kMaxIrVersion = 12;
constexpr int64_t kMaxOpset = 24;

class Importer {
 public:
  Importer(const Graph& graph, Graph::Rep& rep) : graph_(graph), rep_(rep) {}

  absl::Status Run(std::vector<std::string>* notes) {
    DSPERSE_RETURN_IF_ERROR(CheckHeader());
    Reserve(rep_.model->graph());
    rep_.NewBlock(rep_.model->mutable_graph(), BlockId{}, NodeId{});
    scopes_.emplace_back();
    for (size_t i = 0; i < rep_.blocks.size(); ++i) {  // bodies are appended on the way
      DSPERSE_RETURN_IF_ERROR(ImportBlock(BlockId{static_cast<int32_t>(i)}));
    }
    for (ValueId v : shadowing_) rep_.Rename(v, rep_.FreshName(rep_.at(v).name));
    if (!shadowing_.empty() && notes != nullptr) {
      notes->push_back(absl::StrCat(shadowing_.size(),
                                    " values of bodies had the name of an outer value and were renamed"));
    }
    return absl::OkStatus();
  }

 private:
  std::string Prefix() const { return rep_.file_name.empty() ? "" : rep_.file_name + ": "; }
  absl::Status Invalid(absl::string_view text) const {
    return absl::InvalidArgumentError(absl::StrCat(Prefix(), text));
  }

  absl::Status CheckHeader() {
    const onnx::ModelProto& model = *rep_.model;
    if (!model.has_graph()) return Invalid("the model has no graph");
    if (model.ir_version() > kMaxIrVersion) {
      return absl::UnimplementedError(absl::StrCat(Prefix(), "IR version ", model.ir_version(),
                                                   " is newer than the newest known, ", kMaxIrVersion));
    }
    if (model.functions_size() != 0) {
      return absl::UnimplementedError(
          absl::StrCat(Prefix(), model.functions_size(), " model-local functions were not inlined"));
    }
    const int64_t opset = graph_.opset();
    if (opset > kMaxOpset) {
      return absl::UnimplementedError(absl::StrCat(Prefix(), "opset ", opset,
                                                   " is newer than the newest known, ", kMaxOpset));
    }
    return absl::OkStatus();
  }

  // Room for what the main graph needs at least: growing step by step would copy it several times.
  void Reserve(const onnx::GraphProto& graph) {
    const size_t nodes = static_cast<size_t>(graph.node_size());
    size_t values = static_cast<size_t>(graph.input_size() + graph.initializer_size());
    for (const onnx::NodeProto& node : graph.node()) values += static_cast<size_t>(node.output_size());
    rep_.nodes.reserve(nodes);
    rep_.values.reserve(values);
    rep_.names.reserve(nodes + values);
  }

  // The value `name` means in `block`, or none.
  ValueId Lookup(BlockId block, absl::string_view name) const {
    for (BlockId b = block; b.valid() && b.index != 0; b = rep_.at(b).parent) {
      const auto& scope = scopes_[static_cast<size_t>(b.index)];
      if (const auto it = scope.find(name); it != scope.end()) return it->second;
    }
    const auto it = rep_.names.find(name);
    return it == rep_.names.end() ? ValueId{} : it->second.main_value;
  }

  ValueId LookupHere(BlockId block, absl::string_view name) const {
    if (block.index == 0) return Lookup(block, name);
    const auto& scope = scopes_[static_cast<size_t>(block.index)];
    const auto it = scope.find(name);
    return it == scope.end() ? ValueId{} : it->second;
  }

  // Makes the value `name` of `block`; `what()` says in a message what it is.
  template <typename What>
  absl::StatusOr<ValueId> Declare(BlockId block, absl::string_view name, const What& what) {
    const auto twice = [&] {
      return Invalid(absl::StrCat("two values are named '", name, "' (the second is ", what(), ")"));
    };
    if (block.index == 0) {
      auto& entry = rep_.Intern(name);
      if (entry.second.main_value.valid()) return twice();
      return rep_.NewValue(entry, block);
    }
    if (LookupHere(block, name).valid()) return twice();
    const bool shadows = Lookup(rep_.at(block).parent, name).valid();
    const ValueId id = rep_.NewValue(name, block);
    scopes_[static_cast<size_t>(block.index)].emplace(rep_.at(id).name, id);
    if (shadows) shadowing_.push_back(id);
    return id;
  }

  absl::Status CheckType(const onnx::ValueInfoProto& info) const {
    if (!info.type().has_tensor_type()) return absl::OkStatus();
    const int type = info.type().tensor_type().elem_type();
    if (type == 0 || IsKnownDType(type)) return absl::OkStatus();
    return Invalid(absl::StrCat("value '", info.name(), "' has the unknown element type ", type));
  }

  absl::Status ImportBlock(BlockId id) {
    DSPERSE_RETURN_IF_ERROR(ImportInputs(id));
    DSPERSE_RETURN_IF_ERROR(ImportInitializers(id));
    DSPERSE_RETURN_IF_ERROR(ImportNodes(id));
    DSPERSE_RETURN_IF_ERROR(ImportOutputs(id));
    for (const onnx::ValueInfoProto& info : rep_.at(id).proto->value_info()) {
      DSPERSE_RETURN_IF_ERROR(CheckType(info));
      const ValueId value = LookupHere(id, info.name());
      if (value.valid() && rep_.at(value).info == nullptr) rep_.at(value).info = &info;
      rep_.at(id).infos.emplace_back(value, &info);
    }
    for (const onnx::TensorAnnotation& a : rep_.at(id).proto->quantization_annotation()) {
      BlockRep::Annotation entry{&a, {Lookup(id, a.tensor_name())}};
      for (const auto& parameter : a.quant_parameter_tensor_names()) {
        entry.values.push_back(Lookup(id, parameter.value()));
      }
      rep_.at(id).annotations.push_back(std::move(entry));
    }
    return absl::OkStatus();
  }

  absl::Status ImportInputs(BlockId id) {
    for (onnx::ValueInfoProto& info : *rep_.at(id).proto->mutable_input()) {
      DSPERSE_RETURN_IF_ERROR(CheckType(info));
      if (info.name().empty()) return Invalid("an input has no name");
      DSPERSE_ASSIGN_OR_RETURN(const ValueId value, Declare(id, info.name(), [] { return "an input"; }));
      rep_.at(value).input = true;
      rep_.at(value).info = &info;
      rep_.at(id).inputs.push_back(value);
      rep_.at(id).input_infos.push_back(&info);
    }
    return absl::OkStatus();
  }

  // The value of an initializer named `name`: the input of that name, or a new one.
  absl::StatusOr<ValueId> DeclareInitializer(BlockId id, absl::string_view name) {
    if (name.empty()) return Invalid("an initializer has no name");
    ValueId value = LookupHere(id, name);
    if (!value.valid()) {
      DSPERSE_ASSIGN_OR_RETURN(value, Declare(id, name, [] { return "an initializer"; }));
    } else if (rep_.at(value).initializer) {
      return Invalid(absl::StrCat("two initializers are named '", name, "'"));
    }
    rep_.at(value).initializer = true;
    rep_.at(id).initializers.push_back(value);
    return value;
  }

  absl::Status ImportInitializers(BlockId id) {
    const std::string prefix = Prefix();
    std::string where;
    for (onnx::TensorProto& proto : *rep_.at(id).proto->mutable_initializer()) {
      where.clear();
      absl::StrAppend(&where, prefix, "initializer '", proto.name(), "'");
      DSPERSE_ASSIGN_OR_RETURN(const ValueId value, DeclareInitializer(id, proto.name()));
      DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, TensorFromProto(proto, *rep_.payloads, where, rep_.model));
      DSPERSE_RETURN_IF_ERROR(Internalize(tensor, &proto));
      rep_.at(value).tensor_proto = &proto;
      rep_.at(value).tensor = std::make_unique<const Tensor>(std::move(tensor));
    }
    for (const onnx::SparseTensorProto& proto : rep_.at(id).proto->sparse_initializer()) {
      DSPERSE_ASSIGN_OR_RETURN(const ValueId value, DeclareInitializer(id, proto.values().name()));
      rep_.at(value).sparse_proto = &proto;
      where = absl::StrCat(prefix, "sparse initializer '", proto.values().name(), "'");
      absl::StatusOr<Tensor> dense = TensorFromSparse(proto, *rep_.payloads, where);
      if (dense.ok()) {
        rep_.at(value).tensor = std::make_unique<const Tensor>(*std::move(dense));
      } else if (!absl::IsUnimplemented(dense.status())) {
        return dense.status();
      }
    }
    return absl::OkStatus();
  }

  // External data becomes a token: from here on it is a payload like any other.
  absl::Status Internalize(const Tensor& tensor, onnx::TensorProto* proto) {
    if (proto->data_location() != onnx::TensorProto::EXTERNAL) return absl::OkStatus();
    constexpr int64_t kInlineLimit = 1024;
    return TensorToProto(tensor, kInlineLimit, rep_.payloads.get(), proto);
  }

  absl::Status ImportNodes(BlockId id) {
    for (onnx::NodeProto& proto : *rep_.at(id).proto->mutable_node()) {
      const NodeId node = rep_.NewNode(&proto, id, NodeId{});
      if (!proto.name().empty()) rep_.Intern(proto.name());
      if (graph_.node(node).domain().empty() && graph_.opset() == 0) {
        return Invalid(absl::StrCat("node '", proto.name(), "' (", proto.op_type(),
                                    ") is of the default domain, which the model imports no opset of"));
      }
      NodeRep& rep = rep_.at(node);
      for (const std::string& name : proto.output()) {
        ValueId value;
        if (!name.empty()) {
          DSPERSE_ASSIGN_OR_RETURN(
              value, Declare(id, name, [&] { return "an output of " + rep_.Where(node); }));
          rep_.at(value).producer = node;
          rep_.at(value).output_index = static_cast<int32_t>(rep.outputs.size());
        }
        rep.outputs.push_back(value);
      }
    }
    for (NodeId n = rep_.at(id).first; n.valid(); n = rep_.at(n).next) {
      DSPERSE_RETURN_IF_ERROR(ResolveNode(id, n));
    }
    return absl::OkStatus();
  }

  absl::Status ResolveNode(BlockId block, NodeId n) {
    onnx::NodeProto& proto = *rep_.at(n).proto;
    int index = 0;
    for (const std::string& name : proto.input()) {
      ValueId value;
      if (!name.empty()) {
        value = Lookup(block, name);
        if (!value.valid()) {
          return absl::InvalidArgumentError(
              absl::StrCat(rep_.Where(n), ": reads '", name, "', which nothing produces"));
        }
      }
      rep_.at(n).inputs.push_back(value);
      rep_.at(n).slots.push_back(rep_.AddUse(value, Use{n, block, index++}));
    }
    for (int i = 0; i < proto.attribute_size(); ++i) {
      onnx::AttributeProto& attribute = *proto.mutable_attribute(i);
      if (attribute.graphs_size() != 0) {
        return absl::UnimplementedError(absl::StrCat(rep_.Where(n), ": attribute ", attribute.name(),
                                                     " is a list of graphs"));
      }
      if (attribute.has_g()) {
        const BlockId body = rep_.NewBlock(attribute.mutable_g(), block, n);
        scopes_.emplace_back();
        rep_.at(n).bodies.emplace_back(body, i);
      }
      if (attribute.has_t()) {
        const std::string where = absl::StrCat(rep_.Where(n), ", attribute ", attribute.name());
        DSPERSE_ASSIGN_OR_RETURN(const Tensor tensor,
                                 TensorFromProto(attribute.t(), *rep_.payloads, where));
        DSPERSE_RETURN_IF_ERROR(Internalize(tensor, attribute.mutable_t()));
      }
    }
    if (graph_.node(n).Is("Constant")) return rep_.DecodeConstant(n, rep_.Where(n));
    return absl::OkStatus();
  }

  absl::Status ImportOutputs(BlockId id) {
    int index = 0;
    for (onnx::ValueInfoProto& info : *rep_.at(id).proto->mutable_output()) {
      DSPERSE_RETURN_IF_ERROR(CheckType(info));
      const ValueId value = Lookup(id, info.name());
      if (!value.valid()) {
        return Invalid(absl::StrCat("output '", info.name(), "' is produced by nothing"));
      }
      if (rep_.at(value).info == nullptr) rep_.at(value).info = &info;
      rep_.at(id).outputs.push_back(value);
      rep_.at(id).output_slots.push_back(rep_.AddUse(value, Use{NodeId{}, id, index++}));
      rep_.at(id).output_infos.push_back(&info);
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  Graph::Rep& rep_;
  std::vector<absl::flat_hash_map<absl::string_view, ValueId>> scopes_;  // per block; main: rep_.names
  std::vector<ValueId> shadowing_;
};

}  // namespace

absl::StatusOr<Graph> Graph::Import(std::shared_ptr<onnx::ModelProto> model,
                                    std::shared_ptr<PayloadTable> payloads,
                                    absl::string_view name, std::vector<std::string>* notes) {
  if (payloads == nullptr) payloads = std::make_shared<PayloadTable>();
  Graph graph(std::make_unique<Rep>());
  graph.rep_->file_name = std::string(name);
  graph.rep_->model = std::move(model);
  graph.rep_->payloads = std::move(payloads);
  DSPERSE_RETURN_IF_ERROR(Importer(graph, *graph.rep_).Run(notes));
  for (BlockId block : graph.Blocks()) {
    absl::StatusOr<bool> moved = graph.SortBlock(block);
    if (!moved.ok()) {
      return absl::Status(moved.status().code(),
                          absl::StrCat(name, name.empty() ? "" : ": ", moved.status().message()));
    }
    if (*moved && notes != nullptr) {
      notes->push_back("nodes were not in topological order and have been sorted");
    }
  }
  return graph;
}

}  // namespace dsperse
