#include "tests/property/graph_builder.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/interpreter.h"
#include "onnx/onnx_pb.h"

namespace dsperse::testing {
namespace {

constexpr int64_t kMaxElements = 2048;

// Sets an attribute in whichever field its type has.
struct AttributeSetter {
  onnx::AttributeProto* proto;
  void operator()(int64_t v) const {
    proto->set_type(onnx::AttributeProto::INT);
    proto->set_i(v);
  }
  void operator()(float v) const {
    proto->set_type(onnx::AttributeProto::FLOAT);
    proto->set_f(v);
  }
  void operator()(const std::string& v) const {
    proto->set_type(onnx::AttributeProto::STRING);
    proto->set_s(v);
  }
  void operator()(const std::vector<int64_t>& v) const {
    proto->set_type(onnx::AttributeProto::INTS);
    proto->mutable_ints()->Add(v.begin(), v.end());
  }
  void operator()(const std::vector<float>& v) const {
    proto->set_type(onnx::AttributeProto::FLOATS);
    proto->mutable_floats()->Add(v.begin(), v.end());
  }
  void operator()(const std::vector<std::string>& v) const {
    proto->set_type(onnx::AttributeProto::STRINGS);
    for (const std::string& s : v) proto->add_strings(s);
  }
  void operator()(const Tensor& v) const {
    proto->set_type(onnx::AttributeProto::TENSOR);
    PayloadTable unused;
    (void)TensorToProto(v, int64_t{1} << 40, &unused, proto->mutable_t());
  }
};

void SetAttribute(onnx::NodeProto* node, const std::string& name, const AttributeValue& value) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  std::visit(AttributeSetter{attribute}, value);
}

void AddTensorProto(const std::string& name, const Tensor& value, onnx::GraphProto* graph) {
  onnx::TensorProto* proto = graph->add_initializer();
  PayloadTable unused;
  (void)TensorToProto(value, int64_t{1} << 40, &unused, proto);
  proto->set_name(name);
}

void Declare(const std::string& name, const Tensor& value, bool with_shape, bool symbolic,
             onnx::ValueInfoProto* info) {
  info->set_name(name);
  onnx::TypeProto::Tensor* type = info->mutable_type()->mutable_tensor_type();
  type->set_elem_type(static_cast<int>(value.dtype()));
  if (!with_shape) return;
  onnx::TensorShapeProto* shape = type->mutable_shape();
  for (int64_t size : value.dims()) shape->add_dim()->set_dim_value(size);
  if (symbolic && !value.dims().empty()) shape->mutable_dim(0)->set_dim_param("N");
}

// Largest magnitude; nothing if an element is not finite. 0 for what isn't a float.
std::optional<double> Magnitude(const Tensor& value) {
  if (!IsFloat(value.dtype())) return 0;
  const absl::StatusOr<std::vector<double>> elements = ToDoubles(value);
  if (!elements.ok()) return std::nullopt;
  double largest = 0;
  for (double v : *elements) {
    if (!std::isfinite(v)) return std::nullopt;
    largest = std::max(largest, std::fabs(v));
  }
  return largest;
}

}  // namespace

GraphBuilder::GraphBuilder(Choices* choices, int64_t opset, DType float_type)
    : choices_(choices),
      opset_(opset),
      float_type_(float_type),
      name_counter_(std::make_shared<int>(0)),
      graph_(std::make_unique<onnx::GraphProto>()) {
  if (choices_->Chance(15)) symbolic_dim_ = choices_->Between(1, 3);
  listed_constants_ = opset <= 8 && choices_->Chance(50);
}

GraphBuilder::GraphBuilder(GraphBuilder* parent)
    : choices_(parent->choices_),
      opset_(parent->opset_),
      float_type_(parent->float_type_),
      is_body_(true),
      outer_items_(parent->num_items()),
      name_counter_(parent->name_counter_),
      items_(parent->items_),
      graph_(std::make_unique<onnx::GraphProto>()) {}

GraphBuilder::~GraphBuilder() = default;

std::string GraphBuilder::NewName(absl::string_view hint) {
  return absl::StrCat(hint, "_", (*name_counter_)++);
}

