// One operator of the table on random inputs: any shape, type, attribute and opset. Whatever they are, the
// evaluator answers an error with a reason or tensors; exact and fast evaluation agree on them; and inference,
// with the same inputs as constants, knows nothing else of them.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/compare.h"
#include "fold/ops/facts.h"
#include "fold/ops/op.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"
#include "tests/property/choices.h"

namespace {

using ::dsperse::AllOps;
using ::dsperse::BitWidth;
using ::dsperse::Dims;
using ::dsperse::DType;
using ::dsperse::EvalContext;
using ::dsperse::EvalMode;
using ::dsperse::Fact;
using ::dsperse::Facts;
using ::dsperse::Graph;
using ::dsperse::IsFloat;
using ::dsperse::NodeView;
using ::dsperse::OpDef;
using ::dsperse::PayloadTable;
using ::dsperse::Tensor;
using ::dsperse::testing::ByteChoices;

constexpr int64_t kMaxBytes = 1 << 18;

[[noreturn]] void Fail(const std::string& what, const onnx::ModelProto& model) {
  std::fprintf(stderr, "%s\n%s\n", what.c_str(), model.DebugString().c_str());
  std::abort();
}

class Generator {
 public:
  explicit Generator(ByteChoices* choices) : c_(*choices) {}

  Dims RandomDims() {
    if (!last_dims_.empty() && c_.Chance(50)) return last_dims_;
    Dims dims;
    for (uint64_t rank = c_.Below(6); rank > 0; --rank) dims.push_back(c_.OneOf<int64_t>({1, 2, 3, 2, 1, 4, 0, 5}));
    last_dims_ = dims;
    return dims;
  }

  DType RandomType() {
    if (last_type_ != DType::kUndefined && c_.Chance(65)) return last_type_;
    last_type_ = c_.OneOf<DType>({DType::kFloat, DType::kFloat, DType::kInt64, DType::kInt64, DType::kInt32, DType::kBool,
                                  DType::kDouble, DType::kFloat16, DType::kBfloat16, DType::kUint8, DType::kInt8,
                                  DType::kUint64, DType::kInt16, DType::kUint16, DType::kUint32, DType::kInt4,
                                  DType::kUint4, DType::kFloat8E4M3FN, DType::kFloat8E5M2, DType::kFloat4E2M1});
    return last_type_;
  }

  std::optional<Tensor> RandomTensor() {
    const DType type = c_.Chance(15) ? DType::kInt64 : RandomType();
    Dims dims = type == DType::kInt64 && c_.Chance(60) ? Dims{static_cast<int64_t>(c_.Below(5))} : RandomDims();
    return Filled(type, std::move(dims));
  }

  // True once an element was drawn that arithmetic may make anything of.
  bool wild() const { return wild_; }

  int64_t Number() {
    if (c_.Chance(6)) {
      wild_ = true;
      return c_.OneOf<int64_t>({INT64_MAX, INT64_MIN, int64_t{1} << 40, 1 << 20, -1000, 255, 128, 65536});
    }
    return c_.OneOf<int64_t>({0, 1, 2, 3, -1, -2, 4, 1, 0, 5, 7, -3});
  }

  double Real() {
    if (c_.Chance(2)) {
      wild_ = true;
      return c_.OneOf<double>({INFINITY, -INFINITY, NAN, 1e30, -1e-30, -0.0, 65504});
    }
    return static_cast<double>(c_.Between(-8, 8)) / 4;
  }

