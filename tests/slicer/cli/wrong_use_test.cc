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
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--policy", "points", "--cut", "@TMP/folder"},
                 2,
                 "folder: is a directory"},
        WrongUse{{"slice", "TMP/in.onnx", "--dry-run", "--activation-range", "@TMP/folder"}, 2, "folder: is a directory"},
        WrongUse{{"verify", "TMP/in.onnx", "TMP/in.onnx", "--inputs", "TMP/inputs"},
                 3,
                 "input_0.pb: is a directory"}));

}  // namespace
}  // namespace dsperse
