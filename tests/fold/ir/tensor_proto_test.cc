#include "fold/ir/tensor_proto.h"

#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

using onnx::TensorProto;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TensorProto Proto(int type, std::vector<int64_t> dims) {
  TensorProto proto;
  proto.set_data_type(type);
  for (const int64_t d : dims) proto.add_dims(d);
  return proto;
}

absl::StatusOr<Tensor> Decode(const TensorProto& proto) {
  return TensorFromProto(proto, PayloadTable(), "m.onnx: initializer 'w'");
}

// Expects an error of `code` whose message has the place and `what`.
void ExpectError(const absl::Status& status, absl::StatusCode code, const std::string& what) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("m.onnx: initializer 'w': "));
  EXPECT_THAT(std::string(status.message()), HasSubstr(what));
}

// A file in memory.
class StringSource : public ByteSource {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  absl::Status Read(uint64_t offset, absl::Span<char> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      return absl::DataLossError("short");
    }
    std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return absl::OkStatus();
  }
  absl::string_view name() const override { return "memory"; }

 private:
  std::string bytes_;
};

TEST(TensorFromProto, DecodesRawData) {
  TensorProto proto = Proto(TensorProto::INT16, {2, 2});
  const int16_t values[] = {1, -2, 300, -400};
  proto.set_raw_data(values, sizeof values);
  const absl::StatusOr<Tensor> tensor = Decode(proto);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->dims(), ElementsAre(2, 2));
  EXPECT_THAT(tensor->data<int16_t>(), ElementsAre(1, -2, 300, -400));
}

TEST(TensorFromProto, DecodesTypedFields) {
  TensorProto floats = Proto(TensorProto::FLOAT, {2});
  floats.add_float_data(1.5f);
  floats.add_float_data(-0.0f);
  EXPECT_EQ(Decode(floats)->raw(), std::string("\0\0\xc0\x3f\0\0\0\x80", 8));

  TensorProto doubles = Proto(TensorProto::DOUBLE, {1});
  doubles.add_double_data(-2.25);
  EXPECT_THAT(Decode(doubles)->data<double>(), ElementsAre(-2.25));

  TensorProto int64s = Proto(TensorProto::INT64, {2});
  int64s.add_int64_data(INT64_MIN);
  int64s.add_int64_data(7);
  EXPECT_THAT(Decode(int64s)->data<int64_t>(), ElementsAre(INT64_MIN, 7));

  TensorProto uint64s = Proto(TensorProto::UINT64, {1});
  uint64s.add_uint64_data(UINT64_MAX);
  EXPECT_THAT(Decode(uint64s)->data<uint64_t>(), ElementsAre(UINT64_MAX));

  TensorProto uint32s = Proto(TensorProto::UINT32, {1});
  uint32s.add_uint64_data(UINT32_MAX);
  EXPECT_THAT(Decode(uint32s)->data<uint32_t>(), ElementsAre(UINT32_MAX));

  TensorProto complex = Proto(TensorProto::COMPLEX64, {1});
  complex.add_float_data(0.0f);
  complex.add_float_data(1.0f);
  EXPECT_EQ(Decode(complex)->raw(), std::string("\0\0\0\0\0\0\x80\x3f", 8));

  TensorProto strings = Proto(TensorProto::STRING, {2});
  strings.add_string_data("a");
  strings.add_string_data("");
  EXPECT_THAT(Decode(strings)->strings(), ElementsAre("a", ""));
}

TEST(TensorFromProto, DecodesNarrowTypesFromInt32Data) {
  TensorProto bytes = Proto(TensorProto::INT8, {2});
  bytes.add_int32_data(-128);
  bytes.add_int32_data(127);
  EXPECT_THAT(Decode(bytes)->data<int8_t>(), ElementsAre(-128, 127));

  TensorProto halves = Proto(TensorProto::FLOAT16, {2});
  halves.add_int32_data(0x3c00);  // 1
  halves.add_int32_data(0xfbff);  // the lowest finite one
  EXPECT_EQ(static_cast<double>(Decode(halves)->data<Float16>()[0]), 1.0);
  EXPECT_EQ(static_cast<double>(Decode(halves)->data<Float16>()[1]), -65504.0);

  TensorProto bools = Proto(TensorProto::BOOL, {3});
  for (const int v : {0, 1, 77}) bools.add_int32_data(v);
  EXPECT_EQ(Decode(bools)->raw(), std::string("\0\1\1", 3));

  // Five 4-bit elements: three entries, two elements each.
  TensorProto nibbles = Proto(TensorProto::UINT4, {5});
  for (const int v : {0x21, 0x43, 0x05}) nibbles.add_int32_data(v);
  EXPECT_EQ(Decode(nibbles)->raw(), "\x21\x43\x05");
}

