#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "fold/ir/model_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "slicer/receipt.h"
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

std::string Model(absl::string_view weight = "2") {
  return ExportAll(ParseGraph(absl::StrCat(R"(
    g (float[1, 1, 3, 3] x) => (float[1, 2, 3, 3] z)
      <float[2, 1, 1, 1] w = {1, )", weight, R"(}, float[2] p = {1, 2}>
    { [conv] y = Conv(x, w)
      [bn] z = BatchNormalization(y, p, p, p, p) })")));
}

// A weight large enough to be written beside the model.
std::string LargeModel() {
  Graph graph = ParseGraph("g (float[N, 512] x) => (float[N, 512] y) <float[1] w = {1}> { y = Mul(x, w) }");
  const std::vector<float> weight(512, 3.0f);
  const NodeId mul = ::dsperse::testing::FindOpNode(graph, "Mul");
  graph.SetInput(mul, 1, graph.AddConstant("w2", Tensor::Of<float>({512}, absl::MakeConstSpan(weight))));
  return ExportAll(graph);
}

TEST(Hasher, GivesTheExamplesOfSha256sStandard) {
  // FIPS 180-4's examples: one block, two blocks; and the empty text.
  Hasher one(Digest::kSha256);
  one.Update("a");
  one.Update("bc");
  EXPECT_EQ(*one.Finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Hasher two(Digest::kSha256);
  two.Update("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
  EXPECT_EQ(*two.Finish(), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(*Hasher(Digest::kSha256).Finish(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// Bytes 0 to 250, again and again: what BLAKE3's own test vectors are of. Given in pieces that fit neither its blocks
// nor its chunks.
std::string Blake3OfCount(size_t bytes) {
  Hasher hash(Digest::kBlake3);
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i % 251);
  for (size_t at = 0, piece = 1; at < bytes; at += piece, piece = piece * 3 + 1) hash.Update(absl::string_view(text).substr(at, piece));
  return *hash.Finish();
}

TEST(Hasher, GivesBlake3sTestVectors) {
  EXPECT_EQ(Blake3OfCount(0), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  EXPECT_EQ(Blake3OfCount(1025), "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444");
  // Not among them; of b3sum 1.2.0.
  EXPECT_EQ(Blake3OfCount(1'000'000), "5e82c663d164c54e4fcdfcd70e3ca464662228bdbad45cce2e0c2bff999064ef");
}

TEST(HashFile, ReadsBeyondItsBuffer) {
  TempDir dir;
  // The third example: a million times "a"; and one that needs several buffers.
  const std::string path = dir.Write("a", std::string(1'000'000, 'a'));
  const auto million = HashFile(path, "name", Digest::kSha256);
  ASSERT_TRUE(million.ok());
  EXPECT_EQ(million->hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(million->bytes, 1'000'000u);
  EXPECT_EQ(million->name, "name");
  const std::string large(3'000'001, 'b');
  Hasher hash(Digest::kSha256);
  hash.Update(large);
  EXPECT_EQ(HashFile(dir.Write("b", large), "", Digest::kSha256)->hash, *hash.Finish());
  EXPECT_EQ(HashFile(dir.File("b"), "", Digest::kBlake3)->hash,
            "1dbf2c44dfde7004b6098d841ef4c54ad8c92530dd7124115e64217e8b18f793");  // b3sum's
  EXPECT_FALSE(HashFile(dir.File("missing"), "", Digest::kSha256).ok());
}

TEST(Jobs, AreAllDone) {
  std::vector<int> done(50, 0);
  Jobs jobs;
  for (int& one : done) {
    jobs.Add([&one] {
      ++one;
      return absl::OkStatus();
    });
  }
  ASSERT_TRUE(jobs.Finish().ok());
  EXPECT_EQ(done, std::vector<int>(50, 1));
}

TEST(Jobs, GiveTheFirstErrorAndEndWhatIsUnderWay) {
  Jobs jobs;
  // Goes on until the next one has failed, on another thread or not begun yet.
  std::atomic<bool> begun{false};
  jobs.Add([&] {
    begun = true;
    while (jobs.GoOn().ok()) std::this_thread::yield();
    return jobs.GoOn();
  });
  while (!begun) std::this_thread::yield();
  jobs.Add([] { return absl::DataLossError("second"); });
  bool third = false;
  jobs.Add([&] {
    third = true;
    return absl::OkStatus();
  });
  EXPECT_EQ(jobs.Finish().message(), "second");
  EXPECT_FALSE(third);
}

TEST(Jobs, MayBeGivenUp) {
  bool ended = false;
  {
    std::atomic<bool> begun{false};
    Jobs jobs;
    jobs.Add([&] {
      begun = true;
      while (jobs.GoOn().ok()) std::this_thread::yield();
      ended = true;
      return jobs.GoOn();
    });
    while (!begun) std::this_thread::yield();
  }
  EXPECT_TRUE(ended);
}

// The path may lead to another file before the receipt is made.
TEST(HashInputs, HashesWhatWasLoadedAndNotWhatTookItsPlace) {
  TempDir dir;
  const std::string path = dir.Write("in.onnx", Model());
  const std::string hash = HashFile(path, "", Digest::kSha256)->hash;
  const absl::StatusOr<LoadedModel> loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  std::filesystem::rename(dir.Write("other.onnx", Model("3")), path);
  Receipt receipt;
  const absl::Status status = HashInputs(loaded->files, &receipt);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(receipt.input.hash, hash);
}

TEST(HashInputs, SaysSoWhereAFileHasChangedSinceItWasLoaded) {
  TempDir dir;
  const std::string first = dir.Write("first.onnx", LargeModel());
  ASSERT_EQ(Cli({"fold", first, "-o", dir.File("in.onnx"), "--external-data"}).code, 0);
  for (const char* name : {"in.onnx", "in.onnx.data"}) {
    const absl::StatusOr<LoadedModel> loaded = LoadModel(dir.File("in.onnx"));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    // Written anew with the same bytes: only a look at them could tell that nothing is lost.
    const auto before = std::filesystem::last_write_time(dir.File(name));
    std::filesystem::last_write_time(dir.Write(name, dir.Read(name)), before + std::chrono::seconds(1));
    Receipt receipt;
    const absl::Status status = HashInputs(loaded->files, &receipt);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat(dir.File(name), ": changed")));
  }
}

TEST(HashInputs, NamesTheFirstFileThatCannotBeRead) {
  TempDir dir;
  std::vector<SourceFile> files;
  for (const char* name : {"a", "b", "c"}) {
    const std::string path = dir.Write(name, "1234");
    files.push_back({path, *InputFile::Open(path), 4});
  }
  for (const char* name : {"b", "c"}) dir.Write(name, "12");
  Receipt receipt;
  const absl::Status status = HashInputs(files, &receipt);
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat(dir.File("b"), ": shrank")));
}

TEST(Receipt, HoldsTheHashOfEveryFileOfASlicesDirectory) {
  TempDir dir;
  // Weights that take several buffers, some of them scaled as they are written, and nodes that read none.
  std::string text = "g (float[1,8,4,4] v0) => (float[1,8,4,4] y) <float[8] p = {1,2,3,4,5,6,7,8}> {\n";
  constexpr int kLayers = 6;
  for (int i = 0; i < kLayers; ++i) {
    absl::StrAppend(&text, "c", i, " = Conv<pads = [1,1,1,1]>(v", i, ", v", i, ")\n", "b", i,
                    " = BatchNormalization(c", i, ", p, p, p, p)\n", i + 1 == kLayers ? "y" : absl::StrCat("v", i + 1),
                    " = Relu(b", i, ")\n");
  }
  Graph graph = ParseGraph(text + "}");
  for (int i = 0; i < kLayers; ++i) {
    const int64_t side = i == 2 ? 129 : 3;  // 8 · 8 · 129 · 129 floats: 4 MB
    std::vector<float> weight(static_cast<size_t>(64 * side * side));
    for (size_t k = 0; k < weight.size(); ++k) weight[k] = static_cast<float>(k % 1009) * 0.01f;
    const NodeId conv = ::dsperse::testing::FindOpNode(graph, "Conv", i);
    graph.SetInput(conv, 1,
                   graph.AddConstant(absl::StrCat("weight", i),
                                     Tensor::Of<float>({8, 8, side, side}, absl::MakeConstSpan(weight))));
    if (side > 3) graph.SetAttribute(conv, "pads", std::vector<int64_t>(4, side / 2));
  }
  const std::string in = dir.Write("in.onnx", ExportAll(graph));
  const CliResult result = Cli({"slice", in, "-o", dir.File("out"), "--policy", "layer", "--target", "none"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(dir.Read("out/receipt.json"));
  EXPECT_EQ(json["input"]["blake3"], HashFile(in, "", Digest::kBlake3)->hash);
  std::map<std::string, std::string> recorded, found;
  for (const Json& output : json["outputs"]) {
    recorded[output["name"]] = absl::StrCat(output["bytes"].get<uint64_t>(), " ", output["blake3"].get<std::string>());
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.File("out"))) {
    if (!entry.is_regular_file()) continue;
    const std::string name = std::filesystem::relative(entry.path(), dir.File("out")).string();
    if (name == "receipt.json") continue;
    found[name] = absl::StrCat(entry.file_size(), " ", HashFile(entry.path().string(), "", Digest::kBlake3)->hash);
  }
  EXPECT_EQ(recorded, found);
  EXPECT_EQ(found.size(), static_cast<size_t>(kLayers) + 3);
}

TEST(Receipt, HoldsHashesAndOptionsButNoPathAndNoTime) {
  TempDir a, b;
  const auto receipt = [](const TempDir& dir, const std::string& out) {
    const std::string in = dir.Write("in.onnx", Model());
    EXPECT_EQ(Cli({"fold", in, "-o", dir.File(out), "--receipt", dir.File("r.json")}).code, 0);
    return dir.Read("r.json");
  };
  const std::string text = receipt(a, "out.onnx");
  EXPECT_EQ(text, receipt(b, "other.onnx"));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("seconds")), Not(HasSubstr(".onnx")), Not(HasSubstr(a.File("")))));
  const Json json = Json::parse(text);
  EXPECT_EQ(json["tool"]["version"], DSPERSE_VERSION);
  EXPECT_EQ(json["command"], "fold");
  EXPECT_EQ(json["input"]["sha256"], HashFile(a.File("in.onnx"), "", Digest::kSha256)->hash);
  EXPECT_EQ(json["input"]["bytes"], Model().size());
  EXPECT_EQ(json["external_data"], Json::array());
  ASSERT_EQ(json["outputs"].size(), 1u);
  EXPECT_EQ(json["outputs"][0]["sha256"], HashFile(a.File("out.onnx"), "", Digest::kSha256)->hash);
}

TEST(Receipt, OptionsAreInNormalForm) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  const auto options = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"fold", in, "-o", dir.File("out.onnx"), "--receipt", dir.File("r.json")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(Cli(arguments).code, 0);
    return Json::parse(dir.Read("r.json"))["options"];
  };
  EXPECT_EQ(options({}), options({"--passes", "default", "--max-constant", "1MiB", "--verify-each"}));
  EXPECT_EQ(options({"--passes", "fold_constants,fuse_affine"}),
            options({"--passes", " fuse_affine , fold_constants"}));
  EXPECT_EQ(options({"--passes", "dsperse,+fuse_affine,-fold_constants"})["passes"],
            "dsperse,-fold_constants,+fuse_affine");
  EXPECT_NE(options({}), options({"--freeze-inputs"}));
  EXPECT_NE(options({}), options({"--duplicate-shared"}));
  EXPECT_NE(options({}), options({"--max-constant", "1"}));
  EXPECT_NE(options({}), options({"--external-data"}));
  EXPECT_EQ(options({}), options({"--target", "none"}));
  EXPECT_EQ(options({"--target", "jstprove"}), options({"--target", "jstprove", "--require-provable"}));
  EXPECT_NE(options({"--target", "jstprove"}), options({"--target", "ezkl"}));
  EXPECT_NE(options({"--target", "jstprove"}), options({"--target", "jstprove", "--exact"}));
}

TEST(Receipt, TheReceiptMayNotBeTheModel) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  const CliResult result = Cli({"fold", in, "-o", dir.File("out.onnx"), "--receipt", in});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("is the model itself"));
  EXPECT_EQ(dir.Read("in.onnx"), Model());
  EXPECT_EQ(Cli({"fold", in, "-o", "/dev/null", "--receipt", dir.File("r.json")}).code, 2);
  EXPECT_EQ(Cli({"fold", in, "-o", dir.File("out.onnx"), "--receipt", dir.File("r.json"), "--report",
                 dir.File("./r.json")})
                .code,
            2);
}