int GraphBuilder::AddItem(Item item) {
  items_.push_back(std::move(item));
  return num_items() - 1;
}

int GraphBuilder::Pick(const std::function<bool(const Item&)>& fits) {
  std::vector<int> found;
  for (int i = num_items() - 1; i >= 0; --i) {
    if (fits(items_[static_cast<size_t>(i)])) found.push_back(i);
  }
  if (found.empty()) return -1;
  // Chains are what passes work on.
  if (choices_->Chance(65)) return found[0];
  return found[choices_->Below(found.size())];
}

int GraphBuilder::Activation(int rank) {
  const int picked = Pick([&](const Item& item) {
    return !item.constant && item.value.dtype() == float_type_ &&
           (rank < 0 || item.value.rank() == rank);
  });
  if (picked >= 0 && (is_body_ || !choices_->Chance(4))) return picked;
  if (is_body_) return -1;
  if (rank < 0) rank = choices_->OneOf<int>({2, 3, 4, 4, 4});
  Dims dims;
  if (rank > 0) dims.push_back(symbolic_dim_ > 0 ? symbolic_dim_ : choices_->Between(1, 2));
  if (rank > 1) dims.push_back(choices_->Between(1, 4));
  while (static_cast<int>(dims.size()) < rank) dims.push_back(choices_->Between(rank > 4 ? 2 : 3, rank > 4 ? 3 : 6));
  return NewInput(Floats(dims, [&] { return RandomFloat(); }));
}

int GraphBuilder::FirmActivation() {
  const int picked = Pick([&](const Item& item) {
    return !item.constant && item.firm && item.value.dtype() == float_type_;
  });
  return picked;
}

double GraphBuilder::RandomFloat() {
  return static_cast<double>(choices_->Between(-128, 128)) / 64.0;
}

Tensor GraphBuilder::Floats(const Dims& dims, const std::function<double()>& element) {
  const int64_t count = *NumElements(dims);
  const auto fill = [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::vector<T> values(static_cast<size_t>(count));
    for (T& v : values) v = static_cast<T>(element());
    return Tensor::Of<T>(dims, values);
  };
  switch (float_type_) {
    case DType::kDouble: return fill(TypeTag<double>{});
    case DType::kFloat16: return fill(TypeTag<Float16>{});
    default: return fill(TypeTag<float>{});
  }
}

int GraphBuilder::NewInput(Tensor value) {
  Item item;
  item.name = NewName("x");
  const bool symbolic = symbolic_dim_ > 0 && value.rank() > 0 && value.dims()[0] == symbolic_dim_ &&
                        IsFloat(value.dtype());
  Declare(item.name, value, true, symbolic, graph_->add_input());
  item.scale = std::max(1.0, Magnitude(value).value_or(1));
  item.value = std::move(value);
  inputs_.push_back(num_items());
  return AddItem(std::move(item));
}

int GraphBuilder::BodyInput(Tensor value) {
  Item item;
  item.name = NewName("v");
  Declare(item.name, value, choices_->Chance(50), false, graph_->add_input());
  item.firm = false;
  item.scale = std::max(1.0, Magnitude(value).value_or(1));
  item.value = std::move(value);
  return AddItem(std::move(item));
}

int GraphBuilder::NewConstant(Tensor value) {
  Item item;
  item.name = NewName("c");
  item.constant = true;
  item.scale = std::max(1.0, Magnitude(value).value_or(1));
  if (choices_->Chance(20)) {
    onnx::NodeProto* node = graph_->add_node();
    node->set_op_type("Constant");
    node->add_output(item.name);
    SetAttribute(node, "value", value);
  } else {
    AddTensorProto(item.name, value, graph_.get());
    // Listed among the inputs: before IR 4 all are; from then on the caller may override it.
    if (!is_body_ && (listed_constants_ || choices_->Chance(2))) {
      Declare(item.name, value, true, false, graph_->add_input());
    }
  }
  item.value = std::move(value);
  return AddItem(std::move(item));
}

