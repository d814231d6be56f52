#include "slicer/metadata.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace dsperse {
namespace {

using ::testing::HasSubstr;

Metadata Sample() {
  Metadata m;
  m.input_shapes = {{1, 3, 32, 32}};
  m.output_shapes = {{1, 10}};
  m.output_names = {"out"};
  m.slice_points = {0, 300};
  for (int i = 0; i < 2; ++i) {
    SliceMetadata s;
    s.relative_path = SlicePath(i);
    s.input_shapes = {{1, 3, 32, 32}};
    s.output_shapes = {{1, 10}};
    s.inputs = {"x", "w"};
    s.filtered_inputs = {"x"};
    s.outputs = {"out"};
    m.slices.push_back(s);
  }
  m.traced_shapes = {{"out", {1, 10}}, {"x", {1, 3, 32, 32}}};
  m.traced_types = {{"out", 1}, {"x", 1}};
  return m;
}

TEST(MetadataTest, KeysAndTheirOrderAreThoseOfDsperse) {
  // An independent reader: the library's own view of the bytes.
  const auto root = nlohmann::ordered_json::from_msgpack(EncodeMetadata(Sample()));
  std::string keys;
  for (const auto& item : root.items()) keys += item.key() + " ";
  EXPECT_EQ(keys,
            "original_model model_type input_shape output_shapes output_names slice_points slices "
            "traced_shapes traced_types original_model_path ");
  EXPECT_EQ(root["slices"][1].dump(),
            R"({"index":1,"filename":"slice_1.onnx","path":"payload/slice_1.onnx",)"
            R"("relative_path":"slice_1/payload/slice_1.onnx",)"
            R"("shape":{"tensor_shape":{"input":[[1,3,32,32]],"output":[[1,10]]}},)"
            R"("dependencies":{"input":["x","w"],"output":["out"],"filtered_inputs":["x"]},)"
            R"("compilation":{}})");
  EXPECT_EQ(root["slice_points"].dump(), "[0,300]");
}

TEST(MetadataTest, ReadsBackWhatItWrote) {
  const Metadata m = Sample();
  const absl::StatusOr<Metadata> back = DecodeMetadata(EncodeMetadata(m));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->input_shapes, m.input_shapes);
  EXPECT_EQ(back->slice_points, m.slice_points);
  EXPECT_EQ(back->slices[1].filtered_inputs, m.slices[1].filtered_inputs);
  EXPECT_EQ(back->slices[1].relative_path, "slice_1/payload/slice_1.onnx");
  EXPECT_EQ(back->traced_shapes, m.traced_shapes);
  EXPECT_EQ(back->traced_types, m.traced_types);
}

TEST(MetadataTest, AnyTruncationIsAnError) {
  const std::string bytes = EncodeMetadata(Sample());
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(DecodeMetadata(bytes.substr(0, n)).ok()) << n;
  }
}

TEST(MetadataTest, SaysWhichKeyIsWrong) {
  auto root = nlohmann::ordered_json::from_msgpack(EncodeMetadata(Sample()));
  root["slices"][0]["dependencies"]["filtered_inputs"] = 7;
  const std::vector<uint8_t> bytes = nlohmann::ordered_json::to_msgpack(root);
  const auto status =
      DecodeMetadata(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("dependencies.filtered_inputs"));
}

// The parser takes a stack frame a level.
TEST(MetadataTest, DeeplyNestedBytesAreRefused) {
  const std::string lists(10'000'000, '\x91');
  EXPECT_EQ(DecodeMetadata(lists).status().code(), absl::StatusCode::kInvalidArgument);
  std::string maps;
  for (int i = 0; i < 1'000'000; ++i) maps += "\x81\xa1k";
  EXPECT_EQ(DecodeMetadata(maps).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dsperse