TEST(VerifyReceipt, TheSameModelGivesTheSameFiles) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  for (const std::string passes : {"default", "dsperse", "none", "fuse_conv_batchnorm"}) {
    ASSERT_EQ(Cli({"fold", in, "-o", dir.File("out.onnx"), "--receipt", dir.File("r.json"), "--passes", passes,
                   "--target", passes == "dsperse" ? "none" : "jstprove"})
                  .code,
              0);
    const CliResult result = Cli({"verify-receipt", dir.File("r.json"), in});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("2 of 2 files same"));
  }
  const Json json = Json::parse(Cli({"verify-receipt", dir.File("r.json"), in, "--json"}).out);
  EXPECT_EQ(json["same"], true);
  EXPECT_EQ(json["files"].size(), 2u);
  EXPECT_EQ(json["files"][1]["role"], "output");
  EXPECT_EQ(json["files"][1]["found"], HashFile(dir.File("out.onnx"), "", Digest::kSha256)->hash);
}

TEST(VerifyReceipt, AModelFoldedInPlaceIsCheckedAgainstThePublishedOne) {
  TempDir dir;
  const std::string published = dir.Write("published.onnx", Model());
  const std::string folded = dir.Write("model.onnx", Model());
  ASSERT_EQ(Cli({"fold", folded, "-o", folded, "--receipt", dir.File("r.json")}).code, 0);
  EXPECT_EQ(Cli({"verify-receipt", dir.File("r.json"), published}).code, 0);
  EXPECT_EQ(Cli({"verify-receipt", dir.File("r.json"), folded}).code, 6);
}

