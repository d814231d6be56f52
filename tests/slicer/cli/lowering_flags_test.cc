// What fold, estimate and slice share: --target, --exact, --require-provable, --input-range.
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
using ::dsperse::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

std::string Write(TempDir& dir, const std::string& text) {
  return dir.Write("m.onnx", ExportAll(ParseGraph(text)));
}

TEST(LoweringFlags, SliceWritesNothingWhereSomethingStaysUnproven) {
  TempDir dir;
  const std::string in =
      Write(dir, "g (float[1,4] x) => (float[1,4] y) { [a] t = Neg(x) [b] y = Ceil(t) }");
  const CliResult refused = Cli({"slice", in, "-o", dir.File("out"), "--require-provable"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.err, HasSubstr("Ceil 'b': operator Ceil is unknown to jstprove"));
  EXPECT_THAT(dir.Names(), ElementsAre("m.onnx"));
  EXPECT_EQ(Cli({"slice", in, "-o", dir.File("out")}).code, 0);
  EXPECT_EQ(Cli({"slice", in, "--dry-run", "--target", "none", "--require-provable"}).code, 2);
}

TEST(LoweringFlags, InputRangesDropWhatIsNeverReached) {
  TempDir dir;
  const std::string in = Write(
      dir, "g (float[1,4] x) => (float[1,4] y) <float a = {0.0}, float b = {6.0}> "
           "{ [sq] t = Mul(x, x) [clip] u = Clip(t, a, b) [neg] y = Neg(u) }");
  const std::string out = dir.File("out.onnx");
  const auto nodes = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> command = {"fold", in, "-o", out, "--json"};
    command.insert(command.end(), flags.begin(), flags.end());
    const CliResult result = Cli(command);
    EXPECT_EQ(result.code, 0) << result.err;
    return Json::parse(result.out)["after"]["nodes"].get<int>();
  };
  EXPECT_EQ(nodes({}), 3);
  EXPECT_EQ(nodes({"--input-range", "x=-2,2"}), 2);
  EXPECT_EQ(nodes({"--input-range", "x=-3,3"}), 3);  // up to 9: the lower bound goes, the Clip stays
  EXPECT_EQ(Cli({"fold", in, "-o", out, "--input-range", "z=-3,3"}).code, 3);
  EXPECT_EQ(Cli({"fold", in, "-o", out, "--input-range", "x=3,-3"}).code, 2);
  const Json slices =
      Json::parse(Cli({"slice", in, "--dry-run", "--json", "--input-range", "x=-2,2"}).out);
  EXPECT_FALSE(slices["slices"][0]["operators"].contains("Clip"));
  const Json lowered =
      Json::parse(Cli({"estimate", in, "--json", "--target", "jstprove", "--input-range", "x=-2,2"}).out);
  EXPECT_EQ(lowered["provable"]["after"]["arithmetic_nodes"], 2);
}

}  // namespace
}  // namespace dsperse
