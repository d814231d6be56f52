#include "fold/ir/model_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"
#include "tests/support/files.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using testing::ParseModel;
using testing::ReadAll;
using testing::Serialized;
using testing::TempDir;
using testing::WriteAll;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  return bytes;
}

// y = x + w; w of `count` floats, as raw_data.
onnx::ModelProto AddModel(int64_t count) {
  std::unique_ptr<onnx::ModelProto> model = ParseModel(
      R"(<ir_version: 8, opset_import: ["" : 17]> g (float[N] x) => (float[N] y) { y = Add(x, w) })");
  onnx::TensorProto* w = model->mutable_graph()->add_initializer();
  w->add_dims(count);
  w->set_data_type(onnx::TensorProto::FLOAT);
  w->set_name("w");
  w->set_raw_data(Pattern(static_cast<size_t>(count) * 4));
  return *model;
}

void MakeExternal(onnx::TensorProto* tensor, const std::string& location, const std::string& offset,
                  const std::string& length) {
  tensor->clear_raw_data();
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"location", location}, {"offset", offset}, {"length", length}}) {
    if (value.empty()) continue;
    onnx::StringStringEntryProto* entry = tensor->add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
}

void ExpectError(const absl::Status& status, absl::StatusCode code, const std::string& message) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(message));
}

TEST(LoadModel, ReadsAndWritesByteForByte) {
  const TempDir dir;
  const std::string bytes = Serialized(AddModel(5000));
  WriteAll(dir.File("in.onnx"), bytes);
  const absl::StatusOr<LoadedModel> loaded = LoadModel(dir.File("in.onnx"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->file_bytes, static_cast<int64_t>(bytes.size()));
  EXPECT_THAT(loaded->files, ElementsAre(Field(&SourceFile::path, dir.File("in.onnx"))));
  EXPECT_TRUE(loaded->notes.empty());
  const Tensor* w = loaded->graph.ConstantValue(loaded->graph.FindValue("w"));
  ASSERT_NE(w, nullptr);
  EXPECT_TRUE(w->is_span());
  const absl::StatusOr<SavedModel> saved = SaveModel(loaded->graph, dir.File("out.onnx"));
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_TRUE(ReadAll(dir.File("out.onnx")) == bytes);
  EXPECT_TRUE(SaveModelToBytes(loaded->graph).value() == bytes);
  // Onto its own input, and what was loaded from there is still good.
  ASSERT_TRUE(SaveModel(loaded->graph, dir.File("in.onnx")).ok());
  EXPECT_TRUE(ReadAll(dir.File("in.onnx")) == bytes);
  EXPECT_EQ(w->Load()->raw(), Pattern(20000));
}

TEST(LoadModel, PublishedModelsComeBackByteForByte) {
  const std::string folder = std::string(DSPERSE_SHARED_DIR) + "/corpus";
  if (!fs::exists(folder)) GTEST_SKIP() << "no models in " << folder;
  int identical = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx") continue;
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = ReadAll(entry.path().string());
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(bytes));
    const absl::StatusOr<LoadedModel> loaded = LoadModel(entry.path().string());
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const absl::StatusOr<std::string> written = SaveModelToBytes(loaded->graph);
    ASSERT_TRUE(written.ok()) << written.status();
    bool raw = model.functions_size() == 0 && loaded->notes.empty();
    for (const onnx::TensorProto& tensor : model.graph().initializer()) {
      raw = raw && (tensor.has_raw_data() || tensor.float_data_size() * 4 < 1024);
    }
    if (!raw || Serialized(model) != bytes) continue;
    ++identical;
    EXPECT_TRUE(*written == bytes);
  }
  EXPECT_GT(identical, 10);
}

TEST(LoadModel, InlinesFunctions) {
  const std::unique_ptr<onnx::ModelProto> model =
      ParseModel(R"(<ir_version: 8, opset_import: ["" : 17, "d" : 1]>
        g (float[N] x) => (float[N] y) { y = d.f(x) }
        <domain: "d", opset_import: ["" : 17]>
        f (a) => (b) { c = Constant<value = float[1] {1}>() b = Add(a, c) })");
  onnx::TensorProto* value =
      model->mutable_functions(0)->mutable_node(0)->mutable_attribute(0)->mutable_t();
  value->clear_float_data();
  value->set_dims(0, 500);
  value->set_raw_data(Pattern(2000));
  const absl::StatusOr<LoadedModel> loaded = LoadModelFromBytes(Serialized(*model), "m.onnx");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(testing::Ops(loaded->graph), "Constant Add");
  onnx::ModelProto back;
  ASSERT_TRUE(back.ParseFromString(SaveModelToBytes(loaded->graph).value()));
  EXPECT_EQ(back.functions_size(), 0);
  EXPECT_EQ(back.graph().node(0).attribute(0).t().raw_data(), Pattern(2000));
  LoadOptions options;
  options.max_nodes = 1;
  ExpectError(LoadModelFromBytes(Serialized(*model), "m.onnx", options).status(),
              absl::StatusCode::kResourceExhausted, "m.onnx: has 2 nodes");
}

