#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
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
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

// Conv, BatchNormalization, Relu on 2×3×3.
std::string Model(const std::string& attributes = "<kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1]>") {
  return ExportAll(ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] out)
      <float[2, 1, 1, 1] w = {1, 2}, float[2] p = {1, 2}>
    { [conv] y = Conv)", attributes, R"((x, w)
      [bn] z = BatchNormalization(y, p, p, p, p)
      [relu] out = Relu(z) })")));
}

TEST(EstimateCommand, TableNamesOperatorsAndWhatIsExact) {
  TempDir dir;
  const CliResult result = Cli({"estimate", dir.Write("m.onnx", Model())});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  // 18 elements: Conv 3, BatchNormalization 3, Relu 2 each; 18 outputs; 5 fixed.
  EXPECT_THAT(result.out, AllOf(HasSubstr("jstprove_expander"), HasSubstr("167  constraints"),
                                HasSubstr("BatchNormalization      1           54"), HasSubstr("█"),
                                HasSubstr("fixed     5")));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST(EstimateCommand, InputsWithAnInitializerAreNoInputsOfTheCircuit) {
  TempDir dir;
  const std::string fixed = ExportAll(ParseGraph(
      "g (float[1,6] x) => (float[1,6] y) <float[1,6] c = {2.0, 3.0, 4.0, 5.0, 6.0, 7.0}> { y = Mul(x, c) }"));
  const std::string open = ExportAll(ParseGraph(
      "g (float[1,6] x, float[1,6] c = {2.0, 3.0, 4.0, 5.0, 6.0, 7.0}) => (float[1,6] y) { y = Mul(x, c) }"));
  for (const char* backend : {"ezkl_halo2", "jstprove_expander"}) {
    const CliResult a = Cli({"estimate", dir.Write("a.onnx", fixed), "--backend", backend, "--json"});
    const CliResult b = Cli({"estimate", dir.Write("b.onnx", open), "--backend", backend, "--json"});
    EXPECT_EQ(Json::parse(a.out)["totals"], Json::parse(b.out)["totals"]);
    EXPECT_EQ(a.err, "");
    EXPECT_THAT(b.err, HasSubstr("1 input that has an initializer counts as a constant"));
  }
}

TEST(EstimateCommand, JsonHasTotalsAndNodesByName) {
  TempDir dir;
  const CliResult result = Cli({"estimate", dir.Write("m.onnx", Model()), "--json", "--by", "node",
                                "--param", "chunk_bits=12", "--param", "weights=constant"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["backend"], "jstprove_expander");
  EXPECT_EQ(json["unit"], "constraints");
  EXPECT_EQ(json["parameters"]["chunk_bits"], "12");
  EXPECT_EQ(json["totals"]["constraints"], 167);
  EXPECT_EQ(json["exactness"]["constraints"], "exact");
  EXPECT_EQ(json["exactness"]["total_cost"], "approximate");
  ASSERT_EQ(json["nodes"].size(), 3u);
  EXPECT_EQ(json["nodes"][1]["node"], "bn");
  EXPECT_EQ(json["nodes"][1]["constraints"], 54);
  EXPECT_TRUE(json["unsupported"].empty());
  EXPECT_EQ(json["boundary"]["outputs"]["constraints"], 18);
}

TEST(EstimateCommand, FoldShowsBothSides) {
  TempDir dir;
  const std::string in = dir.Write("m.onnx", Model());
  const CliResult text = Cli({"estimate", in, "--fold"});
  EXPECT_THAT(text.out, AllOf(HasSubstr("before"), HasSubstr("after"), HasSubstr("-54"),
                              HasSubstr("-32.3 %")));
  const Json json = Json::parse(Cli({"estimate", in, "--fold", "--json"}).out);
  EXPECT_EQ(json["change"]["constraints"]["difference"], -54);
  EXPECT_EQ(json["before"]["totals"]["constraints"], 167);
  EXPECT_EQ(json["after"]["totals"]["constraints"], 113);
}

TEST(EstimateCommand, AllBackendsInOneObject) {
  TempDir dir;
  const Json json = Json::parse(
      Cli({"estimate", dir.Write("m.onnx", Model()), "--backend", "all", "--json"}).out);
  ASSERT_EQ(json["estimates"].size(), 5u);
  EXPECT_EQ(json["estimates"][0]["backend"], "jstprove_expander");
  EXPECT_EQ(json["estimates"][4]["backend"], "dsperse_estimate");
}

TEST(EstimateCommand, CsvHasAHeaderAndATotal) {
  TempDir dir;
  const CliResult result =
      Cli({"estimate", dir.Write("m.onnx", Model()), "--csv", "--backend", "r1cs_circom"});
  EXPECT_EQ(result.out,
            "backend,stage,row,op,constraints,approximate\n"
            "r1cs_circom,,Relu,Relu,9306,\n"
            "r1cs_circom,,BatchNormalization,BatchNormalization,18,\n"
            "r1cs_circom,,Conv,Conv,18,\n"
            "r1cs_circom,,inputs,,0,\n"
            "r1cs_circom,,outputs,,0,\n"
            "r1cs_circom,,fixed,,0,\n"
            "r1cs_circom,,total,,9342,\n");
}

TEST(EstimateCommand, SharesOfSlicesAreThoseOfTheirSum) {
  TempDir dir;
  const std::string out =
      Cli({"estimate", dir.Write("m.onnx", Model()), "--by", "slice", "--slice-points", "0,1,2"}).out;
  // Three circuits of 77, 77 and 59: each pays for its outputs and a table.
  EXPECT_THAT(out, AllOf(HasSubstr("36.2 %"), HasSubstr("27.7 %"), Not(HasSubstr("46.1 %"))));
}

TEST(EstimateCommand, SlicePointsAndTopChooseRows) {
  TempDir dir;
  const std::string in = dir.Write("m.onnx", Model());
  const Json json =
      Json::parse(Cli({"estimate", in, "--json", "--by", "slice", "--slice-points", "0,2"}).out);
  ASSERT_EQ(json["slices"].size(), 2u);
  EXPECT_EQ(json["slices"][0]["constraints"], 54 + 54 + 18 + 5);
  EXPECT_EQ(json["slices"][1]["constraints"], 36 + 18 + 5);
  const CliResult top = Cli({"estimate", in, "--by", "node", "--top", "1"});
  EXPECT_THAT(top.out, AllOf(HasSubstr("conv  Conv"), Not(HasSubstr("relu  Relu"))));
}

TEST(EstimateCommand, ReadsADirectoryOfSlices) {
  TempDir dir;
  namespace fs = std::filesystem;
  const std::string out = dir.File("slices");
  Json metadata;
  metadata["slices"] = Json::array();
  metadata["slice_points"] = Json::array();
  for (int i = 0; i < 2; ++i) {
    const std::string path = "slice_" + std::to_string(i) + "/payload";
    fs::create_directories(out + "/" + path);
    std::ofstream(out + "/" + path + "/s.onnx", std::ios::binary) << Model();
    metadata["slices"].push_back({{"index", i}, {"relative_path", path + "/s.onnx"}});
    metadata["slice_points"].push_back(3 * i);
  }
  const std::vector<uint8_t> bytes = Json::to_msgpack(metadata);
  std::ofstream(out + "/metadata.msgpack", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  const CliResult result = Cli({"estimate", out, "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(result.out);
  ASSERT_EQ(json["slices"].size(), 2u);
  EXPECT_EQ(json["slices"][1]["slice"], "slice_1");
  EXPECT_EQ(json["slices"][1]["constraints"], 167);
  EXPECT_EQ(json["totals"]["constraints"], 2 * 167);
  EXPECT_EQ(Cli({"estimate", out, "--fold"}).code, 2);
  fs::remove(out + "/metadata.msgpack");
  EXPECT_EQ(Cli({"estimate", out}).code, 3);
}

TEST(EstimateCommand, AMissingSliceIsNamed) {
  TempDir dir;
  namespace fs = std::filesystem;
  const std::string model = dir.Write("m.onnx", Model());
  const std::string slices = dir.File("slices");
  ASSERT_EQ(Cli({"slice", model, "-o", slices}).code, 0);
  ASSERT_EQ(Cli({"estimate", slices}).code, 0);
  // The file alone, its folder, and what is left when nothing says how the directory was made.
  for (const char* gone : {"slice_0/payload/slice_0.onnx", "slice_0", ""}) {
    if (*gone != '\0') {
      fs::remove_all(slices + "/" + gone);
    } else {
      fs::create_directories(slices + "/slice_0/payload");
      fs::remove(slices + "/receipt.json");
    }
    const CliResult result = Cli({"estimate", slices});
    EXPECT_EQ(result.code, 3) << result.out;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("slices/slice_0/payload/slice_0.onnx: there is no such file"));
  }
}

TEST(EstimateCommand, SlicesThatAreYetToBeMadeArePricedByTheirCuts) {
  TempDir dir;
  const std::string model = dir.Write("m.onnx", Model());
  const std::string slices = dir.File("slices");
  ASSERT_EQ(Cli({"slice", model, "-o", slices, "--lazy"}).code, 0);
  for (const bool receipt : {true, false}) {
    if (!receipt) std::filesystem::remove(slices + "/receipt.json");
    const CliResult text = Cli({"estimate", slices});
    ASSERT_EQ(text.code, 0) << text.err;
    EXPECT_THAT(text.out, HasSubstr("the slices have no files yet"));
    const Json json = Json::parse(Cli({"estimate", slices, "--json"}).out);
    EXPECT_THAT(json["note"].get<std::string>(), HasSubstr("the slices have no files yet"));
    EXPECT_EQ(json["slices"].size(), 1u);
  }
}

TEST(EstimateCommand, TargetLowersAndSaysWhatIsProven) {
  TempDir dir;
  const std::string in = dir.Write("m.onnx", Model(/*attributes=*/""));
  const Json json = Json::parse(Cli({"estimate", in, "--target", "jstprove", "--json"}).out);
  EXPECT_EQ(json["target"], "jstprove");
  // Relu and BatchNormalization can't be proven; folded and written as Max, all can.
  EXPECT_EQ(json["provable"]["before"]["arithmetic_nodes"], 3);
  EXPECT_EQ(json["provable"]["before"]["provable_nodes"], 0);
  EXPECT_EQ(json["provable"]["before"]["unprovable"][1]["node"], "bn");
  EXPECT_EQ(json["provable"]["after"]["arithmetic_nodes"], 2);
  EXPECT_EQ(json["provable"]["after"]["provable_nodes"], 2);
  EXPECT_EQ(json["operators"][0]["op"], "Conv");
  EXPECT_EQ(json["operators"][1]["op"], "Max");
  EXPECT_THAT(Cli({"estimate", in, "--target", "jstprove"}).out,
              HasSubstr("  provable by jstprove, of the nodes that compute:\n"
                        "    as it came  0 of 3, 0.0 % of multiply-adds\n"
                        "    lowered     2 of 2, 100.0 % of multiply-adds\n"));
}

TEST(EstimateCommand, RequireProvableNamesWhatIsLeft) {
  TempDir dir;
  const std::string in = dir.Write(
      "m.onnx", ExportAll(ParseGraph("g (float[4] x) => (y) { [a] z = Neg(x) [b] y = Ceil(z) }")));
  EXPECT_EQ(Cli({"estimate", in, "--target", "jstprove"}).code, 0);
  const CliResult refused =
      Cli({"estimate", in, "--target", "jstprove", "--require-provable", "--json"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.err, HasSubstr("jstprove can't prove 1 of 2 nodes: Ceil 'b': operator Ceil"));
  EXPECT_EQ(Json::parse(refused.out)["provable"]["after"]["provable_nodes"], 1);
  EXPECT_EQ(Cli({"estimate", in, "--require-provable"}).code, 2);
}

TEST(EstimateCommand, NothingIsExactWhileANodeHasNoPrice) {
  TempDir dir;
  const std::string in = dir.Write(
      "m.onnx", ExportAll(ParseGraph("g (float[4] x) => (y) { [a] z = Relu(x) [b] y = Ceil(z) }")));
  const Json json = Json::parse(Cli({"estimate", in, "--json", "--backend", "all"}).out);
  for (const Json& estimate : json["estimates"]) {
    EXPECT_FALSE(estimate["unsupported"].empty()) << estimate["backend"];
    for (const auto& [metric, how] : estimate["exactness"].items()) {
      EXPECT_EQ(how, "approximate") << estimate["backend"] << " " << metric;
    }
  }
}

TEST(EstimateCommand, InputShapesFillWhatTheModelLeavesOpen) {
  TempDir dir;
  const std::string in = dir.Write(
      "m.onnx", ExportAll(ParseGraph("g (float[N, C] x) => (y) { [a] y = Relu(x) }")));
  const Json guessed = Json::parse(Cli({"estimate", in, "--json"}).out);
  EXPECT_EQ(guessed["exactness"]["constraints"], "approximate");
  const Json told = Json::parse(Cli({"estimate", in, "--json", "--input-shape", "1,16"}).out);
  EXPECT_EQ(told["totals"]["constraints"], 16 * 2 + 16 + 5);
  EXPECT_EQ(Cli({"estimate", in, "--dim", "D=4"}).code, 3);
}

TEST(EstimateCommand, WrongUse) {
  TempDir dir;
  const std::string in = dir.Write("m.onnx", Model());
  EXPECT_EQ(Cli({"estimate", in, "--backend", "plonk"}).code, 2);
  EXPECT_EQ(Cli({"estimate", in, "--target", "plonk"}).code, 2);
  EXPECT_EQ(Cli({"estimate", in, "--param", "chunk_bits=99"}).code, 2);
  EXPECT_EQ(Cli({"estimate", in, "--param", "colour=red"}).code, 2);
  EXPECT_EQ(Cli({"estimate", in, "--by", "month"}).code, 2);
  EXPECT_EQ(Cli({"estimate", in, "--slice-points", "2,1"}).code, 2);
  EXPECT_EQ(Cli({"estimate", in, "--json", "--csv"}).code, 2);
  EXPECT_EQ(Cli({"estimate", dir.File("none.onnx")}).code, 3);
  EXPECT_EQ(Cli({"estimate", in, "--backend", "jstprove_remainder", "--param",
                 "observed_bits=@" + dir.File("none.json")})
                .code,
            3);
}

TEST(EstimateCommand, ObservedBitsComeFromAFile) {
  TempDir dir;
  const std::string in = dir.Write("m.onnx", Model());
  const std::string bits = dir.Write("bits.json", R"({"relu": 37})");
  const Json assumed =
      Json::parse(Cli({"estimate", in, "--backend", "jstprove_remainder", "--json"}).out);
  const Json told = Json::parse(Cli({"estimate", in, "--backend", "jstprove_remainder", "--json",
                                     "--param", "observed_bits=@" + bits})
                                    .out);
  EXPECT_EQ(assumed["exactness"]["cells"], "approximate");
  EXPECT_EQ(told["exactness"]["cells"], "exact");
  EXPECT_GT(told["totals"]["cells"], assumed["totals"]["cells"]);
}

TEST(EstimateCommand, HelpListsParametersWithUnits) {
  EXPECT_THAT(Cli({"estimate", "--help"}).out,
              AllOf(HasSubstr("chunk_bits"), HasSubstr("bits"), HasSubstr("num_inner_cols"),
                    HasSubstr("columns"), HasSubstr("--param")));
}

TEST(OpsCommand, TellsWhatIsInferredEvaluatedPricedAndProven) {
  const Json json = Json::parse(Cli({"ops", "--target", "jstprove", "--json"}).out);
  EXPECT_EQ(json["target"], "jstprove");
  bool relu = false;
  bool conv = false;
  for (const Json& op : json["operators"]) {
    if (op["op"] == "Relu") {
      relu = true;
      EXPECT_EQ(op["provable"], "no");
      EXPECT_EQ(op["priced"], "exact");
      EXPECT_TRUE(op["evaluated"]);
    }
    if (op["op"] == "Conv") {
      conv = true;
      EXPECT_EQ(op["provable"], "if");
      EXPECT_THAT(op["condition"].get<std::string>(), HasSubstr("group 1"));
    }
  }
  EXPECT_TRUE(relu && conv);
  EXPECT_THAT(Cli({"ops", "--backend", "ezkl_halo2", "--target", "ezkl"}).out,
              HasSubstr("priced by ezkl_halo2"));
  EXPECT_THAT(Cli({"ops", "--target", "ezkl"}).out, HasSubstr("priced by ezkl_halo2"));
  EXPECT_EQ(Json::parse(Cli({"ops", "--backend", "ezkl_halo2", "--json"}).out)["target"], "ezkl");
  EXPECT_EQ(Cli({"ops", "--target", "plonk"}).code, 2);
}

}  // namespace
}  // namespace dsperse
