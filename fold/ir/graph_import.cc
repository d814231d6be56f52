// A serialised onnx::ModelProto → Graph.
//
// Nodes and tensors are read where they lie (node_wire.h, tensor_wire.h); the protobuf library sees
// declarations, annotations and the rare message that is not plain.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/graph.h"
#include "fold/ir/graph_rep.h"
#include "fold/ir/node_wire.h"
#include "fold/ir/single_output.h"
#include "fold/ir/skeleton.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/tensor_wire.h"
#include "fold/ir/wire.h"
#include "google/protobuf/io/coded_stream.h"

namespace dsperse {
namespace {

constexpr int kMaxIrVersion = 12;
constexpr int64_t kMaxOpset = 24;

// Upper bounds of what the parts of a model take in memory.
constexpr int64_t kNodeCost = static_cast<int64_t>(sizeof(NodeRep)) + 100;
constexpr int64_t kAttributeCost = 400;  // of the message, if somebody asks for it
constexpr int64_t kValueCost = static_cast<int64_t>(sizeof(ValueRep) + sizeof(Tensor)) + 150;
constexpr int64_t kUseCost = 64;
constexpr int64_t kParsedByteCost = 16;    // a varint of one byte becomes 8, in a growing list
constexpr int64_t kDeclaredByteCost = 64;  // of shapes: two bytes become a message

// Messages of a graph by kind, in the order of the file.
struct GraphLists {
  std::vector<absl::string_view> nodes, initializers, sparse_initializers, inputs, outputs, infos,
      annotations;
  std::string rest;  // every other field

  // Where the field belongs; null: to the rest.
  std::vector<absl::string_view>* Of(const WireField& field) {
    if (field.type != kBytes) return nullptr;
    switch (field.number) {
      case onnx::GraphProto::kNodeFieldNumber:
        return &nodes;
      case onnx::GraphProto::kInitializerFieldNumber:
        return &initializers;
      case onnx::GraphProto::kSparseInitializerFieldNumber:
        return &sparse_initializers;
      case onnx::GraphProto::kInputFieldNumber:
        return &inputs;
      case onnx::GraphProto::kOutputFieldNumber:
        return &outputs;
      case onnx::GraphProto::kValueInfoFieldNumber:
        return &infos;
      case onnx::GraphProto::kQuantizationAnnotationFieldNumber:
        return &annotations;
      default:
        return nullptr;
    }
  }
};

class Importer {
 public:
  Importer(const Graph& graph, Graph::Rep& rep, int64_t max_memory)
      : graph_(graph), rep_(rep), max_memory_(max_memory) {}

  absl::Status Run(std::vector<std::string>* notes) {
    DSPERSE_ASSIGN_OR_RETURN(const absl::string_view main_graph, SplitModel());
    DSPERSE_RETURN_IF_ERROR(CheckHeader());
    DSPERSE_RETURN_IF_ERROR(Charge(static_cast<int64_t>(rep_.bytes.size())));
    AddBlock(main_graph, BlockId{}, NodeId{});
    for (size_t i = 0; i < rep_.blocks.size(); ++i) {  // bodies are appended on the way
      DSPERSE_RETURN_IF_ERROR(ImportBlock(BlockId{static_cast<int32_t>(i)}));
    }
    for (ValueId v : shadowing_) rep_.Rename(v, rep_.FreshName(rep_.at(v).name));
    if (!shadowing_.empty() && notes != nullptr) {
      notes->push_back(absl::StrCat(
          shadowing_.size(), " values of bodies had the name of an outer value and were renamed"));
    }
    return absl::OkStatus();
  }

 private:
  // A node input that nothing declared so far produces.
  struct Pending {
    NodeId node;
    int32_t index;
    absl::string_view name;
  };

  std::string Prefix() const { return rep_.file_name.empty() ? "" : rep_.file_name + ": "; }
  absl::Status Invalid(absl::string_view text) const {
    return absl::InvalidArgumentError(absl::StrCat(Prefix(), text));
  }
  absl::Status Malformed() const { return Invalid("malformed protocol buffer"); }

  absl::Status Charge(int64_t bytes) {
    needed_ += bytes;
    if (needed_ <= max_memory_) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat(
        Prefix(), "may need ", needed_, " bytes of memory and more, of ", max_memory_, " allowed"));
  }

