#include "fold/ir/parse_cost.h"

#include <algorithm>
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

int64_t StringCost(uint64_t length) {
  return static_cast<int64_t>(sizeof(std::string) + length) + 2 * kBlock;
}

// Elements of a packed field: one varint a byte at worst; arrays grow by doubling.
int64_t PackedCost(FieldDescriptor::CppType type, uint64_t length) {
  switch (type) {
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return static_cast<int64_t>(length);
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
      return 2 * 8 * static_cast<int64_t>(length);
    default:
      return 2 * 4 * static_cast<int64_t>(length);
  }
}

int64_t ObjectSize(const Descriptor* type) {
  return static_cast<int64_t>(google::protobuf::MessageFactory::generated_factory()
                                  ->GetPrototype(type)
                                  ->SpaceUsedLong()) +
         kBlock + 2 * static_cast<int64_t>(sizeof(void*));
}

}  // namespace

ParseCost CostOfModel(absl::string_view bytes) {
  struct Frame {
    const Descriptor* type;
    absl::string_view bytes;
    WireReader reader;
    int groups;
  };
  absl::flat_hash_map<const Descriptor*, int64_t> sizes;
  ParseCost cost;
  std::vector<Frame> stack;
  stack.push_back({onnx::ModelProto::descriptor(), bytes, WireReader(bytes), 0});
  while (!stack.empty()) {
    Frame& frame = stack.back();
    WireField field;
    if (!frame.reader.Next(&field)) {
      stack.pop_back();
      continue;
    }
    if (field.type == kGroupStart) {
      ++frame.groups;
      cost.memory += kUnknownField + kBlock + static_cast<int64_t>(sizeof(void*)) * 4;
    }
    if (field.type == kGroupEnd) --frame.groups;
    cost.nesting =
        std::max(cost.nesting, static_cast<int>(stack.size()) - 1 + std::max(frame.groups, 0));
    const FieldDescriptor* known =
        frame.groups > 0 ? nullptr
                         : frame.type->FindFieldByNumber(static_cast<int>(field.number));
    if (known == nullptr) {
      cost.memory += kUnknownField + (field.type == kBytes ? StringCost(field.value) : 0);
    } else if (field.type != kBytes) {
      if (known->is_repeated()) cost.memory += 2 * 8;
    } else if (known->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const Descriptor* type = known->message_type();
      int64_t& size = sizes[type];
      if (size == 0) size = ObjectSize(type);
      cost.memory += size;
      const absl::string_view body = frame.bytes.substr(field.body, field.value);
      stack.push_back({type, body, WireReader(body), 0});
      cost.nesting = std::max(cost.nesting, static_cast<int>(stack.size()) - 1);
    } else if (known->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      cost.memory += StringCost(field.value);
    } else {
      cost.memory += PackedCost(known->cpp_type(), field.value);
    }
  }
  return cost;
}

}  // namespace dsperse
