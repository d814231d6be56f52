#include "fold/ir/proto_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "fold/ir/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"
#include "tests/support/files.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using testing::ReadAll;
using testing::Serialized;
using testing::TempDir;
using testing::WriteAll;
using ::testing::HasSubstr;

absl::StatusOr<SkeletonModel> ReadBytes(std::string bytes, int64_t max_memory = 0) {
  const auto file = std::make_shared<MemoryFile>(std::move(bytes), "m.onnx");
  return ReadModelProto(file, file->size(), MemoryLimit(file->size(), max_memory));
}

absl::StatusOr<SkeletonModel> ReadFile(const std::string& path) {
  const auto file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  return ReadModelProto(*file, (*file)->size(), MemoryLimit((*file)->size(), 0));
}

void FillRaw(onnx::TensorProto* tensor, const std::string& name, int64_t bytes) {
  tensor->add_dims(bytes);
  tensor->set_data_type(onnx::TensorProto::UINT8);
  tensor->set_name(name);
  std::string raw(static_cast<size_t>(bytes), '\0');
  for (size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<char>(i * 31 + name.size());
  tensor->set_raw_data(raw);
}

// Tensors wherever a model can have them, of sizes around the limit and across read windows.
onnx::ModelProto EverywhereModel() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  model.set_producer_name("test");
  onnx::GraphProto* graph = model.mutable_graph();
  graph->set_name("g");
  int serial = 0;
  for (const int64_t size : {0, 1, 1023, 1024, 1025, 5000, 70000, 1200000, 3000}) {
    FillRaw(graph->add_initializer(), "w" + std::to_string(serial++), size);
  }
  graph->mutable_initializer(5)->set_doc_string("after the payload");
  graph->mutable_initializer(6)->add_metadata_props()->set_key("after, too");
  graph->mutable_initializer(6)->mutable_unknown_fields()->AddVarint(1000, 5);
  graph->mutable_initializer(6)->mutable_unknown_fields()->AddGroup(1001)->AddVarint(9, 1);
  for (int i = 0; i < 300; ++i) {  // more than a window of nodes
    onnx::NodeProto* node = graph->add_node();
    node->set_op_type("Relu");
    node->add_input("x" + std::to_string(i));
    node->add_output("x" + std::to_string(i + 1));
    node->set_doc_string(std::string(i == 7 ? 2000000 : 20, 'd'));
  }
  onnx::NodeProto* constant = graph->add_node();
  constant->set_op_type("Constant");
  onnx::AttributeProto* value = constant->add_attribute();
  value->set_name("value");
  FillRaw(value->mutable_t(), "", 2000);
  FillRaw(value->add_tensors(), "", 2100);
  FillRaw(value->add_tensors(), "", 100);
  FillRaw(value->mutable_sparse_tensor()->mutable_values(), "", 2200);
  FillRaw(value->add_sparse_tensors()->mutable_indices(), "", 2300);
  onnx::NodeProto* branch = value->mutable_g()->add_node();
  FillRaw(branch->add_attribute()->add_graphs()->add_initializer(), "inner", 4000);
  FillRaw(graph->add_sparse_initializer()->mutable_values(), "sparse", 1500);
  onnx::FunctionProto* function = model.add_functions();
  FillRaw(function->add_node()->add_attribute()->mutable_t(), "f", 1600);
  FillRaw(function->add_attribute_proto()->mutable_t(), "f2", 1700);
  FillRaw(model.add_training_info()->mutable_algorithm()->add_initializer(), "t", 1800);
  model.mutable_unknown_fields()->AddLengthDelimited(2000)->assign(3000, 'u');
  return model;
}