  // Parses a message that lies `depth` messages deep in the model.
  absl::Status Parse(absl::string_view bytes, int depth,
                     google::protobuf::MessageLite* message) const {
    google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                 static_cast<int>(bytes.size()));
    input.SetRecursionLimit(kMaxNesting - depth);
    if (!message->ParsePartialFromCodedStream(&input) || !input.ConsumedEntireMessage()) {
      return Malformed();
    }
    return absl::OkStatus();
  }

  // Messages around the graph of a block.
  int Depth(BlockId block) const {
    int depth = 1;
    for (BlockId b = rep_.at(block).parent; b.valid(); b = rep_.at(b).parent) depth += 3;
    return depth;
  }

  // The header goes to rep_.model; answers the graph's bytes.
  absl::StatusOr<absl::string_view> SplitModel() {
    std::string header;
    absl::string_view main_graph;
    int graphs = 0;
    WireReader reader(rep_.bytes);
    WireField field;
    int groups = 0;
    while (reader.Next(&field)) {
      if (field.type == kGroupStart) ++groups;
      if (field.type == kGroupEnd) --groups;
      if (groups == 0 && field.type == kBytes &&
          field.number == onnx::ModelProto::kGraphFieldNumber) {
        main_graph = absl::string_view(rep_.bytes).substr(field.body, field.value);
        ++graphs;
      } else {
        header.append(rep_.bytes, field.begin, field.end - field.begin);
      }
    }
    if (!reader.ok()) return Malformed();
    if (graphs > 1) {
      // By the rules of protocol buffers they are one, in pieces.
      onnx::ModelProto whole;
      DSPERSE_RETURN_IF_ERROR(Parse(rep_.bytes, 0, &whole));
      rep_.bytes = whole.SerializePartialAsString();
      return SplitModel();
    }
    rep_.model = rep_.NewMessage<onnx::ModelProto>();
    DSPERSE_RETURN_IF_ERROR(Parse(header, 0, rep_.model));
    if (graphs == 0) return Invalid("the model has no graph");
    return main_graph;
  }

  absl::Status CheckHeader() {
    const onnx::ModelProto& model = *rep_.model;
    if (model.ir_version() > kMaxIrVersion) {
      return absl::UnimplementedError(absl::StrCat(Prefix(), "IR version ", model.ir_version(),
                                                   " is newer than the newest known, ",
                                                   kMaxIrVersion));
    }
    if (model.functions_size() != 0) {
      return absl::UnimplementedError(absl::StrCat(Prefix(), model.functions_size(),
                                                   " model-local functions were not inlined"));
    }
    const int64_t opset = graph_.opset();
    if (opset > kMaxOpset) {
      return absl::UnimplementedError(
          absl::StrCat(Prefix(), "opset ", opset, " is newer than the newest known, ", kMaxOpset));
    }
    return absl::OkStatus();
  }

  BlockId AddBlock(absl::string_view bytes, BlockId parent, NodeId holder) {
    block_bytes_.push_back(bytes);
    scopes_.emplace_back();
    return rep_.NewBlock(nullptr, parent, holder);
  }

  // Room for what the main graph needs at least: growing step by step would copy it several times.
  void Reserve(const GraphLists& lists) {
    const size_t values = lists.inputs.size() + lists.initializers.size() + lists.nodes.size();
    rep_.nodes.reserve(lists.nodes.size());
    rep_.values.reserve(values + values / 2);  // passes make new ones; what stays unused is never touched
    rep_.names.Reserve(2 * lists.nodes.size() + values);  // with a bias for each fused node
  }