  std::optional<Tensor> Filled(DType type, Dims dims) {
    const bool uniform = c_.Chance(10) && BitWidth(type) >= 8;
    const absl::StatusOr<int64_t> count = dsperse::NumElements(dims);
    if (!count.ok()) return std::nullopt;
    const Dims made = uniform ? Dims{} : dims;
    const int64_t n = uniform ? 1 : *count;
    absl::StatusOr<Tensor> tensor = dsperse::DispatchDType(
        type,
        [&](auto tag) -> absl::StatusOr<Tensor> {
          using T = typename decltype(tag)::type;
          T* out = nullptr;
          absl::StatusOr<Tensor> t = Tensor::Make<T>(made, &out);
          if (!t.ok()) return t;
          for (int64_t i = 0; i < n; ++i) {
            if constexpr (std::is_same_v<T, bool>) {
              out[i] = c_.Below(2) == 1;
            } else if constexpr (std::is_integral_v<T>) {
              out[i] = static_cast<T>(Number());
            } else {
              out[i] = static_cast<T>(Real());
            }
          }
          return t;
        },
        [&]() -> absl::StatusOr<Tensor> {
          std::string bytes(static_cast<size_t>((n * BitWidth(type) + 7) / 8), '\0');
          for (char& byte : bytes) byte = static_cast<char>(c_.Below(256));
          wild_ = true;
          return Tensor::FromBytes(type, made, std::move(bytes));
        });
    if (tensor.ok() && uniform) tensor = Tensor::Uniform(type, dims, tensor->raw());
    return tensor.ok() ? std::optional<Tensor>(*std::move(tensor)) : std::nullopt;
  }

  void AddAttribute(const std::string& name, onnx::AttributeProto::AttributeType type, onnx::NodeProto* node) {
    onnx::AttributeProto attribute;
    attribute.set_name(name);
    attribute.set_type(type);
    switch (type) {
      case onnx::AttributeProto::INT: attribute.set_i(name == "to" ? c_.Between(0, 24) : Number()); break;
      case onnx::AttributeProto::FLOAT: attribute.set_f(static_cast<float>(Real())); break;
      case onnx::AttributeProto::STRING:
        attribute.set_s(c_.OneOf<const char*>(
            {"SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "ij,jk->ik", "...i->i", "ii->i", "linear", "nearest",
             "cubic", "constant", "reflect", "edge", "wrap", "bidirectional", "reverse", "forward", "add", "mul", "max",
             "none", "tanh", "DCR", "CRD", "LEFT", "RIGHT", "half_pixel", "align_corners", "asymmetric",
             "tf_crop_and_resize", "pytorch_half_pixel", "half_pixel_symmetric", "floor", "ceil", "round_prefer_floor",
             "stretch", "not_larger", "not_smaller", "zeros", "border", "reflection", "bilinear", "down", "up", ""}));
        break;
      case onnx::AttributeProto::INTS:
        for (uint64_t k = c_.Below(6); k > 0; --k) attribute.add_ints(Number());
        break;
      case onnx::AttributeProto::FLOATS:
        for (uint64_t k = c_.Below(5); k > 0; --k) attribute.add_floats(static_cast<float>(Real()));
        break;
      case onnx::AttributeProto::STRINGS:
        for (uint64_t k = c_.Below(4); k > 0; --k) {
          attribute.add_strings(c_.OneOf<const char*>({"Tanh", "Sigmoid", "Relu", "Affine", "HardSigmoid", "Elu", ""}));
        }
        break;
      case onnx::AttributeProto::TENSOR: {
        const std::optional<Tensor> tensor = RandomTensor();
        PayloadTable unused;
        if (!tensor || !dsperse::TensorToProto(*tensor, int64_t{1} << 40, &unused, attribute.mutable_t()).ok()) return;
        break;
      }
      default: return;
    }
    *node->add_attribute() = std::move(attribute);
  }

