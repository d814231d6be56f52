#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "fold/lowering/lowerings.h"
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
using ::dsperse::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

// Conv, BatchNormalization, Relu; a second BatchNormalization that can't go.
std::string Model() {
  return ExportAll(ParseGraph(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] out)
      <float[2, 1, 1, 1] w = {1, 2}, float[2] p = {1, 2}, float[2] unread = {1, 2}>
    { [conv] y = Conv(x, w)
      [bn] z = BatchNormalization(y, p, p, p, p)
      [relu] r = Relu(z)
      [late] out = BatchNormalization(r, p, p, p, p) })"));
}

TEST(FoldCommand, PrintsATableAndWritesTheModel) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  const CliResult result = Cli({"fold", in, "-o", dir.File("out.onnx")});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, AllOf(HasSubstr("nodes                     4      3  -25.0 %"),
                                HasSubstr("BatchNormalizations       2      1  -50.0 %"),
                                HasSubstr("passes applied: fuse_conv_batchnorm")));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
  // Folding what was folded changes no byte.
  EXPECT_EQ(Cli({"fold", dir.File("out.onnx"), "-o", dir.File("again.onnx")}).code, 0);
  EXPECT_EQ(dir.Read("again.onnx"), dir.Read("out.onnx"));
}

TEST(FoldCommand, InputMayBeTheOutput) {
  TempDir dir;
  const std::string path = dir.Write("model.onnx", Model());
  EXPECT_EQ(Cli({"fold", path, "-o", path}).code, 0);
  EXPECT_NE(dir.Read("model.onnx"), Model());
  EXPECT_THAT(dir.Names(), ElementsAre("model.onnx"));
}

TEST(FoldCommand, ExplainGroupsRemarksByPass) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  const CliResult result = Cli({"fold", in, "-o", dir.File("out.onnx"), "--explain"});
  EXPECT_THAT(result.out, HasSubstr("\nfuse_conv_batchnorm: 1 applied, 1 missed\n  applied  BatchNormalization 'bn': "
                                    "fused into Conv 'conv'"));
  EXPECT_THAT(result.out, HasSubstr("  missed  BatchNormalization 'late': its input comes from Relu "
                                    "'relu' and its result is a graph output: no Conv, ConvTranspose, "
                                    "Gemm or MatMul to join"));
}

TEST(FoldCommand, JsonAndReportHoldTheSame) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  const CliResult result =
      Cli({"fold", in, "-o", dir.File("out.onnx"), "--json", "--report", dir.File("r.json")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, dir.Read("r.json"));
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["before"]["nodes"], 4);
  EXPECT_EQ(json["after"]["nodes"], 3);
  EXPECT_EQ(json["after"]["batch_normalizations"], 1);
  EXPECT_EQ(json["after"]["operators"]["Conv"], 1);
  EXPECT_EQ(json["after"]["file_bytes"], dir.Read("out.onnx").size());
  EXPECT_TRUE(json["changed"]);
  for (const Json& pass : json["passes"]) {
    if (pass["pass"] != "fuse_conv_batchnorm") continue;
    EXPECT_EQ(pass["applied"], 1);
    EXPECT_EQ(pass["missed"], 1);
    EXPECT_TRUE(pass.contains("seconds"));
  }
  bool gains = false;
  for (const Json& remark : json["remarks"]) gains |= remark.value("gains", Json()).size() == 2;
  EXPECT_TRUE(gains);
}

TEST(FoldCommand, PassesNoneCopies) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  EXPECT_EQ(Cli({"fold", in, "-o", dir.File("out.onnx"), "--passes", "none"}).code, 0);
  EXPECT_EQ(dir.Read("out.onnx"), Model());
}

TEST(FoldCommand, TargetLowersAfterFolding) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  const CliResult result =
      Cli({"fold", in, "-o", dir.File("out.onnx"), "--target", "jstprove", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["target"], "jstprove");
  EXPECT_EQ(json["after"]["operators"].value("Relu", 0), 0);
  EXPECT_EQ(json["after"]["batch_normalizations"], 0);
  EXPECT_EQ(json["provable"]["before_lowering"]["provable_nodes"], 0);
  EXPECT_EQ(json["provable"]["after"]["provable_nodes"],
            json["provable"]["after"]["arithmetic_nodes"]);
}

TEST(FoldCommand, PassesNoneWithATargetLowersAlone) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", ExportAll(ParseGraph(R"(
    g (float[2] x) => (float[2] out) { y = Identity(x) [r] out = Relu(y) })")));
  const Json json = Json::parse(Cli({"fold", in, "-o", dir.File("out.onnx"), "--target", "jstprove",
                                     "--passes", "none", "--json"})
                                    .out);
  EXPECT_EQ(json["after"]["operators"]["Max"], 1);
  EXPECT_EQ(json["after"]["operators"]["Identity"], 1);
}

