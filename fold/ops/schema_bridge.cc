#include "fold/ops/schema_bridge.h"

#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/schema_guards.h"
#include "onnx/defs/schema.h"
#include "onnx/defs/shape_inference.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

void FillType(const Fact& fact, bool hide_length, onnx::TypeProto* type) {
  onnx::TypeProto::Tensor* tensor = type->mutable_tensor_type();
  tensor->set_elem_type(static_cast<int>(fact.dtype));
  if (!fact.shape.has_rank()) return;
  onnx::TensorShapeProto* shape = tensor->mutable_shape();
  for (const Dim& dim : fact.shape.dims()) {
    onnx::TensorShapeProto::Dimension* target = shape->add_dim();
    if (hide_length) continue;
    if (dim.known()) {
      target->set_dim_value(dim.size());
    } else if (!dim.name().empty()) {
      target->set_dim_param(dim.name());
    }
  }
}

void ReadType(const onnx::TypeProto& type, Fact* fact) {
  if (!type.has_tensor_type()) return;
  const onnx::TypeProto::Tensor& tensor = type.tensor_type();
  if (IsKnownDType(tensor.elem_type())) fact->dtype = static_cast<DType>(tensor.elem_type());
  if (!tensor.has_shape()) return;
  absl::InlinedVector<Dim, 4> dims;
  for (const onnx::TensorShapeProto::Dimension& dim : tensor.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() >= 0) {
      dims.push_back(Dim(dim.dim_value()));
    } else if (dim.has_dim_param() && !dim.dim_param().empty()) {
      dims.push_back(Dim(dim.dim_param()));
    } else {
      dims.push_back(Dim());
    }
  }
  fact->shape = Shape(std::move(dims));
}

// What a schema function sees of a node. Types are made at the start, data when they are asked for.
class BridgeContext : public onnx::InferenceContext {
 public:
  BridgeContext(const NodeView& node, absl::Span<const Fact* const> inputs)
      : node_(node),
        inputs_(inputs),
        types_(inputs.size()),
        data_(inputs.size()),
        symbols_(inputs.size()),
        outputs_(node.outputs().size()) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == nullptr) continue;
      // A schema function lays out as many dimensions as a shape input has entries.
      const Shape& shape = inputs[i]->shape;
      const bool hide = shape.has_rank() && shape.rank() == 1 && shape.dim(0).known() &&
                        shape.dim(0).size() > kMaxBridged && inputs[i]->dtype == DType::kInt64 &&
                        (node.Is("Reshape") || node.Is("Expand") || node.Is("ConstantOfShape") ||
                         node.Is("Resize") || node.Is("AffineGrid"));
      FillType(*inputs[i], hide, &types_[i]);
    }
  }

  const onnx::AttributeProto* getAttribute(const std::string& name) const override {
    for (const onnx::AttributeProto& attribute : node_.proto().attribute()) {
      if (attribute.name() == name) return &attribute;
    }
    return nullptr;
  }

  size_t getNumInputs() const override { return inputs_.size(); }
  bool hasInput(size_t index) const override {
    return index < inputs_.size() && inputs_[index] != nullptr;
  }
  const onnx::TypeProto* getInputType(size_t index) const override {
    CheckIndex(index, inputs_.size(), "input");
    return inputs_[index] == nullptr ? nullptr : &types_[index];
  }

  const onnx::TensorProto* getInputData(size_t index) const override {
    CheckIndex(index, inputs_.size(), "input");
    const Fact* fact = inputs_[index];
    if (fact == nullptr || !fact->value || fact->value->num_elements() > kMaxBridged) return nullptr;
    if (data_[index] == nullptr) {
      auto proto = std::make_unique<onnx::TensorProto>();
      PayloadTable unused;
      const absl::StatusOr<Tensor> loaded = fact->value->dtype() == DType::kString
                                                ? absl::StatusOr<Tensor>(*fact->value)
                                                : fact->value->Load();
      if (!loaded.ok() ||
          !TensorToProto(*loaded, std::numeric_limits<int64_t>::max(), &unused, proto.get()).ok()) {
        return nullptr;
      }
      data_[index] = std::move(proto);
    }
    return data_[index].get();
  }
  const onnx::SparseTensorProto* getInputSparseData(size_t index) const override {
    CheckIndex(index, inputs_.size(), "input");
    return nullptr;
  }
  const onnx::TensorShapeProto* getSymbolicInput(size_t index) const override {
    CheckIndex(index, inputs_.size(), "input");
    const Fact* fact = inputs_[index];
    if (fact == nullptr || !fact->elements) return nullptr;
    if (symbols_[index] == nullptr) {
      auto shape = std::make_unique<onnx::TensorShapeProto>();
      for (const Dim& dim : *fact->elements) {
        onnx::TensorShapeProto::Dimension* target = shape->add_dim();
        if (dim.known()) {
          target->set_dim_value(dim.size());
        } else if (!dim.name().empty()) {
          target->set_dim_param(dim.name());
        }
      }
      symbols_[index] = std::move(shape);
    }
    return symbols_[index].get();
  }

  size_t getNumOutputs() const override { return outputs_.size(); }
  bool hasOutput(size_t index) override {
    return node_.output(static_cast<int>(index)).valid();
  }
  onnx::TypeProto* getOutputType(size_t index) override {
    CheckIndex(index, outputs_.size(), "output");
    return &outputs_[index];
  }
  onnx::GraphInferencer* getGraphAttributeInferencer(const std::string&) override {
    return nullptr;
  }
  std::string getDisplayName() const override { return std::string(node_.op_type()); }

 private:
  // The library's own context throws here; its functions count on it.
  static void CheckIndex(size_t index, size_t size, const char* what) {
    if (index >= size) {
      ONNX_THROW_EX(std::out_of_range(absl::StrCat("there is no ", what, " ", index)));
    }
  }

  const NodeView& node_;
  absl::Span<const Fact* const> inputs_;
  std::vector<onnx::TypeProto> types_;
  mutable std::vector<std::unique_ptr<onnx::TensorProto>> data_;
  mutable std::vector<std::unique_ptr<onnx::TensorShapeProto>> symbols_;
  std::vector<onnx::TypeProto> outputs_;
};

