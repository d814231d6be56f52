#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "onnx/onnx_pb.h"
#include "tests/support/files.h"
#include "tests/support/parse.h"
#include "tests/support/run_cli.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using ::dsperse::testing::Cli;
using ::dsperse::testing::CliResult;
using ::dsperse::testing::ExportAll;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::TempDir;
using ::dsperse::testing::Tree;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::ordered_json;

std::string Net() {
  return ExportAll(ParseGraph(R"(
    g (float[1,1,4,4] x) => (float[1,2] y)
      <float[2,1,1,1] w = {1, 2}, float[2] b = {0.5, -1}, int64[2] s = {32, 2}> {
      [conv] c = Conv(x, w, b)
      [relu] r = Relu(c)
      [flat] f = Flatten(r)
      [fill] fc = ConstantOfShape <value = float[1] {0.25}> (s)
      [last] y = MatMul(f, fc)
    })"));
}

TEST(SliceCommand, WritesADirectoryAndSaysWhatIsInIt) {
  TempDir dir;
  const std::string model = dir.Write("net.onnx", Net());
  const CliResult result = Cli({"slice", model, "-o", dir.File("s"), "--policy", "layer"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("provable by jstprove, of the nodes that compute:\n    folded "),
                                HasSubstr("Conv Flatten Max"), HasSubstr("2 slices, "),
                                HasSubstr("2 of 2 provable (policy layer"), HasSubstr("written: ")));
  const auto tree = Tree(dir.File("s"));
  EXPECT_EQ(tree.count("metadata.msgpack"), 1u);
  EXPECT_EQ(tree.count("slice_1/payload/slice_1.onnx"), 1u);
  EXPECT_EQ(Cli({"verify", model, dir.File("s")}).code, 0);
}

TEST(SliceCommand, TwoRunsWriteTheSameBytes) {
  TempDir dir;
  const std::string model = dir.Write("net.onnx", Net());
  ASSERT_EQ(Cli({"slice", model, "-o", dir.File("a")}).code, 0);
  ASSERT_EQ(Cli({"slice", model, "-o", dir.File("b")}).code, 0);
  EXPECT_EQ(Tree(dir.File("a")), Tree(dir.File("b")));
}

TEST(SliceCommand, ADryRunWritesNothing) {
  TempDir dir;
  const std::string model = dir.Write("net.onnx", Net());
  const CliResult dry = Cli({"slice", model, "--dry-run", "-o", dir.File("s"), "--json"});
  ASSERT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dir.Names(), ::testing::ElementsAre("net.onnx"));
  ASSERT_EQ(Cli({"slice", model, "-o", dir.File("s")}).code, 0);
  Json account = Json::parse(dry.out);
  for (const char* key : {"backend", "notices", "warnings"}) EXPECT_EQ(account.erase(key), 1u) << key;
  EXPECT_EQ(account, Json::parse(dir.Read("s/slices.json")));
}

TEST(SliceCommand, ItsReceiptCoversEveryFileAndCanBeRepeated) {
  TempDir dir;
  const std::string model = dir.Write("net.onnx", Net());
  for (const char* policy : {"budget", "dsperse", "layer", "points", "whole"}) {
    SCOPED_TRACE(policy);
    std::vector<std::string> run = {"slice", model, "-o", dir.File("s"), "--policy", policy, "--max-nodes", "3"};
    if (absl::string_view(policy) == "points") run.insert(run.end(), {"--cut", "f"});
    ASSERT_EQ(Cli(run).code, 0);
    const Json receipt = Json::parse(dir.Read("s/receipt.json"));
    auto files = Tree(dir.File("s"));
    files.erase("receipt.json");
    EXPECT_EQ(receipt["outputs"].size(), files.size());
    for (const Json& output : receipt["outputs"]) {
      EXPECT_EQ(output["bytes"].get<size_t>(), files[output["name"].get<std::string>()].size());
    }
    const CliResult repeated = Cli({"verify-receipt", dir.File("s/receipt.json"), model});
    EXPECT_EQ(repeated.code, 0) << repeated.out << repeated.err;
    const std::string altered = absl::StrReplaceAll(dir.Read("s/receipt.json"), {{"\"max_nodes\": 3", "\"max_nodes\": 2"}});
    // A slice of the whole model has no such limit.
    EXPECT_EQ(Cli({"verify-receipt", dir.Write("r.json", altered), model}).code, 6);
  }
}

