#include "fold/ir/tensor_proto.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

using onnx::TensorProto;

constexpr int64_t kOwnedBelow = 1024;  // smaller payloads are worth no I/O later

absl::Status Invalid(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

// `status` with its message behind `where`.
absl::Status At(absl::string_view where, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

// Type and dims of a proto, checked.
struct Header {
  DType type = DType::kUndefined;
  Dims dims;
  int64_t count = 0;
  int64_t bytes = 0;  // of the canonical form; 0 for strings
};

absl::StatusOr<Header> HeaderOf(const TensorProto& proto, absl::string_view where) {
  if (!IsKnownDType(proto.data_type())) {
    return Invalid(where, absl::StrCat("unknown element type ", proto.data_type()));
  }
  if (proto.has_segment()) {
    return absl::UnimplementedError(absl::StrCat(where, ": tensor stored in segments"));
  }
  Header header;
  header.type = static_cast<DType>(proto.data_type());
  header.dims.assign(proto.dims().begin(), proto.dims().end());
  const absl::StatusOr<int64_t> count = NumElements(header.dims);
  if (!count.ok()) return At(where, count.status());
  header.count = *count;
  const int bits = BitWidth(header.type);
  if (bits == 4) {
    header.bytes = header.count / 2 + header.count % 2;
  } else if (__builtin_mul_overflow(header.count, int64_t{bits / 8}, &header.bytes)) {
    return Invalid(where, absl::StrCat("dimensions ", DimsToString(header.dims), " of ",
                                       DTypeName(header.type), " overflow 64 bits"));
  }
  return header;
}

absl::Status WrongSize(absl::string_view where, const Header& header, absl::string_view field,
                       uint64_t found, absl::string_view unit, int64_t wanted) {
  return Invalid(where, absl::StrCat(DTypeName(header.type), " tensor of shape ",
                                     DimsToString(header.dims), " needs ", wanted, " ", unit,
                                     ", ", field, " has ", found));
}

template <typename T>
void Append(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Packed elements as they lie in memory.
template <typename T>
std::string BytesOf(const google::protobuf::RepeatedField<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     static_cast<size_t>(values.size()) * sizeof(T));
}

// int32_data holds every type of up to 32 bits: numbers in their own range, bit patterns
// (float16, float8, 4-bit pairs) as unsigned or sign-extended.
absl::StatusOr<std::string> FromInt32Data(const TensorProto& proto, const Header& header,
                                          absl::string_view where) {
  const int width = std::max(BitWidth(header.type), 8);
  int64_t low = -(int64_t{1} << (width - 1));
  int64_t high = (int64_t{1} << width) - 1;
  if (header.type == DType::kBool) {
    low = std::numeric_limits<int32_t>::min();
    high = std::numeric_limits<int32_t>::max();
  } else if (IsInteger(header.type)) {
    if (IsSigned(header.type)) {
      high = (int64_t{1} << (width - 1)) - 1;
    } else {
      low = 0;
    }
  }
  std::string bytes;
  bytes.reserve(static_cast<size_t>(proto.int32_data_size()) * (width / 8));
  for (const int32_t value : proto.int32_data()) {
    if (value < low || value > high) {
      return Invalid(where, absl::StrCat("int32_data holds ", value, ", which is no ",
                                         DTypeName(header.type)));
    }
    if (header.type == DType::kBool) {
      bytes.push_back(value != 0 ? 1 : 0);
    } else if (width == 8) {
      bytes.push_back(static_cast<char>(value));
    } else if (width == 16) {
      Append(static_cast<uint16_t>(value), &bytes);
    } else {
      Append(value, &bytes);
    }
  }
  return bytes;
}

absl::StatusOr<std::string> FromUint64Data(const TensorProto& proto, const Header& header,
                                           absl::string_view where) {
  if (header.type == DType::kUint64) return BytesOf(proto.uint64_data());
  std::string bytes;
  bytes.reserve(static_cast<size_t>(proto.uint64_data_size()) * 4);
  for (const uint64_t value : proto.uint64_data()) {
    if (value > std::numeric_limits<uint32_t>::max()) {
      return Invalid(where, absl::StrCat("uint64_data holds ", value, ", which is no uint32"));
    }
    Append(static_cast<uint32_t>(value), &bytes);
  }
  return bytes;
}

// The typed field that holds elements of `type`: its name, the entries it has, the entries it needs.
struct TypedField {
  absl::string_view name;
  int64_t entries = 0;
  int64_t needed = 0;
};

TypedField FieldFor(const TensorProto& proto, const Header& header) {
  switch (header.type) {
    case DType::kFloat:
    case DType::kComplex64:
      return {"float_data", proto.float_data_size(), header.bytes / 4};
    case DType::kDouble:
    case DType::kComplex128:
      return {"double_data", proto.double_data_size(), header.bytes / 8};
    case DType::kInt64:
      return {"int64_data", proto.int64_data_size(), header.count};
    case DType::kUint32:
    case DType::kUint64:
      return {"uint64_data", proto.uint64_data_size(), header.count};
    case DType::kString:
      return {"string_data", proto.string_data_size(), header.count};
    default:
      return {"int32_data", proto.int32_data_size(),
              BitWidth(header.type) == 4 ? header.bytes : header.count};
  }
}

absl::StatusOr<Tensor> FromTypedField(const TensorProto& proto, Header header,
                                      absl::string_view where) {
  const TypedField field = FieldFor(proto, header);
  if (field.entries != field.needed) {
    return WrongSize(where, header, field.name, static_cast<uint64_t>(field.entries), "entries",
                     field.needed);
  }
  absl::StatusOr<std::string> bytes = std::string();
  switch (header.type) {
    case DType::kString:
      return Tensor::FromStrings(
          std::move(header.dims),
          std::vector<std::string>(proto.string_data().begin(), proto.string_data().end()));
    case DType::kFloat:
    case DType::kComplex64:
      bytes = BytesOf(proto.float_data());
      break;
    case DType::kDouble:
    case DType::kComplex128:
      bytes = BytesOf(proto.double_data());
      break;
    case DType::kInt64:
      bytes = BytesOf(proto.int64_data());
      break;
    case DType::kUint32:
    case DType::kUint64:
      bytes = FromUint64Data(proto, header, where);
      break;
    default:
      bytes = FromInt32Data(proto, header, where);
  }
  if (!bytes.ok()) return bytes.status();
  return Tensor::FromBytes(header.type, std::move(header.dims), *std::move(bytes));
}

// A span, or its bytes when they are few.
absl::StatusOr<Tensor> FromSource(Header header, std::shared_ptr<const ByteSource> source,
                                  uint64_t offset, absl::string_view where) {
  DSPERSE_ASSIGN_OR_RETURN(
      const Tensor span,
      Tensor::FromSpan(header.type, std::move(header.dims), std::move(source), offset));
  if (span.num_bytes() >= kOwnedBelow) return span;
  absl::StatusOr<Tensor> loaded = span.Load();
  if (!loaded.ok()) return At(where, loaded.status());
  return loaded;
}

absl::StatusOr<uint64_t> ParseNumber(const onnx::StringStringEntryProto& entry,
                                     absl::string_view where) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(entry.value(), &number)) {
    return Invalid(where, absl::StrCat("external data: ", entry.key(), " '", entry.value(),
                                       "' is not a number"));
  }
  return number;
}

