#include "fold/passes/fuse_pad_into_conv.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::MissTexts;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct PadCase {
  int opset;
  const char* constants;
  const char* nodes;  // from x [1, 1, 4, 4] to y
  std::vector<int64_t> pads;
};
class Fused : public ::testing::TestWithParam<PadCase> {};

TEST_P(Fused, BecomesTheOperatorsOwn) {
  const PadCase& c = GetParam();
  Graph graph = ParseGraph(absl::StrCat(
      "<ir_version: 8, opset_import: [\"\" : ", c.opset,
      "]> g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}, ",
      c.constants, "> {", c.nodes, "}"));
  EXPECT_TRUE(RunPass(FusePadIntoConv(), graph).changed);
  ASSERT_EQ(graph.NumNodes(), 1);
  EXPECT_EQ(graph.node(graph.FirstNode(graph.main())).Ints("pads"), c.pads);
}

constexpr char kPads[] = "int64[8] p = {0, 0, 1, 0, 0, 0, 1, 1}";

INSTANTIATE_TEST_SUITE_P(
    Cases, Fused,
    ::testing::Values(
        PadCase{17, kPads, "a = Pad(x, p) y = Conv(a, w)", {1, 0, 1, 1}},
        PadCase{17, kPads, "a = Pad(x, p) y = Conv<pads = [1, 1, 1, 1]>(a, w)", {2, 1, 2, 2}},
        PadCase{17, kPads, "a = Pad(x, p) y = Conv<auto_pad = \"VALID\">(a, w)", {1, 0, 1, 1}},
        PadCase{10, "float[1] unused = {0}", "a = Pad<pads = [0, 0, 1, 0, 0, 0, 1, 1]>(x) y = Conv(a, w)",
                {1, 0, 1, 1}},
        PadCase{18, "int64[2] p = {1, 2}, int64[1] axes = {-1}",
                "a = Pad(x, p, , axes) y = Conv(a, w)", {0, 1, 0, 2}},
        PadCase{17, "int64[8] p = {0, 0, 1, 0, 0, 0, 1, 1}, float v = {-inf}",
                "a = Pad(x, p, v) y = MaxPool<kernel_shape = [2, 2]>(a)", {1, 0, 1, 1}},
        PadCase{17, kPads, "a = Pad(x, p) y = AveragePool<kernel_shape = [2, 2]>(a)", {1, 0, 1, 1}},
        PadCase{17, kPads,
                "a = Pad(x, p) y = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1], "
                "count_include_pad = 1>(a)",
                {2, 1, 2, 2}},
        PadCase{17, kPads,
                "a = Pad(x, p) y = ConvTranspose<strides = [2, 2], pads = [3, 0, 2, 2]>(a, w)",
                {1, 0, 0, 0}}));

struct Refusal {
  const char* constants;
  const char* nodes;
  const char* miss;
};
class PadRefusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(PadRefusals, HaveARemark) {
  const Refusal& c = GetParam();
  Graph graph = ParseGraph(absl::StrCat(
      "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}, ",
      c.constants, "> {", c.nodes, "}"));
  const PassResult result = RunPass(FusePadIntoConv(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(c.miss)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, PadRefusals,
    ::testing::Values(
        Refusal{kPads, "a = Pad<mode = \"reflect\">(x, p) y = Conv(a, w)", "its mode is reflect"},
        Refusal{"int64[8] p = {0, 0, 1, 0, 0, 0, 1, 1}, float v = {2}",
                "a = Pad(x, p, v) y = Conv(a, w)", "it pads with 2"},
        Refusal{"int64[8] p = {0, 0, -1, 0, 0, 0, 1, 1}", "a = Pad(x, p) y = Conv(a, w)",
                "it crops"},
        Refusal{"int64[8] p = {1, 0, 1, 0, 0, 0, 1, 1}", "a = Pad(x, p) y = Conv(a, w)",
                "it pads axis 0"},
        Refusal{kPads, "a = Pad(x, p) y = Conv<auto_pad = \"SAME_UPPER\">(a, w)",
                "has auto_pad SAME_UPPER"},
        Refusal{kPads, "a = Pad(x, p) y = MaxPool<kernel_shape = [2, 2]>(a)", "which may win"},
        Refusal{kPads, "a = Pad(x, p) y = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(a)",
                "doesn't count its own padding"},
        Refusal{kPads, "a = Pad(x, p) y = AveragePool<kernel_shape = [2, 2], ceil_mode = 1>(a)",
                "with ceil_mode"},
        Refusal{kPads, "a = Pad(x, p) y = AveragePool<kernel_shape = [1, 1]>(a)",
                "may not pad by 1 with a kernel of 1"},
        Refusal{kPads, "a = Pad(x, p) y = ConvTranspose(a, w)", "doesn't crop what the padding adds"},
        Refusal{"int64[8] q = {0, 0, 1, 0, 0, 0, 1, 1}",
                "p = Identity(q) a = Pad(x, p) y = Conv(a, w)", "its pads are not constant"}));

TEST(FusePadIntoConv, AnotherReaderKeepsThePad) {
  Graph graph = ParseGraph(absl::StrCat(
      "g (float[1, 1, 4, 4] x) => (float[a, b, c, d] y, float[e, f, g, h] z) <float[1, 1, 2, 2] w = "
      "{1, 2, 3, 4}, ", kPads, "> { a = Pad(x, p) y = Conv(a, w) z = Relu(a) }"));
  const PassResult result = RunPass(FusePadIntoConv(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre("its result has 2 readers"));
}

}  // namespace
}  // namespace dsperse