TEST(FoldCommand, ExactLeavesWhatWouldBeRoundedOtherwise) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  const std::vector<std::string> command = {"fold", in, "-o", dir.File("out.onnx"), "--target",
                                            "jstprove", "--exact", "--json"};
  const Json json = Json::parse(Cli(command).out);
  EXPECT_EQ(json["after"]["operators"].value("Relu", 0), 0);  // written as Max: the same
  EXPECT_EQ(json["after"]["batch_normalizations"], 1);        // would be a product and a sum
  std::vector<std::string> strict = command;
  strict.push_back("--require-provable");
  strict[3] = dir.File("strict.onnx");
  const CliResult refused = Cli(strict);
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.err, HasSubstr("BatchNormalization 'late'"));
  EXPECT_THAT(dir.Names(), ElementsAre("in.onnx", "out.onnx"));
  EXPECT_EQ(Cli({"fold", in, "-o", dir.File("x.onnx"), "--exact"}).code, 2);
  EXPECT_EQ(Cli({"fold", in, "-o", dir.File("x.onnx"), "--target", "plonk"}).code, 2);
}

TEST(FoldCommand, VerifyEachFindsNothing) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  EXPECT_EQ(Cli({"fold", in, "-o", dir.File("out.onnx"), "--verify-each"}).code, 0);
}

TEST(FoldCommand, TheSummaryNamesTheFlagThatWouldHelp) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", ExportAll(ParseGraph(R"(
    g (float[1, 1, 3, 3] x, float[2, 1, 1, 1] w = {1, 2}) => (float[1, 2, 3, 3] z) <float[2] p = {1, 2}>
    { y = Conv(x, w)
      z = BatchNormalization(y, p, p, p, p) })")));
  const CliResult kept = Cli({"fold", in, "-o", dir.File("out.onnx")});
  EXPECT_THAT(kept.out, HasSubstr("--freeze-inputs"));
  const CliResult frozen = Cli({"fold", in, "-o", dir.File("out.onnx"), "--freeze-inputs"});
  EXPECT_THAT(frozen.out, HasSubstr("BatchNormalizations       1      0  -100.0 %"));
  EXPECT_THAT(frozen.out, Not(HasSubstr("--freeze-inputs")));
}

