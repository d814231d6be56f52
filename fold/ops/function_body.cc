#include "fold/ops/function_body.h"

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/op.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

using AttributeMap = absl::flat_hash_map<std::string, const onnx::AttributeProto*>;

// Puts the values of the function's attributes where `nodes` refer to them, and takes the names in
// `absent` out of the input lists. Function bodies nest a few levels at most; they come from the ONNX
// library, not from a model.
void Instantiate(const AttributeMap& attributes, const absl::flat_hash_set<std::string>& absent,
                 google::protobuf::RepeatedPtrField<onnx::NodeProto>* nodes) {
  for (onnx::NodeProto& node : *nodes) {
    for (std::string& input : *node.mutable_input()) {
      if (absent.contains(input)) input.clear();
    }
    google::protobuf::RepeatedPtrField<onnx::AttributeProto> kept;
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (!attribute.ref_attr_name().empty()) {
        const auto found = attributes.find(attribute.ref_attr_name());
        if (found == attributes.end()) continue;
        const std::string name = attribute.name();
        attribute = *found->second;
        attribute.set_name(name);
      }
      if (attribute.has_g()) Instantiate(attributes, absent, attribute.mutable_g()->mutable_node());
      for (onnx::GraphProto& graph : *attribute.mutable_graphs()) {
        Instantiate(attributes, absent, graph.mutable_node());
      }
      *kept.Add() = std::move(attribute);
    }
    node.mutable_attribute()->Swap(&kept);
  }
}

onnx::TypeProto TypeOf(const Tensor& tensor) {
  onnx::TypeProto type;
  type.mutable_tensor_type()->set_elem_type(static_cast<int>(tensor.dtype()));
  onnx::TensorShapeProto* shape = type.mutable_tensor_type()->mutable_shape();
  for (int64_t dim : tensor.dims()) shape->add_dim()->set_dim_value(dim);
  return type;
}

// Calls the library; it may throw.
bool BuildFunction(const onnx::OpSchema& schema, const onnx::NodeProto& proto,
                   const std::vector<onnx::TypeProto>& types, int opset,
                   onnx::FunctionProto* function) {
  if (schema.HasFunction()) {
    if (const onnx::FunctionProto* fixed = schema.GetFunction(opset); fixed != nullptr) {
      *function = *fixed;
      return true;
    }
  }
  if (!schema.HasContextDependentFunction()) return false;
  const onnx::FunctionBodyBuildContextImpl context(proto, types);
  return schema.BuildContextDependentFunction(context, *function, opset);
}

}  // namespace

absl::StatusOr<Graph> ExpandFunction(const NodeView& node,
                                     absl::Span<const Tensor* const> inputs) {
  const int opset = static_cast<int>(node.opset());
  const std::string op_type(node.op_type());
  const std::string domain(node.domain());
  const auto unimplemented = [&](absl::string_view why) {
    return absl::UnimplementedError(absl::StrCat(
        DescribeOp(node, !inputs.empty() && inputs[0] ? inputs[0]->dtype() : DType::kUndefined),
        " is not covered", why));
  };

  // The node under names of our own, as the builder reads presence from names.
  onnx::NodeProto proto = node.proto();
  proto.clear_input();
  proto.clear_output();
  std::vector<onnx::TypeProto> types(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    proto.add_input(inputs[i] != nullptr ? absl::StrCat("input_", i) : "");
    if (inputs[i] != nullptr) types[i] = TypeOf(*inputs[i]);
  }
  for (int i = 0; i < node.num_outputs(); ++i) {
    proto.add_output(node.output(i).valid() ? absl::StrCat("output_", i) : "");
  }

  onnx::FunctionProto function;
  AttributeMap attributes;
  const onnx::OpSchema* schema = nullptr;
  try {
    schema = onnx::OpSchemaRegistry::Schema(op_type, opset, domain);
    if (schema == nullptr || !BuildFunction(*schema, proto, types, opset, &function)) {
      return unimplemented("");
    }
  } catch (const std::exception& error) {
    return unimplemented(absl::StrCat(": ", error.what()));
  }
  if (function.input_size() < static_cast<int>(inputs.size()) ||
      function.output_size() < node.num_outputs()) {
    return unimplemented(" as a function of that many inputs or outputs");
  }
  for (const auto& [name, attribute] : schema->attributes()) {
    if (attribute.default_value.has_name()) attributes[name] = &attribute.default_value;
  }
  for (const onnx::AttributeProto& attribute : proto.attribute()) {
    attributes[attribute.name()] = &attribute;
  }
  absl::flat_hash_set<std::string> absent;
  for (int i = 0; i < function.input_size(); ++i) {
    const bool present = i < static_cast<int>(inputs.size()) && inputs[i] != nullptr;
    if (!present) absent.insert(function.input(i));
  }

  auto model = std::make_unique<onnx::ModelProto>();
  model->set_ir_version(onnx::Version::IR_VERSION);
  for (const onnx::OperatorSetIdProto& import : function.opset_import()) {
    *model->add_opset_import() = import;
  }
  onnx::GraphProto* graph = model->mutable_graph();
  graph->set_name(op_type);
  for (int i = 0; i < static_cast<int>(inputs.size()); ++i) {
    if (inputs[i] == nullptr) continue;
    onnx::ValueInfoProto* info = graph->add_input();
    info->set_name(function.input(i));
    *info->mutable_type() = types[i];
  }
  for (int i = 0; i < node.num_outputs(); ++i) {
    if (node.output(i).valid()) graph->add_output()->set_name(function.output(i));
  }
  *graph->mutable_node() = std::move(*function.mutable_node());
  Instantiate(attributes, absent, graph->mutable_node());
  return Graph::Import(std::move(model), std::make_shared<PayloadTable>(),
                       absl::StrCat("the function of ", op_type));
}

}  // namespace dsperse