TEST(ReadModelProto, LeavesLargePayloadsInTheFile) {
  const std::string bytes = EverywhereModel().SerializeAsString();
  const absl::StatusOr<SkeletonModel> read = ReadBytes(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->payloads->size(), 15);
  const auto& initializers = read->model->graph().initializer();
  EXPECT_EQ(PayloadToken(initializers[2]), -1);  // 1023 bytes
  EXPECT_EQ(initializers[2].raw_data().size(), 1023u);
  for (const int i : {3, 4, 5, 6, 7, 8}) {
    EXPECT_TRUE(initializers[i].raw_data().empty());
    ASSERT_GE(PayloadToken(initializers[i]), 0);
    const Payload& payload = read->payloads->at(PayloadToken(initializers[i]));
    onnx::TensorProto expected;
    FillRaw(&expected, initializers[i].name(), initializers[i].dims(0));
    EXPECT_EQ(payload.length, expected.raw_data().size());
    EXPECT_EQ(bytes.substr(payload.offset, payload.length), expected.raw_data());
  }
  EXPECT_LT(read->model->ByteSizeLong(), 2100000u);
}

TEST(ReadModelProto, ComesBackByteForByte) {
  const std::string bytes = Serialized(EverywhereModel());
  const absl::StatusOr<SkeletonModel> read = ReadBytes(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  const absl::StatusOr<std::string> written =
      WriteSkeletonToBytes(Serialized(*read->model), *read->payloads);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_TRUE(*written == bytes);
}

TEST(ReadModelProto, PublishedModelsComeBackByteForByte) {
  const std::string folder = std::string(DSPERSE_SHARED_DIR) + "/corpus";
  if (!fs::exists(folder)) GTEST_SKIP() << "no models in " << folder;
  int models = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx") continue;
    SCOPED_TRACE(entry.path().string());
    ++models;
    const std::string bytes = ReadAll(entry.path().string());
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(bytes));
    const absl::StatusOr<SkeletonModel> read = ReadFile(entry.path().string());
    ASSERT_TRUE(read.ok()) << read.status();
    const absl::StatusOr<std::string> written =
        WriteSkeletonToBytes(Serialized(*read->model), *read->payloads);
    ASSERT_TRUE(written.ok()) << written.status();
    // A file that is not in canonical order comes back in it; typed payloads come back as raw_data.
    const std::string canonical = Serialized(model);
    onnx::ModelProto back;
    ASSERT_TRUE(back.ParseFromString(*written));
    bool typed = false;
    for (int i = 0; i < model.graph().initializer_size(); ++i) {
      onnx::TensorProto* a = model.mutable_graph()->mutable_initializer(i);
      if (a->float_data_size() * 4 >= 1024) {
        typed = true;
        a->set_raw_data(a->float_data().data(), static_cast<size_t>(a->float_data_size()) * 4);
        a->clear_float_data();
      }
    }
    EXPECT_TRUE(*written == (typed ? Serialized(model) : canonical));
  }
  EXPECT_GT(models, 0);
}

TEST(ReadModelProto, FloatAndDoubleDataStayInTheFileToo) {
  onnx::ModelProto model;
  onnx::TensorProto* floats = model.mutable_graph()->add_initializer();
  floats->add_dims(500);
  floats->set_data_type(onnx::TensorProto::FLOAT);
  for (int i = 0; i < 500; ++i) floats->add_float_data(static_cast<float>(i));
  onnx::TensorProto* doubles = model.mutable_graph()->add_initializer();
  doubles->add_dims(500);
  doubles->set_data_type(onnx::TensorProto::DOUBLE);
  for (int i = 0; i < 500; ++i) doubles->add_double_data(i);
  // Not what its type says: left for TensorFromProto to complain about.
  onnx::TensorProto* wrong = model.mutable_graph()->add_initializer();
  *wrong = *floats;
  wrong->set_data_type(onnx::TensorProto::INT32);
  const absl::StatusOr<SkeletonModel> read = ReadBytes(model.SerializeAsString());
  ASSERT_TRUE(read.ok()) << read.status();
  const auto& initializers = read->model->graph().initializer();
  for (const int i : {0, 1}) {
    ASSERT_GE(PayloadToken(initializers[i]), 0);
    const absl::StatusOr<Tensor> tensor = TensorFromProto(initializers[i], *read->payloads, "w");
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_TRUE(tensor->is_span());
    const absl::StatusOr<std::vector<double>> values = ToDoubles(*tensor);
    ASSERT_TRUE(values.ok());
    for (size_t k = 0; k < 500; ++k) ASSERT_EQ((*values)[k], static_cast<double>(k));
  }
  EXPECT_EQ(PayloadToken(initializers[2]), -1);
  EXPECT_EQ(initializers[2].float_data_size(), 500);
}

