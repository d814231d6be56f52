#include "bench/models/models.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "bench/models/parameter_values.h"
#include "bench/models/write_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/checker.h"
#include "onnx/onnx_pb.h"
#include "onnx/shape_inference/implementation.h"

namespace dsperse::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ModelSpec Build(absl::string_view name, const ModelOptions& options = {}) {
  absl::StatusOr<ModelSpec> model = BuildModel(name, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : ModelSpec{};
}

std::string Serialize(const ModelSpec& model) {
  absl::StatusOr<std::string> bytes = SerializeModel(model);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.ok() ? *std::move(bytes) : std::string();
}

std::string ErrorOf(absl::string_view name, const ModelOptions& options, absl::StatusCode code) {
  const absl::StatusOr<ModelSpec> model = BuildModel(name, options);
  EXPECT_EQ(model.status().code(), code) << model.status();
  return std::string(model.status().message());
}

std::map<std::string, int> CountOps(const ModelSpec& model) {
  std::map<std::string, int> counts;
  for (const Node& node : model.nodes) ++counts[node.op_type];
  return counts;
}

const Parameter* FindParameter(const ModelSpec& model, absl::string_view name) {
  for (const Parameter& parameter : model.parameters) {
    if (parameter.name == name) return &parameter;
  }
  ADD_FAILURE() << "no parameter " << name;
  return nullptr;
}

std::vector<float> AllValues(const ModelSpec& model, absl::string_view name) {
  const Parameter* parameter = FindParameter(model, name);
  if (parameter == nullptr) return {};
  std::vector<float> values(static_cast<size_t>(ElementCount(*parameter)));
  ParameterValues(*parameter, model.seed).Generate(0, absl::MakeSpan(values));
  return values;
}

// Published counts, and those of torchvision 0.14's exports with Identity, Pad and Constant left
// out.
struct Published {
  const char* name;
  int64_t trainable;
  int nodes;
  int norms;
  int64_t size;
};

constexpr Published kPublished[] = {
    {"resnet18", 11'689'512, 69, 20, 224},          {"resnet34", 21'797'672, 125, 36, 224},
    {"resnet50", 25'557'032, 175, 53, 224},         {"resnet101", 44'549'160, 345, 104, 224},
    {"resnet152", 60'192'808, 515, 155, 224},       {"efficientnet_b0", 5'288'548, 288, 49, 224},
    {"efficientnet_b1", 7'794'184, 0, 0, 240},      {"efficientnet_b2", 9'109'994, 0, 0, 260},
    {"efficientnet_b3", 12'233'232, 0, 0, 300},     {"efficientnet_b4", 19'341'616, 572, 96, 380},
    {"efficientnet_b5", 30'389'784, 694, 116, 456}, {"efficientnet_b6", 43'040'704, 0, 0, 528},
    {"efficientnet_b7", 66'347'960, 0, 0, 600},     {"mobilenet_v2", 3'504'872, 152, 52, 224},
    {"vgg16_bn", 138'365'992, 51, 13, 224},         {"densenet121", 7'978'856, 431, 121, 224},
};

TEST(ModelsTest, CountsAreThePublishedOnes) {
  for (const Published& published : kPublished) {
    SCOPED_TRACE(published.name);
    const ModelSpec model = Build(published.name);
    EXPECT_EQ(CountTrainable(model), published.trainable);
    EXPECT_THAT(model.input.dims, ElementsAre(1, 3, published.size, published.size));
    EXPECT_THAT(model.output.dims, ElementsAre(1, 1000));
    if (published.nodes == 0) continue;
    EXPECT_EQ(model.nodes.size(), static_cast<size_t>(published.nodes));
    EXPECT_EQ(CountOps(model)["BatchNormalization"], published.norms);
  }
}

TEST(ModelsTest, OperatorsAreThoseOfTheExports) {
  using Counts = std::map<std::string, int>;
  EXPECT_EQ(CountOps(Build("resnet50")), (Counts{{"Conv", 53},
                                                 {"BatchNormalization", 53},
                                                 {"Relu", 49},
                                                 {"MaxPool", 1},
                                                 {"Add", 16},
                                                 {"GlobalAveragePool", 1},
                                                 {"Flatten", 1},
                                                 {"Gemm", 1}}));
  EXPECT_EQ(CountOps(Build("efficientnet_b0")), (Counts{{"Conv", 81},
                                                        {"BatchNormalization", 49},
                                                        {"Sigmoid", 65},
                                                        {"Mul", 65},
                                                        {"Add", 9},
                                                        {"GlobalAveragePool", 17},
                                                        {"Flatten", 1},
                                                        {"Gemm", 1}}));
  EXPECT_EQ(CountOps(Build("mobilenet_v2")), (Counts{{"Conv", 52},
                                                     {"BatchNormalization", 52},
                                                     {"Clip", 35},
                                                     {"Add", 10},
                                                     {"GlobalAveragePool", 1},
                                                     {"Flatten", 1},
                                                     {"Gemm", 1}}));
  EXPECT_EQ(CountOps(Build("densenet121")), (Counts{{"Conv", 120},
                                                    {"BatchNormalization", 121},
                                                    {"Relu", 121},
                                                    {"MaxPool", 1},
                                                    {"Concat", 62},
                                                    {"AveragePool", 3},
                                                    {"GlobalAveragePool", 1},
                                                    {"Flatten", 1},
                                                    {"Gemm", 1}}));
}

TEST(ModelsTest, NamesAreThoseOfTheExports) {
  const ModelSpec resnet = Build("resnet50");
  EXPECT_NE(FindParameter(resnet, "layer1.0.conv1.weight"), nullptr);
  EXPECT_NE(FindParameter(resnet, "layer4.2.bn3.running_var"), nullptr);
  EXPECT_NE(FindParameter(resnet, "layer1.0.downsample.0.weight"), nullptr);
  EXPECT_EQ(resnet.nodes[4].name, "/layer1/layer1.0/conv1/Conv");
  const ModelSpec efficientnet = Build("efficientnet_b0");
  EXPECT_EQ(efficientnet.nodes[4].name,
            "/features/features.1/features.1.0/block/block.0/block.0.0/Conv");
  EXPECT_NE(FindParameter(efficientnet, "features.1.0.block.1.fc1.bias"), nullptr);
}

// Every model, small: as the file of its bytes is read by the ONNX library.
class SmallModelTest : public ::testing::TestWithParam<bool> {};

void CheckFile(const ModelSpec& model, const std::string& bytes, bool constant_nodes) {
  onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(bytes));
  EXPECT_EQ(proto.SerializeAsString(), bytes) << "not in protobuf's own form";
  ASSERT_NO_THROW(onnx::checker::check_model(proto, /*full_check=*/true));

