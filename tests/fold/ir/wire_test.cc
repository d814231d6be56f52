#include "fold/ir/wire.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

TEST(Varint, ComesBackAsItWas) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128},
                               uint64_t{300}, uint64_t{1} << 35, UINT64_MAX}) {
    std::string bytes;
    AppendVarint(value, &bytes);
    EXPECT_EQ(static_cast<int>(bytes.size()), VarintSize(value));
    const char* p = bytes.data();
    uint64_t back = 0;
    ASSERT_TRUE(ReadVarint(&p, bytes.data() + bytes.size(), &back));
    EXPECT_EQ(back, value);
    EXPECT_EQ(p, bytes.data() + bytes.size());
    // Cut short, it is none.
    p = bytes.data();
    EXPECT_FALSE(ReadVarint(&p, bytes.data() + bytes.size() - 1, &back));
  }
}

TEST(Varint, MayBePadded) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1000}, (uint64_t{1} << 31) - 1}) {
    std::string bytes(5, 'x');
    WritePaddedVarint(value, bytes.size(), bytes.data());
    const char* p = bytes.data();
    uint64_t back = 0;
    ASSERT_TRUE(ReadVarint(&p, bytes.data() + bytes.size(), &back));
    EXPECT_EQ(back, value);
    EXPECT_EQ(p, bytes.data() + bytes.size());
  }
}

TEST(Varint, HasAtMostSixtyFourBits) {
  for (const std::string& bytes :
       {std::string(9, '\xff') + '\x02', std::string(10, '\x80') + '\x01'}) {
    const char* p = bytes.data();
    uint64_t value = 0;
    EXPECT_FALSE(ReadVarint(&p, bytes.data() + bytes.size(), &value));
  }
}

TEST(WireReader, WalksWhatProtobufWrites) {
  onnx::TensorProto proto;
  proto.add_dims(300);
  proto.set_data_type(1);
  proto.set_name("weight");
  proto.mutable_unknown_fields()->AddFixed32(100, 7);
  proto.mutable_unknown_fields()->AddFixed64(101, 7);
  const std::string bytes = proto.SerializeAsString();
  WireReader reader(bytes);
  std::vector<uint32_t> numbers;
  std::vector<uint64_t> values;
  WireField field;
  size_t end = 0;
  while (reader.Next(&field)) {
    EXPECT_EQ(field.begin, end);
    end = field.end;
    numbers.push_back(field.number);
    values.push_back(field.value);
    if (field.number == 8) {
      EXPECT_EQ(bytes.substr(field.body, field.value), "weight");
    }
  }
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(end, bytes.size());
  EXPECT_THAT(numbers, ::testing::ElementsAre(1, 2, 8, 100, 101));
  EXPECT_THAT(values, ::testing::ElementsAre(300, 1, 6, 0, 0));
}

TEST(WireReader, StopsAtWhatIsNoField) {
  const std::vector<std::string> cases = {
      std::string("\x00\x01", 2),  // field number 0
      "\x0e",                      // wire type 6
      "\x0f",                      // wire type 7
      "\x0a\x05xy",                // five bytes announced, two there
      "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
      "\x08",              // varint missing
      "\x09\x01\x02\x03",  // fixed64 cut
      "\x0d\x01",          // fixed32 cut
      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01",  // field number too large
  };
  for (const std::string& bytes : cases) {
    WireReader reader(bytes);
    WireField field;
    EXPECT_FALSE(reader.Next(&field)) << ::testing::PrintToString(bytes);
    EXPECT_FALSE(reader.ok());
    EXPECT_FALSE(reader.Next(&field));
  }
}

// The table of message kinds against the descriptors of the protos themselves.
TEST(ChildKind, LeadsToEveryTensor) {
  const std::vector<std::pair<MessageKind, const google::protobuf::Descriptor*>> kinds = {
      {MessageKind::kModel, onnx::ModelProto::descriptor()},
      {MessageKind::kTrainingInfo, onnx::TrainingInfoProto::descriptor()},
      {MessageKind::kFunction, onnx::FunctionProto::descriptor()},
      {MessageKind::kGraph, onnx::GraphProto::descriptor()},
      {MessageKind::kNode, onnx::NodeProto::descriptor()},
      {MessageKind::kAttribute, onnx::AttributeProto::descriptor()},
      {MessageKind::kSparseTensor, onnx::SparseTensorProto::descriptor()},
      {MessageKind::kTensor, onnx::TensorProto::descriptor()}};
  const auto kind_of = [&](const google::protobuf::Descriptor* type) {
    for (const auto& [kind, descriptor] : kinds) {
      if (descriptor == type) return kind;
    }
    return MessageKind::kOther;
  };
  for (const auto& [kind, descriptor] : kinds) {
    for (uint32_t number = 1; number < 64; ++number) {
      const auto* field = descriptor->FindFieldByNumber(static_cast<int>(number));
      const MessageKind expected = field == nullptr || field->message_type() == nullptr
                                       ? MessageKind::kOther
                                       : kind_of(field->message_type());
      EXPECT_EQ(ChildKind(kind, number), expected) << descriptor->name() << " " << number;
    }
  }
}

}  // namespace
}  // namespace dsperse