TEST(LoadModel, NamesFileTensorAndNumbers) {
  onnx::ModelProto model = AddModel(300);
  model.mutable_graph()->mutable_initializer(0)->set_dims(0, 301);
  ExpectError(LoadModelFromBytes(Serialized(model), "m.onnx").status(),
              absl::StatusCode::kInvalidArgument,
              "m.onnx: initializer 'w': float tensor of shape [301] needs 1204 bytes");
}

class ExternalDataTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directory(dir_.File("model")); }
  std::string In(const std::string& name) const { return dir_.File("model/" + name); }
  // Loads a model whose weight of 2000 floats lies at the place given.
  absl::StatusOr<LoadedModel> LoadWith(const std::string& location, const std::string& offset = "",
                                       const std::string& length = "") {
    onnx::ModelProto model = AddModel(2000);
    MakeExternal(model.mutable_graph()->mutable_initializer(0), location, offset, length);
    WriteAll(In("m.onnx"), Serialized(model));
    return LoadModel(In("m.onnx"));
  }
  const TempDir dir_;
};

TEST_F(ExternalDataTest, IsReadAndWrittenInline) {
  fs::create_directory(In("sub"));
  WriteAll(In("sub/w.bin"), Pattern(100) + Pattern(8000));
  for (const char* location : {"sub/w.bin", "./sub/w.bin", "sub/../sub//w.bin"}) {
    const absl::StatusOr<LoadedModel> loaded = LoadWith(location, "100", "8000");
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_THAT(loaded->files, ElementsAre(Field(&SourceFile::path, In("m.onnx")),
                                           Field(&SourceFile::path, In(location))));
    EXPECT_EQ(loaded->file_bytes, static_cast<int64_t>(fs::file_size(In("m.onnx"))) + 8100);
    EXPECT_TRUE(SaveModelToBytes(loaded->graph).value() == Serialized(AddModel(2000)));
  }
}

TEST_F(ExternalDataTest, ComesBackByteForByteOnItsOwnInput) {
  SaveOptions options;
  options.external_data = true;
  const absl::StatusOr<LoadedModel> inline_model =
      LoadModelFromBytes(Serialized(AddModel(2000)), "m.onnx");
  ASSERT_TRUE(inline_model.ok());
  ASSERT_TRUE(SaveModel(inline_model->graph, In("m.onnx"), options).ok());
  const std::string model_bytes = ReadAll(In("m.onnx"));
  EXPECT_EQ(ReadAll(In("m.onnx.data")), Pattern(8000));
  for (int round = 0; round < 2; ++round) {
    const absl::StatusOr<LoadedModel> loaded = LoadModel(In("m.onnx"));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    ASSERT_TRUE(SaveModel(loaded->graph, In("m.onnx"), options).ok());
    EXPECT_TRUE(ReadAll(In("m.onnx")) == model_bytes);
    EXPECT_EQ(ReadAll(In("m.onnx.data")), Pattern(8000));
  }
}