  const size_t constants = constant_nodes ? model.parameters.size() : 0;
  EXPECT_EQ(static_cast<size_t>(proto.graph().initializer_size()),
            model.parameters.size() - constants);
  EXPECT_EQ(static_cast<size_t>(proto.graph().node_size()), model.nodes.size() + constants);
  absl::flat_hash_set<std::string> names;
  for (const onnx::NodeProto& node : proto.graph().node()) {
    EXPECT_TRUE(names.insert(node.name()).second) << node.name();
  }

  const onnx::ValueInfoProto declared = proto.graph().output(0);
  proto.mutable_graph()->mutable_output(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  const onnx::ShapeInferenceOptions strict(/*check_type_val=*/true, /*strict_mode_val=*/1,
                                           /*data_prop_val=*/true);
  ASSERT_NO_THROW(onnx::shape_inference::InferShapes(proto, onnx::OpSchemaRegistry::Instance(),
                                                     strict, nullptr));
  EXPECT_EQ(proto.graph().output(0).SerializeAsString(), declared.SerializeAsString());
  EXPECT_EQ(proto.graph().value_info_size(), proto.graph().node_size() - 1);
  for (const onnx::ValueInfoProto& value : proto.graph().value_info()) {
    ASSERT_TRUE(value.type().tensor_type().has_shape()) << value.name();
    for (const auto& dim : value.type().tensor_type().shape().dim()) {
      EXPECT_GE(dim.dim_value(), 1) << value.name();
    }
  }
}

TEST_P(SmallModelTest, IsValidAndStatic) {
  for (const absl::string_view name : ModelNames()) {
    SCOPED_TRACE(name);
    const ModelSpec model = Build(name, {.size = 32, .width = 0.125, .constant_nodes = GetParam()});
    CheckFile(model, Serialize(model), GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(Constants, SmallModelTest, ::testing::Bool());

TEST(ModelsTest, AVanishingWidthLeavesOneChannel) {
  for (const absl::string_view name : ModelNames()) {
    SCOPED_TRACE(name);
    const ModelSpec model = Build(name, {.size = 32, .width = 1e-6});
    CheckFile(model, Serialize(model), false);
  }
}

TEST(ModelsTest, OddSizesAndWidthsAreValid) {
  for (const absl::string_view name : ModelNames()) {
    SCOPED_TRACE(name);
    const ModelSpec model = Build(name, {.size = 75, .width = 0.11});
    CheckFile(model, Serialize(model), false);
  }
}

TEST(ModelsTest, WidthScalesEachPublishedNumberOfChannels) {
  const ModelSpec model = Build("resnet50", {.width = 0.25});
  EXPECT_THAT(FindParameter(model, "conv1.weight")->dims, ElementsAre(16, 3, 7, 7));
  EXPECT_THAT(FindParameter(model, "layer4.2.conv3.weight")->dims, ElementsAre(512, 128, 1, 1));
  EXPECT_THAT(FindParameter(model, "fc.weight")->dims, ElementsAre(1000, 512));
  // 3.5 rounds up.
  const ModelSpec odd = Build("resnet18", {.width = 3.5 / 64});
  EXPECT_THAT(FindParameter(odd, "conv1.weight")->dims, ElementsAre(4, 3, 7, 7));
}

TEST(ModelsTest, ClassesAndBlocksAreThoseAskedFor) {
  EXPECT_THAT(Build("resnet18", {.classes = 7}).output.dims, ElementsAre(1, 7));
  const ModelSpec chain = Build("conv_bn_relu_chain", {.blocks = 1000});
  EXPECT_EQ(chain.nodes.size(), 3000u);
  EXPECT_THAT(chain.output.dims, ElementsAre(1, 8, 16, 16));
}

TEST(ModelsTest, EqualSeedsGiveEqualBytes) {
  const ModelOptions small = {.size = 32, .width = 0.125};
  const std::string first = Serialize(Build("resnet18", small));
  EXPECT_EQ(first, Serialize(Build("resnet18", small)));
  const std::string other = Serialize(Build("resnet18", {.seed = 2, .size = 32, .width = 0.125}));
  EXPECT_EQ(first.size(), other.size());
  EXPECT_NE(first, other);
}

// Keys and committed figures depend on these bytes: they must not change with compiler, machine or
// edit.
TEST(ModelsTest, BytesAreTheKnownOnes) {
  const auto digest = [](const std::string& bytes) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
  };
  EXPECT_EQ(digest(Serialize(Build("conv1d_net"))), 5976044654633310382u);
  EXPECT_EQ(digest(Serialize(Build("transformer_block"))), 16496860600020520056u);
  EXPECT_EQ(digest(Serialize(Build("efficientnet_b0", {.size = 32, .width = 0.125}))),
            7649999652794053073u);
}

TEST(ModelsTest, BatchNormalizationsAreInATrainedState) {
  const ModelSpec model = Build("resnet18");
  for (const char* layer : {"bn1", "layer1.0.bn1", "layer4.1.bn2"}) {
    SCOPED_TRACE(layer);
    const auto values = [&](const char* what) {
      return AllValues(model, std::string(layer) + what);
    };
    EXPECT_THAT(values(".running_var"),
                ::testing::Each(::testing::AllOf(::testing::Ge(0.5f), ::testing::Lt(2.0f))));
    EXPECT_THAT(values(".weight"),
                ::testing::Each(::testing::AllOf(::testing::Ge(0.75f), ::testing::Lt(1.25f))));
    for (const char* what : {".running_var", ".weight", ".running_mean", ".bias"}) {
      const std::vector<float> v = values(what);
      const absl::flat_hash_set<float> distinct(v.begin(), v.end());
      EXPECT_GT(distinct.size(), v.size() * 9 / 10) << what;
      EXPECT_FALSE(distinct.contains(0.0f)) << what;
    }
  }
}

TEST(ModelsTest, WeightsFollowTheirFanIn) {
  const std::vector<float> values = AllValues(Build("vgg16_bn"), "features.7.weight");
  double sum = 0;
  double squares = 0;
  for (const float v : values) {
    sum += v;
    squares += static_cast<double>(v) * v;
  }
  const double count = static_cast<double>(values.size());
  const double fan_in = 64 * 9;
  EXPECT_NEAR(sum / count, 0, 1e-3);
  EXPECT_NEAR(squares / count * fan_in, 1, 0.02);  // the gain behind a pooling
}

TEST(ModelsTest, PiecesOfAParameterAreThoseOfTheWhole) {
  const ModelSpec model = Build("resnet18");
  const Parameter& parameter = *FindParameter(model, "conv1.weight");
  const std::vector<float> whole = AllValues(model, "conv1.weight");
  const ParameterValues values(parameter, model.seed);
  for (const size_t first : {size_t{0}, size_t{1}, size_t{2}, size_t{101}}) {
    for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{7}, size_t{64}}) {
      std::vector<float> piece(count);
      values.Generate(static_cast<int64_t>(first), absl::MakeSpan(piece));
      EXPECT_THAT(piece, ::testing::ElementsAreArray(whole.data() + first, count));
    }
  }
}

TEST(ModelsTest, UnknownNamesGetASuggestion) {
  EXPECT_THAT(ErrorOf("resnt50", {}, absl::StatusCode::kNotFound),
              HasSubstr("did you mean 'resnet50'?"));
  EXPECT_THAT(ErrorOf("mobilenetv2", {}, absl::StatusCode::kNotFound),
              HasSubstr("did you mean 'mobilenet_v2'?"));
  EXPECT_THAT(ErrorOf("alexnet", {}, absl::StatusCode::kNotFound), HasSubstr("--list names them"));
}

TEST(ModelsTest, ASizeAtWhichAnAxisVanishesIsRefused) {
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ErrorOf("vgg16_bn", {.size = 31}, code), HasSubstr("size 31 is too small"));
  EXPECT_THAT(ErrorOf("densenet121", {.size = 28}, code), HasSubstr("size 28 is too small"));
  for (const absl::string_view name :
       {"resnet18", "efficientnet_b0", "mobilenet_v2", "conv1d_net"}) {
    const ModelSpec model = Build(name, {.size = 1, .width = 0.1});
    CheckFile(model, Serialize(model), false);
  }
}