TEST(SliceCommand, TakesTheFlagsOfDsperseSlice) {
  TempDir dir;
  fs::create_directory(dir.File("m"));
  dir.Write("m/model.onnx", Net());
  const CliResult result =
      Cli({"slice", "--model-dir", dir.File("m"), "--tile-size", "512", "--proof-system", "remainder",
           "--input-shape", "1,1,4,4", "--circuit-ops", "Conv,Relu,Flatten", "--log-level", "info"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("--tile-size is not used"), HasSubstr("--log-level is not used")));
  const Json account = Json::parse(dir.Read("m/slices/slices.json"));
  EXPECT_EQ(account["circuit_ops"], Json({"Conv", "Relu", "Flatten"}));
  // The last layer is not among them. Conv and Relu are cheaper apart: their checks, 2 and 4, fill a power of
  // two each.
  EXPECT_EQ(account["totals"]["slices"], 3);
  EXPECT_EQ(account["slices"][0]["provable"], true);
  EXPECT_EQ(account["slices"][1]["provable"], true);
  EXPECT_EQ(account["slices"][2]["provable"], false);
  EXPECT_THAT(account["slices"][2]["reason"].get<std::string>(), HasSubstr("not among the operators"));
  EXPECT_EQ(Cli({"slice", "--model-dir", dir.File("m"), "--output-dir", dir.File("o")}).code, 0);
  EXPECT_TRUE(fs::exists(dir.File("o/metadata.msgpack")));
}

TEST(SliceCommand, WhatMakesNoSenseIsAUsageError) {
  TempDir dir;
  const std::string model = dir.Write("net.onnx", Net());
  const std::vector<std::vector<std::string>> wrong = {
      {model},
      {"--dry-run"},
      {model, "--dry-run", "--model-dir", dir.File(".")},
      {model, "-o", dir.File("a"), "--output-dir", dir.File("b")},
      {model, "--dry-run", "--policy", "cheapest"},
      {model, "--dry-run", "--minimize", "everything"},
      {model, "--dry-run", "--policy", "points"},
      {model, "--dry-run", "--cut", "f"},
      {model, "--dry-run", "--policy", "points", "--cut", absl::StrCat("@", dir.File("missing"))},
      {model, "--dry-run", "--backend", "abacus"},
      {model, "--dry-run", "--target", "abacus"},
      {model, "--dry-run", "--param", "colour=red"},
      {model, "--dry-run", "--passes", "fold_constant"},
      {model, "--dry-run", "--max-nodes", "0"},
      {model, "--dry-run", "--max-bits", "0"},
      {model, "--dry-run", "--proof-system", "groth16"},
  };
  for (std::vector<std::string> arguments : wrong) {
    arguments.insert(arguments.begin(), "slice");
    const CliResult result = Cli(arguments);
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
  }
  EXPECT_EQ(Cli({"slice", model, "--dry-run", "--policy", "points", "--cut", "nowhere"}).code, 3);
}