struct BadFile {
  const char* name;
  std::string bytes;
  absl::StatusCode code;
  const char* message;
};

TEST(ReadModelProto, SaysWhatIsWrongWithAFile) {
  onnx::ModelProto small;
  small.set_ir_version(8);
  small.mutable_graph()->set_name("g");
  const std::string good = small.SerializeAsString();
  onnx::ModelProto headless;
  headless.set_ir_version(8);
  onnx::ModelProto token = EverywhereModel();
  SetPayloadToken(0, token.mutable_graph()->mutable_initializer(6));
  onnx::ModelProto hidden = EverywhereModel();
  hidden.mutable_graph()->mutable_initializer(1)->clear_raw_data();
  SetPayloadToken(0, hidden.mutable_graph()->mutable_initializer(1));
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const std::vector<BadFile> cases = {
      {"empty", "", absl::StatusCode::kDataLoss, "m.onnx: empty file"},
      {"text", "hello, this is a text\n", kInvalid, "m.onnx: not an ONNX model"},
      {"json", "{\"a\": 1}", kInvalid, "m.onnx: not an ONNX model"},
      {"zip", std::string("PK\3\4\0\0\0\0\0\0", 10), kInvalid, "m.onnx: not an ONNX model"},
      {"zeros", std::string(100, '\0'), kInvalid, "m.onnx: not an ONNX model"},
      {"cut", good.substr(0, good.size() - 1), absl::StatusCode::kDataLoss, "m.onnx: truncated"},
      {"no graph", headless.SerializeAsString(), kInvalid, "m.onnx: holds no graph"},
      {"malformed graph", "\x3a\x02\x0a\x05", kInvalid, "m.onnx: malformed protocol buffer"},
      {"reserved field", token.SerializeAsString(), kInvalid, "is reserved"},
      {"reserved field, hidden", hidden.SerializeAsString(), kInvalid, "is reserved"},
  };
  for (const BadFile& c : cases) {
    const absl::StatusOr<SkeletonModel> read = ReadBytes(c.bytes);
    EXPECT_EQ(read.status().code(), c.code) << c.name << ": " << read.status();
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(c.message)) << c.name;
    EXPECT_THAT(std::string(read.status().message()), ::testing::Not(HasSubstr("\n")));
  }
}

// Graphs inside each other, each padded to `padding` bytes.
std::string Nested(int levels, size_t padding) {
  onnx::ModelProto model;
  onnx::GraphProto* graph = model.mutable_graph();
  for (int i = 0; i < levels; ++i) {
    graph->set_doc_string(std::string(padding, 'd'));
    graph = graph->add_node()->add_attribute()->mutable_g();
  }
  return model.SerializeAsString();
}

TEST(ReadModelProto, LimitsNesting) {
  EXPECT_TRUE(ReadBytes(Nested(32, 0)).ok());
  EXPECT_TRUE(ReadBytes(Nested(32, 2000)).ok());
  for (const size_t padding : {0, 2000}) {
    const absl::StatusOr<SkeletonModel> read = ReadBytes(Nested(40, padding));
    EXPECT_EQ(read.status().code(), absl::StatusCode::kResourceExhausted) << read.status();
    EXPECT_THAT(std::string(read.status().message()), HasSubstr("m.onnx: nesting too deep"));
  }
}

