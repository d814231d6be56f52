#include "tests/fold/ops/nonsense.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace dsperse::testing {

std::unique_ptr<onnx::ModelProto> Nonsense::Model(const onnx::OpSchema& schema) {
  auto model = std::make_unique<onnx::ModelProto>();
  model->set_ir_version(onnx::Version::IR_VERSION);
  onnx::OperatorSetIdProto* import = model->add_opset_import();
  import->set_domain(schema.domain());
  import->set_version(schema.SinceVersion());
  if (!schema.domain().empty()) model->add_opset_import()->set_version(17);
  onnx::GraphProto* graph = model->mutable_graph();
  graph->set_name("g");
  onnx::NodeProto* node = graph->add_node();
  node->set_op_type(schema.Name());
  node->set_domain(schema.domain());
  const int least = schema.min_input();
  const int most = std::min(schema.max_input(), static_cast<int>(schema.inputs().size()) + 2);
  const int inputs = Chance(8) ? Below(4) : least + Below(std::max(1, most - least + 1));
  for (int i = 0; i < inputs; ++i) AddInput(schema, i, graph, node);
  const int outputs = std::max(1, std::min(schema.max_output(), 1 + Below(3)));
  for (int i = 0; i < outputs; ++i) {
    node->add_output(absl::StrCat("y", i));
    graph->add_output()->set_name(absl::StrCat("y", i));
  }
  for (const auto& [name, attribute] : schema.attributes()) {
    if (Chance(2)) AddAttribute(name, attribute.type, node);
  }
  return model;
}

int64_t Nonsense::Number() {
  static constexpr int64_t kNumbers[] = {-3, -2, -1, 0, 0, 1, 1, 2, 2, 3, 4, 7,
                                         std::numeric_limits<int64_t>::max(),
                                         std::numeric_limits<int64_t>::min(), int64_t{1} << 40};
  return kNumbers[Below(Chance(4) ? 15 : 12)];
}

void Nonsense::AddInput(const onnx::OpSchema& schema, int i, onnx::GraphProto* graph,
              onnx::NodeProto* node) {
  if (Chance(8)) {
    node->add_input("");
    return;
  }
  int type = 1;
  if (!schema.inputs().empty()) {
    const auto& formal = schema.inputs()[std::min<size_t>(i, schema.inputs().size() - 1)];
    const auto& types = formal.GetTypes();
    if (!types.empty()) {
      auto choice = types.begin();
      std::advance(choice, Below(static_cast<int>(types.size())));
      const onnx::TypeProto& proto = onnx::Utils::DataTypeUtils::ToTypeProto(*choice);
      if (proto.has_tensor_type()) type = proto.tensor_type().elem_type();
    }
  }
  const std::string name = absl::StrCat("x", i);
  node->add_input(name);
  if ((type == 7 || type == 6) && !Chance(3)) {
    onnx::TensorProto* tensor = graph->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(7);
    const int count = Below(5);
    if (count != 1 || Chance(2)) tensor->add_dims(count);
    for (int k = 0; k < count; ++k) tensor->add_int64_data(Number());
    return;
  }
  onnx::ValueInfoProto* info = graph->add_input();
  info->set_name(name);
  onnx::TypeProto::Tensor* tensor = info->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  if (Chance(8)) return;
  onnx::TensorShapeProto* shape = tensor->mutable_shape();
  for (int rank = Below(6); rank > 0; --rank) {
    onnx::TensorShapeProto::Dimension* dim = shape->add_dim();
    if (Chance(6)) dim->set_dim_param("N");
    if (Chance(6)) continue;
    dim->set_dim_value(Chance(30) ? int64_t{1} << 62 : Below(6));
  }
}

void Nonsense::AddAttribute(const std::string& name, onnx::AttributeProto::AttributeType type,
                  onnx::NodeProto* node) {
  onnx::AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(type);
  switch (type) {
    case onnx::AttributeProto::INT: attribute.set_i(Number()); break;
    case onnx::AttributeProto::FLOAT: attribute.set_f(static_cast<float>(Number())); break;
    case onnx::AttributeProto::STRING: {
      static constexpr const char* kTexts[] = {"", "SAME_UPPER", "VALID", "NOTSET", "ij,jk->ik",
                                               "...->", "bidirectional", "linear", "i"};
      attribute.set_s(kTexts[Below(9)]);
      break;
    }
    case onnx::AttributeProto::INTS:
      for (int k = Below(5); k > 0; --k) attribute.add_ints(Number());
      break;
    case onnx::AttributeProto::FLOATS:
      for (int k = Below(5); k > 0; --k) attribute.add_floats(static_cast<float>(Number()));
      break;
    default: return;
  }
  *node->add_attribute() = std::move(attribute);
}

const std::vector<onnx::OpSchema>& Schemas() {
  static const std::vector<onnx::OpSchema>& schemas =
      *new std::vector<onnx::OpSchema>(onnx::OpSchemaRegistry::get_all_schemas_with_history());
  return schemas;
}

}  // namespace dsperse::testing