TEST(SliceCommand, CutsAreReadFromAFile) {
  TempDir dir;
  const std::string model = dir.Write("net.onnx", Net());
  const std::string cuts = dir.Write("cuts", "c\n\n f \n");
  const CliResult result =
      Cli({"slice", model, "--dry-run", "--policy", "points", "--cut", "@" + cuts, "--no-fold", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["totals"]["slices"], 3);
}

TEST(SliceCommand, SaysWhatDsperseCannotDo) {
  TempDir dir;
  const std::string two = dir.Write("two.onnx", ExportAll(ParseGraph(R"(
    g (float[4] x, float[4] z) => (float[4] early, float[4] y) {
      early = Add(x, z)
      y = Sigmoid(early)
    })")));
  const CliResult result = Cli({"slice", two, "--dry-run"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("2 inputs"), HasSubstr("so not 'y'")));
  const std::string net = dir.Write("net.onnx", Net());
  EXPECT_THAT(Cli({"slice", net, "--dry-run", "--backend", "ezkl_halo2"}).err, Not(HasSubstr("warning")));
}

TEST(SliceCommand, SaysWhatValuesItsProofsAreRightFor) {
  TempDir dir;
  const std::string net = dir.Write("net.onnx", Net());
  EXPECT_THAT(Cli({"slice", net, "--dry-run"}).err,
              HasSubstr("is assumed, not proven, to lie within what --activation-range "
                        "says (at most ±1025, rounded up)"));
  const CliResult proven = Cli({"slice", net, "--dry-run", "--input-range", "0,1"});
  EXPECT_THAT(proven.err, Not(HasSubstr("not proven")));
  EXPECT_THAT(Cli({"slice", net, "--dry-run", "--activation-range", "proven"}).err,
              HasSubstr("JSTprove takes what enters slice 0 to lie within ±1"));
  EXPECT_THAT(Cli({"slice", net, "-o", dir.File("lazy"), "--lazy"}).err, HasSubstr("are not lifted"));

  const std::string ranges = dir.Write("ranges.json", R"({"x": 5})");
  const CliResult given = Cli({"slice", net, "-o", dir.File("s"), "--policy", "whole", "--json",
                               "--activation-range", absl::StrCat("@", ranges)});
  ASSERT_EQ(given.code, 0) << given.err;
  const Json account = Json::parse(given.out);
  const Json& input = account["slices"][0]["inputs"][0];
  EXPECT_EQ(input["name"], "x");
  EXPECT_EQ(input["bound"], 9);
  EXPECT_EQ(input["bound_source"], "given");
  EXPECT_THAT(Cli({"slice", net, "--dry-run", "--json", "--policy", "whole", "--activation-range", "x=2"}).out,
              HasSubstr("\"bound\": 3.0"));

  // What a run finds beyond them, `verify` says.
  const std::string small = dir.Write("small.json", R"({"input_data": [[1,2,3,4,5,6,7,8,9,-9,8,7,6,5,4,3]]})");
  const std::string large = dir.Write("large.json", R"({"input_data": [[1,2,3,4,5,6,7,8,9,-10,8,7,6,5,4,3]]})");
  const CliResult within = Cli({"verify", net, dir.File("s"), "--inputs", small, "--json"});
  EXPECT_EQ(within.code, 0) << within.err;
  EXPECT_THAT(within.err, Not(HasSubstr("reaches")));
  const Json entering = Json::parse(within.out)["entering"];
  ASSERT_EQ(entering.size(), 1u);
  EXPECT_EQ(entering[0]["bound"], 9);
  EXPECT_EQ(entering[0]["largest"], 9);
  const CliResult beyond = Cli({"verify", net, dir.File("s"), "--inputs", large});
  EXPECT_EQ(beyond.code, 0) << beyond.err;
  EXPECT_THAT(beyond.err, HasSubstr("'x' reaches 10 where slice 0 begins, which is proven for ±9"));
}

// Likewise inside of a slice, where a Relu's bound begins anew.
TEST(VerifyCommand, WarnsOfValuesBeyondTheirBoundInsideOfASlice) {
  TempDir dir;
  const std::string net = dir.Write("net.onnx", ExportAll(ParseGraph(R"(
    g (float[1, 2] x) => (float[1, 2] y)
      <float[2, 2] w = {100, 0, 0, 100}, float[2] c = {0, 0}> {
      h = Gemm(x, w, c)
      r = Relu(h)
      y = Gemm(r, w, c)
    })")));
  const CliResult made = Cli({"slice", net, "-o", dir.File("s"), "--json", "--activation-range", "h=60"});
  ASSERT_EQ(made.code, 0) << made.err;
  const Json narrowed = Json::parse(made.out)["slices"][0]["narrowed"];
  ASSERT_EQ(narrowed.size(), 1u);
  EXPECT_EQ(narrowed[0]["name"], "h");
  EXPECT_EQ(narrowed[0]["bound"], 64);
  const auto verified = [&](const std::string& x) {
    return Cli({"verify", net, dir.File("s"), "--json", "--inputs",
                dir.Write("in.json", absl::StrCat(R"({"input_data": [[)", x, "]]}"))});
  };
  const CliResult within = verified("0.5, -0.25"), beyond = verified("0.5, -0.75");
  EXPECT_THAT(within.err, Not(HasSubstr("reaches")));
  EXPECT_EQ(Json::parse(within.out)["narrowed"][0]["largest"], 50);
  EXPECT_EQ(beyond.code, 0) << beyond.err;
  EXPECT_THAT(beyond.err, HasSubstr("'h' reaches 75 inside of slice 0, which is proven for ±64"));
}

TEST(SliceCommand, WarnsOfARangeForNoValue) {
  TempDir dir;
  EXPECT_THAT(Cli({"slice", dir.Write("net.onnx", Net()), "--dry-run", "--activation-range", "nowhere=4"}).err,
              HasSubstr("warning: --activation-range: the folded model has no value 'nowhere'"));
}

TEST(SliceCommand, SaysWhereNodesWent) {
  TempDir dir;
  const std::string model = dir.Write("m.onnx", ExportAll(ParseGraph(R"(
    g (float[2] x) => (float[2] y) {
      c = Constant<value = float[2] {1, 2}>()
      y = Add(x, c) })")));
  EXPECT_THAT(Cli({"slice", model, "--dry-run", "--no-fold"}).err,
              HasSubstr("1 constant node is written as an initializer"));
}

TEST(SliceCommand, RefusesWhatIsNoActivationRange) {
  TempDir dir;
  const std::string net = dir.Write("net.onnx", Net());
  const std::string text = dir.Write("text.json", "[1]");
  const std::string small = dir.Write("small.json", R"({"x": 0.5})");
  for (const std::string& bad : {std::string("much"), std::string("0.5"), std::string("inf"), std::string("nan"),
                                 std::string("-3"), std::string("x="), std::string("@nowhere.json"), "@" + text,
                                 "@" + small}) {
    const CliResult result = Cli({"slice", net, "--dry-run", absl::StrCat("--activation-range=", bad)});
    EXPECT_EQ(result.code, 2) << bad;
    EXPECT_THAT(result.err, HasSubstr("--activation-range")) << bad;
  }
}

TEST(SliceCommand, WarnsOfCircuitsTooLargeToCompile) {
  TempDir dir;
  const std::string model = dir.Write("wide.onnx", ExportAll(ParseGraph(R"(
    g (float[2,16,256,256] x) => (float[2,16,256,256] y) <int64[4] s = {16,16,3,3}> {
      w = ConstantOfShape <value = float[1] {0.5}> (s)
      y = Conv <pads = [1,1,1,1]> (x, w)
    })")));
  EXPECT_THAT(Cli({"slice", model, "--dry-run"}).err, HasSubstr("slice 0 has 301 million products"));
}

// Of 4 elements in and out, and a fixed price of 5, which JSTprove's table says of any slice.
TEST(SliceCommand, ANodeWithoutAPriceIsNoNumber) {
  TempDir dir;
  const std::string model = dir.Write("m.onnx", ExportAll(ParseGraph(R"(
    g (float[1, 4] x) => (float[1, 4] y) {
      a = Sin(x)
      y = Neg(a) })")));
  const CliResult text = Cli({"slice", model, "--dry-run"});
  ASSERT_EQ(text.code, 0) << text.err;
  const CliResult json = Cli({"slice", model, "--dry-run", "--json"});
  const Json account = Json::parse(json.out);
  ASSERT_EQ(account["slices"].size(), 2u);
  EXPECT_EQ(account["slices"][0]["unpriced_nodes"], 1);
  EXPECT_EQ(account["slices"][0]["node_price"], 0);
  EXPECT_EQ(account["slices"][0]["exact"], false);
  EXPECT_EQ(account["slices"][1]["unpriced_nodes"], 0);
  EXPECT_EQ(account["slices"][1]["exact"], true);
  EXPECT_EQ(account["totals"]["unpriced_nodes"], 1);
  EXPECT_EQ(account["totals"]["price"],
            account["slices"][0]["price"].get<int>() + account["slices"][1]["price"].get<int>());
  EXPECT_THAT(text.out, HasSubstr(absl::StrCat("    ", account["slices"][0]["price"].get<int>(), " + ?  ")));
  EXPECT_THAT(text.out, HasSubstr(absl::StrCat("2 slices, ", account["totals"]["price"].get<int>(),
                                               " + ? constraints in all, 1 of 2 provable")));
  EXPECT_THAT(text.out, HasSubstr("? 1 node has no price and counts as 0"));
  EXPECT_THAT(text.out, Not(HasSubstr("≈")));
  EXPECT_THAT(text.out, HasSubstr("operator Sin is unknown to jstprove"));
}

// No circuit is made for it, so nothing is paid; all commands say so.
TEST(SliceCommand, ASliceThatOnlyMovesDataCostsNothing) {
  TempDir dir;
  const std::string model = dir.Write("m.onnx", ExportAll(ParseGraph(R"(
    g (float[1, 4] x) => (float[1, 4] y) <int64[2] s = {2, 2}> {
      a = Reshape(x, s)
      b = Transpose(a)
      y = Flatten<axis=0>(b) })")));
  for (const char* lazy : {"", "--lazy"}) {
    std::vector<std::string> arguments = {"slice", model, "-o", dir.File("s")};
    if (*lazy != '\0') arguments.push_back(lazy);
    const CliResult text = Cli(arguments);
    ASSERT_EQ(text.code, 0) << text.err;
    EXPECT_THAT(text.out, HasSubstr("1 slice, 0 constraints in all, 0 of 0 provable, 1 only move"));
    const Json account = Json::parse(dir.Read("s/slices.json"));
    EXPECT_EQ(account["slices"][0]["arithmetic"], false);
    EXPECT_EQ(account["slices"][0]["price"], 0);
    EXPECT_EQ(account["totals"]["price"], 0);
    const Json estimate = Json::parse(Cli({"estimate", dir.File("s"), "--json"}).out);
    EXPECT_EQ(estimate["totals"]["constraints"], 0);
    EXPECT_EQ(estimate["slices"][0]["note"], "only moves data: no circuit is made for it");
    fs::remove_all(dir.File("s"));
  }
}

TEST(SliceCommand, NamesTheSlicesOverTheBudget) {
  TempDir dir;
  const CliResult result = Cli({"slice", dir.Write("net.onnx", Net()), "--dry-run", "--budget", "10"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("cost more than the budget of 10 constraints"));
  EXPECT_THAT(result.out, HasSubstr(", over the budget"));
}

// A weight of 2 GiB in a file with a hole: nothing of it is read.
TEST(SliceCommand, AModelThatDsperseCannotReadIsNotSupported) {
  TempDir dir;
  Graph graph = ParseGraph(R"(
    <ir_version: 8, opset_import: ["": 17]>
    g (int64[1] i) => (float[1,1024] y) <float[1,1] w = {1}> { y = Gather(w, i) })");
  onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(ExportAll(graph)));
  constexpr int64_t kRows = (int64_t{1} << 31) / 4096 + 1;
  onnx::TensorProto* weight = proto.mutable_graph()->mutable_initializer(0);
  weight->Clear();
  weight->set_name("w");
  weight->set_data_type(onnx::TensorProto::FLOAT);
  weight->add_dims(kRows);
  weight->add_dims(1024);
  weight->set_data_location(onnx::TensorProto::EXTERNAL);
  auto* location = weight->add_external_data();
  location->set_key("location");
  location->set_value("weights");
  std::ofstream(dir.File("weights")).close();
  fs::resize_file(dir.File("weights"), static_cast<uintmax_t>(kRows) * 4096);
  const std::string model = dir.Write("large.onnx", proto.SerializeAsString());
  const CliResult result = Cli({"slice", model, "-o", dir.File("s"), "--no-fold", "--backend", "r1cs_circom"});
  EXPECT_EQ(result.code, 4) << result.err;
  EXPECT_THAT(result.err, HasSubstr("cut the model in two"));
  EXPECT_FALSE(fs::exists(dir.File("s")));
}

}  // namespace
}  // namespace dsperse