TEST(FoldCommand, AProductThatOverflowsIsNoticedWhenItIsWrittenAndThenDeclined) {
  // 512 floats stay in the file: no pass reads them for a factor of 10.
  Graph graph = ParseGraph(R"(
    g (float[1, 512, 1, 1] x) => (float[1, 1, 1, 1] z)
      <float[1] scale = {10}, float[1] zero = {0}, float[1] one = {1}>
    { y = Relu(x)
      [bn] z = BatchNormalization(y, scale, zero, zero, one) })");
  std::vector<float> weight(512, 1.0f);
  weight[300] = 3e38f;
  const NodeId relu = ::dsperse::testing::FindOpNode(graph, "Relu");
  const NodeId bn = ::dsperse::testing::FindOpNode(graph, "BatchNormalization");
  NewNode conv;
  conv.op_type = "Conv";
  conv.inputs = {graph.node(relu).output(),
                 graph.AddConstant("w", Tensor::Of<float>({1, 512, 1, 1}, absl::MakeConstSpan(weight)))};
  conv.new_outputs = {"c"};
  graph.SetInput(bn, 0, graph.node(graph.AddNode(std::move(conv), bn)).output());
  TempDir dir;
  const std::string in = dir.Write("in.onnx", ExportAll(graph));
  const CliResult result = Cli({"fold", in, "-o", dir.File("out.onnx"), "--explain"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("channel 0: the fused weight is not finite in float"));
  EXPECT_THAT(result.out, ::testing::ContainsRegex("BatchNormalizations +1 +1 +0[.]0 %"));
}

// ---- exit codes ----

struct ErrorCase {
  std::vector<std::string> arguments;  // IN and OUT stand for files in the test's folder
  int code;
  const char* message;
};

class FoldErrors : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(FoldErrors, HaveACodeAndOneLine) {
  TempDir dir;
  dir.Write("in.onnx", Model());
  std::vector<std::string> arguments = GetParam().arguments;
  for (std::string& a : arguments) {
    if (a == "IN") a = dir.File("in.onnx");
    if (a == "OUT") a = dir.File("out.onnx");
    if (a == "NOWHERE") a = dir.File("none/out.onnx");
  }
  const CliResult result = Cli(arguments);
  EXPECT_EQ(result.code, GetParam().code) << result.err;
  EXPECT_THAT(result.err, AllOf(::testing::StartsWith("dsperse-slice: error: "),
                                HasSubstr(GetParam().message)));
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(dir.Names(), ElementsAre("in.onnx"));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, FoldErrors,
    ::testing::Values(
        ErrorCase{{}, 2, "a subcommand is needed"},
        ErrorCase{{"flod", "IN"}, 2, "there is no subcommand 'flod'; did you mean 'fold'?"},
        ErrorCase{{"fold", "IN", "-o", "OUT", "--expalin"},
                  2,
                  "there is no flag '--expalin'; did you mean '--explain'?"},
        ErrorCase{{"fold", "IN", "-o", "OUT", "more"}, 2, "unexpected argument 'more'"},
        ErrorCase{{"fold", "IN"}, 2, "--output is required"},
        ErrorCase{{"fold", "IN", "-o", "OUT", "--passes", "fuse_conv_batchnrm"},
                  2,
                  "there is no pass 'fuse_conv_batchnrm'; did you mean 'fuse_conv_batchnorm'?"},
        ErrorCase{{"fold", "missing.onnx", "-o", "OUT"}, 3, "missing.onnx"},
        ErrorCase{{"fold", "IN", "-o", "NOWHERE"}, 5, "cannot write"},
        ErrorCase{{"fold", "IN", "-o", "OUT", "--max-memory", "1"}, 5, "memory"}));

TEST(Cli, HelpListsTheExitCodes) {
  const CliResult help = Cli({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("fold"), HasSubstr("Exit codes: 0 done")));
  EXPECT_THAT(Cli({"fold", "--help"}).out, HasSubstr("Exit codes: 0 done"));
  EXPECT_EQ(Cli({"--version"}).out, "dsperse-slice " DSPERSE_VERSION "\n");
}

TEST(PassesCommand, ListsWhatTheRegistryHolds) {
  EXPECT_THAT(Cli({"passes"}).out, HasSubstr("fuse_conv_batchnorm"));
  EXPECT_EQ(Json::parse(Cli({"passes", "--json"}).out)["passes"][0]["default"], true);
}

TEST(PassesCommand, ListsTheLoweringsOfEachTarget) {
  const std::string text = Cli({"passes"}).out;
  const Json json = Json::parse(Cli({"passes", "--json"}).out)["lowerings"];
  std::set<std::string> names;
  for (const auto& [target, list] : json.items()) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("lowering for --target ", target)));
    for (const Json& lowering : list) {
      names.insert(lowering["lowering"].get<std::string>());
      EXPECT_THAT(text, HasSubstr(lowering["summary"].get<std::string>()));
    }
  }
  std::ifstream file(std::string(DSPERSE_TESTS_DIR) + "/../docs/passes.md");
  std::ostringstream document;
  document << file.rdbuf();
  for (const auto& [target, list] : json.items()) {
    for (const Json& lowering : list) {
      const std::string row = absl::StrCat("| `", lowering["lowering"].get<std::string>(), "` | ",
                                           lowering["class"].get<std::string>(), " | ");
      EXPECT_TRUE(absl::StrContains(document.str(), row)) << "docs/passes.md lacks the row " << row;
    }
  }
  std::set<std::string> all;
  for (const Pass* pass : Lowerings()) all.insert(std::string(pass->name()));
  EXPECT_EQ(names, all);
  const auto of = [&](const char* target, const char* name) {
    for (const Json& lowering : json[target]) {
      if (lowering["lowering"] == name) return lowering["class"].get<std::string>();
    }
    return std::string("not listed");
  };
  // EZKL has Relu, JSTprove has not.
  EXPECT_EQ(of("jstprove", "lower_relu"), "same");
  EXPECT_EQ(of("ezkl", "lower_relu"), "not listed");
  EXPECT_EQ(of("jstprove", "lower_grouped_conv"), "same sum");
  EXPECT_EQ(of("jstprove", "lower_scale_paths"), "re-rounded");
  EXPECT_EQ(of("ezkl", "lower_shared_scales"), "not listed");
}

TEST(InspectCommand, ShowsTheModelAndTheFateOfEachBatchNormalization) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  const CliResult text = Cli({"inspect", in});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("x  float  [1, 1, 3, 3]"), HasSubstr("opset 17"),
                              HasSubstr("goes   bn"), HasSubstr("stays  late")));
  const Json json = Json::parse(Cli({"inspect", in, "--json"}).out);
  EXPECT_EQ(json["inputs"][0]["name"], "x");
  EXPECT_EQ(json["opsets"][""], 17);
  EXPECT_EQ(json["counts"]["operators"]["BatchNormalization"], 2);
  EXPECT_EQ(json["batch_normalizations"].size(), 2u);
  EXPECT_EQ(dir.Read("in.onnx"), Model());
}

}  // namespace
}  // namespace dsperse