TEST(TensorFromProto, BoolBytesBecomeZeroOrOne) {
  TensorProto proto = Proto(TensorProto::BOOL, {3});
  proto.set_raw_data(std::string("\0\x02\xff", 3));
  EXPECT_EQ(Decode(proto)->raw(), std::string("\0\1\1", 3));
}

TEST(TensorFromProto, AcceptsTensorsWithoutElements) {
  EXPECT_EQ(Decode(Proto(TensorProto::FLOAT, {0, 3}))->num_elements(), 0);
  TensorProto raw = Proto(TensorProto::INT64, {0});
  raw.set_raw_data("");
  EXPECT_EQ(Decode(raw)->num_bytes(), 0);
  EXPECT_EQ(Decode(Proto(TensorProto::STRING, {0}))->strings().size(), 0u);
}

TEST(TensorFromProto, RefusesUnknownTypes) {
  for (const int type : {0, -1, 25, 1 << 30}) {
    ExpectError(Decode(Proto(type, {1})).status(), absl::StatusCode::kInvalidArgument,
                "unknown element type " + std::to_string(type));
  }
}

TEST(TensorFromProto, RefusesBadDimensions) {
  ExpectError(Decode(Proto(TensorProto::FLOAT, {2, -1})).status(),
              absl::StatusCode::kInvalidArgument, "negative dimension -1");
  ExpectError(Decode(Proto(TensorProto::FLOAT, {int64_t{1} << 40, int64_t{1} << 40})).status(),
              absl::StatusCode::kInvalidArgument, "overflow");
  // 2^62 elements fit 64 bits, their bytes don't.
  ExpectError(Decode(Proto(TensorProto::FLOAT, {int64_t{1} << 62})).status(),
              absl::StatusCode::kInvalidArgument, "overflow");
}

TEST(TensorFromProto, RefusesPayloadsOfAnotherSize) {
  TensorProto raw = Proto(TensorProto::FLOAT, {2, 3});
  raw.set_raw_data("12345678");
  ExpectError(Decode(raw).status(), absl::StatusCode::kInvalidArgument,
              "float tensor of shape [2, 3] needs 24 bytes, raw_data has 8");
  TensorProto typed = Proto(TensorProto::INT64, {4});
  typed.add_int64_data(1);
  ExpectError(Decode(typed).status(), absl::StatusCode::kInvalidArgument,
              "needs 4 entries, int64_data has 1");
  ExpectError(Decode(Proto(TensorProto::FLOAT, {2})).status(), absl::StatusCode::kInvalidArgument,
              "needs 8 bytes");
}

TEST(TensorFromProto, RefusesPayloadsInTheWrongField) {
  TensorProto proto = Proto(TensorProto::FLOAT, {1});
  proto.add_int64_data(1);
  ExpectError(Decode(proto).status(), absl::StatusCode::kInvalidArgument,
              "needs 1 entries, float_data has 0");
  proto.add_float_data(1);
  ExpectError(Decode(proto).status(), absl::StatusCode::kInvalidArgument, "more than one payload");
  TensorProto strings = Proto(TensorProto::STRING, {1});
  strings.set_raw_data("a");
  ExpectError(Decode(strings).status(), absl::StatusCode::kInvalidArgument, "string tensor");
}