TEST(ReadModelProto, LimitsMemory) {
  // Two bytes a node, some 200 in memory.
  std::string nodes;
  for (int i = 0; i < 100000; ++i) nodes.append("\x0a\x00", 2);
  onnx::ModelProto model;
  model.mutable_graph()->set_name("g");
  ASSERT_TRUE(model.mutable_graph()->ParseFromString(nodes));
  const std::string bytes = model.SerializeAsString();
  EXPECT_TRUE(ReadBytes(bytes).ok());
  EXPECT_TRUE(ReadBytes(bytes, 100 << 20).ok());
  const absl::StatusOr<SkeletonModel> read = ReadBytes(bytes, 10 << 20);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kResourceExhausted) << read.status();
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("10485760 allowed"));
  // Payloads that stay in the file take none.
  onnx::ModelProto large;
  FillRaw(large.mutable_graph()->add_initializer(), "w", 50 << 20);
  EXPECT_TRUE(ReadBytes(large.SerializeAsString(), 1 << 20).ok());
  // Those that can't, do.
  large.mutable_graph()->set_doc_string(std::string(2 << 20, 'd'));
  EXPECT_EQ(ReadBytes(large.SerializeAsString(), 1 << 20).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(ReadModelProto, SurvivesDamagedFiles) {
  onnx::ModelProto model = EverywhereModel();
  model.mutable_graph()->mutable_node()->DeleteSubrange(2, 290);
  model.mutable_graph()->mutable_initializer(6)->clear_raw_data();
  model.mutable_graph()->mutable_initializer(7)->clear_raw_data();
  const std::string bytes = model.SerializeAsString();
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    if (i % 3 == 0) damaged.resize(random() % damaged.size());
    for (int k = 0; k < i % 4 && !damaged.empty(); ++k) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const absl::StatusOr<SkeletonModel> read = ReadBytes(damaged);
    if (!read.ok()) {
      EXPECT_NE(read.status().code(), absl::StatusCode::kInternal) << read.status();
      continue;
    }
    const absl::StatusOr<std::string> written =
        WriteSkeletonToBytes(Serialized(*read->model), *read->payloads);
    EXPECT_TRUE(written.ok()) << written.status();
  }
}