  // The value `name` means in `block`, or none.
  ValueId Lookup(BlockId block, absl::string_view name) const {
    for (BlockId b = block; b.valid() && b.index != 0; b = rep_.at(b).parent) {
      const auto& scope = scopes_[static_cast<size_t>(b.index)];
      if (const auto it = scope.find(name); it != scope.end()) return it->second;
    }
    const NameEntry* const found = rep_.names.Find(name);
    return found == nullptr ? ValueId{} : found->main_value;
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
      return Invalid(
          absl::StrCat("two values are named '", Shown(name), "' (the second is ", what(), ")"));
    };
    DSPERSE_RETURN_IF_ERROR(Charge(kValueCost));
    if (block.index == 0) {
      const int32_t place = rep_.Intern(name, true);
      if (rep_.names.at(place).main_value.valid()) return twice();
      return rep_.NewValue(place, block);
    }
    if (LookupHere(block, name).valid()) return twice();
    const bool shadows = Lookup(rep_.at(block).parent, name).valid();
    const ValueId id = rep_.NewValue(rep_.Intern(name, true), block);
    scopes_[static_cast<size_t>(block.index)].emplace(rep_.at(id).name, id);
    if (shadows) shadowing_.push_back(id);
    return id;
  }

  absl::StatusOr<onnx::ValueInfoProto*> ParseInfo(BlockId block, absl::string_view bytes) {
    DSPERSE_RETURN_IF_ERROR(
        Charge(kValueCost + kDeclaredByteCost * static_cast<int64_t>(bytes.size())));
    auto* const info = rep_.NewMessage<onnx::ValueInfoProto>();
    DSPERSE_RETURN_IF_ERROR(Parse(bytes, Depth(block) + 1, info));
    if (!info->type().has_tensor_type()) return info;
    const int type = info->type().tensor_type().elem_type();
    if (type == 0 || IsKnownDType(type)) return info;
    return Invalid(
        absl::StrCat("value '", Shown(info->name()), "' has the unknown element type ", type));
  }

  absl::Status ImportBlock(BlockId id) {
    GraphLists lists;
    DSPERSE_RETURN_IF_ERROR(SplitGraph(id, &lists));
    if (id == graph_.main()) Reserve(lists);
    DSPERSE_RETURN_IF_ERROR(ImportInputs(id, lists.inputs));
    DSPERSE_RETURN_IF_ERROR(ImportInitializers(id, lists.initializers));
    DSPERSE_RETURN_IF_ERROR(ImportSparseInitializers(id, lists.sparse_initializers));
    DSPERSE_RETURN_IF_ERROR(ImportNodes(id, lists.nodes));
    DSPERSE_RETURN_IF_ERROR(ImportOutputs(id, lists.outputs));
    for (absl::string_view bytes : lists.infos) {
      DSPERSE_ASSIGN_OR_RETURN(const onnx::ValueInfoProto* const info, ParseInfo(id, bytes));
      const ValueId value = LookupHere(id, info->name());
      if (value.valid() && rep_.at(value).info == nullptr) rep_.at(value).info = info;
      rep_.at(id).infos.emplace_back(value, info);
    }
    for (absl::string_view bytes : lists.annotations) {
      DSPERSE_RETURN_IF_ERROR(Charge(kDeclaredByteCost * static_cast<int64_t>(bytes.size())));
      auto* const a = rep_.NewMessage<onnx::TensorAnnotation>();
      DSPERSE_RETURN_IF_ERROR(Parse(bytes, Depth(id) + 1, a));
      BlockRep::Annotation entry{a, {Lookup(id, a->tensor_name())}};
      for (const auto& parameter : a->quant_parameter_tensor_names()) {
        entry.values.push_back(Lookup(id, parameter.value()));
      }
      rep_.at(id).annotations.push_back(std::move(entry));
    }
    return absl::OkStatus();
  }

  absl::Status SplitGraph(BlockId id, GraphLists* lists) {
    const absl::string_view bytes = block_bytes_[static_cast<size_t>(id.index)];
    WireReader reader(bytes);
    WireField field;
    int groups = 0;
    while (reader.Next(&field)) {
      if (field.type == kGroupStart) ++groups;
      if (field.type == kGroupEnd) --groups;
      std::vector<absl::string_view>* const list = groups == 0 ? lists->Of(field) : nullptr;
      if (list != nullptr) {
        list->push_back(bytes.substr(field.body, field.value));
      } else {
        lists->rest.append(bytes.data() + field.begin, field.end - field.begin);
      }
    }
    if (!reader.ok()) return Malformed();
    DSPERSE_RETURN_IF_ERROR(Charge(kDeclaredByteCost * static_cast<int64_t>(lists->rest.size())));
    auto* const rest = rep_.NewMessage<onnx::GraphProto>();
    DSPERSE_RETURN_IF_ERROR(Parse(lists->rest, Depth(id), rest));
    rep_.at(id).proto = rest;
    return absl::OkStatus();
  }

  absl::Status ImportInputs(BlockId id, const std::vector<absl::string_view>& inputs) {
    for (absl::string_view bytes : inputs) {
      DSPERSE_ASSIGN_OR_RETURN(onnx::ValueInfoProto* const info, ParseInfo(id, bytes));
      if (info->name().empty()) return Invalid("an input has no name");
      DSPERSE_ASSIGN_OR_RETURN(const ValueId value,
                               Declare(id, info->name(), [] { return "an input"; }));
      rep_.at(value).input = true;
      rep_.at(value).info = info;
      rep_.at(id).inputs.push_back(value);
      rep_.at(id).input_infos.push_back(info);
    }
    return absl::OkStatus();
  }

  // The value of an initializer named `name`: the input of that name, or a new one.
  absl::StatusOr<ValueId> DeclareInitializer(BlockId id, absl::string_view name) {
    if (name.empty()) return Invalid("an initializer has no name");
    ValueId value;
    if (id.index == 0) {  // as below, with one look-up
      DSPERSE_RETURN_IF_ERROR(Charge(kValueCost));
      const int32_t place = rep_.Intern(name, true);
      NameEntry& entry = rep_.names.at(place);
      value = entry.main_value;
      if (value.valid()) --entry.count;  // it has been counted
      if (!value.valid()) value = rep_.NewValue(place, id);
    } else {
      value = LookupHere(id, name);
      if (!value.valid()) {
        DSPERSE_ASSIGN_OR_RETURN(value, Declare(id, name, [] { return "an initializer"; }));
      }
    }
    if (rep_.at(value).initializer) {
      return Invalid(absl::StrCat("two initializers are named '", Shown(name), "'"));
    }
    rep_.AddInitializer(value);
    return value;
  }

  absl::Status ImportInitializers(BlockId id, const std::vector<absl::string_view>& initializers) {
    const std::string prefix = Prefix();
    std::string where;
    for (absl::string_view bytes : initializers) {
      DSPERSE_RETURN_IF_ERROR(Charge(static_cast<int64_t>(bytes.size())));
      absl::string_view name;
      Tensor tensor;
      if (!ReadPlainTensor(bytes, *rep_.payloads, &payloads_, &name, &tensor)) {
        DSPERSE_RETURN_IF_ERROR(Charge(kParsedByteCost * static_cast<int64_t>(bytes.size())));
        onnx::TensorProto proto;
        DSPERSE_RETURN_IF_ERROR(Parse(bytes, Depth(id) + 1, &proto));
        name = rep_.pool.Add(proto.name());
        where.clear();
        absl::StrAppend(&where, prefix, "initializer '", Shown(name), "'");
        DSPERSE_ASSIGN_OR_RETURN(tensor, TensorFromProto(proto, *rep_.payloads, where));
        bytes = rep_.pool.Add(proto.SerializePartialAsString());
      }
      DSPERSE_ASSIGN_OR_RETURN(const ValueId value, DeclareInitializer(id, name));
      rep_.at(value).tensor_wire = bytes;
      rep_.SetTensor(value, std::make_unique<const Tensor>(std::move(tensor)));
    }
    return absl::OkStatus();
  }

  absl::Status ImportSparseInitializers(BlockId id,
                                        const std::vector<absl::string_view>& initializers) {
    for (absl::string_view bytes : initializers) {
      DSPERSE_RETURN_IF_ERROR(Charge(kParsedByteCost * static_cast<int64_t>(bytes.size())));
      auto* const proto = rep_.NewMessage<onnx::SparseTensorProto>();
      DSPERSE_RETURN_IF_ERROR(Parse(bytes, Depth(id) + 1, proto));
      DSPERSE_ASSIGN_OR_RETURN(const ValueId value, DeclareInitializer(id, proto->values().name()));
      rep_.at(value).sparse_proto = proto;
      absl::StatusOr<Tensor> dense = TensorFromSparse(
          *proto, *rep_.payloads,
          absl::StrCat(Prefix(), "sparse initializer '", Shown(proto->values().name()), "'"));
      if (dense.ok()) {
        rep_.SetTensor(value, std::make_unique<const Tensor>(*std::move(dense)));
      } else if (!absl::IsUnimplemented(dense.status())) {
        return dense.status();
      }
    }
    return absl::OkStatus();
  }

  // Splits the node; one that is not plain is parsed and written anew first.
  absl::Status Split(BlockId id, absl::string_view* node) {
    if (SplitNode(*node, true, &fields_, &plain_attributes_)) return absl::OkStatus();
    DSPERSE_RETURN_IF_ERROR(Charge(kDeclaredByteCost * static_cast<int64_t>(node->size())));
    onnx::NodeProto proto;
    DSPERSE_RETURN_IF_ERROR(Parse(*node, Depth(id) + 1, &proto));
    *node = rep_.pool.Add(proto.SerializePartialAsString());
    if (SplitNode(*node, false, &fields_)) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(Prefix(), "a node can't be read back"));
  }

  absl::Status ImportNodes(BlockId id, const std::vector<absl::string_view>& nodes) {
    const bool knows_default_domain = graph_.opset() != 0;
    std::vector<Pending> pending;
    for (absl::string_view bytes : nodes) {
      DSPERSE_RETURN_IF_ERROR(Split(id, &bytes));
      DSPERSE_RETURN_IF_ERROR(
          Charge(kNodeCost + kUseCost * static_cast<int64_t>(fields_.inputs.size())));
      const NodeId node = rep_.NewNode(fields_.op_type, fields_.domain, id, NodeId{});
      rep_.at(node).wire = bytes;
      rep_.at(node).name = fields_.name;
      if (!fields_.name.empty()) rep_.Intern(fields_.name, true);
      if (!knows_default_domain && rep_.at(node).domain.empty()) {
        return Invalid(
            absl::StrCat("node '", Shown(fields_.name), "' (", Shown(fields_.op_type),
                         ") is of the default domain, which the model imports no opset of"));
      }
      for (absl::string_view name : fields_.outputs) {
        ValueId value;
        if (!name.empty()) {
          DSPERSE_ASSIGN_OR_RETURN(
              value, Declare(id, name, [&] { return "an output of " + rep_.Where(node); }));
          rep_.at(value).producer = node;
          rep_.at(value).output_index = static_cast<int32_t>(rep_.at(node).outputs.size());
        }
        rep_.at(node).outputs.push_back(value);
        // What removes a node counts on it that the operator has no others.
        if (value.valid() && rep_.at(node).outputs.size() > 1 && rep_.at(node).domain.empty() &&
            HasSingleOutput(rep_.at(node).op_type)) {
          return absl::InvalidArgumentError(
              absl::StrCat(rep_.Where(node), ": names ", fields_.outputs.size(), " outputs, the operator has one"));
        }
      }
      ResolveInputs(id, node, &pending);
      DSPERSE_RETURN_IF_ERROR(ImportAttributes(id, node));
    }
    for (const Pending& read : pending) {
      const ValueId value = Lookup(id, read.name);
      if (!value.valid()) {
        return absl::InvalidArgumentError(absl::StrCat(
            rep_.Where(read.node), ": reads '", Shown(read.name), "', which nothing produces"));
      }
      NodeRep& node = rep_.at(read.node);
      node.inputs[static_cast<size_t>(read.index)] = value;
      node.slots[static_cast<size_t>(read.index)] =
          rep_.AddUse(value, Use{read.node, id, read.index});
    }
    return absl::OkStatus();
  }

  // Nearly all inputs are known already, as nodes are mostly in order. In a body even those must
  // wait that are: a later value of the body goes before an outer one.
  void ResolveInputs(BlockId id, NodeId n, std::vector<Pending>* pending) {
    NodeRep& node = rep_.at(n);
    int32_t index = 0;
    for (absl::string_view name : fields_.inputs) {
      ValueId value;
      if (!name.empty()) value = LookupHere(id, name);
      if (!name.empty() && !value.valid()) pending->push_back({n, index, name});
      node.inputs.push_back(value);
      node.slots.push_back(rep_.AddUse(value, Use{n, id, index++}));
    }
  }

  absl::Status ImportAttributes(BlockId id, NodeId n) {
    for (absl::string_view bytes : fields_.attributes) {
      DSPERSE_RETURN_IF_ERROR(
          Charge(kAttributeCost + kParsedByteCost * static_cast<int64_t>(bytes.size())));
    }
    const bool constant = graph_.node(n).Is("Constant");
    if (fields_.plain_values && !constant) return absl::OkStatus();
    if (constant) DSPERSE_RETURN_IF_ERROR(rep_.DecodeConstant(n, rep_.Where(n)));
    const bool decoded = constant && graph_.node(n).output().valid() &&
                         rep_.at(graph_.node(n).output()).tensor != nullptr;
    int index = 0;
    for (absl::string_view bytes : fields_.attributes) {
      AttributeFields attribute;
      if (!SplitAttribute(bytes, false, &attribute)) return Malformed();
      if (attribute.has_graphs) {
        return absl::UnimplementedError(absl::StrCat(
            rep_.Where(n), ": attribute ", Shown(attribute.name), " is a list of graphs"));
      }
      if (attribute.has_body) {
        if (Depth(id) + 3 >= kMaxNesting) {  // its nodes are a level deeper
          return absl::ResourceExhaustedError(absl::StrCat(Prefix(), "nesting too deep: more than ",
                                                           kMaxNesting,
                                                           " messages inside each other"));
        }
        rep_.at(n).bodies.emplace_back(AddBlock(attribute.body, id, n), index);
        rep_.all_nodes_known = false;
      }
      if (attribute.has_tensor && !decoded) {
        const std::string where =
            absl::StrCat(rep_.Where(n), ", attribute ", Shown(attribute.name));
        DSPERSE_RETURN_IF_ERROR(rep_.DecodeTensor(attribute.tensor, where).status());
      }
      ++index;
    }
    return absl::OkStatus();
  }

  absl::Status ImportOutputs(BlockId id, const std::vector<absl::string_view>& outputs) {
    int index = 0;
    for (absl::string_view bytes : outputs) {
      DSPERSE_ASSIGN_OR_RETURN(onnx::ValueInfoProto* const info, ParseInfo(id, bytes));
      const ValueId value = Lookup(id, info->name());
      if (!value.valid()) {
        return Invalid(absl::StrCat("output '", Shown(info->name()), "' is produced by nothing"));
      }
      if (rep_.at(value).info == nullptr) rep_.at(value).info = info;
      rep_.at(id).outputs.push_back(value);
      rep_.at(id).output_slots.push_back(rep_.AddUse(value, Use{NodeId{}, id, index++}));
      rep_.at(id).output_infos.push_back(info);
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  Graph::Rep& rep_;
  const int64_t max_memory_;
  int64_t needed_ = 0;
  std::vector<absl::string_view> block_bytes_;  // per block
  std::vector<absl::flat_hash_map<absl::string_view, ValueId>>
      scopes_;  // per block; main: rep_.names
  std::vector<ValueId> shadowing_;
  NodeFields fields_;  // of the node at hand
  PlainAttributes plain_attributes_;
  PayloadPool payloads_;
};

}  // namespace