TEST(ModelsTest, OptionsOutOfRangeOrPlaceAreRefused) {
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ErrorOf("resnet18", {.size = 0}, code), HasSubstr("size is 0, must be 1 to 65536"));
  EXPECT_THAT(ErrorOf("resnet18", {.size = -3}, code), HasSubstr("size is -3"));
  EXPECT_THAT(ErrorOf("resnet18", {.size = 65537}, code), HasSubstr("size is 65537"));
  EXPECT_THAT(ErrorOf("resnet18", {.classes = 0}, code), HasSubstr("classes is 0"));
  EXPECT_THAT(ErrorOf("resnet18", {.blocks = 4}, code), HasSubstr("blocks does not apply"));
  EXPECT_THAT(ErrorOf("transformer_block", {.classes = 4}, code),
              HasSubstr("classes does not apply"));
  for (const double width : {0.0, -1.0, 17.0, std::nan("")}) {
    EXPECT_THAT(ErrorOf("resnet18", {.width = width}, code), HasSubstr("width is"));
  }
}

TEST(ModelsTest, AFileBeyondProtobufsLimitIsRefused) {
  const absl::StatusOr<std::string> bytes = SerializeModel(Build("resnet152", {.width = 3.5}));
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(bytes.status().message()), HasSubstr("2147483647"));
}

}  // namespace
}  // namespace dsperse::models