 private:
  ByteChoices& c_;
  Dims last_dims_;
  DType last_type_ = DType::kUndefined;
  bool wild_ = false;
};

bool Accepted(const absl::Status& status, const onnx::ModelProto& model) {
  if (absl::IsInternal(status) || absl::IsUnknown(status)) Fail(status.ToString(), model);
  return status.ok();
}

double Tolerance(DType type) {
  return type == DType::kFloat16 || type == DType::kBfloat16 ? 0.1 : 1e-3;
}

double Magnitude(const Tensor& tensor) {
  double largest = 1;
  if (tensor.num_bytes() > 8 * kMaxBytes) return largest;
  const absl::StatusOr<Tensor> loaded = tensor.Load(kMaxBytes * 8);
  if (!loaded.ok() || !IsFloat(tensor.dtype())) return largest;
  const absl::StatusOr<std::vector<double>> elements = dsperse::ToDoubles(*loaded);
  if (!elements.ok()) return largest;
  for (double v : *elements) {
    if (std::isfinite(v)) largest = std::max(largest, std::fabs(v));
  }
  return largest;
}

void Compare(const Tensor& exact, const Tensor& fast, bool wild, const onnx::ModelProto& model) {
  if (exact.dtype() != fast.dtype() || exact.dims() != fast.dims()) Fail("exact and fast differ in kind", model);
  // Uniform results may be of any size.
  if (exact.dtype() == DType::kUndefined || wild || exact.num_bytes() > 8 * kMaxBytes) return;
  const double scale = IsFloat(exact.dtype()) ? Tolerance(exact.dtype()) * Magnitude(exact) : 0;
  const auto difference = dsperse::CompareElements(exact, fast, 0, scale);
  if (difference.ok() && !difference->agree) Fail("exact and fast differ: " + difference->reason, model);
}

// What inference says of the node's outputs when its inputs are constants.
void CompareFacts(const onnx::ModelProto& model, const std::vector<std::optional<Tensor>>& inputs,
                  const std::vector<Tensor>& results) {
  auto constant = std::make_unique<onnx::ModelProto>(model);
  constant->mutable_graph()->clear_input();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i]) continue;
    onnx::TensorProto* proto = constant->mutable_graph()->add_initializer();
    PayloadTable unused;
    const absl::StatusOr<Tensor> loaded = inputs[i]->Load(kMaxBytes * 8);
    if (!loaded.ok() || !dsperse::TensorToProto(*loaded, int64_t{1} << 40, &unused, proto).ok()) return;
    proto->set_name(absl::StrCat("x", i));
  }
  const absl::StatusOr<Graph> graph = Graph::Import(std::move(constant), nullptr, "constant");
  if (!Accepted(graph.status(), model)) return;
  Facts facts(&*graph);
  const NodeView node = graph->node(graph->FirstNode(graph->main()));
  for (size_t i = 0; i < results.size(); ++i) {
    const dsperse::ValueId output = node.output(static_cast<int>(i));
    if (!output.valid() || results[i].dtype() == DType::kUndefined) continue;
    const Fact& fact = facts.Of(output);
    if (fact.dtype != DType::kUndefined && fact.dtype != results[i].dtype()) {
      Fail(absl::StrCat("inferred type ", dsperse::DTypeName(fact.dtype), ", evaluated ",
                        dsperse::DTypeName(results[i].dtype())), model);
    }
    if (fact.shape.has_rank()) {
      bool fits = fact.shape.rank() == results[i].rank();
      for (int d = 0; fits && d < results[i].rank(); ++d) {
        fits = !fact.shape.dim(d).known() || fact.shape.dim(d).size() == results[i].dims()[static_cast<size_t>(d)];
      }
      if (!fits) {
        Fail(absl::StrCat("inferred shape ", fact.shape.ToString(), ", evaluated ", dsperse::DimsToString(results[i].dims())),
             model);
      }
    }
    if (!fact.value || results[i].num_bytes() > 8 * kMaxBytes) continue;
    const absl::StatusOr<bool> same = dsperse::SameBits(*fact.value, results[i]);
    if (same.ok() && !*same) Fail("the folded value is another one", model);
  }
}

