#include "fold/passes/drop_unreachable_bounds.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::MissTexts;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::RunFold;
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The harness runs the graph on inputs in −2 … 2 before and after.
PassResult DropBounds(Graph& graph, const std::vector<std::string>& ranges = {"x=-2,2"}) {
  const absl::StatusOr<InputRanges> inputs = ParseInputRanges(ranges, graph);
  EXPECT_TRUE(inputs.ok()) << inputs.status();
  return RunPass(DropUnreachableBounds(&*inputs), graph);
}

std::string Clip(const std::string& before, const std::string& bounds) {
  return "g (float[1,1,2,2] x) => (float[1,1,2,2] out) <float zero = {0.0}, float two = {2.0}, float four = {4.0}, "
         "float six = {6.0}, float low = {-3.0}> { " +
         before + " c = Clip(" + bounds + ") out = Neg(c) }";
}

TEST(DropUnreachableBoundsTest, AReluOfSquaresNeverClips) {
  Graph graph = ParseGraph(
      "g (float[4] x) => (float[4] out) { a = Mul(x, x) b = Relu(a) out = Neg(b) }");
  const PassResult result = DropBounds(graph);
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(Ops(graph), "Mul Neg");
  EXPECT_THAT(result.remarks[0].text, HasSubstr("removed: its input lies in 0 … 4"));
}

TEST(DropUnreachableBoundsTest, BoundsOfAClipGoOneByOne) {
  struct Case {
    const char* before;
    const char* clip;
    const char* ops;
    int inputs;  // of the Clip that stays
  };
  const Case cases[] = {
      {"a = Relu(x)", "a, zero, six", "Relu Neg", 0},      // 0 … 2
      {"a = Relu(x)", "a, zero, two", "Relu Neg", 0},      // its ends count as inside
      {"a = Add(x, x)", "a, zero, six", "Add Clip Neg", 2},  // −4 … 4: the upper bound goes
      {"a = Neg(x)", "a, low, zero", "Neg Clip Neg", 3},   // … and the lower one
      {"a = Add(x, x)", "a, low, two", "Add Clip Neg", 3},
      {"a = Neg(x)", "a, , four", "Neg Neg", 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(Clip(c.before, c.clip));
    Graph graph = ParseGraph(Clip(c.before, c.clip));
    DropBounds(graph);
    EXPECT_EQ(Ops(graph), c.ops);
    for (NodeId id : graph.Nodes(graph.main())) {
      if (graph.node(id).Is("Clip")) {
        EXPECT_EQ(graph.node(id).num_inputs(), c.inputs);
      }
    }
  }
}

TEST(DropUnreachableBoundsTest, AttributesOfOldOpsetsGoToo) {
  Graph graph = ParseGraph(
      "<ir_version: 4, opset_import: [\"\": 9]> g (float[4] x) => (float[4] out) "
      "{ a = Clip<min = -1.0, max = 6.0>(x) out = Neg(a) }");
  DropBounds(graph);
  EXPECT_EQ(Ops(graph), "Clip Neg");
  const NodeView clip = graph.node(graph.FirstNode(graph.main()));
  EXPECT_TRUE(clip.HasAttr("min"));
  EXPECT_FALSE(clip.HasAttr("max"));
}

TEST(DropUnreachableBoundsTest, SaysWhyNot) {
  const auto miss = [](const std::string& text, const std::vector<std::string>& ranges) {
    Graph graph = ParseGraph(text);
    const PassResult result = DropBounds(graph, ranges);
    EXPECT_FALSE(result.changed) << text;
    EXPECT_EQ(MissTexts(result).size(), 1u) << text;
    return MissTexts(result).empty() ? "" : MissTexts(result)[0];
  };
  EXPECT_THAT(miss("g (float[4] x) => (float[4] y) { y = Relu(x) }", {"x=-2,2"}),
              HasSubstr("its input lies in -2 … 2"));
  EXPECT_THAT(miss("g (float[4] x, float[4] z) => (float[4] y) { y = Relu(z) }", {"x=-2,2"}),
              HasSubstr("nothing bounds its input"));
  EXPECT_THAT(miss("g (float[4] x, float b) => (float[4] y) { y = Clip(x, b) }", {"x=-2,2"}),
              HasSubstr("no finite constant"));
  // An input can't become an output.
  EXPECT_THAT(miss("g (float[4] x) => (float[4] y) <float b = {-9.0}> { y = Clip(x, b) }",
                   {"x=-2,2"}),
              HasSubstr("output"));
  // A lower bound above the upper one wins over nothing: the result is the upper one.
  EXPECT_THAT(miss("g (float[4] x) => (float[4] y) <float b = {9.0}, float c = {5.0}> "
                   "{ y = Clip(x, b, c) }",
                   {"x=-2,2"}),
              HasSubstr("its input lies in -2 … 2"));
}

TEST(DropUnreachableBoundsTest, DoesNotRunWithoutRanges) {
  Graph graph = ParseGraph("g (float[4] x) => (float[4] y) { a = Relu(x) y = Neg(a) }");
  const FoldReport report = RunFold(graph);
  EXPECT_FALSE(report.changed);
  EXPECT_TRUE(report.remarks.empty());
}

TEST(DropUnreachableBoundsTest, RangesThatDoNotFitTheModelAreAnError) {
  Graph graph = ParseGraph("g (float[4] x) => (float[4] y) { y = Relu(x) }");
  FoldOptions options;
  options.input_ranges = {"w=0,1"};
  EXPECT_EQ(FoldModel(graph, options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(DropUnreachableBoundsTest, RunsWithTheDefaultPasses) {
  Graph graph = ParseGraph(
      "g (float[1,2,2,2] x) => (float[1,2,2,2] out) <float[2,2,1,1] w = {0.1, 0.2, -0.1, 0.3}, "
      "float[2] b = {5.0, 5.0}, float zero = {0.0}, float six = {6.0}> "
      "{ a = Conv(x, w, b) c = Clip(a, zero, six) out = Neg(c) }");
  FoldOptions options;
  options.input_ranges = {"-2,2"};
  RunFold(graph, options);
  EXPECT_EQ(Ops(graph), "Conv Neg");
}

}  // namespace
}  // namespace dsperse