TEST(VerifyReceipt, ExternalDataIsHashedOnBothSides) {
  TempDir dir;
  const std::string first = dir.Write("first.onnx", LargeModel());
  ASSERT_EQ(Cli({"fold", first, "-o", dir.File("in.onnx"), "--external-data", "--receipt", dir.File("one.json")}).code,
            0);
  EXPECT_EQ(Cli({"verify-receipt", dir.File("one.json"), first}).code, 0);
  EXPECT_EQ(Json::parse(dir.Read("one.json"))["outputs"][1]["name"], "in.onnx.data");

  ASSERT_EQ(Cli({"fold", dir.File("in.onnx"), "-o", dir.File("out.onnx"), "--receipt", dir.File("two.json")}).code, 0);
  const Json two = Json::parse(dir.Read("two.json"));
  ASSERT_EQ(two["external_data"].size(), 1u);
  EXPECT_EQ(two["external_data"][0]["name"], "in.onnx.data");
  EXPECT_EQ(two["external_data"][0]["sha256"], HashFile(dir.File("in.onnx.data"), "", Digest::kSha256)->hash);
  EXPECT_EQ(Cli({"verify-receipt", dir.File("two.json"), dir.File("in.onnx")}).code, 0);
  // The model is the same, its data isn't.
  std::string data = dir.Read("in.onnx.data");
  data[10] ^= 1;
  dir.Write("in.onnx.data", data);
  const CliResult result = Cli({"verify-receipt", dir.File("two.json"), dir.File("in.onnx")});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.out, AllOf(HasSubstr("external data in.onnx.data  differs"), HasSubstr("1 of 3 files same")));
}

