#include "fold/ir/parse_cost.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "fold/ir/wire.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int64_t kBlock = 16;  // of the allocator, for each allocation
constexpr int64_t kUnknownField = 2 * sizeof(google::protobuf::UnknownField);
constexpr int64_t kGroup = kUnknownField + kBlock + 4 * sizeof(void*);

// What a message type costs: by itself, and for each of its fields.
struct TypeCost {
  struct Field {
    bool known = false;
    int64_t each = kUnknownField;  // for each occurrence
    int64_t per_byte = 1;          // of a field of bytes
    const TypeCost* message = nullptr;
  };
  std::vector<Field> fields;  // by number
  Field unknown;
};

// The costs of ONNX's types, from their descriptors.
class CostTable {
 public:
  const TypeCost* Of(const Descriptor* type) {
    std::unique_ptr<TypeCost>& slot = types_[type];
    if (slot != nullptr) return slot.get();
    slot = std::make_unique<TypeCost>();
    TypeCost* const cost = slot.get();
    cost->unknown.each = kUnknownField + kBlock + static_cast<int64_t>(sizeof(std::string));
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      const size_t number = static_cast<size_t>(field->number());
      if (cost->fields.size() <= number) cost->fields.resize(number + 1);
      cost->fields[number] = FieldCost(field);  // may add types, does not move this one
    }
    return cost;
  }

 private:
  TypeCost::Field FieldCost(const FieldDescriptor* field) {
    TypeCost::Field cost;
    cost.known = true;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        cost.each = static_cast<int64_t>(google::protobuf::MessageFactory::generated_factory()
                                             ->GetPrototype(field->message_type())
                                             ->SpaceUsedLong()) +
                    kBlock + 2 * static_cast<int64_t>(sizeof(void*));
        cost.per_byte = 0;  // counted inside
        cost.message = Of(field->message_type());
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        cost.each = static_cast<int64_t>(sizeof(std::string)) + 2 * kBlock;
        break;
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE:
        cost.each = 2 * 8;
        break;
      default:  // packed: one varint a byte at worst, and arrays grow by doubling
        cost.each = 2 * 8;
        cost.per_byte = 2 * 8;
    }
    return cost;
  }

  absl::flat_hash_map<const Descriptor*, std::unique_ptr<TypeCost>> types_;
};

}  // namespace

ParseCost CostOfModel(absl::string_view bytes) {
  struct Frame {
    const TypeCost* type;
    absl::string_view bytes;
    WireReader reader;
    int groups;
  };
  CostTable table;
  ParseCost cost;
  std::vector<Frame> stack;
  stack.push_back({table.Of(onnx::ModelProto::descriptor()), bytes, WireReader(bytes), 0});
  while (!stack.empty()) {
    Frame& frame = stack.back();
    WireField field;
    if (!frame.reader.Next(&field)) {
      stack.pop_back();
      continue;
    }
    if (field.type == kGroupStart) {
      ++frame.groups;
      cost.memory += kGroup;
    } else if (field.type == kGroupEnd) {
      --frame.groups;
    }
    cost.nesting =
        std::max(cost.nesting, static_cast<int>(stack.size()) - 1 + std::max(frame.groups, 0));
    const bool known = frame.groups <= 0 && field.number < frame.type->fields.size() &&
                       frame.type->fields[field.number].known;
    const TypeCost::Field& of = known ? frame.type->fields[field.number] : frame.type->unknown;
    cost.memory += of.each;
    if (field.type != kBytes) continue;
    cost.memory += of.per_byte * static_cast<int64_t>(field.value);
    if (of.message == nullptr) continue;
    const absl::string_view body = frame.bytes.substr(field.body, field.value);
    stack.push_back({of.message, body, WireReader(body), 0});
    cost.nesting = std::max(cost.nesting, static_cast<int>(stack.size()) - 1);
  }
  return cost;
}

}  // namespace dsperse