TEST_F(ExternalDataTest, OfAttributesIsReadToo) {
  WriteAll(In("w.bin"), Pattern(8000));
  std::unique_ptr<onnx::ModelProto> model = ParseModel(
      R"(<ir_version: 8, opset_import: ["" : 17]>
         g (float[N] x) => (float[N] y) { c = Constant<value = float[1] {1}>() y = Add(x, c) })");
  onnx::TensorProto* value = model->mutable_graph()->mutable_node(0)->mutable_attribute(0)->mutable_t();
  value->clear_float_data();
  value->set_dims(0, 2000);
  MakeExternal(value, "w.bin", "", "");
  onnx::AttributeProto* extra = model->mutable_graph()->mutable_node(1)->add_attribute();
  extra->set_name("extra");
  extra->set_type(onnx::AttributeProto::TENSORS);
  *extra->add_tensors() = *value;
  WriteAll(In("m.onnx"), Serialized(*model));
  const absl::StatusOr<LoadedModel> loaded = LoadModel(In("m.onnx"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  onnx::ModelProto back;
  ASSERT_TRUE(back.ParseFromString(SaveModelToBytes(loaded->graph).value()));
  EXPECT_EQ(back.graph().node(0).attribute(0).t().raw_data(), Pattern(8000));
  EXPECT_EQ(back.graph().node(1).attribute(0).tensors(0).raw_data(), Pattern(8000));
}

TEST_F(ExternalDataTest, MustExistAndBeLongEnough) {
  ExpectError(LoadWith("none.bin").status(), absl::StatusCode::kNotFound,
              In("m.onnx") + ": tensor 'w': external data 'none.bin' is missing");
  WriteAll(In("w.bin"), Pattern(8000));
  ExpectError(LoadWith("w.bin", "1").status(), absl::StatusCode::kDataLoss,
              "tensor 'w': external data 'w.bin' has 8000 bytes, the tensor needs 8000 at offset 1");
  ExpectError(LoadWith("w.bin", "18446744073709551615").status(), absl::StatusCode::kDataLoss,
              "has 8000 bytes");
  ExpectError(LoadWith("w.bin", "0", "7999").status(), absl::StatusCode::kInvalidArgument,
              "needs 8000 bytes, external data has 7999");
  fs::create_directory(In("folder"));
  ExpectError(LoadWith("folder").status(), absl::StatusCode::kInvalidArgument, "is a directory");
}

TEST_F(ExternalDataTest, MustStayInTheModelsFolder) {
  WriteAll(dir_.File("secret.bin"), Pattern(8000));
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  ExpectError(LoadWith(dir_.File("secret.bin")).status(), kInvalid, "absolute path");
  for (const char* location : {"../secret.bin", "x/../../secret.bin", "..", ".", "./"}) {
    ExpectError(LoadWith(location).status(), kInvalid, "is not inside the model's folder");
  }
  ExpectError(LoadWith(std::string("w\0.bin", 6)).status(), kInvalid, "is not inside");
  ASSERT_EQ(symlink("../secret.bin", In("link.bin").c_str()), 0);
  ExpectError(LoadWith("link.bin").status(), kInvalid, "symbolic link out of the model's folder");
  ASSERT_EQ(symlink("..", In("up").c_str()), 0);
  ExpectError(LoadWith("up/secret.bin").status(), kInvalid, "symbolic link out of");
  // A link that stays inside is fine; a folder whose name begins alike is another one.
  WriteAll(In("w.bin"), Pattern(8000));
  ASSERT_EQ(symlink("w.bin", In("inside.bin").c_str()), 0);
  EXPECT_TRUE(LoadWith("inside.bin").ok());
  fs::create_directory(dir_.File("model2"));
  WriteAll(dir_.File("model2/w.bin"), Pattern(8000));
  ASSERT_EQ(symlink("../model2/w.bin", In("other.bin").c_str()), 0);
  ExpectError(LoadWith("other.bin").status(), kInvalid, "symbolic link out of");
}

TEST_F(ExternalDataTest, IsRefusedWithoutAFile) {
  onnx::ModelProto model = AddModel(2000);
  MakeExternal(model.mutable_graph()->mutable_initializer(0), "w.bin", "", "");
  ExpectError(LoadModelFromBytes(Serialized(model), "m.onnx").status(),
              absl::StatusCode::kInvalidArgument,
              "m.onnx: tensor 'w': external data 'w.bin' in a model that does not come from a file");
}

TEST_F(ExternalDataTest, HundredsOfFilesNeedFewDescriptors) {
  onnx::ModelProto model = AddModel(500);
  for (int i = 0; i < 300; ++i) {
    const std::string name = "w" + std::to_string(i);
    onnx::TensorProto* tensor = model.mutable_graph()->add_initializer();
    *tensor = model.graph().initializer(0);
    tensor->set_name(name);
    MakeExternal(tensor, name + ".bin", "", "");
    WriteAll(In(name + ".bin"), Pattern(2000));
  }
  WriteAll(In("m.onnx"), Serialized(model));
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = descriptors();
  const absl::StatusOr<LoadedModel> loaded = LoadModel(In("m.onnx"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_LE(descriptors() - before, 70);
  EXPECT_EQ(loaded->files.size(), 301u);
  const absl::StatusOr<std::string> bytes = SaveModelToBytes(loaded->graph);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_GT(bytes->size(), 301u * 2000u);
  // A file that is not kept open is watched all the same.
  fs::last_write_time(In("w250.bin"), fs::last_write_time(In("w250.bin")) + std::chrono::seconds(9));
  ExpectError(SaveModelToBytes(loaded->graph).status(), absl::StatusCode::kFailedPrecondition,
              "w250.bin: changed");
}

}  // namespace
}  // namespace dsperse
