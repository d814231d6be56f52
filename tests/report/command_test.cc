// `dsperse-slice report`: flags, formats and where they go.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/parse.h"
#include "tests/support/run_cli.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Cli;
using ::dsperse::testing::CliResult;
using ::dsperse::testing::ExportAll;
using ::dsperse::testing::ParseGraph;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

std::string Model() {
  return ExportAll(ParseGraph(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] out)
      <float[2, 1, 1, 1] w = {1, 2}, float[2] p = {1, 2}>
    { [conv] y = Conv(x, w)
      [bn] z = BatchNormalization(y, p, p, p, p)
      [relu] out = Relu(z) })"));
}

TEST(ReportCommand, MarkdownIsTheDefault) {
  testing::TempDir dir;
  const CliResult result = Cli({"report", dir.Write("m.onnx", Model())});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out,
              AllOf(StartsWith("# m.onnx\n"), HasSubstr("|  | as it came | unfused | fused |"),
                    HasSubstr("| nodes | 3 | 3 | 2 | −33.3 % |"),
                    HasSubstr("| BatchNormalizations | 1 | 1 | 0 | −100.0 % |"),
                    HasSubstr("**not provable; "), HasSubstr("fused into Conv"),
                    HasSubstr("equal to the tool's count in 106 of 107 reference circuits")));
}

TEST(ReportCommand, JsonHoldsAllBackendsAndNoTimes) {
  testing::TempDir dir;
  const std::string path = dir.Write("m.onnx", Model());
  const CliResult result = Cli({"report", path, "--json", "--backend", "all"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["format"], "dsperse-slice/report/1");
  EXPECT_EQ(json["models"][0]["name"], "m.onnx");
  EXPECT_EQ(json["models"][0]["backends"].size(), 5u);
  EXPECT_THAT(result.out, Not(HasSubstr("seconds")));
  EXPECT_THAT(result.out, Not(HasSubstr(dir.File(""))));
  EXPECT_EQ(Cli({"report", path, "--format", "json", "--backend", "all"}).out, result.out);

  const Json timed = Json::parse(Cli({"report", path, "--json", "--timings"}).out);
  EXPECT_TRUE(timed.contains("machine"));
  EXPECT_GT(timed["models"][0]["backends"][0]["columns"]["fused"]["seconds"], 0.0);
}

TEST(ReportCommand, SeveralModelsAreComparedOnOnePage) {
  testing::TempDir dir;
  const std::string a = dir.Write("a.onnx", Model());
  const std::string b = dir.Write("b.onnx", Model());
  const CliResult result = Cli({"report", a, b});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("# Comparison\n"), HasSubstr("| a.onnx | 3 → 2 | 1 → 0 |"),
                                HasSubstr("| b.onnx | 3 → 2 | 1 → 0 |"), HasSubstr("\n## b.onnx\n")));
}

TEST(ReportCommand, OutputIsAFileOrAFolder) {
  testing::TempDir dir;
  const std::string path = dir.Write("m.onnx", Model());
  EXPECT_EQ(Cli({"report", path, "-o", dir.File("new/"), "--format", "md,json"}).code, 0);
  EXPECT_THAT(dir.Read("new/report.json"), StartsWith("{"));
  EXPECT_EQ(Cli({"report", path, "--format", "csv", "-o", dir.File("r.csv")}).code, 0);
  EXPECT_THAT(dir.Read("r.csv"), StartsWith("model,backend,column,row,name,nodes,metric,value,exact\n"));
  EXPECT_THAT(dir.Read("new/report.md"), StartsWith("# m.onnx"));
  const CliResult html = Cli({"report", path, "--format", "html", "-o", dir.File("new")});
  EXPECT_EQ(html.code, 0) << html.err;
  EXPECT_THAT(html.err, HasSubstr("report.html"));
}

TEST(ReportCommand, WrongFlagsAreNamedWithASuggestion) {
  testing::TempDir dir;
  const std::string path = dir.Write("m.onnx", Model());
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--format", "html"}, "--format html needs -o"},
      {{"--format", "md,csv"}, "several formats need -o, a folder"},
      {{"--format", "htm"}, "did you mean 'html'?"},
      {{"--backend", "ezkl_halo"}, "did you mean 'ezkl_halo2'?"},
      {{"--policy", "points"}, "--policy points: none of budget"},
      {{"--policy", "laier"}, "did you mean 'layer'?"},
      {{"--target", "jstprov"}, "did you mean 'jstprove'?"},
      {{"--param", "chunk_bits"}, "expected name=value"},
      {{"--param", "chunk_bitz=3"}, "--param: "},
  };
  for (const auto& [flags, message] : cases) {
    std::vector<std::string> arguments = {"report", path};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const CliResult result = Cli(arguments);
    EXPECT_EQ(result.code, 2) << message;
    EXPECT_THAT(result.err, HasSubstr(message));
  }
  EXPECT_EQ(Cli({"report", dir.File("missing.onnx")}).code, 3);
  EXPECT_EQ(Cli({"report"}).code, 2);
}

TEST(ReportCommand, ParametersGoToTheBackendsThatHaveThem) {
  testing::TempDir dir;
  const std::string path = dir.Write("m.onnx", Model());
  const CliResult result =
      Cli({"report", path, "--json", "--backend", "all", "--param", "chunk_bits=12"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["models"][0]["backends"][0]["parameters"]["chunk_bits"], "12");
}

}  // namespace
}  // namespace dsperse