TEST(TensorFromProto, RefusesNumbersBeyondTheType) {
  struct Case {
    int type;
    int value;
  };
  for (const Case& c : {Case{TensorProto::INT8, 128}, Case{TensorProto::UINT8, -1},
                        Case{TensorProto::UINT16, 65536}, Case{TensorProto::FLOAT16, 65536},
                        Case{TensorProto::INT4, 256}}) {
    TensorProto proto = Proto(c.type, {1});
    proto.add_int32_data(c.value);
    ExpectError(Decode(proto).status(), absl::StatusCode::kInvalidArgument,
                "int32_data holds " + std::to_string(c.value));
  }
  TensorProto wide = Proto(TensorProto::UINT32, {1});
  wide.add_uint64_data(uint64_t{1} << 32);
  ExpectError(Decode(wide).status(), absl::StatusCode::kInvalidArgument, "no uint32");
}

TEST(TensorFromProto, RefusesSegments) {
  TensorProto proto = Proto(TensorProto::FLOAT, {1});
  proto.mutable_segment()->set_begin(0);
  ExpectError(Decode(proto).status(), absl::StatusCode::kUnimplemented, "segments");
}

TEST(TensorFromProto, TokensStandForPayloads) {
  PayloadTable payloads;
  Payload span;
  span.source = std::make_shared<StringSource>(std::string(5000, 'x'));
  span.offset = 100;
  span.length = 4000;
  TensorProto proto = Proto(TensorProto::FLOAT, {10, 100});
  SetPayloadToken(payloads.Add(span), &proto);
  EXPECT_EQ(PayloadToken(proto), 0);
  absl::StatusOr<Tensor> tensor = TensorFromProto(proto, payloads, "m.onnx: initializer 'w'");
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_TRUE(tensor->is_span());
  EXPECT_EQ(tensor->Load()->raw(), std::string(4000, 'x'));

  proto.set_dims(0, 11);
  ExpectError(TensorFromProto(proto, payloads, "m.onnx: initializer 'w'").status(),
              absl::StatusCode::kInvalidArgument, "needs 4400 bytes, the payload has 4000");
  proto.set_dims(0, 10);
  proto.set_raw_data("more");
  ExpectError(TensorFromProto(proto, payloads, "m.onnx: initializer 'w'").status(),
              absl::StatusCode::kInvalidArgument, "more than one payload");
  proto.clear_raw_data();
  SetPayloadToken(1, &proto);
  ExpectError(TensorFromProto(proto, payloads, "m.onnx: initializer 'w'").status(),
              absl::StatusCode::kInvalidArgument, "reserved");
}

TEST(TensorFromProto, ReadsExternalData) {
  PayloadTable payloads;
  std::string asked;
  payloads.open_external = [&](absl::string_view location, uint64_t* size)
      -> absl::StatusOr<std::shared_ptr<const ByteSource>> {
    asked = std::string(location);
    *size = 2000;
    return std::make_shared<StringSource>(std::string(2000, '\1'));
  };
  TensorProto proto = Proto(TensorProto::UINT8, {1500});
  proto.set_data_location(TensorProto::EXTERNAL);
  const auto add = [&](const std::string& key, const std::string& value) {
    onnx::StringStringEntryProto* entry = proto.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  };
  add("location", "w.bin");
  add("offset", "500");
  add("length", "1500");
  const std::string where = "m.onnx: initializer 'w'";
  const absl::StatusOr<Tensor> tensor = TensorFromProto(proto, payloads, where);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_TRUE(tensor->is_span());
  EXPECT_EQ(asked, "w.bin");

  proto.mutable_external_data(1)->set_value("501");
  ExpectError(TensorFromProto(proto, payloads, where).status(), absl::StatusCode::kDataLoss,
              "'w.bin' has 2000 bytes, the tensor needs 1500 at offset 501");
  proto.mutable_external_data(2)->set_value("18446744073709551615");
  ExpectError(TensorFromProto(proto, payloads, where).status(), absl::StatusCode::kInvalidArgument,
              "needs 1500 bytes, external data has 18446744073709551615");
  proto.mutable_external_data(2)->set_value("-3");
  ExpectError(TensorFromProto(proto, payloads, where).status(), absl::StatusCode::kInvalidArgument,
              "length '-3' is not a number");
  ExpectError(Decode(Proto(TensorProto::UINT8, {1500})).status(),
              absl::StatusCode::kInvalidArgument, "needs 1500 bytes");
  proto.mutable_external_data(2)->set_value("1500");
  ExpectError(Decode(proto).status(), absl::StatusCode::kInvalidArgument,
              "does not come from a file");
}