TEST(VerifyReceipt, AnotherModelIsADifferenceBeforeAnyWork) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  ASSERT_EQ(Cli({"fold", in, "-o", dir.File("out.onnx"), "--receipt", dir.File("r.json")}).code, 0);
  const std::string other = dir.Write("other.onnx", Model("3"));
  const CliResult result = Cli({"verify-receipt", dir.File("r.json"), other});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.err, HasSubstr("other.onnx is not the model recorded"));
  EXPECT_THAT(result.out, HasSubstr("the work was not repeated"));
  const Json json = Json::parse(Cli({"verify-receipt", dir.File("r.json"), other, "--json"}).out);
  EXPECT_EQ(json["same"], false);
  EXPECT_EQ(json["repeated"], false);
}

// Receipts that are not as `fold` wrote them.
struct AlteredCase {
  const char* from;  // what is replaced in the receipt
  const char* to;
  int code;
  const char* message;
};
class AlteredReceipt : public ::testing::TestWithParam<AlteredCase> {};

TEST_P(AlteredReceipt, IsNoticed) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  ASSERT_EQ(Cli({"fold", in, "-o", dir.File("out.onnx"), "--receipt", dir.File("r.json")}).code, 0);
  const std::string text = dir.Read("r.json");
  const std::string altered = absl::StrReplaceAll(text, {{GetParam().from, GetParam().to}});
  ASSERT_NE(altered, text);
  dir.Write("r.json", altered);
  const CliResult result = Cli({"verify-receipt", dir.File("r.json"), in});
  EXPECT_EQ(result.code, GetParam().code) << result.err;
  EXPECT_THAT(absl::StrCat(result.err, result.out), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, AlteredReceipt,
    ::testing::Values(
        AlteredCase{"\"version\": \"" DSPERSE_VERSION "\"", "\"version\": \"99.1\"", 4,
                    "made by dsperse-slice 99.1, this is " DSPERSE_VERSION},
        AlteredCase{"dsperse-slice", "other", 3, "not a receipt: of another tool"},
        AlteredCase{"\"fold\"", "\"melt\"", 3, "unknown command 'melt'"},
        AlteredCase{"\"freeze_inputs\": false", "\"freeze_inputs\": 0", 3, "options of the receipt"},
        AlteredCase{"\"freeze_inputs\": false", "\"freeze_inputs\": false, \"more\": 1", 3, "normal form"},
        AlteredCase{"\"default\"", "\"defualt\"", 3, "did you mean 'default'"},
        // Another pass list gives another output.
        AlteredCase{"\"default\"", "\"none\"", 6, "does not give the files recorded"},
        AlteredCase{"\"sha256\": \"", "\"sha256\": \"0", 3, "64 hexadecimal digits"},
        AlteredCase{"\"outputs\"", "\"putouts\"", 3, "not a receipt"}, AlteredCase{"{", "", 3, "not a receipt"}));