absl::StatusOr<Tensor> FromExternal(const TensorProto& proto, Header header,
                                    const PayloadTable& payloads, absl::string_view where) {
  if (header.type == DType::kString) return Invalid(where, "strings can not be external data");
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const onnx::StringStringEntryProto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") {
      DSPERSE_ASSIGN_OR_RETURN(offset, ParseNumber(entry, where));
    }
    if (entry.key() == "length") {
      DSPERSE_ASSIGN_OR_RETURN(length, ParseNumber(entry, where));
    }
  }
  if (location.empty()) return Invalid(where, "external data without a location");
  const uint64_t wanted = static_cast<uint64_t>(header.bytes);
  if (length && *length != wanted) {
    return WrongSize(where, header, "external data", *length, "bytes", header.bytes);
  }
  if (!payloads.open_external) {
    return Invalid(where, absl::StrCat("external data '", location,
                                       "' in a model that does not come from a file"));
  }
  uint64_t file_size = 0;
  absl::StatusOr<std::shared_ptr<const ByteSource>> source =
      payloads.open_external(location, &file_size);
  if (!source.ok()) return At(where, source.status());
  if (offset > file_size || wanted > file_size - offset) {
    return absl::DataLossError(absl::StrCat(where, ": external data '", location, "' has ",
                                            file_size, " bytes, the tensor needs ", wanted,
                                            " at offset ", offset));
  }
  return FromSource(std::move(header), *std::move(source), offset, where);
}