onnx::SparseTensorProto Sparse(std::vector<int64_t> dims, std::vector<float> values,
                               std::vector<int64_t> index_dims, std::vector<int64_t> indices) {
  onnx::SparseTensorProto proto;
  for (const int64_t d : dims) proto.add_dims(d);
  *proto.mutable_values() = Proto(TensorProto::FLOAT, {static_cast<int64_t>(values.size())});
  for (const float v : values) proto.mutable_values()->add_float_data(v);
  *proto.mutable_indices() = Proto(TensorProto::INT64, std::move(index_dims));
  for (const int64_t i : indices) proto.mutable_indices()->add_int64_data(i);
  return proto;
}

absl::StatusOr<Tensor> DecodeSparse(const onnx::SparseTensorProto& proto) {
  return TensorFromSparse(proto, PayloadTable(), "m.onnx: initializer 'w'");
}

TEST(TensorFromSparse, PlacesValues) {
  for (const onnx::SparseTensorProto& proto :
       {Sparse({2, 3}, {5, 6}, {2}, {1, 5}), Sparse({2, 3}, {5, 6}, {2, 2}, {0, 1, 1, 2})}) {
    const absl::StatusOr<Tensor> tensor = DecodeSparse(proto);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_THAT(tensor->dims(), ElementsAre(2, 3));
    EXPECT_THAT(tensor->data<float>(), ElementsAre(0, 5, 0, 0, 0, 6));
  }
}

TEST(TensorFromSparse, RefusesWhatIsWrong) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  ExpectError(DecodeSparse(Sparse({2, 3}, {5, 6}, {2}, {5, 1})).status(), kInvalid, "ascending");
  ExpectError(DecodeSparse(Sparse({2, 3}, {5, 6}, {2}, {1, 1})).status(), kInvalid, "ascending");
  ExpectError(DecodeSparse(Sparse({2, 3}, {5}, {1}, {6})).status(), kInvalid, "outside");
  ExpectError(DecodeSparse(Sparse({2, 3}, {5}, {1, 2}, {0, 3})).status(), kInvalid, "outside");
  ExpectError(DecodeSparse(Sparse({2, 3}, {5}, {1, 2}, {-1, 0})).status(), kInvalid, "outside");
  ExpectError(DecodeSparse(Sparse({2, 3}, {5}, {1, 3}, {0, 0, 0})).status(), kInvalid, "indices");
  ExpectError(DecodeSparse(Sparse({2, -3}, {5}, {1}, {0})).status(), kInvalid, "negative");
  ExpectError(DecodeSparse(Sparse({1 << 20}, {5}, {1}, {0})).status(),
              absl::StatusCode::kUnimplemented, "when dense");
}

TEST(TensorToProto, ComesBackAsItWas) {
  PayloadTable payloads;
  const std::vector<Tensor> tensors = {
      Tensor::Of<float>({2}, {1.0f, 2.0f}), Tensor::Scalar<int64_t>(-5),
      Tensor::Of<bool>({3}, {true, false, true}), *Tensor::FromStrings({2}, {"x", "yz"}),
      *Tensor::FromBytes(DType::kInt4, {3}, "\x21\x03"),
      *Tensor::Uniform(DType::kFloat, {1000}, std::string("\0\0\x80\x3f", 4)),
      *Tensor::FromBytes(DType::kUint8, {1024}, std::string(1024, 'q'))};
  for (const Tensor& tensor : tensors) {
    TensorProto proto;
    proto.set_name("n");
    proto.add_float_data(3);  // what was there before goes
    proto.set_data_location(TensorProto::EXTERNAL);
    ASSERT_TRUE(TensorToProto(tensor, 1024, &payloads, &proto).ok());
    EXPECT_EQ(proto.name(), "n");
    EXPECT_EQ(PayloadToken(proto) >= 0,
              tensor.dtype() != DType::kString && tensor.num_bytes() >= 1024);
    const absl::StatusOr<Tensor> back = TensorFromProto(proto, payloads, "w");
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_TRUE(*SameBits(tensor, *back));
  }
  EXPECT_EQ(payloads.size(), 2);
}

}  // namespace
}  // namespace dsperse
