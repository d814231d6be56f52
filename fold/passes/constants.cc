#include "fold/passes/constants.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

std::optional<Tensor> EvaluateConstantOfShape(const Graph& graph, const NodeView& node) {
  const Tensor* shape = graph.ConstantValue(node.input(0));
  if (shape == nullptr || shape->dtype() != DType::kInt64 || shape->rank() != 1) return std::nullopt;
  const absl::StatusOr<std::vector<int64_t>> dims = ToInts(*shape);
  if (!dims.ok()) return std::nullopt;
  std::string element(sizeof(float), '\0');
  DType type = DType::kFloat;
  if (node.HasAttr("value")) {
    const absl::StatusOr<Tensor> value = node.TensorAttr("value");
    if (!value.ok() || value->num_elements() != 1 || BitWidth(value->dtype()) < 8) return std::nullopt;
    type = value->dtype();
    element.resize(static_cast<size_t>(value->num_bytes()));
    if (!value->Read(0, absl::MakeSpan(element.data(), element.size())).ok()) return std::nullopt;
  }
  absl::StatusOr<Tensor> tensor = Tensor::Uniform(type, Dims(dims->begin(), dims->end()), element);
  if (!tensor.ok()) return std::nullopt;
  return *std::move(tensor);
}

template <typename F>
auto DispatchFloat(DType type, F&& f) {
  switch (type) {
    case DType::kDouble: return f(TypeTag<double>{});
    case DType::kFloat16: return f(TypeTag<Float16>{});
    case DType::kBfloat16: return f(TypeTag<Bfloat16>{});
    default: return f(TypeTag<float>{});
  }
}

// The node that computes a constant, if it is one and has no reader left: goes with its name.
void RemoveIfUnread(Graph& graph, ValueId value) {
  if (!graph.Uses(value).empty()) return;
  const NodeId producer = graph.Producer(value);
  if (producer.valid()) {
    graph.RemoveNode(producer);
  } else {
    graph.RemoveInitializer(value);
  }
}

}  // namespace

std::optional<Tensor> ConstantOf(const Graph& graph, ValueId value) {
  if (const Tensor* tensor = graph.ConstantValue(value)) return *tensor;
  const NodeId producer = graph.Producer(value);
  if (!producer.valid()) return std::nullopt;
  const NodeView node = graph.node(producer);
  if (!node.Is("ConstantOfShape")) return std::nullopt;
  return EvaluateConstantOfShape(graph, node);
}

bool IsConstant(const Graph& graph, ValueId value) {
  if (graph.ConstantValue(value) != nullptr) return true;
  const NodeId producer = graph.Producer(value);
  return producer.valid() && graph.node(producer).Is("ConstantOfShape") && ConstantOf(graph, value).has_value();
}

const Tensor* FindConstant(const Graph& graph, ValueId value, std::optional<Tensor>* storage) {
  if (const Tensor* tensor = graph.ConstantValue(value)) return tensor;
  *storage = ConstantOf(graph, value);
  return storage->has_value() ? &**storage : nullptr;
}

std::string WhyNotConstant(const Graph& graph, ValueId value) {
  if (!value.valid()) return "is missing";
  if (graph.IsOverridable(value)) {
    return absl::StrCat("'", graph.Name(value),
                        "' may be overridden by the caller (--freeze-inputs forbids that)");
  }
  const NodeId producer = graph.Producer(value);
  if (producer.valid() && graph.node(producer).op_type() == "DequantizeLinear") {
    return absl::StrCat("'", graph.Name(value),
                        "' is computed by DequantizeLinear: quantized weights stay as they are");
  }
  return absl::StrCat("'", graph.Name(value), "' is not constant");
}

absl::StatusOr<Tensor> RoundTo(DType type, Dims dims, absl::Span<const double> values) {
  return DispatchFloat(type, [&](auto tag) -> absl::StatusOr<Tensor> {
    using T = typename decltype(tag)::type;
    T* out = nullptr;
    DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Make<T>(std::move(dims), &out));
    if (tensor.num_elements() != static_cast<int64_t>(values.size())) {
      return absl::InternalError(absl::StrCat(values.size(), " values for a tensor of shape ",
                                              DimsToString(tensor.dims())));
    }
    for (size_t i = 0; i < values.size(); ++i) out[i] = static_cast<T>(values[i]);
    return tensor;
  });
}