absl::StatusOr<Tensor> FromToken(int64_t token, Header header, const PayloadTable& payloads,
                                 absl::string_view where) {
  if (token < 0 || token >= payloads.size()) {
    return Invalid(where, absl::StrCat("field number ", kPayloadField, " is reserved"));
  }
  const Payload& payload = payloads.at(token);
  if (payload.tensor != nullptr) {
    const Tensor& tensor = *payload.tensor;
    if (tensor.dtype() != header.type || tensor.num_elements() != header.count) {
      return absl::InternalError(absl::StrCat(where, ": token ", token, " stands for a ",
                                              DTypeName(tensor.dtype()), " tensor of shape ",
                                              DimsToString(tensor.dims())));
    }
    return tensor.WithDims(std::move(header.dims));
  }
  if (header.type == DType::kString) return Invalid(where, "string tensor with raw_data");
  if (payload.length != static_cast<uint64_t>(header.bytes)) {
    return WrongSize(where, header, "the payload", payload.length, "bytes", header.bytes);
  }
  return FromSource(std::move(header), payload.source, payload.offset, where);
}

// Payload fields that hold something.
int PayloadFields(const TensorProto& proto) {
  int tokens = 0;
  const google::protobuf::UnknownFieldSet& unknown = proto.unknown_fields();
  for (int i = 0; i < unknown.field_count(); ++i) {
    if (unknown.field(i).number() == kPayloadField) ++tokens;
  }
  return tokens + !proto.raw_data().empty() + (proto.float_data_size() > 0) +
         (proto.int32_data_size() > 0) + (proto.string_data_size() > 0) +
         (proto.int64_data_size() > 0) + (proto.double_data_size() > 0) +
         (proto.uint64_data_size() > 0);
}

}  // namespace

int64_t PayloadToken(const TensorProto& proto) {
  const google::protobuf::UnknownFieldSet& unknown = proto.unknown_fields();
  for (int i = 0; i < unknown.field_count(); ++i) {
    const google::protobuf::UnknownField& field = unknown.field(i);
    if (field.number() == kPayloadField &&
        field.type() == google::protobuf::UnknownField::TYPE_VARINT) {
      return static_cast<int64_t>(field.varint());
    }
  }
  return -1;
}

void SetPayloadToken(int64_t token, TensorProto* proto) {
  proto->mutable_unknown_fields()->DeleteByNumber(kPayloadField);
  proto->mutable_unknown_fields()->AddVarint(kPayloadField, static_cast<uint64_t>(token));
}

absl::StatusOr<Tensor> TensorFromProto(const TensorProto& proto, const PayloadTable& payloads,
                                       absl::string_view where, std::shared_ptr<const void> owner) {
  DSPERSE_ASSIGN_OR_RETURN(Header header, HeaderOf(proto, where));
  const int fields = PayloadFields(proto);
  if (proto.data_location() == TensorProto::EXTERNAL) {
    if (fields > 0) return Invalid(where, "external data and a payload in the model as well");
    return FromExternal(proto, std::move(header), payloads, where);
  }
  if (fields > 1) return Invalid(where, "more than one payload");
  if (const int64_t token = PayloadToken(proto); token != -1) {
    return FromToken(token, std::move(header), payloads, where);
  }
  const bool typed = fields == 1 && proto.raw_data().empty();
  if (typed || header.type == DType::kString) {
    if (!proto.raw_data().empty()) return Invalid(where, "string tensor with raw_data");
    return FromTypedField(proto, std::move(header), where);
  }
  if (static_cast<int64_t>(proto.raw_data().size()) != header.bytes) {
    return WrongSize(where, header, proto.has_raw_data() ? "raw_data" : "the payload",
                     proto.raw_data().size(), "bytes", header.bytes);
  }
  if (owner != nullptr) {
    return Tensor::FromShared(header.type, std::move(header.dims), proto.raw_data(), std::move(owner));
  }
  return Tensor::FromBytes(header.type, std::move(header.dims), proto.raw_data());
}