int GraphBuilder::FloatConstant(const Dims& dims) {
  if (choices_->Chance(12)) {
    const int shared = Pick([&](const Item& item) {
      return item.constant && item.value.dtype() == float_type_ && item.value.dims() == dims;
    });
    if (shared >= 0) return shared;
  }
  const int kind = static_cast<int>(choices_->Below(12));
  if (kind == 0) return NewConstant(Floats(dims, [] { return 0.0; }));
  if (kind == 1) return NewConstant(Floats(dims, [] { return 1.0; }));
  if (kind == 2) {
    const double one = RandomFloat();
    return NewConstant(Floats(dims, [one] { return one; }));
  }
  // Few decisions for many elements: a fuzzer's bytes are for the structure.
  SeededChoices elements(choices_->Below(65536));
  return NewConstant(
      Floats(dims, [&] { return static_cast<double>(elements.Between(-128, 128)) / 64.0; }));
}

int GraphBuilder::PositiveConstant(const Dims& dims) {
  SeededChoices elements(choices_->Below(65536));
  return NewConstant(
      Floats(dims, [&] { return 0.25 + static_cast<double>(elements.Below(128)) / 64.0; }));
}

int GraphBuilder::Ints(const std::vector<int64_t>& values) {
  return NewConstant(Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values));
}

int GraphBuilder::Int(int64_t value) { return NewConstant(Tensor::Scalar<int64_t>(value)); }

absl::StatusOr<std::vector<Tensor>> GraphBuilder::Evaluate(const onnx::NodeProto& node,
                                                           const std::vector<int>& reads) const {
  auto model = std::make_unique<onnx::ModelProto>();
  model->set_ir_version(8);
  onnx::OperatorSetIdProto* opset = model->add_opset_import();
  opset->set_version(opset_);
  onnx::GraphProto* graph = model->mutable_graph();
  graph->set_name("one");
  std::vector<Tensor> inputs;
  absl::flat_hash_set<int> seen;
  for (int read : reads) {
    if (!seen.insert(read).second) continue;
    Declare(item(read).name, item(read).value, true, false, graph->add_input());
    inputs.push_back(item(read).value);
  }
  *graph->add_node() = node;
  for (const std::string& output : node.output()) {
    if (output.empty()) continue;
    onnx::ValueInfoProto* info = graph->add_output();
    info->set_name(output);
  }
  DSPERSE_ASSIGN_OR_RETURN(const Graph imported, Graph::Import(std::move(model), nullptr, "one"));
  RunOptions options;
  options.threads = 1;
  options.max_output_bytes = 1 << 20;
  options.max_iterations = 100;
  return RunGraph(imported, inputs, options);
}

bool GraphBuilder::Acceptable(const Tensor& value) const {
  if (!IsComputable(value.dtype())) return false;
  if (IsFloat(value.dtype()) && value.dtype() != float_type_) return false;
  if (value.num_elements() > kMaxElements || value.rank() > 6) return false;
  const std::optional<double> magnitude = Magnitude(value);
  return magnitude && *magnitude <= (float_type_ == DType::kFloat16 ? 200 : 4000);
}

