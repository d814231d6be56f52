// What a wrong use of each command is answered with: one line that says what is wrong, the right exit code,
// nothing on standard output, no file.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
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
using ::testing::HasSubstr;

struct WrongUse {
  std::vector<std::string> arguments;  // TMP stands for the test's folder
  int code;
  const char* message;
};

class WrongUses : public ::testing::TestWithParam<WrongUse> {};

TEST_P(WrongUses, AreAnsweredInOneLine) {
  TempDir dir;
  dir.Write("in.onnx", ExportAll(ParseGraph(R"(
    g (float[1, 4] x) => (float[1, 2] y) <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}> {
      m = MatMul(x, w)
      y = Relu(m) })")));
  std::filesystem::create_directories(dir.File("folder/metadata.msgpack"));
  std::filesystem::create_directories(dir.File("inputs/input_0.pb"));
  const size_t files = dir.Names().size();
  std::vector<std::string> arguments = GetParam().arguments;
  for (std::string& a : arguments) a = absl::StrReplaceAll(a, {{"TMP/", dir.File("")}});
  const CliResult result = Cli(arguments);
  EXPECT_EQ(result.code, GetParam().code) << result.err;
  EXPECT_THAT(result.err, ::testing::StartsWith("dsperse-slice: error: "));
  EXPECT_THAT(result.err, HasSubstr(GetParam().message));
  for (const char* foreign : {"exception", "Could not convert", "not in {", "Value "}) {
    EXPECT_FALSE(absl::StrContains(result.err, foreign)) << result.err;
  }
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(dir.Names().size(), files);
}

INSTANTIATE_TEST_SUITE_P(
    Folders, WrongUses,
    ::testing::Values(
        WrongUse{{"estimate", "TMP/in.onnx", "--backend", "jstprove_remainder", "--param", "observed_bits=@TMP/folder"},
                 3,
                 "folder: is a directory"},
        WrongUse{{"estimate", "TMP/folder"}, 3, "metadata.msgpack: is a directory"},
        WrongUse{{"verify-receipt", "TMP/in.onnx", "TMP/in.onnx"}, 3, "in.onnx: not a receipt: is no JSON"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--policy", "points", "--cut", "@TMP/folder"},
                 2,
                 "folder: is a directory"},
        WrongUse{
            {"slice", "TMP/in.onnx", "--dry-run", "--activation-range", "@TMP/folder"}, 2, "folder: is a directory"},
        WrongUse{{"verify", "TMP/in.onnx", "TMP/in.onnx", "--inputs", "TMP/inputs"}, 3, "input_0.pb: is a directory"}));

INSTANTIATE_TEST_SUITE_P(
    Names, WrongUses,
    ::testing::Values(
        WrongUse{{"estimate", "TMP/in.onnx", "--backend", "ezkl_halo"},
                 2,
                 "--backend ezkl_halo: none of jstprove_expander, ezkl_halo2, jstprove_remainder, r1cs_circom, "
                 "dsperse_estimate, all; did you mean 'ezkl_halo2'?"},
        WrongUse{{"estimate", "TMP/in.onnx", "--by", "nod"},
                 2,
                 "--by nod: none of node, op, slice, total; did you mean 'node'?"},
        WrongUse{{"estimate", "TMP/in.onnx", "--target", "jstprov"}, 2, "did you mean 'jstprove'?"},
        WrongUse{{"estimate", "TMP/in.onnx", "--backend", "all", "--param", "bits=1"},
                 2,
                 "--param bits=1: no backend takes it"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--target", "ezk"}, 2, "did you mean 'ezkl'?"},
        WrongUse{{"ops", "--backend", "jstprove_expandr"}, 2, "did you mean 'jstprove_expander'?"},
        WrongUse{{"ops", "--target", "ezk"}, 2, "--target ezk: none of jstprove, ezkl; did you mean 'ezkl'?"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--policy", "bugdet"},
                 2,
                 "--policy bugdet: none of budget, dsperse, layer, points, whole; did you mean 'budget'?"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--minimize", "largst"}, 2, "did you mean 'largest'?"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--backend", "r1cs_circon"}, 2, "did you mean 'r1cs_circom'?"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--proof-system", "expandr"}, 2, "did you mean 'expander'?"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--circuit-ops", "Gemm,Cnov"},
                 2,
                 "--circuit-ops Cnov: ONNX has no such operator; did you mean 'Conv'?"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--circuit-ops", "conv"}, 2, "did you mean 'Conv'?"},
        WrongUse{{"report", "TMP/in.onnx", "--backend", "r1cs"}, 2, "--backend r1cs: none of "},
        WrongUse{
            {"report", "TMP/in.onnx", "--param", "bits=1", "--backend", "all"}, 2, "none of the backends takes it"}));

INSTANTIATE_TEST_SUITE_P(
    Numbers, WrongUses,
    ::testing::Values(
        WrongUse{{"estimate", "TMP/in.onnx", "--top", "-1"}, 2, "--top: '-1' is no whole number from 0 to "},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--budget", "-1"},
                 2,
                 "--budget: '-1' is no whole number of at least 0"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--budget", "1e6"}, 2, "--budget: '1e6' is no whole number"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--budget", "18446744073709551616"}, 2, "--budget"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--max-bits", "99999999999"},
                 2,
                 "--max-bits: '99999999999' is no whole number from 1 to 2147483647"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--max-nodes", "0x10"}, 2, "--max-nodes: '0x10'"},
        WrongUse{{"report", "TMP/in.onnx", "--budget", "-1"}, 2, "--budget: '-1'"},
        WrongUse{{"verify", "TMP/in.onnx", "TMP/in.onnx", "--samples", "1.5"}, 2, "--samples: '1.5'"},
        WrongUse{{"verify", "TMP/in.onnx", "TMP/in.onnx", "--seed", "-1"}, 2, "--seed: '-1'"},
        WrongUse{{"verify", "TMP/in.onnx", "TMP/in.onnx", "--tolerance", "nan"},
                 2,
                 "--tolerance: 'nan' is no number of at least 0"},
        WrongUse{{"verify", "TMP/in.onnx", "TMP/in.onnx", "--tolerance", "abc"}, 2, "--tolerance: 'abc'"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--max-memory", "-1"}, 2, "--max-memory: '-1' is no size"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--max-memory", "9223372036854775808"}, 2, "is no size"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--max-memory", "8E"}, 2, "is no size"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--max-memory", "1ib"}, 2, "is no size"},
        WrongUse{{"report", "TMP/in.onnx", "--max-memory", "1xb"}, 2, "write bytes, or 64K, 512M, 2G"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--max-constant", "nan"}, 2, "--max-constant: 'nan'"}));

INSTANTIATE_TEST_SUITE_P(
    Lists, WrongUses,
    ::testing::Values(
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--input-range", "nan,nan"}, 2, "write two numbers"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--input-range", "1,-1"}, 2, "the lower first"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--input-range", "x=1"}, 2, "write two numbers"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--input-range", "-1,1e999"}, 2, "write two numbers"},
        WrongUse{
            {"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--input-range", "z=-1,1"}, 3, "the model has no input 'z'"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--input-shape", "1,0"}, 2, "write sizes of at least 1"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--input-shape", "1,,4"}, 2, "write sizes of at least 1"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--input-shape", "z=1,4"}, 3, "the model has no input 'z'"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--dim", "N=0"}, 2, "a size of at least 1"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--dim", "N=99999999999999999999"}, 2, "a size of at least 1"}));