absl::StatusOr<Graph> ImportBytes(std::string bytes, std::shared_ptr<PayloadTable> payloads,
                                  absl::string_view name, std::vector<std::string>* notes,
                                  int64_t max_memory) {
  if (payloads == nullptr) payloads = std::make_shared<PayloadTable>();
  auto owned = std::make_unique<Graph::Rep>();
  Graph::Rep& rep = *owned;
  Graph graph(std::move(owned));
  rep.file_name = std::string(name);
  rep.bytes = std::move(bytes);
  rep.payloads = std::move(payloads);
  DSPERSE_RETURN_IF_ERROR(Importer(graph, rep, max_memory).Run(notes));
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

absl::StatusOr<Graph> Graph::Import(std::shared_ptr<onnx::ModelProto> model,
                                    std::shared_ptr<PayloadTable> payloads, absl::string_view name,
                                    std::vector<std::string>* notes) {
  std::string bytes = model->SerializePartialAsString();
  if (bytes.empty() && model->ByteSizeLong() != 0) {
    return absl::ResourceExhaustedError(absl::StrCat(name, ": exceeds protobuf's limit of 2 GiB"));
  }
  model.reset();
  return ImportBytes(std::move(bytes), std::move(payloads), name, notes);
}

}  // namespace dsperse