TEST(VerifyReceipt, AnAlteredHashOfAnOutputIsNamed) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  ASSERT_EQ(Cli({"fold", in, "-o", dir.File("out.onnx"), "--receipt", dir.File("r.json")}).code, 0);
  const std::string hash = HashFile(dir.File("out.onnx"), "", Digest::kSha256)->hash;
  dir.Write("r.json", absl::StrReplaceAll(dir.Read("r.json"), {{hash, std::string(64, '0')}}));
  const CliResult result = Cli({"verify-receipt", dir.File("r.json"), in});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.out, HasSubstr(absl::StrCat("output  differs  ", std::string(64, '0'), " recorded, ", hash, " here")));
}

TEST(VerifyReceipt, OfSlicesNamesWhatDiffers) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", Model());
  ASSERT_EQ(Cli({"slice", in, "-o", dir.File("s")}).code, 0);
  const std::string receipt = dir.File("s/receipt.json");
  const std::string text = dir.Read("s/receipt.json");
  const Json same = Json::parse(Cli({"verify-receipt", receipt, in, "--json"}).out);
  EXPECT_EQ(same["same"], true);
  EXPECT_EQ(same["digest"], "blake3");
  // The hash of one file is another's.
  const Json outputs = Json::parse(text)["outputs"];
  const std::string first = outputs[0]["blake3"], second = outputs[1]["blake3"];
  ASSERT_NE(first, second);
  dir.Write("s/receipt.json", absl::StrReplaceAll(text, {{first, second}}));
  CliResult result = Cli({"verify-receipt", receipt, in});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.out, AllOf(HasSubstr(absl::StrCat("differs  ", second, " recorded, ", first, " here")), HasSubstr("4 of 5 files same")));
  // Hashes that are called what they are not.
  dir.Write("s/receipt.json", absl::StrReplaceAll(text, {{"blake3", "sha256"}}));
  result = Cli({"verify-receipt", receipt, in});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.err, HasSubstr("in.onnx is not the model recorded"));
  // Both in one receipt.
  dir.Write("s/receipt.json", absl::StrCat(text.substr(0, text.rfind("blake3")), "sha256", text.substr(text.rfind("blake3") + 6)));
  result = Cli({"verify-receipt", receipt, in});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("not a receipt"));
}

TEST(CompareOutputs, WhatEitherLacksDiffers) {
  Receipt a, b;
  a.outputs = {{"one", 1, "1"}, {"two", 1, "2"}};
  b.outputs = {{"three", 1, "3"}, {"two", 1, "2"}};
  const std::vector<ReceiptFile> files = CompareOutputs(a, b);
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].found, "");
  EXPECT_FALSE(files[0].same());
  EXPECT_TRUE(files[1].same());
  EXPECT_EQ(files[2].name, "three");
  EXPECT_FALSE(files[2].same());
}

}  // namespace
}  // namespace dsperse