TEST(ReadModelProto, RefusesWhatIsNoFile) {
  const TempDir dir;
  EXPECT_EQ(ReadFile(dir.File("none.onnx")).status().code(), absl::StatusCode::kNotFound);
  const absl::StatusOr<SkeletonModel> folder = ReadFile(dir.File("."));
  EXPECT_EQ(folder.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("is a directory"));
  ASSERT_EQ(mkfifo(dir.File("pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(dir.File("pipe")).status().code(), absl::StatusCode::kInvalidArgument);
}

class WriteSkeletonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    bytes_ = Serialized(EverywhereModel());
    in_ = dir_.File("in.onnx");
    out_ = dir_.File("out.onnx");
    WriteAll(in_, bytes_);
    absl::StatusOr<SkeletonModel> read = ReadFile(in_);
    ASSERT_TRUE(read.ok()) << read.status();
    skeleton_ = Serialized(*read->model);
    payloads_ = read->payloads;
  }
  absl::StatusOr<SavedModel> Write(const std::string& path, SaveOptions options = {}) {
    return WriteSkeleton(skeleton_, *payloads_, path, options);
  }

  const TempDir dir_;
  std::string bytes_, in_, out_, skeleton_;
  std::shared_ptr<PayloadTable> payloads_;
};

TEST_F(WriteSkeletonTest, WritesTheFile) {
  SaveOptions options;
  options.fsync = true;
  const absl::StatusOr<SavedModel> saved = Write(out_, options);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_TRUE(ReadAll(out_) == bytes_);
  EXPECT_EQ(saved->file_bytes, static_cast<int64_t>(bytes_.size()));
  EXPECT_THAT(saved->files, ::testing::ElementsAre(out_));
  EXPECT_THAT(dir_.Names(), ::testing::ElementsAre("in.onnx", "out.onnx"));
}

TEST_F(WriteSkeletonTest, ReplacesItsOwnInput) {
  ASSERT_EQ(chmod(in_.c_str(), 0640), 0);
  ASSERT_TRUE(Write(in_).ok());
  EXPECT_TRUE(ReadAll(in_) == bytes_);
  struct stat st;
  ASSERT_EQ(stat(in_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0640u);
  // The payloads are still those of the file that was opened.
  ASSERT_TRUE(Write(out_).ok());
  EXPECT_TRUE(ReadAll(out_) == bytes_);
}

TEST_F(WriteSkeletonTest, FollowsASymbolicLink) {
  ASSERT_EQ(symlink("in.onnx", dir_.File("link.onnx").c_str()), 0);
  ASSERT_TRUE(Write(dir_.File("link.onnx")).ok());
  EXPECT_TRUE(fs::is_symlink(dir_.File("link.onnx")));
  EXPECT_TRUE(ReadAll(in_) == bytes_);
}

TEST_F(WriteSkeletonTest, WritesToADevice) {
  ASSERT_TRUE(Write("/dev/null").ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(WriteSkeletonTest, LeavesTheOldFileWhenTheInputChanged) {
  WriteAll(out_, "old");
  // Same size, other time.
  fs::last_write_time(in_, fs::last_write_time(in_) + std::chrono::seconds(5));
  absl::StatusOr<SavedModel> saved = Write(out_);
  EXPECT_EQ(saved.status().code(), absl::StatusCode::kFailedPrecondition) << saved.status();
  EXPECT_THAT(std::string(saved.status().message()), HasSubstr(in_ + ": changed"));
  fs::resize_file(in_, 1000);
  saved = Write(out_);
  EXPECT_EQ(saved.status().code(), absl::StatusCode::kDataLoss) << saved.status();
  EXPECT_THAT(std::string(saved.status().message()), HasSubstr("shrank"));
  EXPECT_EQ(ReadAll(out_), "old");
  EXPECT_THAT(dir_.Names(), ::testing::ElementsAre("in.onnx", "out.onnx"));
}

TEST_F(WriteSkeletonTest, RefusesWhereItCanNotWrite) {
  EXPECT_EQ(Write(dir_.File("no/such/folder.onnx")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Write(dir_.File(".")).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Write("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Write(dir_.File(std::string(300, 'n'))).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(dir_.Names(), ::testing::ElementsAre("in.onnx"));
}

TEST_F(WriteSkeletonTest, PutsPayloadsBesideTheModel) {
  SaveOptions options;
  options.external_data = true;
  const absl::StatusOr<SavedModel> saved = Write(out_, options);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_THAT(saved->files, ::testing::ElementsAre(out_, out_ + ".data"));
  EXPECT_THAT(dir_.Names(), ::testing::ElementsAre("in.onnx", "out.onnx", "out.onnx.data"));
  const std::string data = ReadAll(out_ + ".data");
  const std::string model_bytes = ReadAll(out_);
  EXPECT_EQ(saved->file_bytes, static_cast<int64_t>(data.size() + model_bytes.size()));
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(model_bytes));
  EXPECT_TRUE(Serialized(model) == model_bytes) << "fields are not in order";
  const onnx::ModelProto original = EverywhereModel();
  for (int i = 0; i < model.graph().initializer_size(); ++i) {
    const onnx::TensorProto& tensor = model.graph().initializer(i);
    const std::string& raw = original.graph().initializer(i).raw_data();
    if (raw.size() < 1024) {
      EXPECT_EQ(tensor.raw_data(), raw);
      continue;
    }
    EXPECT_EQ(tensor.data_location(), onnx::TensorProto::EXTERNAL);
    EXPECT_FALSE(tensor.has_raw_data());
    ASSERT_EQ(tensor.external_data_size(), 3);
    EXPECT_EQ(tensor.external_data(0).key(), "location");
    EXPECT_EQ(tensor.external_data(0).value(), "out.onnx.data");
    EXPECT_EQ(tensor.external_data(1).key(), "offset");
    const size_t offset = std::stoul(tensor.external_data(1).value());
    EXPECT_EQ(offset % 64, 0u);
    EXPECT_EQ(tensor.external_data(2).key(), "length");
    EXPECT_EQ(tensor.external_data(2).value(), std::to_string(raw.size()));
    EXPECT_TRUE(data.substr(offset, raw.size()) == raw);
  }
}

TEST_F(WriteSkeletonTest, RefusesMoreThanTwoGigabytesInOneFile) {
  onnx::ModelProto model;
  PayloadTable payloads;
  ASSERT_TRUE(TensorToProto(*Tensor::Uniform(DType::kUint8, {int64_t{1} << 31}, "u"), 1024,
                            &payloads, model.mutable_graph()->add_initializer())
                  .ok());
  SaveOptions options;
  options.forbid_external = true;
  const absl::StatusOr<SavedModel> saved =
      WriteSkeleton(Serialized(model), payloads, out_, options);
  EXPECT_EQ(saved.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(saved.status().message()), HasSubstr("2147483647"));
  EXPECT_THAT(dir_.Names(), ::testing::ElementsAre("in.onnx"));
}

}  // namespace
}  // namespace dsperse
