#include <string>

#include "absl/strings/str_cat.h"
#include "fold/ir/tensor_proto.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "onnx/onnx_pb.h"
#include "tests/support/parse.h"
#include "tests/support/run_cli.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Cli;
using ::dsperse::testing::CliResult;
using ::dsperse::testing::ExportAll;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

// y = |x · w|, in two nodes.
std::string Model(absl::string_view weight, absl::string_view type = "float[N, 2]") {
  return ExportAll(ParseGraph(absl::StrCat("g (", type, R"( x) => (float[N, 2] y)
      <float[2, 2] w = {1, 2, 3, )", weight, R"(}>
    { [product] p = MatMul(x, w)
      [last] y = Abs(p) })")));
}

TEST(VerifyCommand, SameModelsAreTheSame) {
  TempDir dir;
  const CliResult result =
      Cli({"verify", dir.Write("a.onnx", Model("4")), dir.Write("b.onnx", Model("4.00001"))});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("same on 3 samples"), HasSubstr("output")));
  EXPECT_THAT(result.err, HasSubstr("input 'x' [N, 2]: N is taken as 1"));
}

TEST(VerifyCommand, NamesTheFirstValueThatDiffers) {
  TempDir dir;
  const CliResult result =
      Cli({"verify", dir.Write("a.onnx", Model("4")), dir.Write("b.onnx", Model("4.5")),
           "--input-shape", "16,2", "--seed", "7"});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("differs: element"),
                    HasSubstr("first value that differs: 'p', made by MatMul 'product'")));
  EXPECT_THAT(result.err, HasSubstr("differs from"));
}

TEST(VerifyCommand, TheToleranceDecides) {
  TempDir dir;
  const std::string a = dir.Write("a.onnx", Model("4"));
  const std::string b = dir.Write("b.onnx", Model("4.01"));
  EXPECT_EQ(Cli({"verify", a, b}).code, 6);
  EXPECT_EQ(Cli({"verify", a, b, "--tolerance", "0.1"}).code, 0);
  EXPECT_EQ(Cli({"verify", a, a, "--tolerance", "0"}).code, 0);
  // What is told beside the difference is what decides: a tenth of the largest |y|.
  const auto output = nlohmann::json::parse(Cli({"verify", a, b, "--tolerance", "0.1", "--json"}).out)["outputs"][0];
  EXPECT_GT(output["allowed"], output["max_absolute"]);
  const auto beyond = nlohmann::json::parse(Cli({"verify", a, b, "--tolerance", "0.0001", "--json"}).out)["outputs"][0];
  EXPECT_LT(beyond["allowed"], beyond["max_absolute"]);
  EXPECT_THAT(Cli({"verify", a, a}).out, HasSubstr("output  max |a-b|   allowed"));
  EXPECT_EQ(Cli({"verify", a, b, "--tolerance", "-1"}).code, 2);
}

TEST(VerifyCommand, InterfacesMustBeTheSame) {
  TempDir dir;
  const std::string a = dir.Write("a.onnx", Model("4"));
  const std::string b = dir.Write("b.onnx", Model("4", "float[7, 2]"));
  const CliResult result = Cli({"verify", a, b});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.out, HasSubstr("interface: input 'x' is float [1, 2] against float [7, 2]"));
  EXPECT_EQ(Cli({"verify", a, b, "--dim", "N=7"}).code, 0);
}

TEST(VerifyCommand, TakesInputsFromJson) {
  TempDir dir;
  const std::string a = dir.Write("a.onnx", Model("4"));
  for (const char* text : {R"({"input_data": [[1, 2], [3, 4], [5.5, 6]]})",
                           R"({"input_data": [1, 2, 3, 4]})", R"({"x": [[1, 2]]})", "[1, 2]"}) {
    const CliResult result = Cli({"verify", a, a, "--inputs", dir.Write("in.json", text)});
    EXPECT_EQ(result.code, 0) << text << ": " << result.err;
    EXPECT_THAT(result.out, HasSubstr("same on 1 sample,"));
  }
  for (const char* text : {R"({"input_data": [1, 2, 3]})", R"({"z": [1, 2]})", "[1, \"a\"]", "{"}) {
    EXPECT_EQ(Cli({"verify", a, a, "--inputs", dir.Write("in.json", text)}).code, 3) << text;
  }
}

TEST(VerifyCommand, TakesInputsFromTensorFiles) {
  TempDir dir;
  const std::string a = dir.Write("a.onnx", Model("4"));
  onnx::TensorProto proto;
  PayloadTable unused;
  ASSERT_TRUE(TensorToProto(Tensor::Of<float>({1, 2}, {1, 2}), 1 << 20, &unused, &proto).ok());
  dir.Write("input_0.pb", proto.SerializeAsString());
  const CliResult result = Cli({"verify", a, a, "--inputs", dir.File("."), "--json"});
  EXPECT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["same"], true);
  EXPECT_EQ(json["samples"], 1);
  EXPECT_EQ(json["outputs"][0]["name"], "y");
  EXPECT_EQ(json["outputs"][0]["max_absolute"], 0.0);
  EXPECT_TRUE(json["first_difference"].is_null());
}

TEST(VerifyCommand, MalformedFlagsAreUsageErrors) {
  TempDir dir;
  const std::string a = dir.Write("a.onnx", Model("4"));
  EXPECT_EQ(Cli({"verify", a, a, "--input-shape", "1x2"}).code, 2);
  EXPECT_EQ(Cli({"verify", a, a, "--dim", "N"}).code, 2);
  EXPECT_EQ(Cli({"verify", a, a, "--dim", "M=3"}).code, 3);
  EXPECT_EQ(Cli({"verify", a, a, "--samples", "0"}).code, 2);
  EXPECT_EQ(Cli({"verify", a}).code, 2);
  EXPECT_EQ(Cli({"verify", a, dir.File("missing.onnx")}).code, 3);
}

TEST(VerifyCommand, AnOperatorThatIsNotCoveredIsNotSupported) {
  TempDir dir;
  const std::string a = dir.Write("a.onnx", ExportAll(ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17, "my": 1]>
    g (float[1] x) => (float[1] y) { y = my.Strange(x) })")));
  const CliResult result = Cli({"verify", a, a});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("first model: "));
}

}  // namespace
}  // namespace dsperse