absl::StatusOr<Tensor> TensorFromSparse(const onnx::SparseTensorProto& proto,
                                        const PayloadTable& payloads, absl::string_view where,
                                        int64_t max_bytes) {
  DSPERSE_ASSIGN_OR_RETURN(const Tensor values,
                           TensorFromProto(proto.values(), payloads, absl::StrCat(where, " values")));
  const std::string indices_where = absl::StrCat(where, " indices");
  DSPERSE_ASSIGN_OR_RETURN(const Tensor indices,
                           TensorFromProto(proto.indices(), payloads, indices_where));
  const Dims dims(proto.dims().begin(), proto.dims().end());
  const absl::StatusOr<int64_t> count = NumElements(dims);
  if (!count.ok()) return At(where, count.status());
  const int64_t rank = static_cast<int64_t>(dims.size());
  const bool linear = indices.rank() == 1;
  if (values.rank() != 1 || indices.dtype() != DType::kInt64 ||
      !(linear || (indices.rank() == 2 && indices.dims()[1] == rank)) ||
      indices.dims()[0] != values.num_elements()) {
    return Invalid(where, absl::StrCat("sparse tensor of shape ", DimsToString(dims),
                                       " with values of shape ", DimsToString(values.dims()),
                                       " and ", DTypeName(indices.dtype()), " indices of shape ",
                                       DimsToString(indices.dims())));
  }
  const int64_t width = BitWidth(values.dtype()) / 8;
  if (width == 0) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": sparse tensor of ", DTypeName(values.dtype())));
  }
  int64_t bytes = 0;
  if (__builtin_mul_overflow(*count, width, &bytes) || bytes > max_bytes) {
    return absl::UnimplementedError(absl::StrCat(where, ": sparse tensor of shape ",
                                                 DimsToString(dims), " needs more than ",
                                                 max_bytes, " bytes when dense"));
  }
  if (values.num_elements() > *count) {
    return Invalid(where, absl::StrCat(values.num_elements(), " values for ", *count, " elements"));
  }
  absl::StatusOr<Tensor> loaded_values = values.Load();
  if (!loaded_values.ok()) return At(where, loaded_values.status());
  absl::StatusOr<std::vector<int64_t>> positions = ToInts(indices);
  if (!positions.ok()) return At(where, positions.status());

  std::string dense(static_cast<size_t>(bytes), '\0');
  int64_t last = -1;
  for (int64_t i = 0; i < values.num_elements(); ++i) {
    int64_t position = 0;
    bool inside = true;
    if (linear) {
      position = (*positions)[static_cast<size_t>(i)];
      inside = position >= 0 && position < *count;
    } else {
      for (int64_t axis = 0; axis < rank && inside; ++axis) {
        const int64_t index = (*positions)[static_cast<size_t>(i * rank + axis)];
        const int64_t size = dims[static_cast<size_t>(axis)];
        inside = index >= 0 && index < size;
        if (inside) position = position * size + index;
      }
    }
    if (!inside || position <= last) {
      return Invalid(where, absl::StrCat("index of sparse value ", i,
                                         inside ? " is not in ascending order"
                                                : " lies outside the shape ",
                                         inside ? "" : DimsToString(dims)));
    }
    last = position;
    std::memcpy(dense.data() + position * width, loaded_values->raw().data() + i * width,
                static_cast<size_t>(width));
  }
  return Tensor::FromBytes(values.dtype(), dims, std::move(dense));
}

absl::Status TensorToProto(const Tensor& tensor, int64_t inline_limit, PayloadTable* payloads,
                           TensorProto* proto) {
  proto->clear_segment();
  proto->clear_float_data();
  proto->clear_int32_data();
  proto->clear_string_data();
  proto->clear_int64_data();
  proto->clear_raw_data();
  proto->clear_external_data();
  proto->clear_data_location();
  proto->clear_double_data();
  proto->clear_uint64_data();
  if (!proto->unknown_fields().empty()) {
    proto->mutable_unknown_fields()->DeleteByNumber(kPayloadField);
  }
  proto->set_data_type(static_cast<int32_t>(tensor.dtype()));
  proto->mutable_dims()->Assign(tensor.dims().begin(), tensor.dims().end());
  if (tensor.dtype() == DType::kString) {
    proto->mutable_string_data()->Assign(tensor.strings().begin(), tensor.strings().end());
    return absl::OkStatus();
  }
  if (tensor.num_bytes() >= inline_limit) {
    Payload payload;
    payload.length = static_cast<uint64_t>(tensor.num_bytes());
    payload.tensor = std::make_shared<const Tensor>(tensor);
    SetPayloadToken(payloads->Add(std::move(payload)), proto);
    return absl::OkStatus();
  }
  std::string* bytes = proto->mutable_raw_data();
  bytes->resize(static_cast<size_t>(tensor.num_bytes()));
  return tensor.ReadToWrite(0, absl::MakeSpan(bytes->data(), bytes->size()));
}

}  // namespace dsperse