std::vector<int> GraphBuilder::Add(NodeSpec spec) {
  onnx::NodeProto node;
  node.set_op_type(spec.op);
  std::vector<int> reads;
  bool firm = true;
  double scale = 1;
  for (int input : spec.inputs) {
    if (input < 0) {
      node.add_input("");
      continue;
    }
    node.add_input(item(input).name);
    reads.push_back(input);
    firm = firm && item(input).firm;
    scale = std::max(scale, item(input).scale);
  }
  while (!spec.inputs.empty() && spec.inputs.back() < 0) {
    node.mutable_input()->RemoveLast();
    spec.inputs.pop_back();
  }
  for (int capture : spec.captured) {
    reads.push_back(capture);
    firm = false;
    scale = std::max(scale, item(capture).scale);
  }
  if (choices_->Chance(70)) node.set_name(NewName(spec.op));
  for (int i = 0; i < spec.outputs; ++i) node.add_output(NewName("t"));
  for (const auto& [name, value] : spec.attributes) SetAttribute(&node, name, value);
  for (const auto& body : spec.bodies) {
    onnx::AttributeProto* attribute = node.add_attribute();
    attribute->set_name(body.first);
    attribute->set_type(onnx::AttributeProto::GRAPH);
    *attribute->mutable_g() = *body.second;
  }
  const absl::StatusOr<std::vector<Tensor>> results = Evaluate(node, reads);
  if (!results.ok()) return {};
  std::vector<Item> made;
  for (size_t i = 0; i < results->size(); ++i) {
    absl::StatusOr<Tensor> loaded = (*results)[i].Load(1 << 20);
    if (!loaded.ok() || !Acceptable(*loaded)) return {};
    // A few tensors without elements are enough.
    if (loaded->num_elements() == 0 && !choices_->Chance(10)) return {};
    Item one;
    one.name = node.output(static_cast<int>(i));
    one.firm = firm && (spec.moves || !IsFloat(loaded->dtype()));
    one.scale = std::max(scale, *Magnitude(*loaded));
    one.value = *std::move(loaded);
    made.push_back(std::move(one));
  }
  for (int read : reads) {
    ++items_[static_cast<size_t>(read)].readers;
    if (read < outer_items_) captured_.insert(read);
  }
  *graph_->add_node() = std::move(node);
  std::vector<int> outputs;
  for (Item& one : made) {
    computed_.push_back(num_items());
    outputs.push_back(AddItem(std::move(one)));
  }
  return outputs;
}

int GraphBuilder::Add1(NodeSpec spec) {
  const std::vector<int> outputs = Add(std::move(spec));
  return outputs.empty() ? -1 : outputs[0];
}

std::unique_ptr<GraphBuilder> GraphBuilder::Body() {
  return std::unique_ptr<GraphBuilder>(new GraphBuilder(this));
}

std::shared_ptr<onnx::GraphProto> GraphBuilder::FinishBody(const std::vector<int>& inputs,
                                                           const std::vector<int>& outputs,
                                                           std::vector<int>* captured) {
  (void)inputs;
  for (int output : outputs) {
    Declare(item(output).name, item(output).value, false, false, graph_->add_output());
  }
  graph_->set_name(NewName("body"));
  captured->assign(captured_.begin(), captured_.end());
  std::sort(captured->begin(), captured->end());
  return std::shared_ptr<onnx::GraphProto>(std::move(graph_));
}

std::optional<RandomModel> GraphBuilder::Finish() {
  if (computed_.empty()) return std::nullopt;
  RandomModel result;
  std::vector<int> outputs;
  for (int i : computed_) {
    if (item(i).readers == 0 || choices_->Chance(8)) outputs.push_back(i);
  }
  // Dead nodes: not everything unread is an output.
  if (outputs.size() > 1 && choices_->Chance(20)) outputs.erase(outputs.begin());
  if (choices_->Chance(30)) std::reverse(outputs.begin(), outputs.end());
  const bool shapes = symbolic_dim_ == 0 && choices_->Chance(60);
  for (int i : outputs) {
    Declare(item(i).name, item(i).value, shapes, false, graph_->add_output());
    result.outputs.push_back(item(i).value);
    result.scales.push_back(item(i).scale);
  }
  if (symbolic_dim_ == 0 && choices_->Chance(30)) {
    for (int i : computed_) {
      if (std::find(outputs.begin(), outputs.end(), i) == outputs.end() && choices_->Chance(50)) {
        Declare(item(i).name, item(i).value, true, false, graph_->add_value_info());
      }
    }
  }
  for (int i : inputs_) result.inputs.push_back(item(i).value);
  result.float_type = float_type_;
  result.symbolic_dim = symbolic_dim_;
  result.model = std::make_shared<onnx::ModelProto>();
  result.model->set_ir_version(listed_constants_ ? 3 : choices_->OneOf<int64_t>({4, 7, 8, 10}));
  result.model->add_opset_import()->set_version(opset_);
  graph_->set_name("random");
  *result.model->mutable_graph() = std::move(*graph_);
  return result;
}

}  // namespace dsperse::testing