const std::vector<const OpDef*>& Evaluated() {
  static const auto* const rows = [] {
    auto* list = new std::vector<const OpDef*>;
    for (const OpDef& row : AllOps()) {
      if (row.evaluate != nullptr) list->push_back(&row);
    }
    return list;
  }();
  return *rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteChoices choices(absl::MakeConstSpan(data, size));
  Generator generator(&choices);
  const OpDef& row = *Evaluated()[choices.Below(Evaluated().size())];
  auto model = std::make_unique<onnx::ModelProto>();
  model->set_ir_version(10);
  onnx::OperatorSetIdProto* opset = model->add_opset_import();
  opset->set_domain(std::string(row.domain));
  const int64_t version = row.domain.empty() ? choices.Between(row.since, std::max(row.since, std::min<int64_t>(row.until, 24)))
                                             : row.since;
  opset->set_version(version);
  if (!row.domain.empty()) model->add_opset_import()->set_version(17);
  onnx::GraphProto* graph = model->mutable_graph();
  graph->set_name("one");
  onnx::NodeProto* node = graph->add_node();
  node->set_op_type(std::string(row.op_type));
  node->set_domain(std::string(row.domain));

  const onnx::OpSchema* schema =
      onnx::OpSchemaRegistry::Schema(std::string(row.op_type), static_cast<int>(version), std::string(row.domain));
  if (schema != nullptr) {
    for (const auto& [name, attribute] : schema->attributes()) {
      if (choices.Chance(40)) generator.AddAttribute(name, attribute.type, node);
    }
  }
  std::vector<std::optional<Tensor>> inputs;
  const uint64_t most = schema != nullptr && schema->max_input() < 8 ? static_cast<uint64_t>(schema->max_input()) : 4;
  const uint64_t count = choices.Chance(75) ? most : choices.Below(most + 1);
  for (uint64_t i = 0; i < count; ++i) {
    std::optional<Tensor> tensor;
    const bool required = schema == nullptr || i < static_cast<uint64_t>(schema->min_input());
    if (!choices.Chance(required ? 3 : 40)) tensor = generator.RandomTensor();
    if (tensor) {
      onnx::ValueInfoProto* info = graph->add_input();
      info->set_name(absl::StrCat("x", i));
      onnx::TypeProto::Tensor* type = info->mutable_type()->mutable_tensor_type();
      type->set_elem_type(static_cast<int>(tensor->dtype()));
      type->mutable_shape();
      for (int64_t d : tensor->dims()) type->mutable_shape()->add_dim()->set_dim_value(d);
    }
    node->add_input(tensor ? absl::StrCat("x", i) : "");
    inputs.push_back(std::move(tensor));
  }
  const uint64_t outputs = schema != nullptr ? std::min<uint64_t>(static_cast<uint64_t>(schema->max_output()), 5) : 1;
  for (uint64_t i = 0; i < std::max<uint64_t>(outputs, 1); ++i) node->add_output(absl::StrCat("y", i));
  graph->add_output()->set_name("y0");

  const onnx::ModelProto copy = *model;
  const absl::StatusOr<Graph> imported = Graph::Import(std::move(model), nullptr, "one");
  if (!Accepted(imported.status(), copy)) return 0;
  const NodeView view = imported->node(imported->FirstNode(imported->main()));
  std::vector<const Tensor*> pointers;
  for (int i = 0; i < view.num_inputs(); ++i) {
    pointers.push_back(view.input(i).valid() ? &*inputs[static_cast<size_t>(i)] : nullptr);
  }
  EvalContext context;
  context.max_output_bytes = kMaxBytes;
  context.mode = EvalMode::kExact;
  const auto exact = Evaluate(context, view, pointers);
  context.mode = EvalMode::kFast;
  const auto fast = Evaluate(context, view, pointers);
  Accepted(exact.status(), copy);
  Accepted(fast.status(), copy);
  if (!exact.ok()) return 0;
  if (static_cast<int>(exact->size()) > std::max(view.num_outputs(), 1)) Fail("too many results", copy);
  if (!fast.ok()) Fail("only exact evaluation succeeds: " + fast.status().ToString(), copy);
  if (fast->size() != exact->size()) Fail("exact and fast differ in number", copy);
  for (size_t i = 0; i < exact->size(); ++i) Compare((*exact)[i], (*fast)[i], generator.wild(), copy);
  CompareFacts(copy, inputs, *exact);
  return 0;
}
