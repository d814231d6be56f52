#include "fold/ir/tensor_wire.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "fold/ir/skeleton.h"
#include "fold/ir/wire.h"

namespace dsperse {
namespace {

// Fields of TensorProto.
constexpr uint32_t kDims = 1;
constexpr uint32_t kDataType = 2;
constexpr uint32_t kName = 8;
constexpr uint32_t kRawData = 9;
constexpr uint32_t kDocString = 12;

struct PlainTensor {
  Dims dims;
  uint64_t data_type = 0;
  absl::string_view name;
  absl::string_view raw_data;
  bool has_raw_data = false;
  int64_t token = -1;
};

bool Split(absl::string_view bytes, PlainTensor* out) {
  WireReader reader(bytes);
  WireField field;
  uint32_t last = 0;
  while (reader.Next(&field)) {
    if (field.number == static_cast<uint32_t>(kPayloadField)) {  // stands where raw_data stood
      if (field.type != kVarint || out->token >= 0 || field.value > INT32_MAX) return false;
      out->token = static_cast<int64_t>(field.value);
      continue;
    }
    if (field.number < last || (field.number == last && field.number != kDims)) return false;
    last = field.number;
    switch (field.number) {
      case kDims:
        if (field.type != kVarint) return false;
        out->dims.push_back(static_cast<int64_t>(field.value));
        break;
      case kDataType:
        if (field.type != kVarint) return false;
        out->data_type = field.value;
        break;
      case kName:
        if (field.type != kBytes) return false;
        out->name = bytes.substr(field.body, static_cast<size_t>(field.value));
        break;
      case kRawData:
        if (field.type != kBytes) return false;
        out->raw_data = bytes.substr(field.body, static_cast<size_t>(field.value));
        out->has_raw_data = true;
        break;
      case kDocString:
        if (field.type != kBytes) return false;
        break;
      default:
        return false;
    }
  }
  return reader.ok();
}

}  // namespace

bool ReadPlainTensor(absl::string_view bytes, const PayloadTable& payloads, PayloadPool* pool,
                     absl::string_view* name, Tensor* tensor) {
  PlainTensor plain;
  if (!Split(bytes, &plain) || plain.data_type > INT32_MAX) return false;
  const int type_number = static_cast<int>(plain.data_type);
  if (!IsKnownDType(type_number) || plain.has_raw_data == (plain.token >= 0)) return false;
  const DType type = static_cast<DType>(type_number);
  if (type == DType::kString) return false;
  *name = plain.name;
  if (plain.has_raw_data) {
    std::shared_ptr<const void> owner;
    const absl::string_view copy = pool->Add(plain.raw_data, &owner);
    absl::StatusOr<Tensor> made =
        Tensor::FromShared(type, std::move(plain.dims), copy, std::move(owner));
    if (!made.ok()) return false;
    *tensor = *std::move(made);
    return true;
  }
  if (plain.token >= payloads.size()) return false;
  const Payload& payload = payloads.at(plain.token);
  if (payload.tensor != nullptr || payload.length < kMinPayload) return false;
  absl::StatusOr<Tensor> made =
      Tensor::FromSpan(type, std::move(plain.dims), payload.source, payload.offset);
  if (!made.ok() || static_cast<uint64_t>(made->num_bytes()) != payload.length) return false;
  *tensor = *std::move(made);
  return true;
}

}  // namespace dsperse
