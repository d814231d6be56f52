#include "fold/ir/node_wire.h"

#include <cstring>

namespace dsperse {
namespace {

// Fields of AttributeProto.
constexpr uint32_t kName = 1;
constexpr uint32_t kFloat = 2;
constexpr uint32_t kInt = 3;
constexpr uint32_t kString = 4;
constexpr uint32_t kTensor = 5;
constexpr uint32_t kFloats = 7;
constexpr uint32_t kInts = 8;
constexpr uint32_t kStrings = 9;
constexpr uint32_t kGraphs = 11;
constexpr uint32_t kDocString = 13;
constexpr uint32_t kType = 20;
constexpr uint32_t kRefAttrName = 21;
constexpr uint32_t kSparseTensor = 22;

constexpr size_t kMaxKnown = 256;  // attributes, and bytes of one, worth remembering

constexpr uint64_t kLastType = 14;  // the newest AttributeType; later ones are unknown fields

template <typename T>
T Load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

bool IsListField(uint32_t field) { return field == kFloats || field == kInts || field == kStrings; }

// Has the field the wire type that ONNX declares, and may it be copied unseen (or is read by us)?
bool IsPlainAttributeField(const WireField& field) {
  switch (field.number) {
    case kName:
    case kString:
    case kTensor:
    case kAttributeBody:
    case kStrings:
    case kDocString:
    case kRefAttrName:
      return field.type == kBytes;
    case kFloat:
    case kFloats:
      return field.type == kFixed32;
    case kInt:
    case kInts:
      return field.type == kVarint;
    case kType:
      return field.type == kVarint && field.value <= kLastType;
    default:
      return false;
  }
}

}  // namespace

bool SplitNode(absl::string_view node, bool plain_only, NodeFields* fields, PlainAttributes* known) {
  constexpr uint32_t kNodeName = 3;
  constexpr uint32_t kOpType = 4;
  constexpr uint32_t kNodeDocString = 6;
  constexpr uint32_t kDomain = 7;
  constexpr uint32_t kOverload = 8;
  fields->name = fields->op_type = fields->domain = {};
  fields->inputs.clear();
  fields->outputs.clear();
  fields->attributes.clear();
  fields->plain_values = plain_only;
  FieldReader reader(node);
  WireField field;
  uint32_t last = 0;
  AttributeFields attribute;
  while (reader.Next(&field)) {
    if (plain_only) {
      const bool repeated = field.number == kNodeInput || field.number == kNodeOutput ||
                            field.number == kNodeAttribute;
      if (field.type != kBytes || field.number > kOverload || field.number < last ||
          (field.number == last && !repeated)) {
        return false;
      }
      last = field.number;
    }
    if (field.type != kBytes) continue;
    const absl::string_view body = reader.Body(field);
    switch (field.number) {
      case kNodeInput:
        fields->inputs.push_back(body);
        break;
      case kNodeOutput:
        fields->outputs.push_back(body);
        break;
      case kNodeName:
        fields->name = body;
        break;
      case kOpType:
        fields->op_type = body;
        break;
      case kNodeAttribute:
        if (plain_only && (known == nullptr || !known->contains(body))) {
          if (!SplitAttribute(body, true, &attribute)) return false;
          const bool holds_values = attribute.has_tensor || attribute.has_body;
          if (holds_values) fields->plain_values = false;
          if (known != nullptr && !holds_values && known->size() < kMaxKnown && body.size() <= kMaxKnown) {
            known->insert(body);
          }
        }
        fields->attributes.push_back(body);
        break;
      case kNodeDocString:
        break;
      case kDomain:
        fields->domain = body;
        break;
      default:
        break;
    }
  }
  return reader.ok() && !(plain_only && reader.saw_group());
}

bool SplitAttribute(absl::string_view attribute, bool plain_only, AttributeFields* fields) {
  *fields = AttributeFields();
  fields->bytes = attribute;
  FieldReader reader(attribute);
  WireField field;
  uint32_t last = 0;
  while (reader.Next(&field)) {
    if (plain_only) {
      if (!IsPlainAttributeField(field) || field.number < last ||
          (field.number == last && !IsListField(field.number))) {
        return false;
      }
      last = field.number;
    }
    if (field.type == kBytes) {
      const absl::string_view body = reader.Body(field);
      switch (field.number) {
        case kName:
          fields->name = body;
          break;
        case kString:
          fields->s = body;
          break;
        case kTensor:
          fields->tensor = body;
          fields->has_tensor = true;
          break;
        case kAttributeBody:
          fields->body = body;
          fields->has_body = true;
          break;
        case kGraphs:
          fields->has_graphs = true;
          break;
        case kSparseTensor:
          fields->sparse_tensor = body;
          fields->has_sparse_tensor = true;
          break;
        default:
          break;
      }
    } else if (field.type == kVarint && field.number == kInt) {
      fields->i = static_cast<int64_t>(field.value);
    } else if (field.type == kVarint && field.number == kType) {
      fields->type = static_cast<int32_t>(field.value);
    } else if (field.type == kFixed32 && field.number == kFloat) {
      fields->f = Load<float>(attribute.data() + field.body);
    }
  }
  return reader.ok() && !(plain_only && reader.saw_group());
}

bool FindAttribute(absl::string_view node, absl::string_view name, absl::string_view* attribute) {
  FieldReader reader(node);
  WireField field;
  while (reader.Next(&field)) {
    if (field.number != kNodeAttribute || field.type != kBytes) continue;
    const absl::string_view body = reader.Body(field);
    // The name is the first field, as all are in ascending order.
    FieldReader inside(body);
    WireField first;
    const bool named = inside.Next(&first) && first.number == kName && first.type == kBytes;
    if ((named ? inside.Body(first) : absl::string_view()) != name) continue;
    *attribute = body;
    return true;
  }
  return false;
}

std::vector<int64_t> AttributeInts(absl::string_view attribute) {
  std::vector<int64_t> values;
  FieldReader reader(attribute);
  WireField field;
  while (reader.Next(&field)) {
    if (field.number == kInts && field.type == kVarint) {
      values.push_back(static_cast<int64_t>(field.value));
    }
  }
  return values;
}

std::vector<float> AttributeFloats(absl::string_view attribute) {
  std::vector<float> values;
  FieldReader reader(attribute);
  WireField field;
  while (reader.Next(&field)) {
    if (field.number == kFloats && field.type == kFixed32) {
      values.push_back(Load<float>(attribute.data() + field.body));
    }
  }
  return values;
}

std::vector<std::string> AttributeStrings(absl::string_view attribute) {
  std::vector<std::string> values;
  FieldReader reader(attribute);
  WireField field;
  while (reader.Next(&field)) {
    if (field.number == kStrings && field.type == kBytes) values.emplace_back(reader.Body(field));
  }
  return values;
}

}  // namespace dsperse