bool IsFileError(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsFailedPrecondition(status) || absl::IsUnavailable(status);
}

bool IsFiniteAs(DType type, double value) {
  return DispatchFloat(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return std::isfinite(static_cast<double>(static_cast<T>(value)));
  });
}

absl::StatusOr<int64_t> FirstNonFinite(const Tensor& tensor) {
  if (tensor.num_elements() == 0) return -1;
  const int64_t width = BitWidth(tensor.dtype()) / 8;
  // Of a uniform tensor one element tells all.
  const int64_t bytes = tensor.is_uniform() ? width : tensor.num_bytes();
  const int64_t chunk = int64_t{1} << 16;
  std::string buffer;
  for (int64_t offset = 0; offset < bytes;) {
    const int64_t n = std::min(chunk, bytes - offset);
    buffer.resize(static_cast<size_t>(n));
    DSPERSE_RETURN_IF_ERROR(tensor.Read(offset, absl::MakeSpan(buffer.data(), buffer.size())));
    const int64_t found = DispatchFloat(tensor.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* values = reinterpret_cast<const T*>(buffer.data());
      for (int64_t i = 0; i < n / width; ++i) {
        if (!std::isfinite(static_cast<double>(values[i]))) return i;
      }
      return int64_t{-1};
    });
    if (found >= 0) return offset / width + found;
    offset += n;
  }
  return -1;
}

absl::StatusOr<std::optional<Tensor>> AsUniform(const Tensor& tensor) {
  if (tensor.is_uniform()) return tensor;
  if (!tensor.in_memory() || tensor.num_elements() == 0 || BitWidth(tensor.dtype()) < 8) {
    return std::nullopt;
  }
  const absl::string_view raw = tensor.raw();
  const size_t width = static_cast<size_t>(BitWidth(tensor.dtype()) / 8);
  // Every byte equals the one an element later.
  if (raw.substr(width) != raw.substr(0, raw.size() - width)) return std::nullopt;
  DSPERSE_ASSIGN_OR_RETURN(Tensor uniform,
                           Tensor::Uniform(tensor.dtype(), tensor.dims(), raw.substr(0, width)));
  return uniform;
}

void ReplaceConstantInput(Graph& graph, NodeId node, int index, Tensor tensor,
                          absl::string_view hint) {
  const ValueId old = graph.node(node).input(index);
  std::string name(hint);
  ValueId shape;  // of the ConstantOfShape that is replaced
  const absl::StatusOr<std::optional<Tensor>> uniform = AsUniform(tensor);
  if (old.valid()) {
    name = std::string(graph.Name(old));
    const NodeId producer = graph.Producer(old);
    if (producer.valid() && graph.node(producer).Is("ConstantOfShape") && uniform.ok() &&
        uniform->has_value() && ConstantOf(graph, old)->dims() == tensor.dims()) {
      shape = graph.node(producer).input(0);
    }
    graph.SetInput(node, index, ValueId());
    RemoveIfUnread(graph, old);
  }
  if (!shape.valid()) {
    graph.SetInput(node, index,
                   graph.AddConstant(name, std::move(tensor), graph.node(node).block()));
    return;
  }
  // The one-element tensor of the attribute: made from bytes that fit it, so it can't fail.
  const Tensor value =
      *Tensor::FromBytes(tensor.dtype(), {1}, std::string((*uniform)->uniform_element()));
  NewNode constant;
  constant.op_type = "ConstantOfShape";
  constant.inputs = {shape};
  constant.new_outputs = {name};
  constant.attributes = {{"value", value}};
  const NodeId made = graph.AddNode(std::move(constant), node);
  graph.SetInput(node, index, graph.node(made).output(0));
}

}  // namespace dsperse