TEST(Bytes, CountBy1024) {
  TempDir dir;
  const std::string in = dir.Write("in.onnx", ExportAll(ParseGraph("g (float[1] x) => (float[1] y) { y = Relu(x) }")));
  for (const char* most : {"1", "1B", "0.001K", "0.0000001 GiB"}) {
    EXPECT_EQ(Cli({"inspect", in, "--max-memory", most}).code, 5) << most;
  }
  for (const char* most : {"0", "1048576", "1024K", "1M", "1 mb", "0.5MiB", "1GiB", "7E"}) {
    EXPECT_EQ(Cli({"inspect", in, "--max-memory", most}).code, 0) << most;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, WrongUses,
    ::testing::Values(
        WrongUse{{"fold", "-", "-o", "TMP/o.onnx"}, 2, "IN.onnx -: name a file"},
        WrongUse{{"fold", "", "-o", "TMP/o.onnx"}, 2, "IN.onnx: an empty name"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "-"}, 2, "-o -: name a file"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--report", "-"}, 2, "--report -: name a file"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--receipt", "-"}, 2, "--receipt -: name a file"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/o.onnx", "--external-data", "--report", "TMP/o.onnx.data"},
                 2,
                 "is where external data of -o goes too"},
        WrongUse{{"slice", "TMP/in.onnx", "-o", "-"}, 2, "-o -: name a file"},
        WrongUse{{"report", "TMP/in.onnx", "-o", "-"}, 2, "-o -: name a file"},
        WrongUse{{"verify", "TMP/in.onnx", "-"}, 2, "B -: name a file"}));

INSTANTIATE_TEST_SUITE_P(
    Combinations, WrongUses,
    ::testing::Values(
        WrongUse{{"fold"}, 2, "IN.onnx is required"}, WrongUse{{"verify", "TMP/in.onnx"}, 2, "B is required"},
        WrongUse{{"fold", "TMP/in.onnx", "-o"}, 2, "--output needs a value"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/a", "-o", "TMP/b"}, 2, "--output is given more than once"},
        WrongUse{{"fold", "TMP/in.onnx", "-o", "TMP/a", "--json=maybe"}, 2, "--json = maybe: the flag takes no value"},
        WrongUse{{"report", "TMP/in.onnx", "--json", "--format", "md"}, 2, "--json is --format json: give one of them"},
        WrongUse{{"estimate", "TMP/in.onnx", "--slice-points", "0,1"}, 2, "--slice-points goes with --by slice"},
        WrongUse{{"estimate", "TMP/in.onnx", "--by", "slice"}, 2, "--by slice needs --slice-points"},
        WrongUse{{"estimate", "TMP/in.onnx", "--by", "slice", "--slice-points", "0,1", "--fold"},
                 2,
                 "not with --fold or --target"},
        WrongUse{{"estimate", "TMP/folder", "--input-shape", "1,2"}, 2, "go with a model"},
        WrongUse{{"estimate", "TMP/folder", "--by", "slice", "--slice-points", "0"}, 2, "go with a model"}));

}  // namespace
}  // namespace dsperse