// Element types that follow from the schema's type constraints alone, where the function left them
// open: an output of the same type variable as an input, or of the only type allowed.
void TypesByConstraint(const onnx::OpSchema& schema, absl::Span<const Fact* const> inputs,
                       absl::Span<Fact> outputs) {
  const auto parameter = [](const std::vector<onnx::OpSchema::FormalParameter>& list, size_t i)
      -> const onnx::OpSchema::FormalParameter* {
    if (list.empty()) return nullptr;
    if (i < list.size()) return &list[i];
    return list.back().GetOption() == onnx::OpSchema::Variadic ? &list.back() : nullptr;
  };
  for (size_t o = 0; o < outputs.size(); ++o) {
    if (outputs[o].dtype != DType::kUndefined) continue;
    const onnx::OpSchema::FormalParameter* output = parameter(schema.outputs(), o);
    if (output == nullptr) continue;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const onnx::OpSchema::FormalParameter* input = parameter(schema.inputs(), i);
      if (input == nullptr || inputs[i] == nullptr) continue;
      if (input->GetTypeStr() == output->GetTypeStr() && input->GetIsHomogeneous() &&
          output->GetIsHomogeneous()) {
        outputs[o].dtype = inputs[i]->dtype;
        break;
      }
    }
    if (outputs[o].dtype != DType::kUndefined || output->GetTypes().size() != 1) continue;
    const onnx::TypeProto& type =
        onnx::Utils::DataTypeUtils::ToTypeProto(*output->GetTypes().begin());
    if (type.has_tensor_type() && IsKnownDType(type.tensor_type().elem_type())) {
      outputs[o].dtype = static_cast<DType>(type.tensor_type().elem_type());
    }
  }
}

// The library's message without its prefix and line breaks.
std::string Message(const std::exception& error) {
  absl::string_view text = absl::StripTrailingAsciiWhitespace(error.what());
  for (absl::string_view prefix : {"[ShapeInferenceError] ", "[TypeInferenceError] "}) {
    text = absl::StripPrefix(text, prefix);
  }
  return absl::StrReplaceAll(text, {{"\n", " "}});
}

}  // namespace

absl::Status InferBySchema(const NodeView& node, absl::Span<const Fact* const> inputs,
                           absl::Span<Fact> outputs) {
  try {
    const onnx::OpSchema* schema = onnx::OpSchemaRegistry::Schema(
        std::string(node.op_type()), static_cast<int>(node.opset()), std::string(node.domain()));
    if (schema == nullptr) {
      return absl::UnimplementedError(
          absl::StrCat("operator ", node.domain().empty() ? "" : absl::StrCat(node.domain(), "."),
                       node.op_type(), " is unknown at opset ", node.opset()));
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == nullptr || inputs[i]->dtype != DType::kUndefined) continue;
      TypesByConstraint(*schema, inputs, outputs);
      return absl::UnimplementedError(absl::StrCat("the type of input ", i, " is unknown"));
    }
    if (const absl::Status status = CheckForSchema(*schema, node, inputs); !status.ok()) {
      TypesByConstraint(*schema, inputs, outputs);
      return status;
    }
    BridgeContext context(node, inputs);
    std::optional<std::string> error;
    if (schema->has_type_and_shape_inference_function()) {
      try {
        schema->GetTypeAndShapeInferenceFunction()(context);
      } catch (const std::exception& exception) {
        error = Message(exception);
      }
    }
    // After an error the half-made shapes are worth nothing, the element types are.
    for (size_t i = 0; i < outputs.size(); ++i) {
      ReadType(*context.getOutputType(i), &outputs[i]);
      if (error) outputs[i].shape = Shape();
    }
    TypesByConstraint(*schema, inputs, outputs);
    if (error) return absl::InvalidArgumentError(*error);
  } catch (const std::exception& exception) {
    return absl::InvalidArgumentError(Message(exception));
  }
  return absl::OkStatus();
}

}  // namespace dsperse
